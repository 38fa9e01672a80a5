"""What a peer with good keys may say about a booking that stands, and what it gets for it.

Either it is refused, and nothing of ours changes; or it is a mere inconvenience, and the answer is
a NO: the booking stands as it was.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from federation.protocol.booking import (
    Answer,
    Cancel,
    Check,
    Consent,
    Decision,
    Extend,
    Moment,
    Move,
    Readiness,
    Settle,
)
from federation.protocol.conversation import Word
from node.store import changes, venues
from node.store.changes import LegChange
from tests.support.liar import Liar
from tests.support.pair import DAY_MS, HOUR_MS, TwoCenters, two_centers
from tests.support.planning import AGENCY, STAFF, WINDOW, Offices, confirmed

A, B = b"a" * 16, b"b" * 16
LATER = (WINDOW.start_ms + DAY_MS, WINDOW.end_ms + DAY_MS)
PROMISE_MS = DAY_MS


@dataclass
class Stage:
    """One confirmed booking, and liars in the place of either side."""

    pair: TwoCenters
    offices: Offices
    project: bytes
    booking: bytes

    async def host_says(self, word: Word) -> str:
        """The reason of the sub's refusal, or ""."""
        return (await Liar(self.pair.host, self.pair.sub).tell(self.booking, word)).reason

    async def sub_says(self, word: Word) -> str:
        """The reason of the host's refusal, or ""."""
        return (await Liar(self.pair.sub, self.pair.host).tell(self.booking, word)).reason

    async def ask(self) -> bytes:
        """The real host asks for a move; answers the change's id. Nothing is delivered."""
        host = self.offices.host
        later = type(WINDOW)(*LATER)
        return await host.center.do(
            lambda desk: host.bookings.after.changing.move(
                desk, self.project, later, "改期", AGENCY
            )
        )

    async def at_sub(self) -> tuple[str | None, int, tuple[int, int]]:
        """Phase, slots held, and the window that counts, at the sub."""
        sub = self.offices.sub
        row = await sub.center.do(lambda desk: sub.bookings.get(desk, self.booking))
        ((slots,),) = await self.pair.sub.sql(
            "SELECT count(*) FROM seat_slot WHERE holder = ?", self.booking
        )
        return row.phase, slots, (row.start_ms, row.end_ms)

    async def asked(self) -> LegChange:
        """What the sub was last asked."""
        return (
            await self.pair.sub.do(
                lambda desk: changes.of_leg(desk.ledger.connection, self.booking)
            )
        )[-1]


UNTOUCHED = ("CONFIRMED", 30, (WINDOW.start_ms, WINDOW.end_ms))


@asynccontextmanager
async def staged(**terms: int) -> AsyncIterator[Stage]:
    offices = Offices()
    async with two_centers(offices) as pair:
        project, booking = await confirmed(pair, offices, **terms)
        yield Stage(pair, offices, project, booking)


@pytest.mark.parametrize(
    "word",
    [
        Move(A, LATER[1], LATER[0], "x"),
        Move(A, LATER[0], LATER[0], "x"),
        Extend(A, WINDOW.end_ms, "x"),
        Extend(A, WINDOW.start_ms, "x", by_law=True),
        Extend(A, WINDOW.end_ms - HOUR_MS, "x"),
    ],
)
async def test_a_window_that_is_none_is_malformed(word: Word) -> None:
    async with staged() as stage:
        assert await stage.host_says(word) == "MALFORMED"
        assert await stage.at_sub() == UNTOUCHED


