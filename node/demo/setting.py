"""Where the story takes place: the nodes, the people's ways into them, and what was seen."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import httpx

from adapters.identity.stand_in import sample_of
from adapters.messaging.stand_in import read_spool
from node.clock import SystemClock, SystemRandom
from node.demo import world
from node.demo.caller import Caller, CallFailed, connect
from node.demo.narrator import Narrator
from node.demo.nodes import PASSWORD, Nodes
from node.demo.told import Told
from node.demo.world import CHANGLE, JIAN, CenterWorld
from node.services.accounts import FIRST_OPERATOR

YEAR_MS: Final = 365 * 86_400_000
UNAUTHORIZED: Final = 401
CODE_SECONDS: Final = 75.0  # a code counts once; the next one comes within 30 s
HOURS: Final = 9  # an observed evaluation of nine hours: domain.md §1.6
LEAD_SECONDS: Final = 5  # from entry to start; a real project has days


class StoryFailed(Exception):
    """A step did not come out as it must."""


class Setting:
    """What all steps of the story share.

    Args:
        nodes: The running processes.
        narrator: Tells.
        lead_seconds: From the project's entry to its start; a slow machine needs more.
        before: Called before every step with its name; tests kill nodes there.
    """

    def __init__(
        self,
        nodes: Nodes,
        narrator: Narrator,
        *,
        lead_seconds: int = LEAD_SECONDS,
        before: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._nodes = nodes
        self._narrator = narrator
        self._before = before
        self._lead_ms = lead_seconds * 1_000
        self._clock = SystemClock()
        self.told = Told()
        self._connections: dict[str, httpx.Client] = {}
        self._host: dict[str, Caller] = {}
        self._sub: dict[str, Caller] = {}
        self._start_ms = 0
        self._centers: list[str] = []
        self._project = ""
        self._session = ""
        self._experts: list[tuple[CenterWorld, Caller]] = []
        self._representatives: list[Caller] = []

    def _door(self, url: str) -> Caller:
        """A node as somebody sees it who has not logged in."""
        if url not in self._connections:
            self._connections[url] = connect(url)
        return Caller(self._connections[url], new_key)

    def _signers(self) -> list[tuple[Caller, str]]:
        numbers = [(caller, world.by_phone(center.experts)) for center, caller in self._experts]
        signers = []
        for (caller, people), phone in zip(numbers, self._attending(), strict=True):
            signers.append((caller, people[phone]["身份证号"]))
        signers += [
            (caller, number)
            for caller, (_, number) in zip(
                self._representatives, world.REPRESENTATIVES, strict=True
            )
        ]
        return signers

    def _attending(self) -> list[str]:
        return [
            phone
            for center in (JIAN, CHANGLE)
            for phone in sorted(
                {
                    item.phone
                    for item in self._spool(center)
                    if item.kind == "call" and item.answer == "attend"
                }
            )
        ]

    def _spool(self, center: CenterWorld) -> Any:
        return read_spool(self._nodes.messaging_folder(center))

    def _operator(self, door: Caller, center: CenterWorld) -> Caller:
        """The operator, logged in. A code whose answer was lost is used up: the next one is due."""
        tried = ""

        def enter(asked: Caller) -> Caller | None:
            nonlocal tried
            code = self._nodes.code(center)
            if code == tried:
                return None
            tried = code
            try:
                return asked.log_in(
                    "/api/login", {"name": FIRST_OPERATOR, "password": PASSWORD, "totp": code}
                )
            except CallFailed as error:
                if error.status != UNAUTHORIZED:
                    raise
            return None

        return door.until(enter, "the operator to be logged in", CODE_SECONDS)

    def _enter(self, door: Caller, id_number: str) -> Caller:
        return door.log_in(
            "/api/check-in", {"id_number": id_number, "face": in_base64(sample_of(id_number))}
        )

    def _verify(self, path: Path) -> tuple[int, dict[str, Any]]:
        """Run the offline verifier as an auditor would, on this file alone."""
        done = subprocess.run(  # noqa: S603 (our own command)
            [sys.executable, "-m", "node.cli", "verify", "--json", str(path)],
            capture_output=True,
            text=True,
            check=False,
            env=self._nodes.environment,
        )
        self._demand(bool(done.stdout), f"lianping verify said nothing: {done.stderr}")
        return done.returncode, json.loads(done.stdout)

    def _agreement(
        self, caller: Caller, agreement: str, state: str = "PROPOSED"
    ) -> dict[str, Any] | None:
        found = first(caller.get("/api/agreements"), "id", agreement)
        return found if found and found["state"] == state else None

    def _phase(self, callers: dict[str, Caller], phase: str) -> None:
        self._session_at(callers, lambda session: session["phase"] == phase, f"phase {phase}")

    def _session_at(
        self, callers: dict[str, Caller], holds: Callable[[Any], bool], what: str
    ) -> None:
        callers["staff"].until(
            lambda caller: when(caller.get(f"/api/sessions/{self._session}"), holds), what
        )

    def _center(self, identifier: str) -> CenterWorld:
        return JIAN if identifier == self._centers[0] else CHANGLE

    def _demand(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise StoryFailed(otherwise)

    def _step(self, zh: str, en: str) -> None:
        self._narrator.step(zh, en)

    def _tell(self, zh: str, en: str) -> None:
        self._narrator.tell(zh, en)


def when(found: Any, holds: Callable[[Any], bool]) -> Any | None:
    """What was found, if it is as awaited; see ``Caller.until``."""
    return found if holds(found) else None


def first(found: list[dict[str, Any]], key: str, value: str) -> dict[str, Any] | None:
    """The first row with that value, if there is one."""
    return next((item for item in found if item[key] == value), None)


def new_key() -> str:
    """A fresh idempotency key."""
    return SystemRandom().bytes(16).hex()


def in_base64(raw: bytes) -> str:
    """Bytes as JSON carries them."""
    return base64.b64encode(raw).decode()
