"""Moving and extending what is booked: on all legs or on none, and both books agree."""

from functools import partial

import pytest

from federation.protocol.booking import Answer, Decision
from federation.protocol.change import ChangePhase
from node.domain.calendar import Window
from node.domain.venue import Requirement
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.store import bookings, projects, todos
from node.store.bookings import BookingRow
from tests.support.booked import HOUR_MS, LATER, MINUTE_MS, WINDOW, booked
from tests.support.planning import STAFF

BOTH = [("CONFIRMED", "CONFIRMED")] * 2
OLD, NEW = (WINDOW.start_ms, WINDOW.end_ms), (LATER.start_ms, LATER.end_ms)
SLOTS = 6  # of a window of three hours


async def test_a_move_that_all_consent_to_moves_every_book() -> None:
    async with booked() as here:
        await here.move()
        await here.them.settle()
        assert await here.phases() == [("CHANGING", "CHANGING")] * 2
        assert await here.windows() == {OLD}
        for sub in here.subs:
            leg = await here.leg(sub)
            assert await here.slots(sub, leg.conversation) == 2 * 5 * SLOTS
            assert "answer_change" in await here.todos(sub)
            await here.consent(sub, yes=True)
        await here.them.settle()
        assert await here.phases() == BOTH
        assert await here.windows() == {NEW}
        change = (await here.change()).change
        assert (change.decision, change.phase) == (Decision.CONFIRM, ChangePhase.CLOSED)
        for sub in here.subs:
            leg = await here.leg(sub)
            assert await here.slots(sub, leg.conversation) == 5 * SLOTS
            assert "answer_change" not in await here.todos(sub)
            assert leg.hold.start_ms == WINDOW.start_ms  # as it was said
            ((text,),) = await sub.sql(
                "SELECT text_zh FROM todo WHERE kind = 'prepare_booking' AND done_at_ms IS NULL"
            )
            assert "2026-05-08 09:00" in text
        assert await here.slots(here.host, (await here.bundle()).bundle.id) == 2 * SLOTS
        project = await here.host.do(
            lambda desk: projects.get(desk.ledger.connection, here.project)
        )
        assert project is not None
        assert project.plan is not None
        assert project.plan.window == LATER
        assert "change_decided" in await here.todos(here.host, "agency")


async def test_one_no_leaves_every_window_as_it_was() -> None:
    async with booked() as here:
        await here.move()
        await here.them.settle()
        first, second = here.subs
        await here.consent(first, yes=True)
        await here.them.settle()
        assert await here.phases() == [("CHANGE_PROMISED", "CHANGE_PROMISED"), ("CHANGING",) * 2]
        await here.consent(second, yes=False, reason="当日停电检修")
        await here.them.settle()
        assert await here.phases() == BOTH
        assert await here.windows() == {OLD}
        assert await here.settled() is Decision.ABORT
        for sub in here.subs:
            leg = await here.leg(sub)
            assert await here.slots(sub, leg.conversation) == 5 * SLOTS
        assert "当日停电检修" in (await here.leg(second)).note


async def test_the_operator_is_not_urged_to_make_an_agency_read_of_a_change() -> None:
    """An agency reads it with its project, and nobody else can tick it off."""
    async with booked(1) as here:
        await here.move()
        await here.them.settle()
        await here.consent(here.subs[0], yes=False, reason="席位已满")
        await here.them.settle()
        assert "change_decided" in await here.todos(here.host, "agency")
        await here.them.later(96 * HOUR_MS)
        told = await here.host.do(lambda desk: todos.open_for(desk.ledger.connection, "operator"))
        assert not [todo.zh for todo in told if "变更" in todo.zh]


async def test_silence_of_people_is_a_no_of_their_node_and_the_others_are_told() -> None:
    async with booked(vote_ms=30 * MINUTE_MS) as here:
        await here.move()
        await here.them.settle()
        await here.consent(here.subs[0], yes=True)
        await here.them.later(30 * MINUTE_MS)
        assert await here.phases() == BOTH
        assert await here.settled() is Decision.ABORT
        asked = await here.asked(here.host, (await here.leg(here.subs[1])).conversation)
        assert asked.answer is Answer.NO
        assert "逾期" in asked.answer_why


async def test_a_sub_that_is_away_costs_the_change_and_learns_of_it_when_it_is_back() -> None:
    async with booked(vote_ms=30 * MINUTE_MS) as here:
        first, away = here.subs
        here.them.kill(away)
        await here.move()
        await here.them.settle()
        await here.consent(first, yes=True)
        await here.them.later(32 * MINUTE_MS)
        assert await here.settled() is Decision.ABORT
        assert (await here.leg(first)).phase == "CONFIRMED"
        assert (await here.leg(away)).phase == "CHANGING"
        here.them.revive(away)
        await here.them.settle()
        await here.consent(away, yes=True)
        await here.them.settle()
        assert await here.phases() == BOTH
        assert await here.windows() == {OLD}
        assert (await here.change()).change.phase is ChangePhase.CLOSED


async def test_a_decision_that_is_not_told_keeps_both_windows_and_calls_people() -> None:
    async with booked(1, decide_ms=HOUR_MS) as here:
        (sub,) = here.subs
        await here.move()
        await here.them.settle()
        leg = (await here.leg(sub)).conversation
        here.them.pairs[0].cut()
        await sub.do(
            lambda desk: here.after(sub).consenting.answer(desk, leg, yes=True, reason="", by=STAFF)
        )
        await here.them.later(HOUR_MS)
        assert await sub.phase(leg) == "CHANGE_PROMISED"
        assert await here.slots(sub, leg) == 2 * 5 * SLOTS
        assert "change_in_doubt" in await here.todos(sub)
        here.them.pairs[0].restore()
        await here.them.settle()
        assert await here.phases() == [("CONFIRMED", "CONFIRMED")]
        assert "change_in_doubt" not in await here.todos(sub)