@pytest.mark.parametrize(
    ("word", "clause"),
    [
        (Move(A, WINDOW.start_ms - 3 * DAY_MS, WINDOW.end_ms - 3 * DAY_MS, "x"), "start_ms"),
        (Move(A, LATER[0], LATER[0] + 6 * DAY_MS, "x"), "end_ms"),
        (Move(A, LATER[0], 4_102_444_799_000, "x"), "end_ms"),
        (Extend(A, WINDOW.end_ms + 6 * DAY_MS, "x"), "end_ms"),
        (Extend(A, WINDOW.end_ms + 6 * DAY_MS, "x", by_law=True), "end_ms"),
        (Extend(A, WINDOW.end_ms + 10 * HOUR_MS, "x"), "closes_minute"),
        (Move(A, WINDOW.start_ms - 6 * HOUR_MS, WINDOW.end_ms - 6 * HOUR_MS, "x"), "opens_minute"),
        (Move(A, LATER[0] + 400 * DAY_MS, LATER[1] + 400 * DAY_MS, "x"), "effective_until_ms"),
    ],
)
async def test_what_cannot_be_done_is_a_no_and_never_a_refusal(word: Word, clause: str) -> None:
    async with staged(opens_minute=8 * 60, closes_minute=18 * 60) as stage:
        assert await stage.host_says(word) == ""
        assert await stage.at_sub() == UNTOUCHED
        asked = await stage.asked()
        assert (asked.answer, asked.clause) == (Answer.NO, clause)
        # And another change may be asked for: nothing is stuck.
        assert await stage.host_says(Extend(B, WINDOW.end_ms + HOUR_MS, "x")) == ""
        assert (await stage.asked()).answer is Answer.YES


async def test_a_change_is_asked_for_once() -> None:
    async with staged() as stage:
        assert await stage.host_says(Extend(A, WINDOW.end_ms + HOUR_MS, "x")) == ""
        assert (await stage.at_sub())[:2] == ("CHANGE_PROMISED", 40)
        assert await stage.host_says(Settle(A, Decision.CONFIRM)) == ""
        assert await stage.host_says(Extend(A, WINDOW.end_ms + 2 * HOUR_MS, "x")) == "MALFORMED"
        assert (await stage.at_sub())[:2] == ("CONFIRMED", 40)


async def test_nothing_is_settled_that_was_not_promised() -> None:
    async with staged() as stage:
        assert await stage.host_says(Settle(B, Decision.CONFIRM)) == "MALFORMED"
        assert await stage.host_says(Settle(B, Decision.ABORT)) == "CONFLICT"
        assert await stage.host_says(Move(A, *LATER, "x")) == ""
        assert await stage.host_says(Settle(A, Decision.CONFIRM)) == "OUT_OF_TURN"
        assert (await stage.at_sub())[0] == "CHANGING"
        sub = stage.offices.sub
        await sub.center.do(
            lambda desk: sub.bookings.after.consenting.answer(
                desk, stage.booking, yes=True, reason="", by=STAFF
            )
        )
        unknown = Settle(b"c" * 16, Decision.CONFIRM)
        assert await stage.host_says(unknown) == "MALFORMED"
        assert await stage.at_sub() == ("CHANGE_PROMISED", 60, (WINDOW.start_ms, WINDOW.end_ms))


async def test_after_a_no_nothing_is_settled() -> None:
    async with staged() as stage:
        assert await stage.host_says(Move(A, WINDOW.start_ms - 2 * DAY_MS, LATER[0], "x")) == ""
        assert await stage.host_says(Settle(A, Decision.CONFIRM)) == "MALFORMED"
        assert await stage.at_sub() == UNTOUCHED


async def test_a_change_is_settled_once_and_a_second_settlement_is_kept_as_proof() -> None:
    async with staged() as stage:
        assert await stage.host_says(Extend(A, WINDOW.end_ms + HOUR_MS, "x")) == ""
        assert await stage.host_says(Settle(A, Decision.ABORT)) == ""
        assert await stage.at_sub() == UNTOUCHED
        assert await stage.host_says(Settle(A, Decision.CONFIRM)) == "CONFLICT"
        assert await stage.at_sub() == UNTOUCHED
        kept = await stage.pair.sub.sql(
            "SELECT decision FROM decision WHERE change = ? ORDER BY decision", A
        )
        assert kept == [("ABORT",), ("CONFIRM",)]
        open_ = await stage.pair.sub.sql("SELECT kind FROM todo WHERE done_at_ms IS NULL")
        assert ("two_decisions",) in open_


