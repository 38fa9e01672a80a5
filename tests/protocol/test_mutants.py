"""The checks bite: every seeded fault in a table or a function is caught by one of them.

A mutant that survives means that a rule of the protocol is written down but not held.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import pytest

from federation.protocol import booking, bundle, conversation
from federation.protocol.agreement import AGREEMENT
from federation.protocol.booking import BOOKING
from federation.protocol.contribution import CONTRIBUTION
from federation.protocol.conversation import Conversation, Phase, Role, Table, Wait, Word
from federation.protocol.draw import DRAW
from federation.protocol.oversight import OVERSIGHT
from federation.protocol.peering import PEERING
from federation.protocol.selection import SELECTION
from federation.protocol.session import SESSION
from tests.protocol import (
    grid_agreement,
    grid_booking,
    grid_contribution,
    grid_draw,
    grid_oversight,
    grid_peering,
    grid_selection,
    grid_session,
    samples,
    waits,
)
from tests.protocol.crossings import explore
from tests.protocol.grids import check_all
from tests.protocol.laws import (
    check_closing,
    check_deadlines,
    check_decisions,
    check_refused,
    check_silence,
)

GRIDS = {
    AGREEMENT.kind: grid_agreement.GRID,
    PEERING.kind: grid_peering.GRID,
    BOOKING.kind: grid_booking.GRID,
    DRAW.kind: grid_draw.GRID,
    SESSION.kind: grid_session.GRID,
    SELECTION.kind: grid_selection.GRID,
    CONTRIBUTION.kind: grid_contribution.GRID,
    OVERSIGHT.kind: grid_oversight.GRID,
}
WAITS = {
    AGREEMENT.kind: waits.AGREEMENT,
    PEERING.kind: waits.PEERING,
    BOOKING.kind: waits.BOOKING,
    DRAW.kind: waits.DRAW,
    SESSION.kind: waits.SESSION,
    SELECTION.kind: waits.SELECTION,
    CONTRIBUTION.kind: waits.CONTRIBUTION,
    OVERSIGHT.kind: waits.OVERSIGHT,
}


def _led(table: Table, phase: str, case: str, to: str) -> Table:
    rows = {**table.next, (Phase(phase), case): Phase(to)}
    return replace(table, next=MappingProxyType(rows))


def _without(table: Table, *rows: tuple[str, str]) -> Table:
    left = {row: after for row, after in table.next.items() if row not in rows}
    return replace(table, next=left, crossings=table.crossings - set(rows))


def _waiting(table: Table, phase: str, **changes: Any) -> Table:
    wait: Wait = replace(table.waits[Phase(phase)], **changes)
    return replace(table, waits={**table.waits, Phase(phase): wait})


def _check_cells(table: Table) -> None:
    check_all(table, GRIDS[table.kind])


def _check_waits(table: Table) -> None:
    check_silence(table, GRIDS[table.kind], WAITS[table.kind])
    check_deadlines(table, GRIDS[table.kind], WAITS[table.kind])


ROWS = {
    "sealing on the vote": _led(BOOKING, "HELD", "Vote.YES", "CONFIRMED"),
    "confirming what is only held": _led(BOOKING, "HELD", "Decide.CONFIRM", "CONFIRMED"),
    "confirming what has expired": _led(BOOKING, "EXPIRED", "Decide.CONFIRM", "CONFIRMED"),
    "no tombstone": _led(BOOKING, "RELEASED", "Hold", "HELD"),
    "an abort that does not release": _led(BOOKING, "IN_DOUBT", "Decide.ABORT", "IN_DOUBT"),
    "no way out of doubt": _without(BOOKING, ("IN_DOUBT", "Decide.CONFIRM")),
    "a late no forgotten": _led(BOOKING, "RELEASED", "Vote.NO", "RELEASED"),
    "voting after the release": replace(BOOKING, crossings=frozenset()),
    "signing after the withdrawal": replace(AGREEMENT, crossings=frozenset()),
    "a signature lost in a crossing": _led(AGREEMENT, "WITHDRAWN", "Sign", "WITHDRAWN"),
    "whoever proposes also signs": replace(AGREEMENT, speakers={}),
    "a suspension that the other side lifts": replace(
        AGREEMENT,
        speakers={
            **AGREEMENT.speakers,
            (Phase("SUSPENDED_BY_PROPOSER"), "ResumeAgreement.PROPOSER"): Role("ANSWERER"),
        },
    ),
    "one suspension that covers both": _led(
        AGREEMENT, "SUSPENDED_BY_PROPOSER", "SuspendAgreement.ANSWERER", "SUSPENDED_BY_PROPOSER"
    ),
    "a notice that is taken back by a suspension": _led(
        AGREEMENT, "TERMINATED", "SuspendAgreement.PROPOSER", "SUSPENDED_BY_PROPOSER"
    ),
    "signing what was declined": _led(AGREEMENT, "DECLINED", "Sign", "ACTIVE"),
    "either side commits first": replace(DRAW, speakers={}),
    "the sealer commits first": replace(
        DRAW, speakers={(Phase("ACCEPTED"), "Commit"): Role("SEALER")}
    ),
    "a fault after the close": _led(DRAW, "CLOSED", "Fault", "VOID"),
    "closing without a list": _led(DRAW, "ASKED", "Close", "CLOSED"),
    "a value shown before the list is closed": _led(SELECTION, "ENTERED", "Disclose", "DISCLOSED"),
    "an order before the values": _led(SELECTION, "GATHERED", "Rank", "RANKED"),
    "a void attempt that is entered": _led(SELECTION, "VOID", "Enter", "ENTERED"),
    "an outcome that can be abandoned": _led(SELECTION, "RANKED", "Abandon", "VOID"),
    "whoever is invited abandons": replace(SELECTION, speakers={}),
    "starting before all are ready": _led(SESSION, "CONVENED", "Start", "RUNNING"),
    "going on without the sub": _led(SESSION, "SUSPENDED", "Resume", "CHAIRED"),
    "a test concluded without its rehearsals": _led(
        PEERING, "REPORTED", "ConcludeTest", "CONCLUDED"
    ),
    "an objection that counts as a signature": _led(PEERING, "CONCLUDED", "ContestTest", "TESTED"),
    "either peer commits first": replace(PEERING, speakers={}),
    "a dispute that counts as agreed": _led(PEERING, "STATED", "DisputeUsage", "AGREED"),
    "a dispute that comes late and is lost": _led(
        PEERING, "UNANSWERED", "DisputeUsage", "UNANSWERED"
    ),
    "roles exchanged": replace(BOOKING, roles=(Role("SUB"), Role("HOST"))),
}


@pytest.mark.parametrize("mutant", ROWS.values(), ids=ROWS.keys())
def test_a_changed_row_is_caught_by_the_grid(mutant: Table) -> None:
    with pytest.raises(AssertionError):
        _check_cells(mutant)


SILENCES = {
    "the host lets a hold lapse": _waiting(BOOKING, "HELD", authority=booking.HOST),
    "a promise that lapses into release": _waiting(
        BOOKING, "PROMISED", lapses_to=Phase("RELEASED")
    ),
    "a hold that never ends": _waiting(BOOKING, "HELD", lapses_to=None),
    "a hold of a second": _waiting(BOOKING, "HELD", limit_ms=1_000),
    "the wrong side's turn": _waiting(DRAW, "ASKED", turn=Role("SEALER")),
    "silence taken for agreement": _waiting(PEERING, "STATED", lapses_to=Phase("AGREED")),
    "no deadline for the report": replace(
        PEERING, waits={Phase("REPORTED"): PEERING.waits[Phase("REPORTED")]}
    ),
}


@pytest.mark.parametrize("mutant", SILENCES.values(), ids=SILENCES.keys())
def test_a_changed_silence_is_caught_by_the_waits(mutant: Table) -> None:
    with pytest.raises(AssertionError):
        _check_waits(mutant)


CROSSINGS = {
    "an abort that leaves an expiry": _led(BOOKING, "EXPIRED", "Decide.ABORT", "EXPIRED"),
    "an abort that overrules a no": _led(BOOKING, "RELEASED", "Vote.NO", "RELEASED"),
    "no row for the late yes": _without(BOOKING, ("RELEASED", "Vote.YES")),
    "a withdrawal that beats the signature": _led(AGREEMENT, "ACTIVE", "Withdraw", "WITHDRAWN"),
    "a counter that beats the withdrawal": _led(AGREEMENT, "WITHDRAWN", "Counter", "COUNTERED"),
    "no row for the second withdrawal": _without(AGREEMENT, ("WITHDRAWN", "Withdraw")),
    "no row for the suspension after a notice": _without(
        AGREEMENT, ("TERMINATED", "SuspendAgreement.ANSWERER")
    ),
    "no row for the second notice": _without(AGREEMENT, ("TERMINATED", "Terminate")),
    "one resumes for both": _led(AGREEMENT, "SUSPENDED", "ResumeAgreement.PROPOSER", "ACTIVE"),
    "no row for the late conclusion": _without(PEERING, ("LAPSED", "ConcludeTest")),
    "no row for the late rehearsal": _without(PEERING, ("LAPSED", "RehearseVote")),
    "a late countersignature lost": _led(PEERING, "LAPSED", "CountersignTest", "LAPSED"),
    "a late objection lost": _led(PEERING, "LAPSED", "ContestTest", "LAPSED"),
    "no row for the late agreement of counts": _without(PEERING, ("UNANSWERED", "AgreeUsage")),
    "no row for the late dispute": _without(PEERING, ("UNANSWERED", "DisputeUsage")),
    "resuming at one stroke": _led(SESSION, "SUSPENDED", "Resume", "CHAIRED"),
    "no row for the late suspension": _without(SESSION, ("SIGNING", "Suspend")),
    "no row for the late ballot": _without(SESSION, ("CHAIRED", "Ballot")),
    "no row for the late signature": _without(SESSION, ("FINISHED", "SignReport")),
    "a late suspension that counts": _led(SESSION, "RESUMING", "Suspend", "SUSPENDED"),
    "a fault that beats the close": _led(DRAW, "VOID", "Close", "VOID"),
    "no row for what crossed a fault": _without(DRAW, ("VOID", "AcceptDraw")),
    "no row for the leave that crossed the close": _without(DRAW, ("CLOSED", "Report.LEAVE")),
}
EXPLAINED = {
    BOOKING.kind: frozenset({
        (Phase("HELD"), Phase("EXPIRED")),
        (Phase("PROMISED"), Phase("IN_DOUBT")),
    }),
    PEERING.kind: waits.PEERING_EXPLAINED,
    CONTRIBUTION.kind: waits.CONTRIBUTION_EXPLAINED,
}  # fmt: skip


@pytest.mark.parametrize("mutant", CROSSINGS.values(), ids=CROSSINGS.keys())
def test_a_changed_crossing_is_found_with_a_script(mutant: Table) -> None:
    explained = EXPLAINED.get(mutant.kind, frozenset())
    found = explore(mutant, GRIDS[mutant.kind].samples, explained, _no_next)
    assert found is not None
    assert found.script


def _no_next(_joint: object, _role: Role, word: Word) -> bool:
    """Keeps the walk of a draw out: whose word it is there is for the lottery to say."""
    return word.case not in {"Next", "Shortfall"}


@dataclass(frozen=True, slots=True)
class Patch:
    """A function of a module, replaced, and the check that must notice."""

    module: Any
    name: str
    value: Any
    check: Callable[[], None]


def _eager(table: Table, state: Conversation, now_ms: int) -> bool:
    wait = table.waits.get(state.phase)
    return wait is not None and state.deadline_ms is not None and now_ms >= state.deadline_ms


def _late(table: Table, state: Conversation, now_ms: int) -> bool:
    return _eager(table, state, now_ms - 1) and table.waits[state.phase].authority == state.role


def _ended(table: Table, state: Conversation) -> Conversation:
    del table
    return replace(state, phase=Phase("REFUSED"), deadline_ms=None)


def _timeless(*_: Any) -> None:
    """No deadline, ever."""


def _true(*_: object) -> bool:
    return True


def _booking_cells() -> None:
    _check_cells(BOOKING)


def _booking_waits() -> None:
    _check_waits(BOOKING)


def _booking_refusals() -> None:
    check_refused(BOOKING, grid_booking.GRID, waits.BOOKING_OVER)


FUNCTIONS = {
    "either side's clock": Patch(conversation, "overdue", _eager, _booking_waits),
    "a millisecond late": Patch(conversation, "overdue", _late, _booking_waits),
    "a clock that is never started": Patch(conversation, "_deadline", _timeless, _booking_waits),
    "a refusal that undoes the end": Patch(conversation, "refused", _ended, _booking_refusals),
    "no check of the speaker": Patch(Table, "speaker", lambda *_: "EITHER", _booking_cells),
    "a promise that is always long enough": Patch(bundle, "_in_time", _true, check_decisions),
    "a margin of nothing": Patch(bundle, "DECIDE_MARGIN_MS", 0, check_decisions),
    "a lost leg overlooked": Patch(
        bundle, "_LOST", bundle._LOST - {booking.EXPIRED}, check_decisions
    ),
    "a refused leg never told": Patch(bundle, "REFUSED", Phase("OTHER"), check_closing),
    "all legs always told": Patch(bundle, "all", _true, check_closing),
}


@pytest.mark.parametrize("patch", FUNCTIONS.values(), ids=FUNCTIONS.keys())
def test_a_changed_function_is_caught_by_a_law(
    patch: Patch, monkeypatch: pytest.MonkeyPatch
) -> None:
    patch.check()
    monkeypatch.setattr(patch.module, patch.name, patch.value, raising=patch.name != "all")
    with pytest.raises(AssertionError):
        patch.check()


def test_the_unchanged_tables_pass_every_check() -> None:
    for table in (AGREEMENT, PEERING, BOOKING, DRAW, SESSION, SELECTION):
        _check_cells(table)
        _check_waits(table)
        explained = EXPLAINED.get(table.kind, frozenset())
        assert explore(table, GRIDS[table.kind].samples, explained, _no_next) is None
    assert len(samples.BOOKING) == len({word.case for word in samples.BOOKING})