async def test_overlapping_windows_are_reserved_once_and_the_rest_is_given_back() -> None:
    async with booked(1, seats=6) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        shifted = Window(WINDOW.start_ms + HOUR_MS, WINDOW.end_ms + HOUR_MS)
        await here.move(shifted)
        await here.them.settle()
        assert await here.slots(sub, leg) == 5 * (SLOTS + 2)
        await here.consent(sub, yes=True)
        await here.them.settle()
        assert await here.slots(sub, leg) == 5 * SLOTS
        assert await here.windows() == {(shifted.start_ms, shifted.end_ms)}
        assert await here.slots(here.host, (await here.bundle()).bundle.id) == 2 * SLOTS


async def test_a_free_extension_is_granted_by_the_node_itself() -> None:
    async with booked() as here:
        await here.extend(WINDOW.end_ms + HOUR_MS)
        await here.them.settle()
        assert await here.phases() == BOTH
        assert await here.windows() == {(WINDOW.start_ms, WINDOW.end_ms + HOUR_MS)}
        for sub in here.subs:
            leg = await here.leg(sub)
            assert await here.slots(sub, leg.conversation) == 5 * (SLOTS + 2)


async def test_an_extension_may_follow_another() -> None:
    async with booked() as here:
        for hours in (1, 2):
            await here.extend(WINDOW.end_ms + hours * HOUR_MS)
            await here.them.settle()
        assert await here.windows() == {(WINDOW.start_ms, WINDOW.end_ms + 2 * HOUR_MS)}


@pytest.mark.parametrize(
    ("window", "message"),
    [
        (Window(WINDOW.start_ms - 24 * HOUR_MS, WINDOW.end_ms - 24 * HOUR_MS), "bid deadline"),
        (WINDOW, "is booked"),
        (Window(WINDOW.start_ms + 400 * 24 * HOUR_MS, WINDOW.end_ms + 400 * 24 * HOUR_MS), "exp"),
    ],
)
async def test_a_move_that_cannot_be_is_said_to_the_person_who_asks(
    window: Window, message: str
) -> None:
    async with booked(1) as here:
        with pytest.raises(Invalid, match=message):
            await here.move(window)
        assert await here.phases() == [("CONFIRMED", "CONFIRMED")]


async def test_the_host_asks_nobody_for_what_the_agreement_forbids() -> None:
    async with booked(1, opens_minute=8 * 60, closes_minute=18 * 60) as here:
        with pytest.raises(Invalid, match="agreed hours"):
            await here.extend(WINDOW.end_ms + 7 * HOUR_MS)
        with pytest.raises(Invalid, match="ends after"):
            await here.extend(WINDOW.end_ms)
        with pytest.raises(Invalid, match="5 days"):
            await here.extend(WINDOW.end_ms + 6 * 24 * HOUR_MS)


async def test_two_changes_are_not_asked_at_once() -> None:
    async with booked(1) as here:
        await here.move()
        with pytest.raises(Conflicting, match="under way"):
            await here.extend(WINDOW.end_ms + HOUR_MS)


async def test_a_host_without_seats_in_the_new_window_asks_nobody() -> None:
    async with booked(1, seats=5) as here:
        await here.host.do(
            lambda desk: here.offices.at(here.host).venues.reserve(
                desk,
                b"x" * 16,
                here.offices.at(here.host).venues.free_seats_for(desk, None, LATER, Requirement(4)),
                LATER,
            )
        )
        with pytest.raises(Conflicting, match="2 free seats"):
            await here.move()
        assert await here.phases() == [("CONFIRMED", "CONFIRMED")]


async def test_quotas_count_both_windows_until_a_move_is_settled() -> None:
    async with booked() as here:

        def windows(desk: Desk, row: BookingRow) -> set[tuple[tuple[int, int], ...]]:
            found = bookings.counted(desk.ledger.connection, row.role, row.peer, [row.agreement])
            return {each.windows for each in found}

        async def counted() -> set[tuple[tuple[int, int], ...]]:
            """At both ends of every leg."""
            found = set()
            for sub in here.subs:
                leg = await here.leg(sub)
                there = await here.at(sub, leg.conversation)
                found |= await here.host.do(partial(windows, row=leg))
                found |= await sub.do(partial(windows, row=there))
            return found

        await here.move()
        await here.them.settle()
        assert await counted() == {(OLD, NEW)}
        for sub in here.subs:
            await here.consent(sub, yes=True)
        await here.them.settle()
        assert await counted() == {(NEW,)}


async def test_an_old_settlement_asked_for_once_more_does_not_settle_the_next_change() -> None:
    async with booked() as here:
        first, _ = here.subs
        await here.extend(WINDOW.end_ms + HOUR_MS)
        await here.them.settle()
        assert await here.phases() == BOTH
        await here.them.later(12 * HOUR_MS - 10 * MINUTE_MS)  # half of the promise, almost
        await here.move()
        await here.them.settle()
        await here.consent(first, yes=True)
        await here.them.settle()
        waiting = [("CHANGE_PROMISED", "CHANGE_PROMISED"), ("CHANGING", "CHANGING")]
        assert await here.phases() == waiting

        await here.them.later(15 * MINUTE_MS)  # the errand asks how the extension was settled

        assert await here.phases() == waiting
