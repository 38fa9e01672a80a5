"""Who sees which member's name when, and how the award is recorded."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from federation.protocol.booking import SelectionMode
from node.domain.disclosure import Item, Sight, Stage
from node.services import disclosing
from node.services.disclosing import Disclosing, ShownMember
from node.services.errors import Conflicting, Invalid, NotAllowed, NotFound
from node.services.house import Desk
from node.store import sessions, todos
from tests.node.services.session_stage import (
    LOT_CODE,
    PROJECT_NAME,
    REPRESENTATIVES,
    START_MS,
    Side,
    booked_stage,
)
from tests.node.services.session_stage import Stage as Sites
from tests.support.pair import DAY_MS

TODAY = "2026-05-07"
EXPERT = "张专家"
PEOPLE = {name for name, _ in REPRESENTATIVES}


async def members(stage: Sites, side: Side, *, staff: bool = True) -> Sequence[ShownMember]:
    service = Disclosing(side.center.cipher)
    return await side.center.do(lambda desk: service.members(desk, stage.session, staff=staff))


async def names(stage: Sites, side: Side, *, staff: bool = True) -> set[str]:
    return {one.name for one in await members(stage, side, staff=staff) if one.name is not None}


async def record(stage: Sites, day: str = TODAY) -> None:
    service = Disclosing(stage.host.center.cipher)
    await stage.host.center.do(
        lambda desk: service.record_award(desk, stage.project, day, "agency-1")
    )


async def record_at_sub(stage: Sites, side: Side, day: str = TODAY) -> None:
    service = Disclosing(side.center.cipher)
    await side.center.do(
        lambda desk: service.record_award_at_sub(desk, stage.session, day, "staff-2")
    )


async def project(stage: Sites, side: Side, item: Item) -> tuple[str | None, str | None]:
    def look(desk: Desk) -> tuple[str | None, str | None]:
        return disclosing.project_of(
            desk, sessions.of_booking(desk.ledger.connection, stage.booking)[0], item
        )

    return await side.center.do(look)


async def test_no_name_is_seen_before_the_start_though_all_have_checked_in(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        for side in stage.sides:
            shown = await members(stage, side)
            assert any(one.checked_in for one in shown)
            assert {one.name for one in shown} == {None}


async def test_after_the_start_the_staff_of_a_site_sees_who_checked_in_there(
    tmp_path: Path,
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        assert await names(stage, stage.sub) == {EXPERT}
        assert await names(stage, stage.host) == PEOPLE
        for side in stage.sides:  # whom it does not concern sees no one
            assert await names(stage, side, staff=False) == set()


async def test_who_has_not_shown_his_face_has_no_name_even_after_the_start(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        await stage.sub.center.do(
            lambda desk: desk.ledger.connection.execute("UPDATE member SET checked_in_at_ms = NULL")
        )
        assert await names(stage, stage.sub) == set()


async def test_the_award_lets_all_see_the_names_of_their_own_site(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        await record(stage)
        await record_at_sub(stage, stage.sub)
        assert await names(stage, stage.host, staff=False) == PEOPLE
        assert await names(stage, stage.sub, staff=False) == {EXPERT}
        for role, kind in (
            ("staff", disclosing.AWARDED),
            ("supervisor", disclosing.AWARDED_SUPERVISOR),
        ):
            for side in stage.sides:
                found = await side.center.do(
                    lambda desk, role=role: todos.open_for(desk.ledger.connection, role)  # type: ignore[misc]
                )
                (told,) = [todo for todo in found if todo.kind == kind]
                assert PROJECT_NAME not in told.zh


async def test_an_award_is_recorded_once_and_only_when_the_report_is_signed(
    tmp_path: Path,
) -> None:
    async with booked_stage(tmp_path) as stage:
        with pytest.raises(Conflicting, match="not signed"):
            await record(stage)
        await stage.presented()
        with pytest.raises(Conflicting, match="not signed"):
            await record(stage)
        for side in stage.sides:
            await stage.sign(side)
        await stage.act(stage.host, lambda service, desk, sid: service.finish(desk, sid, "s"))
        await record(stage)
        with pytest.raises(Conflicting, match="before"):
            await record(stage)


@pytest.mark.parametrize("day", ["", "20260507x", "2026-05-06", "2026-05-08", "2026-13-01"])
async def test_the_day_of_an_award_is_a_day_between_the_report_and_today(
    tmp_path: Path, day: str
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        with pytest.raises(Invalid):
            await record(stage, day)
        stage.pair.watch.pass_ms(DAY_MS)
        await record(stage, "2026-05-08")


async def test_each_side_records_by_what_it_knows(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        with pytest.raises(NotAllowed):
            await record_at_sub(stage, stage.host)
        stage.project = b"\x99" * 16
        with pytest.raises(NotFound):
            await record(stage)


async def test_the_project_is_told_at_the_start_to_the_sub_and_to_the_experts(
    tmp_path: Path,
) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        for item in (Item.PROJECT_TO_SUB, Item.PROJECT_TO_EXPERT):
            assert await project(stage, stage.sub, item) == (None, None)
        await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
        for item in (Item.PROJECT_TO_SUB, Item.PROJECT_TO_EXPERT):
            assert await project(stage, stage.sub, item) == (LOT_CODE, PROJECT_NAME)


async def test_where_the_agreement_is_open_the_sub_learns_the_kind_and_no_more(
    tmp_path: Path,
) -> None:
    async with booked_stage(
        tmp_path, sealed_disclosure=False, selection_modes=(SelectionMode.CHOSEN,)
    ) as stage:
        await stage.everybody_in()
        lot, name = await project(stage, stage.sub, Item.PROJECT_TO_SUB)
        assert lot is None
        assert name is not None
        assert "works" in name
        assert PROJECT_NAME not in name
        assert await project(stage, stage.sub, Item.PROJECT_TO_EXPERT) == (None, None)


async def test_a_store_with_a_name_too_early_still_does_not_tell_it(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        for side in stage.sides:
            await side.center.do(
                lambda desk: desk.ledger.connection.execute(
                    "UPDATE session SET project_name = ?, lot_code = ?", (PROJECT_NAME, LOT_CODE)
                )
            )
            overview = await side.center.do(
                lambda desk, side=side: side.sessions.overview_of(desk, stage.session)  # type: ignore[misc]
            )
            assert (overview.lot_code, overview.project_name) == (None, None)


async def test_the_stage_of_a_booking_follows_its_evaluation(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:

        async def at(side: Side) -> Stage:
            return (
                await side.center.do(lambda desk: disclosing.standing(desk, stage.booking))
            ).stage

        assert [await at(side) for side in stage.sides] == [Stage.CONFIRMED] * 2
        await stage.finished()
        assert [await at(side) for side in stage.sides] == [Stage.STARTED] * 2
        await record(stage)
        assert [await at(side) for side in stage.sides] == [Stage.AWARDED, Stage.STARTED]
        stage.pair.watch.now_ms = START_MS + 2 * DAY_MS
        unknown = await stage.host.center.do(lambda desk: disclosing.standing(desk, b"\0" * 16))
        assert unknown.stage is Stage.REQUESTED
        assert unknown.sight(Item.EXPERTS_TO_STAFF) is Sight.NOT_THERE


async def test_an_expert_who_left_the_register_has_no_name_to_show(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        await stage.sub.center.do(lambda desk: desk.ledger.connection.execute("DELETE FROM expert"))
        assert await names(stage, stage.sub) == set()
