"""Evaluations whose booking was changed after it stood: they run, and their dossiers hold."""

from pathlib import Path

import pytest

import node.services.draw_start
from federation.evidence.joint import verify_joint
from federation.evidence.verify import verify
from federation.wire.evidence import DECODE
from node.domain.calendar import Window
from node.services.errors import Conflicting
from tests.node.services.joint_stage import MEMBERS, STAFF, JointStage, Seat, staged
from tests.support import planning
from tests.support.pair import HOUR_MS

LATER = Window(planning.WINDOW.start_ms + 24 * HOUR_MS, planning.WINDOW.end_ms + 24 * HOUR_MS)


async def _consent(stage: JointStage, seat: Seat) -> None:
    leg = (await stage.legs())[seat.center.id]
    after = stage.offices[seat.center.name].bookings.after
    await seat.center.do(
        lambda desk: after.consenting.answer(desk, leg.conversation, yes=True, reason="", by=STAFF)
    )
    await stage.them.settle()


async def _play_on(stage: JointStage, start_ms: int) -> None:
    """From the draw to the chair."""
    await stage.draw()
    await stage.convene()
    stage.them.watch.now_ms = start_ms
    for seat in stage.sites:
        await stage.check_in(seat)
    for seat in stage.subs:
        await stage.ready(seat)
    await stage.start()
    chair = (await stage.own(stage.subs[0]))[0].code
    for seat in stage.sites:
        await stage.vote_for(seat, chair)
    await stage.elect()


async def test_an_evaluation_that_was_moved_is_proven_at_its_new_time(tmp_path: Path) -> None:
    stage = JointStage(tmp_path)
    async with staged(stage):
        await stage.booked()
        after = stage.offices.host.bookings.after
        await stage.host.center.do(
            lambda desk: after.changing.move(
                desk, stage.project, LATER, "投标人异议", planning.AGENCY
            )
        )
        await stage.them.settle()
        for seat in stage.subs:
            await _consent(stage, seat)
        assert {leg.start_ms for leg in (await stage.legs()).values()} == {LATER.start_ms}

        stage.them.watch.pass_ms(24 * HOUR_MS)
        await _play_on(stage, LATER.start_ms)
        await stage.conclude()
        verdict = verify_joint(await stage.dossier(stage.host), DECODE)
        assert verdict.parts[0].started_ms == LATER.start_ms
        for seat in stage.subs:
            assert verify(await stage.dossier(seat), DECODE).started_ms == LATER.start_ms


async def test_more_time_by_law_during_the_evaluation_changes_nothing_of_it(
    tmp_path: Path,
) -> None:
    stage = JointStage(tmp_path)
    async with staged(stage):
        await stage.chaired()
        after = stage.offices.host.bookings.after
        await stage.host.center.do(
            lambda desk: after.changing.extend(
                desk,
                stage.project,
                planning.WINDOW.end_ms + HOUR_MS,
                "评审时间不足",
                by_law=True,
                by=planning.AGENCY,
            )
        )
        await stage.them.settle()
        for seat in stage.subs:
            if await seat.center.phase((await stage.legs())[seat.center.id].conversation) == (
                "CHANGING"
            ):
                await _consent(stage, seat)
        await stage.conclude()
        verdict = verify_joint(await stage.dossier(stage.host), DECODE)
        assert verdict.document()["members"] == MEMBERS


async def _with_a_stand_in(stage: JointStage) -> None:
    """Booked with the sub of the lower id, and with the third partner for the other."""
    await stage.booked()
    lost = max(stage.subs, key=lambda seat: seat.center.id)
    leg = (await stage.legs())[lost.center.id]
    after = stage.offices[lost.center.name].bookings.after
    await lost.center.do(
        lambda desk: after.cancelling.cancel(desk, leg.conversation, "设备故障", STAFF)
    )
    await stage.them.settle()
    replacing = stage.offices.host.bookings.after.replacing
    stand_in = stage.seats[3]
    await stage.host.center.do(
        lambda desk: replacing.substitute(
            desk, leg.conversation, stand_in.center.id, planning.AGENCY
        )
    )
    await stage.them.settle()
    stage.taking_part[stage.subs.index(lost)] = 3
    await stage.vote(stand_in)
    assert (await stage.legs())[stand_in.center.id].phase == "CONFIRMED"


async def test_a_sub_that_stands_in_for_a_lost_one_is_part_of_the_whole(tmp_path: Path) -> None:
    stage = JointStage(tmp_path)
    async with staged(stage, partners=3):
        await _with_a_stand_in(stage)
        await _play_on(stage, planning.WINDOW.start_ms)
        await stage.conclude()
        verdict = verify_joint(await stage.dossier(stage.host), DECODE)
        assert {party.center for party in verdict.parties} == {
            seat.center.id for seat in stage.sites
        }
        assert verdict.document()["members"] == MEMBERS
        (own,) = [draw for draw in verdict.draws if draw.owner == stage.host.center.id]
        assert own.sealer == stage.sealing.center.id
        for seat in stage.subs:
            assert verify(await stage.dossier(seat), DECODE).other_venues


async def test_a_host_does_not_choose_between_a_sub_and_a_stand_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of the two is the lowest in its own Hold; only all parts show which is due."""
    monkeypatch.setattr(
        node.services.draw_start, "_sealing", lambda legs: max(legs, key=lambda leg: leg.peer)
    )
    stage = JointStage(tmp_path)
    async with staged(stage, partners=3):
        await _with_a_stand_in(stage)
        await _play_on(stage, planning.WINDOW.start_ms)
        await stage.conclude()

        with pytest.raises(Conflicting, match="for another sub-venue to seal"):
            await stage.dossier(stage.host)
