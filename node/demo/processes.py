"""Starts, kills and stops the processes of the demonstration. None outlives it.

Every process is a child with its own log file; it dies with its parent even if the parent
is killed (PR_SET_PDEATHSIG), and is ended in order when the demonstration ends.
"""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import httpx

STOP_SECONDS: Final = 10.0
START_SECONDS: Final = 90.0  # two on a quiet machine; many start at once on two cores
PAUSE_SECONDS: Final = 0.05
_DIES_WITH_PARENT: Final = """\
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1  # prctl(2)
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
os.execv(sys.argv[1], sys.argv[1:])
"""
_MORTAL: Final = (sys.executable, "-I", "-S", "-c", _DIES_WITH_PARENT)
"""Makes of itself what follows, which dies with its parent. Not between fork and exec: where gRPC's
threads run, a child that forks and does not exec at once may hang for ever."""


class DidNotStart(Exception):
    """A process ended or did not answer; its log says why."""


class Process:
    """One child process that can be killed and started again."""

    def __init__(
        self,
        *,
        name: str,
        arguments: Sequence[str],
        ready_url: str,
        log: Path,
        environment: Mapping[str, str],
    ) -> None:
        self.name = name
        self._arguments = [*_MORTAL, sys.executable, *arguments]
        self._ready_url = ready_url
        self._log = log
        self._environment = dict(environment)
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; see ``wait_ready``."""
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(  # noqa: S603 (our own interpreter and modules)
                self._arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment,
            )

    @property
    def pid(self) -> int:
        """Its process id, as it was started last."""
        assert self._child is not None, "start it first"
        return self._child.pid

    def wait_ready(self) -> None:
        """Wait until it answers.

        Raises:
            DidNotStart: It ended, or does not answer in time.
        """
        assert self._child is not None, "start it first"
        ends = time.monotonic() + START_SECONDS
        while time.monotonic() < ends:
            if self._child.poll() is not None:
                break
            try:
                if httpx.get(self._ready_url, timeout=1.0, trust_env=False).is_success:
                    return
            except httpx.TransportError:
                pass
            time.sleep(PAUSE_SECONDS)
        tail = self._log.read_text(errors="replace")[-2_000:]
        raise DidNotStart(f"{self.name} did not start; the end of {self._log}:\n{tail}")

    def kill(self) -> None:
        """``kill -9``: no goodbye, no clean-up."""
        assert self._child is not None, "start it first"
        self._child.kill()
        self._child.wait()

    def stop(self) -> None:
        """End it in order; kill it if that takes too long."""
        if self._child is None or self._child.poll() is not None:
            return
        self._child.send_signal(signal.SIGTERM)
        try:
            self._child.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def run_all(commands: Mapping[str, Sequence[str]], environment: Mapping[str, str]) -> None:
    """Run our own commands side by side, each to its end.

    Raises:
        DidNotStart: One failed; with what it said.
    """
    children = {
        name: subprocess.Popen(  # noqa: S603 (our own interpreter and modules)
            [*_MORTAL, sys.executable, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
        )
        for name, arguments in commands.items()
    }
    said = {name: child.communicate()[0] for name, child in children.items()}
    for name, child in children.items():
        if child.returncode:
            raise DidNotStart(f"{name} failed:\n{said[name].decode(errors='replace')[-2_000:]}")


def free_ports(count: int) -> list[int]:
    """Ports on loopback that nobody listens on now."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
