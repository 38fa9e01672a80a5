"""What a peer may ask this center, and what it is told. Changes nothing.

Here: free seats and coarse expert counts, for partners under an agreement only, and
inclusion proofs, for envelopes that the asker sent or got itself: a log entry names the other
center, and with whom else this one deals is nobody's business. How a conversation stands is
the engine's answer.
"""

import json
from collections.abc import Sequence
from typing import Final

from federation.errors import Malformed, NoAgreement, Refused
from federation.ids import CenterId
from federation.protocol.booking import Hold, SelectionMode
from federation.wire.questions import (
    AvailabilityAnswer,
    AvailabilityQuestion,
    DecisionQuestion,
    ExpertCount,
    Inclusion,
    InclusionAnswer,
    InclusionQuestion,
    SeatOffer,
)
from node.domain import codes
from node.domain.calendar import Window
from node.domain.codes import Specialty
from node.domain.refusal import Inadmissible
from node.domain.venue import OVERNIGHT, Requirement, SeatKind
from node.services.booking_terms import InForce, windows_allowed
from node.services.decisions import Decisions
from node.services.errors import NotFound
from node.services.house import Desk
from node.services.venues import Venues
from node.store import checkpoints, experts

MAX_PROOF_BYTES: Final = 900 * 1024  # an answer must fit a call of 1 MiB with its envelope
MAX_PROOFS: Final = 256  # what the answer's list holds; federation.wire.rules
HASH_BYTES: Final = 32
_NO_BUNDLE: Final = bytes(16)
MAX_OFFERS: Final = 64  # what the answer's list holds; the rarest combinations are left out
VALID_FOR_MS: Final = 60_000  # for a person to choose by; seats come and go within minutes
SMALL_NUMBER: Final = 5
"""Experts are counted in steps of so many, so fewer are none: two answers, before and after a
change of the register, must not tell of one person."""


class Answers:
    """Answers peers' questions: the negotiator's ``Questions``.

    Args:
        venues: The seats.
        in_force: Finds the agreement with a peer.
        decisions: What hosts have decided, for other subs of the same bundle.
    """

    def __init__(self, *, venues: Venues, in_force: InForce, decisions: Decisions) -> None:
        self._venues = venues
        self._in_force = in_force
        self._decisions = decisions

    def answer(self, floor: Desk, peer: CenterId, question: object) -> object:
        """Answer a verified question.

        Raises:
            NoAgreement: Seats were asked for by somebody who is no partner.
            Malformed: The question contradicts itself, or is none that we answer.
            Refused: The proofs are not to be had, or not in one answer.
        """
        if isinstance(question, AvailabilityQuestion):
            return self._availability(floor, peer, question)
        if isinstance(question, InclusionQuestion):
            return _inclusion(floor, peer, question)
        if isinstance(question, DecisionQuestion):
            return self._decisions.answer(floor, peer, question)
        raise Malformed(f"{type(question).__name__} is no question that this node answers")

    def _availability(
        self, desk: Desk, peer: CenterId, question: AvailabilityQuestion
    ) -> AvailabilityAnswer:
        try:
            agreement, _ = self._in_force(desk, peer)
        except NotFound as error:
            raise NoAgreement("no agreement in force lets you ask for our seats") from error
        try:
            window = Window(question.start_ms, question.end_ms)
            requirement = Requirement(
                seats=question.seats,
                kind=_kind(question.seat_kind),
                equipment=frozenset(question.equipment),
                overnight=question.overnight,
            )
            asked = [codes.specialty(each) for each in question.specialties]
        except Inadmissible as error:
            raise Malformed(error.en) from error
        offers = self._venues.offers(desk, window, requirement)
        free = offers.total()
        next_ms = None
        if free < question.seats:
            hold = _as_hold(desk, question)
            allowed = windows_allowed(desk, peer, agreement, hold)
            next_ms = self._venues.next_free_ms(desk, window, requirement, allowed)
        register = experts.active_specialties(desk.ledger.connection) if asked else []
        return AvailabilityAnswer(
            free_seats=free,
            as_of_ms=desk.now_ms,
            valid_for_ms=VALID_FOR_MS,
            next_start_ms=next_ms or 0,
            offers=tuple(
                SeatOffer(kind.value, tuple(sorted(words - {OVERNIGHT})), OVERNIGHT in words, count)
                for (kind, words), count in sorted(
                    offers.items(), key=lambda item: (-item[1], item[0][0], sorted(item[0][1]))
                )[:MAX_OFFERS]
            ),
            experts=tuple(ExpertCount(each, about(register, each)) for each in asked),
        )


def _as_hold(desk: Desk, question: AvailabilityQuestion) -> Hold:
    """The Hold that would follow, as far as another window for it is concerned."""
    return Hold(
        bundle_id=_NO_BUNDLE,
        participants=(desk.identity.center,),
        start_ms=question.start_ms,
        end_ms=question.end_ms,
        seats=question.seats,
        equipment=question.equipment,
        overnight=question.overnight,
        project_kind="",
        experts=(),
        selection=SelectionMode.CHOSEN,
    )


def about(register: Sequence[Sequence[Specialty]], asked: Specialty) -> int:
    """How many experts of a specialty there are, so coarse that nobody is told from it."""
    exact = sum(any(codes.qualifies(held, asked) for held in each) for each in register)
    return exact - exact % SMALL_NUMBER


def _kind(text: str) -> SeatKind | None:
    try:
        return SeatKind(text) if text else None
    except ValueError as error:
        known = ", ".join(kind.value for kind in SeatKind)
        raise Malformed(f"seat_kind: {text!r} is none of {known}") from error


def _inclusion(desk: Desk, peer: CenterId, question: InclusionQuestion) -> InclusionAnswer:
    note = checkpoints.cosigned_at(desk.ledger.connection, peer, question.suite, question.size)
    if note is None:
        raise Refused(
            f"you have not cosigned a checkpoint of ours of size {question.size}; "
            "ask for a size that you have"
        )
    items: list[Inclusion] = []
    total = 0
    for wanted in question.envelope_hashes:
        for index, entry in desk.ledger.log_entries(question.suite, wanted):
            if index >= question.size or json.loads(entry)["peer"] != peer:
                continue
            path = desk.ledger.inclusion(question.suite, index, question.size)
            total += len(entry) + HASH_BYTES * (len(path) + 1)
            if total > MAX_PROOF_BYTES or len(items) == MAX_PROOFS:
                raise Refused(
                    f"an answer holds {MAX_PROOFS} proofs and {MAX_PROOF_BYTES} bytes; "
                    "ask for fewer envelopes at once"
                )
            items.append(Inclusion(wanted, index, entry, path))
    if not items:
        raise Refused(
            f"none of these envelopes is yours and among the first {question.size} entries"
        )
    return InclusionAnswer(note, tuple(items))
