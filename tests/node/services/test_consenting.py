"""The sub's answers to a change: by itself, by people, by law at the cost of who comes after."""

import pytest

from federation.protocol.booking import Answer, Decision, Move
from node.domain import codes
from node.domain.calendar import Window
from node.domain.project import Lot
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.maintenance import Closing, Maintenance
from node.store import todos, venues
from tests.support.booked import HOUR_MS, LATER, WINDOW, Booked, booked
from tests.support.liar import Liar
from tests.support.pair import Center
from tests.support.planning import AGENCY, STAFF, accepted, request

NEXT = Window(WINDOW.end_ms, WINDOW.end_ms + 2 * HOUR_MS)
EXTENDED = WINDOW.end_ms + HOUR_MS


async def next_booking(here: Booked, *, answered: bool = True) -> bytes:
    """Another project of the host at the same sub, straight after the first; its booking."""
    (sub,) = here.subs
    project = await accepted(
        here.offices,
        code=codes.project_code("E3608000001004628"),
        lots=(_lot(),),
        bid_deadline_ms=WINDOW.start_ms,
    )
    await here.host.do(
        lambda desk: here.offices.at(here.host).bookings.plan(
            desk, project, request(sub.id, window=NEXT), AGENCY
        )
    )
    await here.them.settle()
    (leg,) = await here.host.do(
        lambda desk: here.offices.at(here.host).bookings.of_project(desk, project)
    )
    if answered:
        await sub.do(
            lambda desk: here.offices.at(sub).bookings.vote(
                desk, leg.conversation, yes=True, reason="", by=STAFF
            )
        )
        await here.them.settle()
    return leg.conversation


def _lot() -> Lot:
    return Lot(codes.lot_code("E3608000001004628001001"), "一标段")


async def seats_of(center: Center, holder: bytes) -> set[str]:
    return set(await center.do(lambda desk: venues.held(desk.ledger.connection, holder)))


async def test_what_comes_after_is_seated_elsewhere_when_the_law_demands_more_time() -> None:
    async with booked(1, seats=10) as here:
        (sub,) = here.subs
        first, following = (await here.leg(sub)).conversation, await next_booking(here)
        # Both have the same five seats, one after the other.
        same = await seats_of(sub, first)
        assert await seats_of(sub, following) == same
        await here.extend(EXTENDED, by_law=True)
        await here.them.settle()
        assert await here.windows() == {(WINDOW.start_ms, EXTENDED)}
        assert await seats_of(sub, first) == same
        assert not await seats_of(sub, following) & same
        assert await sub.phase(following) == await here.host.phase(following) == "CONFIRMED"
        assert "seats_substituted" in await here.todos(here.host)
        note = (await here.at(here.host, following)).note
        assert "第四十八条" in note


async def test_without_other_seats_people_choose_and_the_next_host_is_told_why() -> None:
    async with booked(1, seats=7) as here:
        (sub,) = here.subs
        first, following = (await here.leg(sub)).conversation, await next_booking(here)
        await here.extend(EXTENDED, by_law=True)
        await here.them.settle()
        assert await sub.phase(first) == "CHANGING"
        assert "answer_change" in await here.todos(sub)
        (way,) = await sub.do(lambda desk: here.after(sub).consenting.in_the_way(desk, first))
        assert way.conversation == following
        with pytest.raises(Conflicting, match="held by somebody else"):
            await here_consent(here, sub, first, yes=True)
        await here_consent(here, sub, first, yes=True, give_way=True)
        await here.them.settle()
        assert await sub.phase(first) == await here.host.phase(first) == "CONFIRMED"
        assert (await here.at(sub, first)).end_ms == EXTENDED
        assert await sub.phase(following) == await here.host.phase(following) == "CANCELLED"
        lost = await here.at(here.host, following)
        assert "第四十八条" in lost.note
        assert "leg_lost" in await here.todos(here.host)


async def test_people_may_also_say_no_to_the_law_and_the_next_booking_stands() -> None:
    async with booked(1, seats=7) as here:
        (sub,) = here.subs
        first, following = (await here.leg(sub)).conversation, await next_booking(here)
        await here.extend(EXTENDED, by_law=True)
        await here.them.settle()
        await here_consent(here, sub, first, yes=False, reason="后续评标无法让位")
        await here.them.settle()
        assert await sub.phase(following) == "CONFIRMED"
        assert await here.settled() is Decision.ABORT
        assert (await here.at(sub, first)).end_ms == WINDOW.end_ms


async def test_a_hold_that_nobody_has_answered_gives_way_with_a_no() -> None:
    async with booked(1, seats=7) as here:
        (sub,) = here.subs
        first, following = (
            (await here.leg(sub)).conversation,
            await next_booking(here, answered=False),
        )
        await here.extend(EXTENDED, by_law=True)
        await here.them.settle()
        await here_consent(here, sub, first, yes=True, give_way=True)
        await here.them.settle()
        assert await here.host.phase(following) == "DECLINED"
        assert (await here.at(sub, first)).end_ms == EXTENDED
        assert "vote_booking" not in await here.todos(sub)