@pytest.mark.parametrize("answer", list(Answer))
async def test_a_consent_to_something_else_is_refused(answer: Answer) -> None:
    async with staged() as stage:
        change = await stage.ask()
        reason = "OUT_OF_TURN" if answer is Answer.BOOK else "MALFORMED"
        assert await stage.sub_says(Consent(B, answer, promise_ms=PROMISE_MS)) == reason
        assert await stage.pair.host.phase(stage.booking) == "CHANGING"
        book = Consent(change, Answer.BOOK, promise_ms=PROMISE_MS)
        assert await stage.sub_says(book) == "OUT_OF_TURN"


async def test_a_sub_promises_as_long_as_was_agreed() -> None:
    async with staged() as stage:
        change = await stage.ask()
        word = Consent(change, Answer.YES, promise_ms=PROMISE_MS - 1)
        assert await stage.sub_says(word) == "OUT_OF_SCOPE"
        assert await stage.pair.host.phase(stage.booking) == "CHANGING"


@pytest.mark.parametrize("first", [Answer.YES, Answer.NO])
async def test_a_second_consent_that_differs_changes_nothing(first: Answer) -> None:
    async with staged() as stage:
        change = await stage.ask()
        other = Answer.NO if first is Answer.YES else Answer.YES
        word = Consent(change, first, "x", promise_ms=PROMISE_MS if first is Answer.YES else 0)
        assert await stage.sub_says(word) == ""
        settled = await stage.pair.host.sql("SELECT decision FROM change")
        assert settled == [("CONFIRM" if first is Answer.YES else "ABORT",)]
        twice = Consent(change, other, "x", promise_ms=PROMISE_MS if other is Answer.YES else 0)
        assert await stage.sub_says(twice) == "OUT_OF_TURN"
        assert await stage.pair.host.sql("SELECT decision FROM change") == settled


async def test_a_consent_that_nobody_asked_for_is_out_of_turn() -> None:
    async with staged() as stage:
        assert await stage.sub_says(Consent(A, Answer.YES, promise_ms=PROMISE_MS)) == "OUT_OF_TURN"
        assert await stage.pair.host.phase(stage.booking) == "CONFIRMED"


async def test_the_wrong_side_says_nothing() -> None:
    async with staged() as stage:
        for word in (Move(A, *LATER, "x"), Extend(A, LATER[1], "x"), Settle(A, Decision.ABORT)):
            assert await stage.sub_says(word) == "OUT_OF_TURN"
        check = (Check("seats", passed=True, measured="5"),)
        for other in (
            Consent(A, Answer.NO, "x"),
            Readiness(Moment.ASKED, ready=True, checks=check),
        ):
            assert await stage.host_says(other) == "OUT_OF_TURN"
        assert await stage.at_sub() == UNTOUCHED


async def test_ready_with_a_check_that_failed_contradicts_itself() -> None:
    async with staged() as stage:
        check = (Check("seats", passed=False, measured="0"),)
        word = Readiness(Moment.ASKED, ready=True, checks=check)
        assert await stage.sub_says(word) == "MALFORMED"


async def test_a_second_cancellation_is_out_of_turn_or_crosses() -> None:
    async with staged() as stage:
        assert await stage.host_says(Cancel("x")) == ""
        assert await stage.host_says(Cancel("y")) == ""  # as if it had crossed one of ours
        phase, slots, _ = await stage.at_sub()
        assert (phase, slots) == ("CANCELLED", 0)
        row = await stage.pair.sub.do(
            lambda desk: stage.offices.sub.bookings.get(desk, stage.booking)
        )
        assert row.note == "对方取消 · x"


async def test_nothing_follows_a_cancellation_but_what_was_on_its_way() -> None:
    async with staged() as stage:
        assert await stage.host_says(Cancel("x")) == ""
        for word in (Move(A, *LATER, "x"), Extend(B, WINDOW.end_ms, "x")):
            assert await stage.host_says(word) == ""
        assert await stage.host_says(Settle(A, Decision.CONFIRM)) == ""
        assert (await stage.at_sub())[:2] == ("CANCELLED", 0)
        held = await stage.pair.sub.do(
            lambda desk: venues.held(desk.ledger.connection, stage.booking)
        )
        assert held == ()
        said = await stage.pair.sub.sql(
            "SELECT count(*) FROM said WHERE payload_type LIKE '%Consent%'"
        )
        assert said == [(0,)]
