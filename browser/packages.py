"""The npm packages that go into the page: fetched by name and version, held to their digests.

``packages.json`` beside this file has them. npm's own client fetches, whatever registry it is
set up for; no dependency of theirs is followed and no script of theirs is run. What was fetched
stays in ``build/npm``, so the page is made without a network from then on.
"""

import base64
import hashlib
import io
import json
import subprocess
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

LISTED: Final = Path(__file__).with_name("packages.json")
FETCH_SECONDS: Final = 300.0  # 7 MB at most; a slow registry, not one that hangs
_INSIDE: Final = "package/"  # npm's tarballs hold everything in this folder


class NoPackage(Exception):
    """A package cannot be had, or is not the one that was listed. Says what to do."""


@dataclass(frozen=True, slots=True)
class Package:
    """One package.

    Args:
        name: Its npm name.
        version: The exact version.
        integrity: ``sha512-`` and the base64 digest of its tarball, as npm writes it.
    """

    name: str
    version: str
    integrity: str

    @property
    def tarball(self) -> str:
        """The file's name, as ``npm pack`` gives it."""
        return f"{self.name.removeprefix('@').replace('/', '-')}-{self.version}.tgz"

    def files(self, kept: Path) -> Mapping[str, bytes]:
        """Its files by their paths, fetched unless ``kept`` has it already.

        Raises:
            NoPackage: It cannot be fetched, or its digest is another.
        """
        path = kept / self.tarball
        if not path.is_file():
            kept.mkdir(parents=True, exist_ok=True)
            self._fetch(kept)
        packed = path.read_bytes()
        if self._digest(packed) != self.integrity:
            path.unlink()
            raise NoPackage(
                f"{self.name} {self.version} is not the package of {LISTED.name}: its digest is "
                f"{self._digest(packed)}. Do not use it; find out what the registry hands out."
            )
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
            return {
                member.name.removeprefix(_INSIDE): _content(tar, member)
                for member in tar
                if member.isfile()
            }

    @staticmethod
    def _digest(packed: bytes) -> str:
        return "sha512-" + base64.b64encode(hashlib.sha512(packed).digest()).decode()

    def _fetch(self, kept: Path) -> None:
        command = ["npm", "pack", "--ignore-scripts", "--silent", "--pack-destination", str(kept)]
        try:
            subprocess.run(
                [*command, f"{self.name}@{self.version}"],
                check=True, capture_output=True, timeout=FETCH_SECONDS,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError) as error:
            said = getattr(error, "stderr", b"") or b""
            raise NoPackage(
                f"npm cannot fetch {self.name} {self.version}: {error}\n"
                f"{said.decode(errors='replace')[-500:]}"
            ) from error


def listed() -> dict[str, Package]:
    """What ``packages.json`` lists, by name."""
    table: dict[str, dict[str, Any]] = json.loads(LISTED.read_text())
    return {
        name: Package(name, entry["version"], entry["integrity"]) for name, entry in table.items()
    }


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None, "only files are asked for"
    return file.read()
