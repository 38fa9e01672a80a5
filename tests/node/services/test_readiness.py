"""Readiness: reports at their moments, whether or not people answer, and warnings at the host."""

import pytest

from adapters.errors import Unreachable
from federation.protocol.booking import Moment
from node.services.afterwards import Outward
from node.services.errors import Invalid
from node.services.readiness import ASK_AHEAD_MS, BEFORE_MS, GRACE_MS
from node.store import readiness
from node.store.readiness import Report
from tests.support.booked import HOUR_MS, LATER, WINDOW, Booked, booked
from tests.support.pair import Center
from tests.support.planning import STAFF, seat_rows

DAY, HALF = Moment.DAY_BEFORE, Moment.HALF_HOUR_BEFORE


class Adapters:
    """The outside systems of every center; ``works`` as the test wants."""

    def __init__(self) -> None:
        self.works = True

    def __call__(self, _center: Center) -> Outward:
        return Outward(self_tests=(("video", self._test),))

    async def _test(self) -> None:
        if not self.works:
            raise Unreachable("video", "the video rooms are down")


async def _reports(here: Booked, center: Center) -> list[Report]:
    leg = (await here.leg(here.subs[0])).conversation
    return await center.do(lambda desk: readiness.of_booking(desk.ledger.connection, leg))


async def _confirm(here: Booked, *, ready: bool, reason: str = "", rooms: bool = False) -> None:
    (sub,) = here.subs
    leg = (await here.leg(sub)).conversation
    await sub.do(
        lambda desk: here.after(sub).readiness.confirm(
            desk, leg, ready=ready, reason=reason, by=STAFF, rooms=rooms
        )
    )
    await here.them.settle()


async def _warnings(here: Booked) -> list[tuple[str, str]]:
    legs = await here.legs()
    return await here.host.do(lambda desk: here.after(here.host).readiness.warnings(desk, legs))


async def _at(here: Booked, at_ms: int) -> None:
    here.them.watch.now_ms = at_ms
    await here.them.settle()


async def test_a_site_whose_people_confirm_reports_ready_half_an_hour_before() -> None:
    # Booked 21 hours before: the day before has passed already.
    async with booked(1, outward=Adapters()) as here:
        (sub,) = here.subs
        at_ms = WINDOW.start_ms - BEFORE_MS[HALF]
        assert "confirm_readiness" not in await here.todos(sub)
        await _at(here, at_ms - ASK_AHEAD_MS[HALF])
        assert "confirm_readiness" in await here.todos(sub)
        await _confirm(here, ready=True)
        assert "confirm_readiness" not in await here.todos(sub)
        assert await _reports(here, here.host) == []
        await _at(here, at_ms)
        (report,) = await _reports(here, here.host)
        assert (report.moment, report.ready) == (HALF, True)
        assert [check.name for check in report.checks] == ["adapter:video", "seats", "staff"]
        assert await _reports(here, sub) == [report]
        await _at(here, at_ms + GRACE_MS)
        assert "site_not_ready" not in await here.todos(here.host)
        assert await _warnings(here) == []


async def test_a_report_goes_out_although_nobody_has_answered() -> None:
    async with booked(1, outward=Adapters()) as here:
        await _at(here, WINDOW.start_ms - BEFORE_MS[HALF])
        (report,) = await _reports(here, here.host)
        assert not report.ready
        assert "未确认" in report.reason
        assert "site_not_ready" in await here.todos(here.host)
        ((zh, en),) = await _warnings(here)
        assert "未就绪" in zh
        assert "is not ready" in en
        await _confirm(here, ready=True)  # late, and told at once
        assert (await _reports(here, here.host))[-1].moment is Moment.ASKED
        assert await _warnings(here) == []
        assert "site_not_ready" not in await here.todos(here.host)


