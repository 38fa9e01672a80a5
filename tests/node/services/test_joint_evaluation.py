"""One evaluation at a host and two subs: one draw from each pool, one start, one dossier."""

from pathlib import Path

import pytest

import node.services.draw_rules
import node.services.draw_start
from adapters.messaging.port import Answer
from federation.evidence.case import Refuted
from federation.evidence.joint import check, verify_joint
from federation.evidence.joint_verdict import JointVerdict
from federation.evidence.verdict import Verdict
from federation.protocol import draw as draw_words
from federation.protocol.draw import RequestDraw, Response, sealer_for_host
from federation.wire.evidence import DECODE
from node.services import session_view as view
from node.services.errors import Conflicting
from node.store import draws, todos
from tests.node.services.joint_stage import MEMBERS, STAFF, joint_stage
from tests.support import planning
from tests.support.pair import HOUR_MS


async def test_nine_members_of_three_provinces_are_proven_by_one_dossier(tmp_path: Path) -> None:
    answers: list[list[Answer]] = [[Answer.ATTEND, Answer.DECLINE], [Answer.NO_ANSWER], []]
    async with joint_stage(tmp_path, answers=answers) as stage:
        await stage.archived()

        assert await stage.phases() == await stage.host_phases() == ["ARCHIVED"] * 2
        assert {leg.phase for leg in (await stage.legs()).values()} == {"COMPLETED"}
        file = await stage.dossier(stage.host)
        verdict = verify_joint(file, DECODE)

        assert {party.center for party in verdict.parties} == {
            seat.center.id for seat in stage.seats
        }
        assert verdict.document()["members"] == MEMBERS
        assert sorted(draw.members for draw in verdict.draws) == [2, 2, 3]
        assert sum(draw.supplements for draw in verdict.draws) == 2
        (own,) = [draw for draw in verdict.draws if draw.owner == stage.host.center.id]
        assert own.sealer == min(seat.center.id for seat in stage.subs)
        assert "9 members" in verdict.summary("en")
        assert "9人" in verdict.summary("zh")
        assert "另有其他副场" not in verdict.summary("zh")


