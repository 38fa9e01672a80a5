"""Asking all partners at once what they have free, and telling each answer as it comes.

Here: whom an agreement lets us ask for what is wanted, one question to each, at the same
time, each with a deadline of its own. What is found is advice: it reserves nothing, it was
right when it was said, and only a ``Hold`` is binding. What we answer to partners is
``node.services.answers``.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from federation.engine.negotiator import Negotiator
from federation.engine.outbox import AnswerRefused
from federation.errors import FederationError
from federation.ids import CenterId
from federation.ports import Unreachable
from federation.protocol import booking, enforcement
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import ExpertNeed, Hold
from federation.trust.keyring import Keyring
from federation.wire.questions import AvailabilityAnswer, AvailabilityQuestion
from node.domain.calendar import Window, check_window
from node.domain.project import ExpertSlots, ProjectKind, SelectionMode
from node.domain.refusal import Inadmissible
from node.domain.venue import Requirement
from node.services.booking_terms import KIND_CODES, InForce, Tested, check_hold, for_people
from node.services.errors import Invalid
from node.services.house import Desk
from node.store.ledger import SqlLedger

ANSWER_SECONDS: Final = 8.0
"""So long is a partner waited for: below the call's own deadline, and a person's patience."""

ADVICE: Final = (
    "仅供参考:不保留席位,以预约答复为准",
    "advice only: nothing is reserved; the vote on a booking decides",
)
"""What is said with every answer."""

_NO_BUNDLE: Final = bytes(16)


class Outcome(StrEnum):
    """What became of asking one partner."""

    FREE = "free"
    TAKEN = "taken"
    NOT_COVERED = "not_covered"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Wish:
    """What is looked for.

    Args:
        window: When.
        venue: What the seats must be like.
        slots: The experts that would be drawn there.
        kind: What is tendered for, as agreements tell kinds apart.
        value_fen: Of the project; 0 when it is not known, which an agreement that limits
            values does not cover.
        mode: How the sub-venue would be found.
    """

    window: Window
    venue: Requirement
    slots: tuple[ExpertSlots, ...] = ()
    kind: ProjectKind = ProjectKind.WORKS
    value_fen: int = 0
    mode: SelectionMode = SelectionMode.CHOSEN


@dataclass(frozen=True, slots=True)
class Finding:
    """What is known of one partner.

    Args:
        center: Who.
        name: As its descriptor says.
        outcome: What became of asking.
        clause: The clause of the agreement that does not cover it, or "".
        zh: Why there is no answer, or "".
        en: The same in English.
        answer: What it said, if it did.
    """

    center: CenterId
    name: str
    outcome: Outcome
    clause: str = ""
    zh: str = ""
    en: str = ""
    answer: AvailabilityAnswer | None = None


class Asker(Protocol):
    """What is needed of the outbox."""

    async def ask(self, peer: CenterId, question: object) -> object:
        """Ask one question. Raises Unreachable, AnswerRefused."""


class Availability:
    """Finds out what partners have free.

    Args:
        negotiator: Our way to the database.
        keyring: The pinned peers, for their names.
        outbox: Our way to the peers.
        partners: With whom an agreement is in force.
        in_force: That agreement.
        tested: Whether the joint test that it demands was passed.
    """

    def __init__(
        self,
        *,
        negotiator: Negotiator[SqlLedger],
        keyring: Keyring,
        outbox: Asker,
        partners: Callable[[Desk], Sequence[CenterId]],
        in_force: InForce,
        tested: Tested,
    ) -> None:
        self._negotiator = negotiator
        self._keyring = keyring
        self._outbox = outbox
        self._partners = partners
        self._in_force = in_force
        self._tested = tested

    def check(self, wish: Wish) -> None:
        """Refuse what nobody could answer. Raises Invalid."""
        try:
            check_window(wish.window, self._negotiator.clock.now_ms(), 0)
        except Inadmissible as error:
            raise Invalid(error.zh, error.en) from error

    async def find(self, wish: Wish, tell: Callable[[Finding], Awaitable[None]]) -> list[Finding]:
        """Ask everybody at once; tells each finding as it comes, every partner's once.

        Returns:
            All that was told, in the same order.

        Raises:
            Invalid: The window is over, or is none.
        """
        self.check(wish)
        covered, others = await self._negotiator.transact(lambda desk: self._sort(desk, wish))
        told: list[Finding] = []
        for finding in others:
            await tell(finding)
            told.append(finding)
        found: asyncio.Queue[Finding] = asyncio.Queue()

        async def ask(peer: CenterId) -> None:
            found.put_nowait(await self._ask(peer, wish))

        async with asyncio.TaskGroup() as group:
            for peer in covered:
                group.create_task(ask(peer))
            for _ in covered:
                told.append(await found.get())
                await tell(told[-1])
        return told

    def _sort(self, desk: Desk, wish: Wish) -> tuple[list[CenterId], list[Finding]]:
        """Whom an agreement lets us ask, and of the others the clause that does not."""
        covered: list[CenterId] = []
        others: list[Finding] = []
        for peer in self._partners(desk):
            agreement, terms = self._in_force(desk, peer)
            try:
                enforcement.check_value(terms, wish.value_fen)
                check_hold(
                    desk,
                    role=booking.HOST,
                    peer=peer,
                    agreement=agreement,
                    terms=terms,
                    hold=_as_hold(wish, peer, terms),
                    tested=self._tested,
                )
            except FederationError as error:
                said = for_people(error, peer)
                others.append(
                    Finding(
                        peer,
                        self._name(peer),
                        Outcome.NOT_COVERED,
                        clause=error.clause,
                        zh=said.zh,
                        en=said.en,
                    )
                )
            else:
                covered.append(peer)
        return covered, others

    async def _ask(self, peer: CenterId, wish: Wish) -> Finding:
        name = self._name(peer)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                answer = await self._outbox.ask(peer, _question(wish))
        except (Unreachable, TimeoutError) as error:
            why = str(error) or f"no answer within {ANSWER_SECONDS:g} s"
            return Finding(peer, name, Outcome.UNREACHABLE, zh="暂时联系不上", en=why)
        except AnswerRefused as error:
            return Finding(peer, name, Outcome.REFUSED, zh=f"对方拒绝答复({error})", en=str(error))
        if not isinstance(answer, AvailabilityAnswer):
            en = f"answered with {type(answer).__name__}"
            return Finding(peer, name, Outcome.REFUSED, zh="答非所问", en=en)
        enough = answer.free_seats >= wish.venue.seats
        return Finding(peer, name, Outcome.FREE if enough else Outcome.TAKEN, answer=answer)

    def _name(self, peer: CenterId) -> str:
        pinned = self._keyring.peers.get(peer)
        return "" if pinned is None else pinned.name


def _question(wish: Wish) -> AvailabilityQuestion:
    return AvailabilityQuestion(
        start_ms=wish.window.start_ms,
        end_ms=wish.window.end_ms,
        seats=wish.venue.seats,
        equipment=tuple(sorted(wish.venue.equipment)),
        overnight=wish.venue.overnight,
        seat_kind="" if wish.venue.kind is None else wish.venue.kind.value,
        specialties=tuple(slot.specialty for slot in wish.slots),
    )


def _as_hold(wish: Wish, peer: CenterId, terms: AgreementTerms) -> Hold:
    """The Hold that would follow: agreements are asked about nothing else."""
    return Hold(
        bundle_id=_NO_BUNDLE,
        participants=(peer,),
        start_ms=wish.window.start_ms,
        end_ms=wish.window.end_ms,
        seats=wish.venue.seats,
        equipment=tuple(sorted(wish.venue.equipment)),
        overnight=wish.venue.overnight,
        project_kind=KIND_CODES[wish.kind],
        experts=tuple(ExpertNeed(slot.specialty, slot.count) for slot in wish.slots),
        selection=booking.SelectionMode[wish.mode.name],
        value_wan=enforcement.told_value(terms, wish.value_fen),
    )
