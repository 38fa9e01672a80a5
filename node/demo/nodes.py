"""The processes of the demonstration: the nodes, one e-trading system, each in its folder."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from node.clock import SystemClock
from node.demo.processes import Process, free_ports, run_all
from node.demo.world import REGULATOR, TWO_CENTERS, Case, CenterWorld
from node.lossy import LOST_ON_PURPOSE
from node.services import totp

PASSWORD: Final = "demo-password-not-for-use"  # noqa: S105 (synthetic people only)
PASSPHRASE: Final = "demo passphrase, not for use"  # noqa: S105 (synthetic centers only)
CENTERS: Final = TWO_CENTERS.centers

_CONFIG: Final = """\
[center]
role = "{role}"
name = "{name}"
region_code = "{region}"
uscc = "{uscc}"

[listen]
peers = "127.0.0.1:{peers}"
advertise = "127.0.0.1:{peers}"
api = "127.0.0.1:{api}"
metrics = "127.0.0.1:{metrics}"

[storage]
folder = "{folder}"

[trust]
suites = ["{suite}"]

[mode]
production = false
lose_messages_percent = {lost}
"""
_OVERSEES: Final = """
[regulator]
call_back_percent = 100 # of few invitations chance may choose none
"""
_ADAPTERS: Final = """
[adapters.trading]
kind = "stand_in"
url = "{trading}"

[adapters.messaging]
kind = "stand_in"
answers = [{answers}]

[invitations]
no_calls_from = "00:00"
no_calls_until = "00:00"

[adapters.identity]
kind = "stand_in"

[adapters.signing]
kind = "stand_in"

[adapters.video]
kind = "stand_in"

[adapters.experts]
kind = "stand_in"
"""


class Nodes:
    """Starts everything in a folder, and ends everything.

    Args:
        folder: Where everything is kept.
        suite: The one that all centers speak.
        case: Which centers.
        lost_percent: So many of the messages between the nodes are lost on purpose.
        regulator: Whether a regulator's node runs beside the centers.
    """

    def __init__(
        self,
        folder: Path,
        suite: str = "intl-1",
        case: Case = TWO_CENTERS,
        *,
        lost_percent: int = 0,
        regulator: bool = False,
    ) -> None:
        self.folder = folder
        self.suite = suite
        self.case = case
        self.lost_percent = lost_percent
        self.regulator = REGULATOR if regulator else None
        self.environment = {
            name: value
            for name, value in os.environ.items()  # noqa: TID251 (children inherit it)
            if not name.startswith("LIANPING_")
        }
        self.environment["LIANPING_OPERATOR_PASSWORD"] = PASSWORD
        self.environment["LIANPING_ROOT_PASSPHRASE"] = PASSPHRASE
        ports = free_ports(1 + 3 * len(self.everybody))
        self._trading_port = ports.pop()
        self._ports = {
            center.key: (ports.pop(), ports.pop(), ports.pop()) for center in self.everybody
        }
        self._processes: dict[str, Process] = {}

    @property
    def everybody(self) -> tuple[CenterWorld, ...]:
        """The centers, and the regulator if there is one."""
        return (*self.case.centers, *((self.regulator,) if self.regulator else ()))

    @property
    def trading_url(self) -> str:
        """The e-trading system's address."""
        return f"http://127.0.0.1:{self._trading_port}"

    def url(self, center: CenterWorld) -> str:
        """A node's API address."""
        return f"http://127.0.0.1:{self._ports[center.key][1]}"

    def metrics_url(self, center: CenterWorld) -> str:
        """Where a node's metrics and probes are."""
        return f"http://127.0.0.1:{self._ports[center.key][2]}"

    def code(self, center: CenterWorld) -> str:
        """What the operator's phone shows now: the set-up wrote its secret into a file."""
        address = (self.folder / center.key / "operator.totp").read_text(encoding="utf-8").strip()
        secret = totp.secret_of(address)
        assert secret is not None, "lianping init wrote it"
        return totp.code_at(secret, SystemClock().now_ms())

    def messaging_folder(self, center: CenterWorld) -> Path:
        """Where the stand-in telephones of a center keep what they got."""
        return self.folder / center.key / "data" / "stand-in" / "messaging"

    def process(self, key: str) -> Process:
        """One process: a center's by its key, or "trading"."""
        return self._processes[key]

    def start(self) -> None:
        """Set all nodes up, start everything, wait until each answers. Raises DidNotStart."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._add(
            "trading",
            ["-m", "node.cli", "stand-in", "trading", "--folder", str(self.folder / "trading"),
             "--listen", f"127.0.0.1:{self._trading_port}"],
            f"{self.trading_url}/health",
        )  # fmt: skip
        configs = {center.key: self._configure(center) for center in self.everybody}
        init = ["-m", "node.cli", "init", "--non-interactive", "--config"]
        run_all(
            {f"{key} init": [*init, str(path)] for key, path in configs.items()},
            self.environment,
        )
        for center in self.everybody:
            config = configs[center.key]
            metrics = self._ports[center.key][2]
            self._add(
                center.key,
                ["-m", "node.cli", "serve", "--config", str(config)],
                f"http://127.0.0.1:{metrics}/readyz",
            )
        for process in self._processes.values():
            process.start()
        for process in self._processes.values():
            process.wait_ready()

    def restart(self, center: CenterWorld) -> None:
        """``kill -9`` a node and start it again; returns when it answers. Raises DidNotStart."""
        process = self._processes[center.key]
        process.kill()
        process.start()
        process.wait_ready()

    def messages_lost(self) -> int:
        """How many messages all nodes say that they have lost on purpose."""
        return sum(
            line.count(LOST_ON_PURPOSE)
            for center in self.everybody
            for line in (self.folder / f"{center.key}.log").read_text("utf-8").splitlines()
        )

    def stop(self) -> None:
        """End all processes."""
        for process in reversed(self._all()):
            process.stop()

    def _all(self) -> list[Process]:
        return list(self._processes.values())

    def _add(self, name: str, arguments: Iterable[str], ready_url: str) -> None:
        self._processes[name] = Process(
            name=name,
            arguments=list(arguments),
            ready_url=ready_url,
            log=self.folder / f"{name}.log",
            environment=self.environment,
        )

    def _configure(self, center: CenterWorld) -> Path:
        folder = self.folder / center.key
        (folder / "data").mkdir(parents=True, exist_ok=True)
        peers, api, metrics = self._ports[center.key]
        config = folder / "node.toml"
        text = _CONFIG + (_OVERSEES if center.role == "regulator" else _ADAPTERS)
        config.write_text(
            text.format(
                role=center.role,
                name=center.name,
                region=center.region,
                uscc=center.uscc,
                peers=peers,
                api=api,
                metrics=metrics,
                folder=folder / "data",
                suite=self.suite,
                lost=self.lost_percent,
                trading=self.trading_url,
                answers=", ".join(f'"{answer}"' for answer in center.answers),
            ),
            encoding="utf-8",
        )
        return config