async def test_a_sub_s_own_dossier_is_of_its_part_and_says_so(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.archived()

        for seat in stage.subs:
            verdict = check(await stage.dossier(seat), DECODE)
            assert isinstance(verdict, Verdict)
            assert verdict.other_venues
            assert verdict.members == MEMBERS
        assert isinstance(check(await stage.dossier(stage.host), DECODE), JointVerdict)


async def test_no_dossier_is_made_while_one_sub_has_not_handed_over(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        await stage.present()
        for seat in stage.seats:
            await stage.sign(seat)
        await stage.finish()
        await stage.hand_over(stage.subs[0])

        for seat in (stage.subs[0],):
            assert isinstance(check(await stage.dossier(seat), DECODE), Verdict)
        with pytest.raises(Conflicting, match="not archived"):
            await stage.dossier(stage.host)
        assert {leg.phase for leg in (await stage.legs()).values()} == {"CONFIRMED", "COMPLETED"}


async def test_the_host_s_pool_is_drawn_once_with_the_sub_that_nobody_chose(
    tmp_path: Path,
) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.drawn()
        legs = await stage.legs()
        own = await stage.host.center.do(
            lambda desk: [
                row
                for row in draws.of_project(desk.ledger.connection, stage.project)
                if row.role == draw_words.OWNER
            ]
        )

        assert [row.booking for row in own] == [legs[stage.sealing.center.id].conversation]
        for leg in legs.values():
            assert sealer_for_host(leg.hold.participants) == stage.sealing.center.id


async def test_another_sub_does_not_seal_the_host_s_draw(tmp_path: Path) -> None:
    """A host that would rather have its friend seal is refused by the friend, too."""
    async with joint_stage(tmp_path) as stage:
        await stage.booked()
        (other,) = [seat for seat in stage.subs if seat is not stage.sealing]
        leg = (await stage.legs())[other.center.id]
        word = RequestDraw(
            booking_id=leg.conversation,
            pool="experts",
            epoch="2026-05",
            slots=(draw_words.Slot("A0803", 2),),
            bid_deadline_ms=planning.TOMORROW_NINE - HOUR_MS,
            evaluation_start_ms=leg.start_ms,
        )
        await stage.host.center.do(lambda desk: desk.open(other.center.id, leg.agreement, word))
        await stage.them.settle()

        (refused,) = [
            receipt
            for payload_type, receipt in other.center.listener.receipts
            if "RequestDraw" in payload_type
        ]
        assert refused.clause == "participants"
        assert refused.alternative == f"sealer={stage.sealing.center.id}"


async def test_two_who_agree_on_another_sealer_get_no_dossier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Host and friend both run another program; the rule is checked once more by everybody."""
    for module in (node.services.draw_start, node.services.draw_rules):
        monkeypatch.setattr(module, "sealer_for_host", max)
    async with joint_stage(tmp_path) as stage:
        await stage.archived()

        for seat in (stage.host, max(stage.subs, key=lambda seat: seat.center.id)):
            with pytest.raises(Conflicting, match=f"for {stage.sealing.center.id} to seal"):
                await stage.dossier(seat)


async def test_nothing_is_drawn_before_every_sub_is_confirmed(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.held()
        await stage.vote(stage.subs[0])

        with pytest.raises(Conflicting):
            await stage.draw()


async def test_nobody_starts_before_every_sub_is_ready(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.all_in()
        await stage.ready(stage.subs[0])
        assert view.START not in await stage.host.todos()

        with pytest.raises(Conflicting, match="CONVENED"):
            await stage.start()
        assert await stage.phases() == ["READY", "CONVENED"]
        for seat in stage.subs:
            status = await seat.center.do(seat.draws.everything)
            assert {draw.phase for draw in status} == {draw_words.SEALED}

        await stage.ready(stage.subs[1])
        assert view.START in await stage.host.todos()
        await stage.start()
        assert await stage.phases() == ["RUNNING", "RUNNING"]


async def test_a_sub_whose_node_is_dead_at_the_start_hears_it_when_it_is_back(
    tmp_path: Path,
) -> None:
    """The start stands once it is said: no site goes back, the dead one follows."""
    async with joint_stage(tmp_path) as stage:
        await stage.all_in()
        for seat in stage.subs:
            await stage.ready(seat)
        dead = stage.subs[1]
        stage.them.kill(dead.center)

        await stage.start()
        assert await stage.phases() == ["RUNNING", "READY"]
        assert await stage.host_phases() == ["RUNNING", "RUNNING"]

        stage.them.watch.pass_ms(60_000)
        stage.them.revive(dead.center)
        await stage.them.settle()
        assert await stage.phases() == ["RUNNING", "RUNNING"]


async def test_a_sub_that_was_dead_when_called_keeps_all_from_starting(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.drawn()
        dead = stage.subs[1]
        stage.them.kill(dead.center)
        await stage.convene()
        stage.them.watch.now_ms = planning.WINDOW.start_ms
        for seat in (stage.host, stage.subs[0]):
            await stage.check_in(seat)
        await stage.ready(stage.subs[0])

        with pytest.raises(Conflicting, match="CONVENED"):
            await stage.start()

        stage.them.revive(dead.center)
        await stage.them.settle()
        await stage.check_in(dead)
        await stage.ready(dead)
        await stage.start()
        assert await stage.phases() == ["RUNNING", "RUNNING"]


async def test_a_sub_that_refused_the_call_keeps_all_from_starting(tmp_path: Path) -> None:
    """What was refused is no session; the others do not become the whole committee."""
    async with joint_stage(tmp_path) as stage:
        await stage.drawn()
        stubborn = stage.subs[1]
        # A list that its e-trading system has not receipted: the sub refuses to be called.
        await stubborn.center.do(
            lambda desk: desk.ledger.connection.execute("UPDATE sealed_list SET receipt = NULL")
        )
        await stage.host.center.do(
            lambda desk: stage.host.sessions.convene(desk, stage.project, STAFF)
        )
        await stage.them.settle()
        rows = await stage.host.center.do(
            lambda desk: stage.host.sessions.of_project(desk, stage.project)
        )
        by_peer = {row.peer: row for row in rows}
        assert by_peer[stubborn.center.id].phase == "REFUSED"
        assert view.REFUSAL in await stage.host.todos()
        willing = stage.subs[0]
        willing.session = by_peer[willing.center.id].id
        stage.them.watch.now_ms = planning.WINDOW.start_ms
        for seat in (stage.host, willing):
            await stage.check_in(seat)
        await stage.ready(willing)

        with pytest.raises(Conflicting, match="no session that stands"):
            await stage.start()
        assert await willing.center.phase(willing.session) == "READY"

        await stubborn.center.do(
            lambda desk: desk.ledger.connection.execute("UPDATE sealed_list SET receipt = '{}'")
        )
        await stage.convene()
        await stage.check_in(stubborn)
        await stage.ready(stubborn)
        await stage.start()
        assert await stage.phases() == ["RUNNING", "RUNNING"]


async def test_a_late_recusal_at_one_sub_is_replaced_there_and_all_wait(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.all_in()
        for seat in stage.subs:
            await stage.ready(seat)
        gives_up = stage.subs[1]
        leg = (await stage.legs())[gives_up.center.id]
        before = await gives_up.center.do(
            lambda desk: gives_up.draws.members(desk, leg.conversation)
        )
        leaving = next(one for one in before if one.uid is not None)
        await gives_up.center.do(
            lambda desk: gives_up.draws.depart(
                desk, leaving.draw, leaving.entry, Response.LEAVE, "", "s"
            )
        )
        await stage.them.settle()
        # The others must not start without whoever takes the place, and has not come yet.
        with pytest.raises(Conflicting):
            await stage.start()
        await stage.them.greet()
        assert await stage.phases() == await stage.host_phases() == ["REPLACING"] * 2
        with pytest.raises(Conflicting, match="REPLACING"):
            await stage.start()
        with pytest.raises(Conflicting, match="1 of 2"):
            await stage.ready(gives_up)

        await stage.check_in(gives_up)
        for seat in stage.subs:
            await stage.ready(seat)
        await stage.start()
        after = {one.code for one in await stage.own(gives_up)}
        assert len(after) == sum((1, 1))
        assert leaving.entry not in after

        chair = min(after)
        for seat in stage.seats:
            await stage.vote_for(seat, chair)
        await stage.elect()
        await stage.conclude()
        verdict = verify_joint(await stage.dossier(stage.host), DECODE)
        assert verdict.document()["members"] == MEMBERS
        assert sum(draw.supplements for draw in verdict.draws) == 1


async def test_a_fault_at_one_site_stops_all_and_all_go_on_together(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        first, second = stage.subs
        await stage.act(first, lambda service, desk, sid: service.suspend(desk, sid, "停电", STAFF))
        assert await stage.phases() == await stage.host_phases() == ["SUSPENDED"] * 2
        assert view.RESUME in await stage.host.todos()

        await stage.act(
            stage.host, lambda service, desk, sid: service.resume(desk, sid, "来电", STAFF)
        )
        await stage.ready(first)
        assert await stage.phases() == ["CHAIRED", "RESUMING"]
        with pytest.raises(Conflicting, match="RESUMING"):
            await stage.present()

        await stage.ready(second)
        assert await stage.phases() == ["CHAIRED"] * 2
        await stage.conclude()
        assert verify_joint(await stage.dossier(stage.host), DECODE).document()["members"] == 9


async def test_a_site_that_stops_again_stops_those_that_are_ready_later(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        first, second = stage.subs
        for reason in ("停电", "又停电"):
            await stage.act(
                first,
                lambda service, desk, sid, reason=reason: service.suspend(  # type: ignore[misc]
                    desk, sid, reason, STAFF
                ),
            )
            if reason == "停电":
                await stage.act(
                    stage.host, lambda service, desk, sid: service.resume(desk, sid, "来电", STAFF)
                )
                await stage.ready(first)
        assert await stage.phases() == ["SUSPENDED", "RESUMING"]

        await stage.ready(second)
        assert await stage.phases() == ["SUSPENDED"] * 2
        await stage.act(
            stage.host, lambda service, desk, sid: service.resume(desk, sid, "来电", STAFF)
        )
        for seat in stage.subs:
            await stage.ready(seat)
        assert await stage.phases() == await stage.host_phases() == ["CHAIRED"] * 2


async def test_past_the_agreed_limit_no_site_goes_on_and_all_may_be_ended(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        await stage.act(
            stage.subs[1], lambda service, desk, sid: service.suspend(desk, sid, "断网", STAFF)
        )
        await stage.them.later(4 * HOUR_MS + 1)
        with pytest.raises(Conflicting):
            await stage.act(
                stage.host, lambda service, desk, sid: service.resume(desk, sid, "好", STAFF)
            )

        ended = await stage.host.center.do(
            lambda desk: stage.host.sessions.end_failed(desk, stage.project, STAFF)
        )
        await stage.them.settle()
        assert ended == len(stage.subs)
        assert {leg.phase for leg in (await stage.legs()).values()} == {"COMPLETED"}
        for seat in stage.seats:
            (reserved,) = await seat.center.sql("SELECT count(*) FROM seat_slot")
            assert reserved == (0,)


async def test_without_a_sub_that_refused_a_later_word_nobody_goes_on(tmp_path: Path) -> None:
    """Its people would be missing from the votes and signatures of a committee that has them."""
    async with joint_stage(tmp_path) as stage:
        await stage.started()
        chair = (await stage.own(stage.subs[0]))[0].code
        for seat in stage.sites:
            await stage.vote_for(seat, chair)
        stubborn = stage.subs[1]
        await stubborn.center.do(
            lambda desk: desk.ledger.connection.execute("UPDATE member SET ballot = NULL")
        )
        await stage.elect()
        assert await stage.host_phases() == ["CHAIRED", "REFUSED"]
        assert view.REFUSAL in await stage.host.todos()

        with pytest.raises(Conflicting, match="does not go on without it"):
            await stage.present()
        await stage.act(
            stage.subs[0], lambda service, desk, sid: service.suspend(desk, sid, "核实", STAFF)
        )
        with pytest.raises(Conflicting, match="does not go on without it"):
            await stage.act(
                stage.host, lambda service, desk, sid: service.resume(desk, sid, "", STAFF)
            )

        await stage.them.later(5 * HOUR_MS)
        ended = await stage.host.center.do(
            lambda desk: stage.host.sessions.end_failed(desk, stage.project, STAFF)
        )
        await stage.them.settle()
        assert ended == len(stage.subs)
        # What was ended does not stand in the way of another evaluation of the project.
        (row, *_) = await stage.host.center.do(
            lambda desk: stage.host.sessions.of_project(desk, stage.project)
        )
        found = await stage.host.center.do(lambda desk: view.all_started(desk, row))
        assert {one.phase for one in found} <= {"SUSPENDED"}


async def test_nothing_is_finished_while_a_signature_of_one_sub_is_missing(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        await stage.present()
        for seat in (stage.host, stage.subs[0]):
            await stage.sign(seat)
        with pytest.raises(Conflicting, match="7 of 9"):
            await stage.finish()

        await stage.sign(stage.subs[1])
        await stage.finish()
        assert await stage.phases() == ["FINISHED"] * 2


async def test_the_subs_do_not_learn_each_other_s_people(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        for seat in stage.subs:
            found = await seat.center.do(
                lambda desk, seat=seat: seat.sessions.members(desk, seat.session)  # type: ignore[misc]
            )
            own = {one.code for one in await stage.own(seat)}
            assert len(found) == MEMBERS
            assert {one.code for one in found if one.uid is not None} == own


async def test_a_part_that_is_left_out_is_missed(tmp_path: Path) -> None:
    """The bundle named two subs; one dossier alone, twice, is not the whole."""
    async with joint_stage(tmp_path) as stage:
        await stage.archived()
        file = await stage.dossier(stage.host)
        spoilt = bytearray(file)
        spoilt[len(spoilt) // 2] ^= 1
        with pytest.raises(Refuted):
            check(bytes(spoilt), DECODE)


async def test_the_staff_of_the_host_is_told_once_what_to_do(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.archived()
        left = await stage.host.center.do(
            lambda desk: todos.open_for(desk.ledger.connection, "staff")
        )
        assert [one.kind for one in left if one.kind.startswith("session_")] == []