async def test_without_the_law_nobody_gives_way() -> None:
    async with booked(1, seats=10) as here:
        (sub,) = here.subs
        first, following = (await here.leg(sub)).conversation, await next_booking(here)
        await here.extend(EXTENDED)
        await here.them.settle()
        assert await sub.phase(first) == "CHANGING"
        with pytest.raises(Invalid, match="only to an extension by law"):
            await here_consent(here, sub, first, yes=True, give_way=True)
        # People may seat the next one elsewhere themselves, and then say yes.
        await sub.do(lambda desk: _elsewhere(here, desk, sub, following))
        await here_consent(here, sub, first, yes=True)
        await here.them.settle()
        assert (await here.at(sub, first)).end_ms == EXTENDED


async def test_people_may_keep_open_longer_and_are_not_told_that_others_are_coming() -> None:
    async with booked(1) as here:
        (sub,) = here.subs
        first = (await here.leg(sub)).conversation
        closing = Closing("交易中心", "评标一室", None, WINDOW.end_ms, EXTENDED, "空调检修")
        maintenance = Maintenance(here.after(sub).substituting.clear)
        await sub.do(
            lambda desk: maintenance.close(desk, closing, despite_bookings=False, by=STAFF)
        )
        await here.extend(EXTENDED)
        await here.them.settle()
        asked = await sub.do(lambda desk: todos.open_for(desk.ledger.connection, "staff"))
        (text,) = [todo.zh for todo in asked if todo.kind == "answer_change"]
        assert "不开放" in text
        assert "已有预约" not in text
        await here_consent(here, sub, first, yes=True)
        await here.them.settle()
        assert (await here.at(sub, first)).end_ms == EXTENDED
        assert await here.slots(sub, first) == 5 * 4 * 2  # five seats, half hours


def _elsewhere(here: Booked, desk: Desk, sub: Center, following: bytes) -> None:
    avoid = frozenset(venues.held(desk.ledger.connection, following))
    here.after(sub).substituting.room(desk, following, reason="让出席位", avoid=avoid)


async def here_consent(
    here: Booked,
    sub: Center,
    booking_id: bytes,
    *,
    yes: bool,
    reason: str = "",
    give_way: bool = False,
) -> None:
    await sub.do(
        lambda desk: here.after(sub).consenting.answer(
            desk, booking_id, yes=yes, reason=reason, by=STAFF, give_way=give_way
        )
    )


async def test_a_sub_without_seats_says_no_and_proposes_when_it_would_do() -> None:
    async with booked(1) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        office = here.offices.at(sub)
        await sub.do(
            lambda desk: office.venues.reserve(
                desk,
                b"x" * 16,
                [s.id for v in office.venues.catalogue(desk) for r in v.rooms for s in r.seats],
                LATER,
            )
        )
        await here.move()
        await here.them.settle()
        assert await here.phases() == [("CONFIRMED", "CONFIRMED")]
        asked = await here.asked(here.host, leg)
        assert asked.answer is Answer.NO
        assert asked.alternative_start_ms == LATER.start_ms + 24 * HOUR_MS
        assert "没有足够" in asked.answer_why


async def test_a_no_needs_a_reason_and_an_answer_needs_a_question() -> None:
    async with booked(1) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        with pytest.raises(Conflicting, match="CONFIRMED"):
            await here_consent(here, sub, leg, yes=True)
        await here.move()
        await here.them.settle()
        with pytest.raises(Invalid, match="needs a reason"):
            await here_consent(here, sub, leg, yes=False)
        with pytest.raises(NotFound):
            await here_consent(here, here.host, leg, yes=True)


async def test_a_window_that_a_quota_does_not_allow_is_a_no_that_names_another_time() -> None:
    async with booked(1, seats=12, max_concurrent_sessions=1) as here:
        (sub,) = here.subs
        first = (await here.leg(sub)).conversation
        await next_booking(here)
        with pytest.raises(Invalid, match="overlap"):
            await here.move(NEXT)
        liar = Liar(here.host, sub)
        assert (await liar.tell(first, Move(bytes(16), *_of(NEXT), "x"))).reason == ""
        asked = await here.asked(sub, first)
        assert (asked.answer, asked.clause) == (Answer.NO, "max_concurrent_sessions")
        assert asked.alternative_start_ms == NEXT.end_ms
        assert await sub.phase(first) == "CONFIRMED"


async def test_two_bookings_are_not_moved_into_the_same_place_at_once() -> None:
    async with booked(1, seats=12, max_concurrent_sessions=1) as here:
        (sub,) = here.subs
        first, second = (await here.leg(sub)).conversation, await next_booking(here)
        liar = Liar(here.host, sub)
        for number, leg in enumerate((first, second)):
            word = Move(bytes([number]) * 16, *_of(LATER), "x")
            assert (await liar.tell(leg, word)).reason == ""
        answers = [(await here.asked(sub, leg)).answer for leg in (first, second)]
        assert answers == [None, Answer.NO]  # people answer the one, the node the other


def _of(window: Window) -> tuple[int, int]:
    return window.start_ms, window.end_ms
