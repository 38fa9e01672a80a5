"""Where the story takes place: the nodes, the people's ways into them, and what was seen."""

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
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
from node.demo.world import CenterWorld
from node.services.accounts import FIRST_OPERATOR

YEAR_MS: Final = 365 * 86_400_000
UNAUTHORIZED: Final = 401
BUSY: Final = frozenset({409, 502, 503, 504})
"""What a node says while a partner cannot be reached, or an answer of its was lost."""
CODE_SECONDS: Final = 75.0  # a code counts once; the next one comes within 30 s
HOURS: Final = 9  # an observed evaluation of nine hours: domain.md §1.6
LEAD_SECONDS: Final = 5  # from entry to start, with one sub; a real project has days
SECONDS_PER_FURTHER_SUB: Final = 3
SLOWNESS: Final = 0.5  # of all that came before, so much at least is left for booking


class StoryFailed(Exception):
    """A step did not come out as it must."""


@dataclass
class Side:
    """One center in the story.

    Args:
        center: Who it is.
        callers: The ways of its people into its node, by role.
        id: Its center id, once it is known.
        session: Of a sub: its session with the host, once it is called.
    """

    center: CenterWorld
    callers: dict[str, Caller] = field(default_factory=dict)
    id: str = ""
    session: str = ""

    def __getitem__(self, role: str) -> Caller:
        return self.callers[role]


class Setting:
    """What all steps of the story share.

    Args:
        nodes: The running processes.
        narrator: Tells.
        lead_seconds: From the project's entry to its start; a slow machine needs more. By
            default enough for the number of centers.
        before: Called before every step with its name; tests kill nodes there.
        amid: Called in the middle of a step with its name, once what it does has begun.
    """

    def __init__(
        self,
        nodes: Nodes,
        narrator: Narrator,
        *,
        lead_seconds: int | None = None,
        before: Callable[[str], None] = lambda _step: None,
        amid: Callable[[str], None] = lambda _step: None,
    ) -> None:
        self._nodes = nodes
        self._narrator = narrator
        self._before = before
        self._amid = amid
        self._case = nodes.case
        usual = LEAD_SECONDS + SECONDS_PER_FURTHER_SUB * (len(nodes.case.subs) - 1)
        self._lead_ms = (usual if lead_seconds is None else lead_seconds) * 1_000
        self._clock = SystemClock()
        self.told = Told(
            planned={
                "centers": len(nodes.case.centers),
                "members": nodes.case.members,
                "replaced": nodes.case.replaced,
            }
        )
        self._connections: dict[str, httpx.Client] = {}
        self._host, *self._subs = (Side(center) for center in nodes.case.centers)
        self._regulator = None if nodes.regulator is None else Side(nodes.regulator)
        self._start_ms = 0
        self._project = ""
        self._experts: list[tuple[Side, Caller]] = []
        self._representatives: list[Caller] = []

    @property
    def _sides(self) -> list[Side]:
        return [self._host, *self._subs]

    @property
    def _everybody(self) -> list[Side]:
        return [*self._sides, *([self._regulator] if self._regulator else [])]

    def _door(self, url: str) -> Caller:
        """A node as somebody sees it who has not logged in."""
        if url not in self._connections:
            self._connections[url] = connect(url)
        return Caller(self._connections[url], new_key)

    def _signers(self) -> list[tuple[Caller, str]]:
        numbers = [(caller, world.by_phone(side.center.experts)) for side, caller in self._experts]
        signers = []
        for (caller, people), phone in zip(numbers, self._attending(), strict=True):
            signers.append((caller, people[phone]["身份证号"]))
        signers += [
            (caller, number)
            for caller, (_, number) in zip(
                self._representatives, self._case.representatives, strict=True
            )
        ]
        return signers

    def _attending(self) -> list[str]:
        return [
            phone
            for side in self._sides
            for phone in sorted(
                {
                    item.phone
                    for item in self._spool(side.center)
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

    def _insist(self, caller: Caller, path: str) -> Any:
        """Command again and again while a partner that is needed for it cannot be reached."""
        last = ""

        def tried(asked: Caller) -> Any | None:
            nonlocal last
            try:
                return asked.post(path) or {}
            except CallFailed as error:
                if error.status not in BUSY:
                    raise
                last = str(error)
            return None

        try:
            return caller.until(tried, f"{path} to be done")
        except TimeoutError as error:
            raise StoryFailed(f"{error}; the last answer: {last}") from error

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

    def _subs_in(self, phase: str) -> None:
        """Wait until every sub is in a phase."""
        for sub in self._subs:
            self._session_at(sub, sub.session, lambda found: found["phase"] == phase, phase)

    def _host_in(self, phase: str) -> None:
        """Wait until the host is in a phase with every sub."""
        for sub in self._subs:
            self._session_at(self._host, sub.session, lambda found: found["phase"] == phase, phase)

    def _session_at(
        self, side: Side, session: str, holds: Callable[[Any], bool], what: str
    ) -> None:
        side["staff"].until(
            lambda caller: when(caller.get(f"/api/sessions/{session}"), holds),
            f"{what} at {side.center.english}",
        )

    def _center(self, identifier: str) -> CenterWorld:
        (found,) = [side.center for side in self._sides if side.id == identifier]
        return found

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
