"""A member leaves an evaluation: the next of the same lottery takes the seat, all begin again."""

from pathlib import Path

import pytest

from adapters.errors import Unreachable
from adapters.messaging.port import CallResult
from federation.evidence.joint import check, verify_joint
from federation.protocol.draw import CLOSED, Response
from federation.protocol.session import Replace, Start
from federation.wire.evidence import DECODE
from node.domain.workday import local_time
from node.services import session_view as view
from node.services.disclosing import check_lists_public
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.store import departures
from node.store.sessions import Capacity, Member
from tests.node.services.joint_stage import MEMBERS, STAFF, JointStage, Seat, joint_stage
from tests.support import planning
from tests.support.pair import DAY_MS, HOUR_MS

RECUSED = Response.RECUSED
REASON = "INTEREST"


async def leaves(
    stage: JointStage, seat: Seat, response: Response = RECUSED, *, which: int = 0
) -> bytes:
    """An expert at a site leaves the committee; answers who."""
    expert = [one for one in await stage.own(seat) if one.capacity is Capacity.EXPERT][which]
    session = expert.session if seat is stage.host else seat.session
    await seat.center.do(
        lambda desk: seat.sessions.depart(desk, session, expert.code, response, REASON, STAFF)
    )
    return expert.code


async def again(stage: JointStage) -> None:
    """Whoever was drawn checks in, the sites are ready, all start once more."""
    await stage.them.greet()
    for seat in stage.sites:
        await stage.check_in(seat)
    for seat in stage.subs:
        await stage.ready(seat)
    await stage.start()
    assert await stage.phases() == await stage.host_phases() == ["RUNNING"] * 2


async def to_the_end(stage: JointStage) -> list[bytes]:
    """Vote, elect, sign, hand over, and prove it all; answers who was on the committee."""
    chair = (await stage.own(stage.subs[0]))[0].code
    for seat in stage.sites:
        await stage.vote_for(seat, chair)
    await stage.elect()
    await stage.conclude()
    verdict = verify_joint(await stage.dossier(stage.host), DECODE)
    assert verdict.document()["members"] == MEMBERS
    for seat in stage.subs:
        check(await stage.dossier(seat), DECODE)
    drawn = await stage.host.center.do(stage.host.draws.everything)
    assert {draw.phase for draw in drawn} == {CLOSED}
    return [one.code for one in await members(stage)]


async def members(stage: JointStage) -> list[Member]:
    return await stage.host.center.do(lambda desk: stage.host.sessions.members(desk, stage.session))


@pytest.mark.parametrize("at", ["running", "chaired", "signing"])
async def test_an_expert_of_a_sub_is_replaced_and_all_begin_again(tmp_path: Path, at: str) -> None:
    async with joint_stage(tmp_path) as stage:
        if at == "running":
            await stage.started()
            await stage.vote_for(stage.subs[0], (await stage.own(stage.host))[0].code)
        else:
            await stage.chaired()
        if at == "signing":
            await stage.present()
            await stage.sign(stage.subs[0])

        left = await leaves(stage, stage.subs[1])
        await stage.them.settle()

        assert await stage.phases() == await stage.host_phases() == ["REPLACING"] * 2
        assert view.REPLACE in await stage.host.todos()
        for seat in stage.subs:
            assert view.CHECK_IN in await seat.todos()
        for one in await members(stage):
            assert one.code != left
            assert (one.ballot, one.signature_digest) == (None, None)
        await again(stage)
        assert view.REPLACE not in await stage.host.todos()
        committee = await to_the_end(stage)
        assert left not in committee
        assert len(committee) == MEMBERS


async def test_an_expert_of_the_host_s_is_replaced_from_what_the_lowest_sub_sealed(
    tmp_path: Path,
) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        await stage.present()
        for seat in stage.sites:
            await stage.sign(seat)

        left = await leaves(stage, stage.host, Response.LEAVE)
        await stage.them.settle()
        assert await stage.phases() == await stage.host_phases() == ["REPLACING"] * 2

        await again(stage)
        assert left not in await to_the_end(stage)