async def test_what_a_report_cannot_carry_is_said_to_the_person_and_not_to_the_errand() -> None:
    async with booked(1) as here:
        (sub,) = here.subs
        with pytest.raises(Invalid, match="control"):
            await _confirm(here, ready=False, reason="空调坏了\n无法使用")
        with pytest.raises(Invalid, match="1000"):
            await _confirm(here, ready=False, reason="坏" * 1_001)
        await _confirm(here, ready=False, reason="坏" * 1_000, rooms=True)
        assert (await _reports(here, sub))[-1].ready is False
        await sub.do(
            lambda desk: here.offices.at(sub).venues.import_seats(
                desk, [*seat_rows(8), *seat_rows(8, room="评标二室")]
            )
        )
        here.them.watch.pass_ms(1)
        await _confirm(here, ready=False, reason="坏" * 1_000, rooms=True)
        assert (await _reports(here, sub))[-1].ready is True


async def test_an_outside_system_that_is_down_is_told() -> None:
    adapters = Adapters()
    async with booked(1, outward=adapters) as here:
        adapters.works = False
        await _at(here, WINDOW.start_ms - BEFORE_MS[HALF] - ASK_AHEAD_MS[HALF])
        await _confirm(here, ready=True)
        await _at(here, WINDOW.start_ms - BEFORE_MS[HALF])
        (report,) = await _reports(here, here.host)
        assert not report.ready
        assert "the video rooms are down" in report.reason


async def test_a_host_without_a_report_is_told_to_call() -> None:
    async with booked(1, outward=Adapters()) as here:
        here.them.kill(here.subs[0])
        await _at(here, WINDOW.start_ms - BEFORE_MS[HALF] + GRACE_MS)
        assert "site_not_ready" in await here.todos(here.host)
        ((zh, _),) = await _warnings(here)
        assert "尚未报告" in zh


async def test_after_a_move_the_new_window_is_reported_for_and_not_the_old() -> None:
    async with booked(1, outward=Adapters()) as here:
        await here.move()
        await here.them.settle()
        await here.consent(here.subs[0], yes=True)
        await here.them.settle()
        await _at(here, LATER.start_ms - BEFORE_MS[DAY])
        (report,) = await _reports(here, here.host)
        assert (report.moment, report.start_ms) == (DAY, LATER.start_ms)


async def test_a_booking_that_is_being_changed_is_reported_on_afterwards() -> None:
    async with booked(1, outward=Adapters(), vote_ms=HOUR_MS) as here:
        await _at(here, WINDOW.start_ms - HOUR_MS)
        await here.move()
        await here.them.settle()
        await _at(here, WINDOW.start_ms - BEFORE_MS[HALF])
        assert await _reports(here, here.host) == []
        await here.consent(here.subs[0], yes=False, reason="不便改期")
        await here.them.settle()
        await here.them.later(6 * 60_000)
        (report,) = await _reports(here, here.host)
        assert report.moment is HALF


async def test_a_change_that_is_never_settled_is_not_reported_on_for_ever() -> None:
    async with booked(1) as here:
        (sub,) = here.subs
        await here.move()
        await here.them.settle()
        here.them.pairs[0].cut()
        await here.consent(sub, yes=True)
        await _confirm(here, ready=False, reason="停电")
        waits = (
            "SELECT count(*) FROM errand WHERE kind = 'report_readiness' AND done_at_ms IS NULL"
            " AND argument LIKE '%ASKED%'"
        )
        await _at(here, WINDOW.end_ms - 1)
        assert await sub.sql(waits) == [(1,)]  # both windows stand: it looks again and again
        await here.them.later(HOUR_MS)
        assert await sub.sql(waits) == [(0,)]


async def test_rooms_that_cannot_be_used_are_replaced_by_the_node() -> None:
    async with booked(1, outward=Adapters()) as here:
        (sub,) = here.subs
        leg = (await here.leg(sub)).conversation
        await _confirm(here, ready=False, reason="一室漏水", rooms=True)
        assert not (await _reports(here, here.host))[-1].ready  # there is no other room
        await sub.do(
            lambda desk: here.offices.at(sub).venues.import_seats(
                desk, seat_rows(5, room="评标二室")
            )
        )
        await here.them.later(60_000)
        await _confirm(here, ready=False, reason="一室漏水", rooms=True)
        assert (await _reports(here, here.host))[-1].ready
        places = await sub.do(lambda desk: here.offices.at(sub).venues.places(desk, leg))
        assert {room for _, room, _ in places} == {"评标二室"}
        assert "seats_substituted" in await here.todos(here.host)
