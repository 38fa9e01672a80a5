"""Cancelling by either side: seats, fees by the sub's clock, what ends with it, what people see."""

from typing import Any

import pytest

from federation.protocol import booking
from federation.protocol.bundle import BundlePhase
from node.services.booking_exceptions import count_exceptions
from node.services.errors import Conflicting, Invalid, NotFound
from node.store import figures
from tests.support.booked import HOUR_MS, WINDOW, Booked, booked, plan
from tests.support.pair import Center
from tests.support.planning import STAFF

FEE = 500_000
TERMS: dict[str, Any] = {"cancel_notice_ms": 12 * HOUR_MS, "cancel_fee_fen": FEE}


async def test_the_host_cancels_in_time_and_owes_nothing() -> None:
    async with booked(1, **TERMS) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        seen = await here.host.do(lambda desk: here.after(here.host).cancelling.preview(desk, leg))
        assert (seen.fee_fen, seen.free_until_ms) == (0, WINDOW.start_ms - 12 * HOUR_MS)
        await here.cancel(here.host, leg)
        await here.them.settle()
        assert await here.phases() == [("CANCELLED", "CANCELLED")]
        assert await here.seats(sub, leg) == 0
        assert await here.seats(here.host, (await here.bundle()).bundle.id) == 0
        for center in (here.host, sub):
            cancelled = (await here.at(center, leg)).cancelled
            assert cancelled is not None
            assert (cancelled.by, cancelled.fee_fen) == (booking.HOST, 0)
        assert "booking_cancelled" in await here.todos(sub)
        # It is the host's own act: nothing that people would have to be told of again.
        assert (await here.bundle()).bundle.phase is BundlePhase.CLOSED
        assert await here.todos(here.host) == set()


@pytest.mark.parametrize("by_host", [True, False])
async def test_a_late_cancellation_costs_the_fee_at_both_by_the_clock_of_the_sub(
    by_host: bool,
) -> None:
    async with booked(1, **TERMS) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        sub.clock.skew_ms = 60_000
        # By the host's clock there is half a minute left; by the sub's it is half a minute late.
        here.them.watch.now_ms = WINDOW.start_ms - 12 * HOUR_MS - 30_000
        await here.cancel(here.host if by_host else sub, leg)
        await here.them.settle()
        told = [(await here.at(center, leg)).cancelled for center in (here.host, sub)]
        assert told[0] == told[1]
        assert told[0] is not None
        side = booking.HOST if by_host else booking.SUB
        assert (told[0].by, told[0].fee_fen) == (side, FEE)


async def test_crossing_cancellations_are_one_the_subs() -> None:
    async with booked(1, **TERMS) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        here.them.pairs[0].cut()
        await here.cancel(here.host, leg)
        await here.cancel(sub, leg)
        here.them.pairs[0].restore()
        await here.them.settle()
        assert await here.phases() == [("CANCELLED", "CANCELLED")]
        told = [(await here.at(center, leg)).cancelled for center in (here.host, sub)]
        assert told[0] == told[1]
        assert told[0] is not None
        assert told[0].by == booking.SUB
        # The host's people need not choose what becomes of what they gave up themselves.
        assert "leg_lost" not in await here.todos(here.host)


async def test_a_sub_that_cancels_leaves_a_bundle_with_exceptions_and_a_choice() -> None:
    async with booked(2) as here:
        first, second = here.subs
        lost = (await here.leg(first)).conversation
        await here.cancel(first, lost, "停电检修")
        await here.them.settle()
        assert (await here.bundle()).bundle.phase is BundlePhase.CLOSED_WITH_EXCEPTIONS
        assert await here.host.do(count_exceptions) == 1
        seen = await here.host.do(lambda desk: figures.count(desk.ledger.connection, desk.now_ms))
        assert seen.exceptions == 1  # lianping_bundles_with_exceptions
        assert {"leg_lost", "booking_cancelled"} <= await here.todos(here.host)
        assert (await here.leg(second)).phase == "CONFIRMED"
        # The host's own seats stay while another sub-venue stands.
        assert await here.seats(here.host, (await here.bundle()).bundle.id) == 2
        assert "停电检修" in (await here.at(here.host, lost)).note

        await here.host.do(
            lambda desk: here.after(here.host).cancelling.cancel_all(
                desk, here.project, "改在本地评标", STAFF
            )
        )
        await here.them.settle()
        assert await here.phases() == [("CANCELLED", "CANCELLED")] * 2
        assert "leg_lost" not in await here.todos(here.host)
        assert await here.seats(here.host, (await here.bundle()).bundle.id) == 0


async def test_after_all_is_cancelled_the_project_is_planned_anew() -> None:
    async with booked(1) as here:
        leg = (await here.leg(here.subs[0])).conversation
        await here.cancel(here.subs[0], leg)
        await here.them.settle()
        assert "leg_lost" in await here.todos(here.host)
        await plan(here, 1)
        assert "leg_lost" not in await here.todos(here.host)
        assert [phases[0] for phases in await here.phases()] == ["CANCELLED", "CONFIRMED"]


async def test_a_change_under_way_ends_with_the_booking() -> None:
    async with booked(2) as here:
        first, second = here.subs
        await here.move()
        await here.them.settle()
        await here.consent(second, yes=True)
        await here.cancel(first, (await here.leg(first)).conversation)
        await here.them.settle()
        leg = (await here.leg(second)).conversation
        assert (await here.at(second, leg)).phase == "CONFIRMED"
        assert await here.windows() == {(WINDOW.start_ms, WINDOW.end_ms)}
        assert await here.slots(second, leg) == 5 * 6
        assert "answer_change" not in await here.todos(first)


async def _dead_ends(here: Booked, center: Center, leg: bytes) -> None:
    with pytest.raises(Invalid, match="say why"):
        await here.cancel(center, leg, " ")
    with pytest.raises(Invalid, match="at most"):
        await here.cancel(center, leg, "长" * 1_001)
    with pytest.raises(Invalid, match="well-formed"):
        await here.cancel(center, leg, "第一行\n第二行")
    with pytest.raises(NotFound):
        await here.cancel(center, bytes(16))


async def test_what_cannot_be_cancelled_is_said_to_the_person_who_asks() -> None:
    async with booked(1) as here:
        leg = (await here.leg(here.subs[0])).conversation
        for center in (here.host, *here.subs):
            await _dead_ends(here, center, leg)
        assert await here.phases() == [("CONFIRMED", "CONFIRMED")]
        await here.cancel(here.host, leg)
        with pytest.raises(Conflicting, match="CANCELLED"):
            await here.cancel(here.host, leg)
        with pytest.raises(Conflicting, match="nothing is booked"):
            await here.host.do(
                lambda desk: here.after(here.host).cancelling.cancel_all(
                    desk, here.project, "不再需要", STAFF
                )
            )


async def test_an_end_that_crossed_the_subs_cancellation_stands_and_costs_nothing() -> None:
    async with booked(1, **TERMS) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        here.them.watch.pass_ms(20 * HOUR_MS)
        here.them.pairs[0].cut()
        await here.cancel(sub, leg)
        await here.host.do(
            lambda desk: here.offices.at(here.host).bookings.complete(desk, leg, bytes(16))
        )
        here.them.pairs[0].restore()
        await here.them.settle()
        assert await here.phases() == [("COMPLETED", "COMPLETED")]
        assert [(await here.at(center, leg)).cancelled for center in (here.host, sub)] == [None] * 2
