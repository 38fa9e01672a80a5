"""A token for tests: Debian's SoftHSM2, taken apart by ``make test-tools``; missing, it fails."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from node.config import KeyHolding

PLACE: Final = Path(sys.prefix) / "softhsm"
MODULE: Final = PLACE / "libsofthsm2.so"
PIN: Final = "314159"
SO_PIN: Final = "27182818"


@dataclass(frozen=True)
class SoftToken:
    """A token in a folder; SOFTHSM2_CONF must name ``conf`` before the library is loaded."""

    folder: Path
    label: str = "center"

    @property
    def conf(self) -> Path:
        return self.folder / "softhsm2.conf"

    @property
    def pin_file(self) -> Path:
        return self.folder / "pin"

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens"

    @property
    def holding(self) -> KeyHolding:
        return KeyHolding(
            provider="pkcs11", module=MODULE, token=self.label, pin_file=self.pin_file
        )

    @property
    def section(self) -> str:
        """The same as a configuration has it."""
        return (
            f'[keys]\nprovider = "pkcs11"\nmodule = "{MODULE}"\ntoken = "{self.label}"\n'
            f'pin_file = "{self.pin_file}"\n'
        )

    def make(self) -> None:
        """A new store of tokens, with this one in it."""
        self.tokens.mkdir(parents=True)
        self.conf.write_text(
            f"directories.tokendir = {self.tokens}\nobjectstore.backend = file\nlog.level = ERROR\n"
        )
        self.add(self.label)
        self.set_pin(PIN)

    def add(self, label: str) -> None:
        """One more token in the store."""
        assert MODULE.exists(), f"{MODULE} is missing: make test-tools"
        tool = str(PLACE / "softhsm2-util")
        command = [tool, "--module", str(MODULE), "--init-token", "--free"]
        subprocess.run(
            [*command, "--label", label, "--pin", PIN, "--so-pin", SO_PIN],
            env={"SOFTHSM2_CONF": str(self.conf)},
            check=True,
            capture_output=True,
        )

    def set_pin(self, pin: str, mode: int = 0o600) -> None:
        """What the PIN's file says."""
        self.pin_file.write_text(f"{pin}\n")
        self.pin_file.chmod(mode)

    def detach(self) -> None:
        """Pull it out."""
        self.tokens.rename(self.folder / "detached")
        self.tokens.mkdir()

    def attach(self) -> None:
        """Put it back."""
        self.tokens.rmdir()
        (self.folder / "detached").rename(self.tokens)
