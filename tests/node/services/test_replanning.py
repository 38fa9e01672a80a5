"""A date that is proposed, or fixed at last, becomes an ordinary plan with one action."""

import pytest

from federation.wire.envelopes import Outcome, Receipt
from node.domain.calendar import Window
from node.domain.undated import UndatedRequest
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.replanning import Replanning, proposed_in
from node.store import bookings as store
from node.store import projects
from tests.support.pair import DAY_MS, HOUR_MS, TwoCenters, two_centers
from tests.support.planning import (
    AGENCY,
    WINDOW,
    Offices,
    accepted,
    held,
    request,
    seated,
    vote,
)

NEXT_DAY = Window(WINDOW.start_ms + DAY_MS, WINDOW.end_ms + DAY_MS)


async def declined(pair: TwoCenters, offices: Offices) -> tuple[bytes, bytes]:
    project_id, booking_id = await held(pair, offices)
    await vote(offices, booking_id, yes=False, reason="设备检修")
    await pair.settle()
    return project_id, booking_id


async def windows(pair: TwoCenters, offices: Offices, project_id: bytes) -> set[tuple[str, int]]:
    legs = await pair.host.do(lambda desk: offices.host.bookings.of_project(desk, project_id))
    return {(leg.phase, leg.start_ms) for leg in legs}


async def test_the_time_that_a_no_proposes_is_taken_with_one_action() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await declined(pair, offices)
        again = Replanning(offices.host.bookings)
        proposed = await pair.host.do(lambda desk: again.alternative_ms(desk, booking_id))
        assert proposed == NEXT_DAY.start_ms
        await pair.host.do(lambda desk: again.take_alternative(desk, booking_id, AGENCY))
        await pair.settle()
        assert await windows(pair, offices, project_id) == {
            ("DECLINED", WINDOW.start_ms),
            ("HELD", NEXT_DAY.start_ms),
        }
        plan = await pair.host.do(lambda desk: projects.get(desk.ledger.connection, project_id))
        assert plan is not None
        assert plan.plan is not None
        assert plan.plan.window == NEXT_DAY
        with pytest.raises(Conflicting, match="another time since"):
            await pair.host.do(lambda desk: again.take_alternative(desk, booking_id, AGENCY))


async def test_the_time_that_a_refusal_proposes_is_taken_likewise() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await pair.agree()
        await seated(offices, sub=5)
        await pair.sub.do(
            lambda desk: offices.sub.venues.reserve(desk, b"x" * 16, ("0000000001",), WINDOW)
        )
        project_id = await accepted(offices)
        await pair.host.do(
            lambda desk: offices.host.bookings.plan(desk, project_id, request(pair.sub.id), AGENCY)
        )
        await pair.settle()
        (leg,) = await pair.host.do(
            lambda desk: store.of_project(desk.ledger.connection, project_id)
        )
        assert leg.phase == "REFUSED"
        again = Replanning(offices.host.bookings)
        await pair.host.do(lambda desk: again.take_alternative(desk, leg.conversation, AGENCY))
        await pair.settle()
        assert ("HELD", NEXT_DAY.start_ms) in await windows(pair, offices, project_id)


async def test_an_alternative_that_does_not_fit_the_host_changes_nothing() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id, booking_id = await declined(pair, offices)
        taken = tuple(f"{number:010}" for number in range(1, 4))
        await pair.host.do(
            lambda desk: offices.host.venues.reserve(desk, b"x" * 16, taken, NEXT_DAY)
        )
        again = Replanning(offices.host.bookings)
        with pytest.raises(Conflicting, match="has not 2 free seats"):
            await pair.host.do(lambda desk: again.take_alternative(desk, booking_id, AGENCY))
        assert await windows(pair, offices, project_id) == {("DECLINED", WINDOW.start_ms)}


async def test_where_nothing_was_proposed_nothing_is_taken() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking_id = await held(pair, offices)
        host, sub = (Replanning(each.bookings) for each in (offices.host, offices.sub))
        with pytest.raises(NotFound, match="proposed no other time"):
            await pair.host.do(lambda desk: host.take_alternative(desk, booking_id, AGENCY))
        with pytest.raises(NotFound, match="at this host"):
            await pair.sub.do(lambda desk: sub.take_alternative(desk, booking_id, AGENCY))


@pytest.mark.parametrize(
    ("alternative", "start_ms"),
    [
        ("", None),
        ("start_ms=5", 5),
        ("seats=3;start_ms>=7", 7),
        ("start_ms<=9", None),
        ("start_ms=soon", None),
        ("start_ms=5;start_ms=6", 5),
    ],
)
def test_only_a_start_that_would_do_is_a_proposal(alternative: str, start_ms: int | None) -> None:
    assert proposed_in(Receipt(Outcome.REFUSED, alternative=alternative)) == start_ms


async def test_a_request_without_a_date_holds_nothing_until_its_date_is_fixed() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await pair.agree()
        await seated(offices)
        project_id = await accepted(offices)
        undated = UndatedRequest.of(request(pair.sub.id))
        again = Replanning(offices.host.bookings)
        await pair.host.do(lambda desk: again.file(desk, project_id, undated, AGENCY))
        await pair.settle()
        filed = await pair.host.do(lambda desk: again.filed(desk, project_id))
        assert filed is not None
        assert (filed.request, filed.filed_by) == (undated, AGENCY)
        for center in pair.centers:
            assert await center.sql("SELECT * FROM seat_slot") == []
        assert await windows(pair, offices, project_id) == set()

        with pytest.raises(Invalid):
            await pair.host.do(lambda desk: again.fix(desk, project_id, 5, 5, AGENCY))
        early = WINDOW.start_ms - 2 * HOUR_MS
        with pytest.raises(Invalid, match="bid deadline"):
            await pair.host.do(
                lambda desk: again.fix(desk, project_id, early, WINDOW.end_ms, AGENCY)
            )
        assert await pair.host.do(lambda desk: again.filed(desk, project_id)) is not None

        await pair.host.do(
            lambda desk: again.fix(desk, project_id, WINDOW.start_ms, WINDOW.end_ms, AGENCY)
        )
        await pair.settle()
        assert await windows(pair, offices, project_id) == {("HELD", WINDOW.start_ms)}
        assert await pair.host.do(lambda desk: again.filed(desk, project_id)) is None
        with pytest.raises(NotFound):
            await pair.host.do(lambda desk: again.withdraw(desk, project_id))


async def test_what_was_filed_without_a_date_is_changed_and_taken_back() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        project_id = await accepted(offices)
        again = Replanning(offices.host.bookings)
        for seats in (5, 6):
            undated = UndatedRequest.of(request(pair.sub.id, seats=seats))

            def file(desk: Desk, undated: UndatedRequest = undated) -> None:
                again.file(desk, project_id, undated, AGENCY)

            await pair.host.do(file)
        filed = await pair.host.do(lambda desk: again.filed(desk, project_id))
        assert filed is not None
        assert filed.request.subs[0].venue.seats == 6
        await pair.host.do(lambda desk: again.withdraw(desk, project_id))
        with pytest.raises(NotFound, match="without a date"):
            await pair.host.do(
                lambda desk: again.fix(desk, project_id, WINDOW.start_ms, WINDOW.end_ms, AGENCY)
            )