async def test_two_who_leave_at_once_are_replaced_one_after_the_other(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        sub = stage.subs[0]
        first = await leaves(stage, sub)
        second = await leaves(stage, sub, Response.ABSENT, which=1)
        third = await leaves(stage, stage.host)

        await again(stage)

        committee = await to_the_end(stage)
        assert not {first, second, third} & set(committee)


async def test_who_leaves_while_another_is_replaced_is_replaced_too(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        await leaves(stage, stage.subs[0])
        await stage.them.greet()
        await stage.check_in(stage.subs[1])
        await stage.ready(stage.subs[1])
        assert await stage.phases() == ["REPLACING", "READY"]
        second = await leaves(stage, stage.subs[1])
        await stage.them.greet()
        assert await stage.phases() == ["REPLACING", "REPLACING"]

        await again(stage)

        assert second not in await to_the_end(stage)


async def test_during_a_fault_the_replacement_waits_until_all_go_on(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        first, second = stage.subs
        await stage.act(first, lambda service, desk, sid: service.suspend(desk, sid, "停电", STAFF))
        await leaves(stage, first)
        await stage.them.settle()
        assert await stage.phases() == ["SUSPENDED"] * 2
        assert view.REPLACE in await stage.host.todos()

        await stage.act(
            stage.host, lambda service, desk, sid: service.resume(desk, sid, "来电", STAFF)
        )
        await stage.ready(first)
        assert await stage.phases() == ["CHAIRED", "RESUMING"]
        await stage.ready(second)
        assert await stage.phases() == await stage.host_phases() == ["REPLACING"] * 2
        await again(stage)
        await to_the_end(stage)


async def test_what_the_host_says_meanwhile_crosses_and_harms_nothing(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.started()
        sub = stage.subs[0]
        chair = (await stage.own(sub))[0].code
        for seat in stage.sites:
            await stage.vote_for(seat, chair)
        stage.them.cut()
        await leaves(stage, sub)
        await stage.host.center.do(
            lambda desk: stage.host.sessions.elect(desk, stage.session, STAFF)
        )
        await stage.vote_for(stage.subs[1], chair)
        stage.them.restore()
        await stage.them.settle()

        assert await stage.phases() == await stage.host_phases() == ["REPLACING"] * 2
        await again(stage)
        await to_the_end(stage)


async def test_on_a_later_day_members_are_replaced_still(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        stage.them.watch.now_ms = planning.WINDOW.end_ms + DAY_MS
        await leaves(stage, stage.subs[0])
        await again(stage)
        await to_the_end(stage)


async def test_who_has_left_neither_votes_nor_signs(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.started()
        sub = stage.subs[0]
        stage.them.cut()
        code = await leaves(stage, sub)
        with pytest.raises(Conflicting, match="has left"):
            await sub.center.do(lambda desk: sub.sessions.ballot(desk, sub.session, code, code))
        stage.them.restore()


async def test_after_the_signed_report_nobody_is_replaced(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        await stage.present()
        for seat in stage.sites:
            await stage.sign(seat)
        await stage.finish()

        for seat in stage.sites:
            with pytest.raises(Conflicting, match="nobody is replaced any more"):
                await leaves(stage, seat)


async def test_a_leave_that_crosses_the_end_comes_too_late(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        await stage.present()
        for seat in stage.sites:
            await stage.sign(seat)
        stage.them.cut()
        await leaves(stage, stage.subs[1])
        await stage.host.center.do(
            lambda desk: stage.host.sessions.finish(desk, stage.session, STAFF)
        )
        stage.them.restore()
        await stage.them.greet()
        for seat in stage.subs:
            await stage.hand_over(seat)
        verdict = verify_joint(await stage.dossier(stage.host), DECODE)
        assert sum(draw.supplements for draw in verdict.draws) == 0


async def test_a_representative_is_not_drawn_and_nobody_is_absent_beforehand(
    tmp_path: Path,
) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.drawn()
        await stage.convene()
        host = stage.host
        (representative, *_) = [
            one for one in await stage.own(host) if one.capacity is Capacity.REPRESENTATIVE
        ]
        with pytest.raises(Conflicting, match="cannot be drawn anew"):
            await host.center.do(
                lambda desk: host.sessions.depart(
                    desk, representative.session, representative.code, RECUSED, "", STAFF
                )
            )
        with pytest.raises(Conflicting, match="nobody is absent before the start"):
            await leaves(stage, host, Response.ABSENT)
        with pytest.raises(NotFound):
            await host.center.do(
                lambda desk: host.sessions.depart(
                    desk, stage.session, bytes(32), RECUSED, "", STAFF
                )
            )


async def test_who_calls_before_the_evaluation_is_convened_is_replaced(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.drawn()
        sub = stage.subs[0]
        (leg,) = await sub.center.sql("SELECT DISTINCT booking FROM draw WHERE role = 'OWNER'")
        drawn = await sub.center.do(lambda desk: sub.draws.members(desk, leg[0]))
        uid = next(one.uid for one in drawn if one.uid)

        await sub.center.do(
            lambda desk: sub.sessions.depart_expert(desk, uid, Response.LEAVE, "生病", STAFF)
        )
        await stage.them.greet()

        after = await sub.center.do(lambda desk: sub.draws.members(desk, leg[0]))
        assert uid not in {one.uid for one in after}
        assert len(after) == len(drawn)
        with pytest.raises(NotFound):
            await sub.center.do(
                lambda desk: sub.sessions.depart_expert(desk, uid, Response.LEAVE, "", STAFF)
            )


async def test_who_was_drawn_is_not_told_by_how_an_entry_is_refused(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.drawn()
        sub = stage.subs[0]
        drawn = {uid for (uid,) in await sub.center.sql("SELECT uid FROM invitation")}
        people = {uid for (uid,) in await sub.center.sql("SELECT uid FROM expert")}
        some, other = min(drawn), min(people - drawn)

        async def refusal(uid: str, response: Response) -> str:
            with pytest.raises((NotFound, Conflicting)) as caught:
                await sub.center.do(
                    lambda desk: sub.sessions.depart_expert(desk, uid, response, "", STAFF)
                )
            return f"{type(caught.value)} {caught.value}"

        for convened in (False, True):
            if convened:
                await stage.convene()
            assert await refusal(some, Response.ABSENT) == await refusal(other, Response.ABSENT)


async def test_who_is_being_drawn_is_not_told_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def down(*_order: str) -> bytes:
        raise Unreachable("trading", "the e-trading system is down")

    async with joint_stage(tmp_path) as stage:
        await stage.booked()
        sub = stage.subs[0]
        monkeypatch.setattr(stage.exchange, "sealing_key", down)
        await stage.draw()
        rows = await sub.center.sql("SELECT uid FROM invitation WHERE response = 'ACCEPT'")
        with pytest.raises(NotFound):
            await sub.center.do(
                lambda desk: sub.sessions.depart_expert(desk, rows[0][0], Response.LEAVE, "", STAFF)
            )


async def test_nobody_leaves_the_list_of_an_evaluation_that_was_ended(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.drawn()
        host, sub = stage.host, stage.subs[0]
        uid = min(uid for (uid,) in await sub.center.sql("SELECT uid FROM invitation"))
        stage.them.watch.pass_ms(30 * DAY_MS)
        await host.center.do(lambda desk: host.sessions.end_failed(desk, stage.project, STAFF))
        await stage.them.settle()
        with pytest.raises(NotFound):
            await sub.center.do(
                lambda desk: sub.sessions.depart_expert(desk, uid, Response.LEAVE, "", STAFF)
            )
        await sub.center.do(check_lists_public)


async def test_the_staff_takes_no_receipts_while_a_replacement_is_awaited(tmp_path: Path) -> None:
    """Else it would read off them who was called, before that person stands there."""
    async with joint_stage(tmp_path) as stage:
        await stage.drawn()
        sub = stage.subs[0]
        with pytest.raises(Conflicting, match="secret"):
            await sub.center.do(check_lists_public)
        await stage.convene()
        stage.them.watch.now_ms = planning.WINDOW.start_ms
        for seat in stage.sites:
            await stage.check_in(seat)
        for seat in stage.subs:
            await stage.ready(seat)
        await stage.start()
        for seat in stage.sites:
            await seat.center.do(check_lists_public)
        await leaves(stage, sub)
        await stage.them.greet()
        with pytest.raises(Conflicting, match="secret"):
            await sub.center.do(check_lists_public)
        await again(stage)
        for seat in stage.sites:
            await seat.center.do(check_lists_public)


async def test_a_replacement_hears_one_time_however_often_the_gateway_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The gateway knows the call again: with another text, its record would never count."""
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        stage.them.watch.pass_ms(HOUR_MS)
        sub = stage.subs[0]
        honest, heard = sub.phones.invite, dict[str, CallResult]()

        async def lost(key: str, phone: str, text: str, suite: str = "") -> CallResult:
            if key not in heard:
                heard[key] = await honest(key, phone, text, suite)
                raise Unreachable("messaging", "the answer was lost on its way")
            return heard[key]

        monkeypatch.setattr(sub.phones, "invite", lost)
        sub.phones.calls.clear()
        sub.phones.messages.clear()
        await leaves(stage, sub)
        await stage.them.settle()
        stage.them.watch.pass_ms(HOUR_MS // 2)
        await stage.them.greet()
        ((_, called),) = sub.phones.calls
        ((_, written),) = [each for each in sub.phones.messages if "码" in each[1]]
        at = local_time(planning.WINDOW.start_ms + HOUR_MS)
        assert at in called
        assert at in written
        await again(stage)


async def test_why_somebody_left_is_told_to_no_other_center(tmp_path: Path) -> None:
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        sub = stage.subs[0]
        code = await leaves(stage, sub)
        await stage.them.greet()

        for seat in stage.sites:
            for source, column in (("said", "payload"), ("heard", "envelope")):
                for (raw,) in await seat.center.sql(f"SELECT {column} FROM {source}"):
                    assert REASON.encode() not in raw
        ((draw, sealed),) = await sub.center.sql("SELECT draw, sealed_reason FROM departure")
        assert REASON.encode() not in sealed

        def kept(desk: Desk) -> str:
            (one,) = departures.of_draw(desk.ledger.connection, draw)
            assert one.entry == code
            return sub.draws.departures.reason(one)

        assert await sub.center.do(kept) == REASON


async def test_a_sub_sits_its_own_until_they_leave_by_its_own_word(tmp_path: Path) -> None:
    """A host that takes an expert of the sub's off the committee is refused."""
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        sub = stage.subs[0]
        (first, *_) = await stage.own(sub)
        await stage.host.center.do(
            lambda desk: desk.say(sub.session, Replace((first.code,), "unwelcome"))  # type: ignore[arg-type]
        )
        await stage.them.settle()

        assert await sub.center.phase(sub.session) == "CHAIRED"
        assert await stage.host.center.phase(sub.session) == "REFUSED"
        assert first.code in {one.code for one in await stage.own(sub)}


async def test_who_was_replaced_is_not_started_with_again(tmp_path: Path) -> None:
    """A host that has everybody vote anew, with nobody replaced, is refused."""
    async with joint_stage(tmp_path) as stage:
        await stage.chaired()
        host, sub = stage.host, stage.subs[0]
        codes = tuple(sorted(one.code for one in await members(stage)))
        representative = next(
            one for one in await stage.own(host) if one.capacity is Capacity.REPRESENTATIVE
        )
        await host.center.do(
            lambda desk: desk.say(sub.session, Replace((representative.code,), "请假"))  # type: ignore[arg-type]
        )
        await stage.them.settle()
        await stage.ready(sub)
        assert await sub.center.phase(sub.session) == "READY"
        row = await sub.center.do(lambda desk: view.get(desk, sub.session))
        word = Start(row.lot_code or "", row.project_name or "", codes)
        await host.center.do(lambda desk: desk.say(sub.session, word))  # type: ignore[arg-type]
        await stage.them.settle()
        assert await sub.center.phase(sub.session) == "READY"
        assert await host.center.phase(sub.session) == "REFUSED"
