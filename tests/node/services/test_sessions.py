"""One joint evaluation on two nodes, from the call to the signed report."""

from itertools import cycle
from pathlib import Path

import pytest

from node.domain.evaluation import CHECK_IN_OPENS_MS, MAX_REPORT_BYTES
from node.services.errors import Conflicting, Invalid, NotAllowed, NotFound, UseCaseError
from node.store.sessions import Capacity
from tests.node.services.session_stage import (
    END_MS,
    EXPERT_ID,
    LOT_CODE,
    PROJECT_NAME,
    REPRESENTATIVES,
    START_MS,
    Drawn,
    booked_stage,
)

REPORT = b"%PDF the evaluation report"


async def test_seven_members_at_two_sites_sign_one_report(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        assert await stage.phases() == {"FINISHED"}
        for side in stage.sides:
            members = await side.members(stage.session)
            assert len(members) == 7
            signed = [one.code for one in members if one.signature_digest]
            # The sub does not hear of the host's signatures one by one, only of the end.
            assert len(signed) == (7 if side is stage.host else 3)
        hosts, subs = [await side.members(stage.session) for side in stage.sides]
        digests = {one.code: one.signature_digest for one in hosts}
        own = [one for one in subs if one.signature_digest]
        assert {one.code: one.signature_digest for one in own}.items() <= digests.items()


async def test_each_side_knows_the_people_of_its_own_site_only(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        hosts = await stage.host.members(stage.session)
        assert {one.uid for one in hosts} == {"host-0", "host-1", None}
        assert sum(one.capacity is Capacity.REPRESENTATIVE for one in hosts) == 2
        assert {one.uid for one in hosts if one.site == stage.sub.center.id} == {None}
        subs = await stage.sub.members(stage.session)
        assert {one.uid for one in subs} == {"sub-0", "sub-1", "sub-2"}


async def test_the_project_is_unknown_to_the_sub_until_the_start(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        for side in stage.sides:
            (seen,) = await side.center.do(side.sessions.overview)
            assert (seen.lot_code, seen.project_name, seen.started_at_ms) == (None, None, None)
        said = await stage.host.center.sql("SELECT payload FROM said")
        assert not any(PROJECT_NAME.encode() in payload for (payload,) in said)
        await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
        for side in stage.sides:
            (seen,) = await side.center.do(side.sessions.overview)
            assert (seen.lot_code, seen.project_name) == (LOT_CODE, PROJECT_NAME)
            assert seen.started_at_ms == START_MS


async def test_the_overview_counts_both_sites(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        seen = await stage.host.center.do(
            lambda desk: stage.host.sessions.overview_of(desk, stage.session)
        )
        assert [(site.center, site.members, site.checked_in) for site in seen.sites] == [
            (stage.host.center.id, 4, 4),
            (stage.sub.center.id, 3, 3),
        ]
        assert (seen.ballots, seen.chair, seen.booking) == (0, None, stage.booking)


async def test_the_signed_report_closes_the_draws_on_both_sides_once(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.presented()
        for side in stage.sides:
            await stage.sign(side)
        assert [side.lists.closed for side in stage.sides] == [[], []]
        await stage.act(stage.host, lambda service, desk, sid: service.finish(desk, sid, "s"))
        assert [side.lists.closed for side in stage.sides] == [[stage.booking]] * 2


async def test_convening_waits_for_sealed_draws(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        stage.host.lists.is_sealed = False
        with pytest.raises(Conflicting, match="sealed"):
            await stage.convene()
        stage.host.lists.is_sealed = True
        await stage.convene()
        assert await stage.phases() == {"CONVENED"}
        with pytest.raises(Conflicting, match="already"):
            await stage.convene()


async def test_convening_names_who_is_missing(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        missing = stage.host.lists.drawn.pop()
        with pytest.raises(Conflicting, match="3 experts of the sub are needed, 2"):
            await stage.convene()
        stage.host.lists.drawn.append(missing)
        await stage.host.center.do(
            lambda desk: (
                desk.ledger.connection.execute(
                    "DELETE FROM representative WHERE code = (SELECT min(code) FROM representative)"
                ).rowcount
            )
        )
        with pytest.raises(Conflicting, match="1 representatives of 2 planned"):
            await stage.convene()


async def test_a_refused_call_is_told_to_staff_and_can_be_repeated(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        stage.sub.lists.is_sealed = False
        first = await stage.convene()
        assert await stage.host.phase(first) == "REFUSED"
        assert await stage.host.todos() == {"session_refused"}
        assert await stage.sub.center.sql("SELECT * FROM session") == []
        stage.sub.lists.is_sealed = True
        second = await stage.convene()
        assert second != first
        assert await stage.phases() == {"CONVENED"}
        assert len(await stage.host.own(second)) == 4  # the representatives are there again
        found = await stage.host.center.do(
            lambda desk: stage.host.sessions.of_project(desk, stage.project)
        )
        assert {row.id for row in found} == {first, second}


async def test_check_in_opens_two_hours_before_and_ends_with_the_window(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        one = (await stage.sub.own(stage.session))[0].code
        for now_ms in (START_MS - CHECK_IN_OPENS_MS - 1, END_MS):
            stage.pair.watch.now_ms = now_ms
            with pytest.raises(Conflicting):
                await stage.check_in(stage.sub)
        stage.pair.watch.now_ms = START_MS - CHECK_IN_OPENS_MS
        with pytest.raises(Conflicting, match="future"):
            await stage.act(
                stage.sub, lambda service, desk, sid: service.check_in(desk, sid, one, START_MS)
            )
        await stage.check_in(stage.sub)
        assert all(each.checked_in_at_ms for each in await stage.sub.own(stage.session))
        assert await stage.phases() == {"CONVENED"}


async def test_checking_in_twice_is_once_and_only_at_the_own_site(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        stage.pair.watch.now_ms = START_MS
        await stage.check_in(stage.sub)
        await stage.check_in(stage.sub)
        heard = await stage.host.center.sql(
            "SELECT count(*) FROM heard WHERE payload_type LIKE '%session.CheckIn+%'"
        )
        assert heard == [(3,)]
        theirs = (await stage.sub.own(stage.session))[0].code
        with pytest.raises(NotFound):
            await stage.act(
                stage.host,
                lambda service, desk, sid: service.check_in(desk, sid, theirs, START_MS),
            )


async def test_nobody_starts_before_everybody_is_there(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        stage.pair.watch.now_ms = START_MS - 1
        with pytest.raises(Conflicting, match="0 of 3"):
            await stage.act(stage.sub, lambda service, desk, sid: service.ready(desk, sid, "s"))
        await stage.check_in(stage.sub)
        await stage.act(stage.sub, lambda service, desk, sid: service.ready(desk, sid, "s"))
        assert await stage.phases() == {"READY"}
        with pytest.raises(Conflicting, match="window"):
            await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
        stage.pair.watch.now_ms = START_MS
        with pytest.raises(Conflicting, match="3 of 7"):
            await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
        await stage.check_in(stage.host)
        stage.host.lists.is_sealed = False
        with pytest.raises(Conflicting, match="replaced"):
            await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
        stage.host.lists.is_sealed = True
        with pytest.raises(NotAllowed):
            await stage.act(stage.sub, lambda service, desk, sid: service.start(desk, sid, "s"))
        await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
        assert await stage.phases() == {"RUNNING"}


async def test_who_was_replaced_after_the_call_leaves_his_seat(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        stage.pair.watch.now_ms = START_MS
        await stage.check_in(stage.sub)
        gone = (await stage.sub.own(stage.session))[0]
        for side in stage.sides:
            kept = [one for one in side.lists.drawn if one.entry != gone.code]
            uid = "sub-9" if side is stage.sub else None
            side.lists.drawn = [
                *kept,
                Drawn(b"\2" * 16, stage.sub.center.id, b"\2\t" * 16, uid),
            ]
        with pytest.raises(Conflicting, match="2 of 3"):
            await stage.act(stage.sub, lambda service, desk, sid: service.ready(desk, sid, "s"))
        await stage.act(
            stage.sub,
            lambda service, desk, sid: service.check_in(desk, sid, b"\2\t" * 16, START_MS),
        )
        for side in stage.sides:
            codes = {one.code for one in await side.members(stage.session)}
            assert gone.code not in codes
            assert b"\2\t" * 16 in codes
        await stage.check_in(stage.host)
        await stage.act(stage.sub, lambda service, desk, sid: service.ready(desk, sid, "s"))
        await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
        assert await stage.phases() == {"RUNNING"}


async def test_a_tie_is_voted_again_and_the_last_vote_counts(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        codes = [one.code for one in await stage.host.members(stage.session)]
        with pytest.raises(Conflicting, match="0 of 7"):
            await stage.act(stage.host, lambda service, desk, sid: service.elect(desk, sid, "s"))
        each = cycle([codes[0], codes[1], codes[2]])
        spread = {code: next(each) for code in codes[:6]} | {codes[6]: codes[3]}
        await stage.vote(lambda one: spread[one.code])
        with pytest.raises(Conflicting, match="tied with 2"):
            await stage.act(stage.host, lambda service, desk, sid: service.elect(desk, sid, "s"))
        changed = (await stage.sub.own(stage.session))[0].code
        await stage.act(
            stage.sub,
            lambda service, desk, sid: service.ballot(
                desk, sid, changed, next(c for c in codes[:3] if c != spread[changed])
            ),
        )
        await stage.act(stage.host, lambda service, desk, sid: service.elect(desk, sid, "s"))
        for side in stage.sides:
            seen = await side.center.do(
                lambda desk, side=side: side.sessions.overview_of(desk, stage.session)  # type: ignore[misc]
            )
            assert seen.chair == next(c for c in codes[:3] if c != spread[changed])
        assert await stage.phases() == {"CHAIRED"}


async def test_only_members_vote_and_are_voted_for(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        mine = (await stage.host.own(stage.session))[0].code
        theirs = (await stage.sub.own(stage.session))[0].code
        for voter, candidate in ((theirs, mine), (mine, bytes(32)), (bytes(32), mine)):
            with pytest.raises(NotFound):
                await stage.act(
                    stage.host,
                    lambda service, desk, sid, v=voter, c=candidate: service.ballot(  # type: ignore[misc]
                        desk, sid, v, c
                    ),
                )


async def test_a_vote_that_crosses_the_election_is_not_counted(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.started()
        chair, late = [one.code for one in await stage.sub.own(stage.session)][:2]
        await stage.vote(lambda _one: chair)
        stage.pair.cut()
        await stage.act(stage.sub, lambda service, desk, sid: service.ballot(desk, sid, late, late))
        await stage.act(stage.host, lambda service, desk, sid: service.elect(desk, sid, "s"))
        stage.pair.restore()
        await stage.pair.settle()
        assert await stage.phases() == {"CHAIRED"}
        counted = {one.code: one.ballot for one in await stage.host.members(stage.session)}
        assert counted[late] == chair


@pytest.mark.parametrize("who", ["host", "sub"])
async def test_a_fault_suspends_and_all_go_on_together(tmp_path: Path, who: str) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.chaired()
        side = stage.host if who == "host" else stage.sub
        await stage.act(
            side, lambda service, desk, sid: service.suspend(desk, sid, "音视频中断", "staff")
        )
        assert await stage.phases() == {"SUSPENDED"}
        assert "session_resume" in await stage.host.todos()
        with pytest.raises(Conflicting, match="SUSPENDED"):
            await stage.act(
                stage.host, lambda service, desk, sid: service.present(desk, sid, REPORT, "s")
            )
        await stage.act(
            stage.host, lambda service, desk, sid: service.resume(desk, sid, "已恢复", "staff")
        )
        assert await stage.phases() == {"RESUMING"}
        assert "session_resume" not in await stage.host.todos()
        assert await stage.sub.todos() == {"session_check_in"}
        await stage.act(stage.sub, lambda service, desk, sid: service.ready(desk, sid, "s"))
        assert await stage.phases() == {"CHAIRED"}
        assert await stage.sub.todos() == set()


async def test_both_sides_may_notice_the_fault_at_once(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.chaired()
        stage.pair.cut()
        for side in stage.sides:
            await stage.act(
                side, lambda service, desk, sid: service.suspend(desk, sid, "停电", "staff")
            )
        stage.pair.restore()
        await stage.pair.settle()
        assert await stage.phases() == {"SUSPENDED"}


async def test_a_reason_that_a_peer_could_not_read_is_refused_here(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.chaired()
        for reason in ("", "  ", "x" * 1_001, "two\nlines"):
            with pytest.raises(Invalid):
                await stage.act(
                    stage.sub,
                    lambda service, desk, sid, reason=reason: service.suspend(  # type: ignore[misc]
                        desk, sid, reason, "s"
                    ),
                )
        assert await stage.phases() == {"CHAIRED"}


async def test_the_report_stays_at_the_host_and_signatures_at_their_site(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.presented(REPORT)
        for side in stage.sides:
            await stage.sign(side)
            code = (await side.own(stage.session))[0].code
            kept = await side.center.do(
                lambda desk, side=side, code=code: side.sessions.signature(  # type: ignore[misc]
                    desk, stage.session, code
                )
            )
            assert kept == b"signature of " + code
            report = await side.center.do(
                lambda desk, side=side: side.sessions.report(desk, stage.session)  # type: ignore[misc]
            )
            assert report == (REPORT if side is stage.host else None)
        stored = await stage.sub.center.sql(
            "SELECT sealed_signature FROM member WHERE sealed_signature IS NOT NULL"
        )
        assert len(stored) == 3
        assert not any(b"signature of" in sealed for (sealed,) in stored)


async def test_the_first_signature_stays(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.presented()
        await stage.sign(stage.sub)
        code = (await stage.sub.own(stage.session))[0].code
        await stage.act(
            stage.sub, lambda service, desk, sid: service.sign(desk, sid, code, b"another")
        )
        kept = await stage.sub.center.do(
            lambda desk: stage.sub.sessions.signature(desk, stage.session, code)
        )
        assert kept == b"signature of " + code
        assert await stage.phases() == {"SIGNING"}


async def test_nothing_is_finished_while_a_signature_is_missing(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.presented()
        await stage.sign(stage.host)
        with pytest.raises(Conflicting, match="4 of 7"):
            await stage.act(stage.host, lambda service, desk, sid: service.finish(desk, sid, "s"))
        code = (await stage.sub.own(stage.session))[0].code
        with pytest.raises(Invalid):
            await stage.act(
                stage.sub, lambda service, desk, sid: service.sign(desk, sid, code, b"")
            )
        await stage.sign(stage.sub)
        assert "session_finish" in await stage.host.todos()
        await stage.act(stage.host, lambda service, desk, sid: service.finish(desk, sid, "s"))
        assert await stage.phases() == {"FINISHED"}


async def test_a_report_has_a_size(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.chaired()
        for report in (b"", bytes(MAX_REPORT_BYTES + 1)):
            with pytest.raises(Invalid):
                await stage.act(
                    stage.host,
                    lambda service, desk, sid, report=report: service.present(  # type: ignore[misc]
                        desk, sid, report, "s"
                    ),
                )


async def test_staff_of_both_sites_are_led_through_the_evaluation(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        assert [await side.todos() for side in stage.sides] == [set(), {"session_check_in"}]
        stage.pair.watch.now_ms = START_MS
        for side in stage.sides:
            await stage.check_in(side)
        await stage.act(stage.sub, lambda service, desk, sid: service.ready(desk, sid, "s"))
        assert [await side.todos() for side in stage.sides] == [{"session_start"}, set()]
        await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
        assert [await side.todos() for side in stage.sides] == [set(), set()]
        chair = (await stage.host.own(stage.session))[0].code
        await stage.vote(lambda _one: chair)
        assert await stage.host.todos() == {"session_elect"}
        await stage.act(stage.host, lambda service, desk, sid: service.elect(desk, sid, "s"))
        assert await stage.host.todos() == {"session_present"}
        await stage.act(
            stage.host, lambda service, desk, sid: service.present(desk, sid, REPORT, "s")
        )
        assert await stage.host.todos() == set()
        for side in stage.sides:
            await stage.sign(side)
        assert await stage.host.todos() == {"session_finish"}
        await stage.act(stage.host, lambda service, desk, sid: service.finish(desk, sid, "s"))
        assert [await side.todos() for side in stage.sides] == [set(), {"session_hand_over"}]


async def test_the_check_in_desk_finds_a_person_by_identity_number(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        service, do = stage.sub.sessions, stage.sub.center.do
        found = await do(lambda desk: service.expected(desk, EXPERT_ID))
        assert found is not None
        assert (found.session, found.name) == (stage.session, "张专家")
        member = await do(lambda desk: service.member_by_uid(desk, "sub-0"))
        assert member is not None
        assert member.code == found.code
        assert EXPERT_ID not in repr(found)
        name, number = REPRESENTATIVES[0]
        here = await stage.host.center.do(lambda desk: stage.host.sessions.expected(desk, number))
        assert here is not None
        assert here.name == name
        assert await do(lambda desk: service.expected(desk, number)) is None
        person = await do(lambda desk: service.person(desk, stage.session, found.code))
        assert person == found


async def test_nobody_is_awaited_when_the_evaluation_is_over(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.finished()
        gone = await stage.sub.center.do(
            lambda desk: stage.sub.sessions.member_by_uid(desk, "sub-0")
        )
        assert gone is None


async def test_what_does_not_fit_the_phase_says_which_it_is(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        with pytest.raises(Conflicting, match="CONVENED; this needs CHAIRED") as caught:
            await stage.act(
                stage.host, lambda service, desk, sid: service.suspend(desk, sid, "停电", "s")
            )
        assert "已召集" in caught.value.zh
        with pytest.raises(NotFound):
            await stage.host.center.do(
                lambda desk: stage.host.sessions.overview_of(desk, bytes(16))
            )


async def test_an_evaluation_survives_lost_replies(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.everybody_in()
        stage.pair.wire.replies_lost = True
        await stage.act(stage.host, lambda service, desk, sid: service.start(desk, sid, "s"))
        stage.pair.restore()
        await stage.pair.settle()
        assert await stage.phases() == {"RUNNING"}


async def test_use_cases_of_the_other_role_are_refused(tmp_path: Path) -> None:
    async with booked_stage(tmp_path) as stage:
        await stage.convene()
        with pytest.raises(NotAllowed):
            await stage.act(stage.host, lambda service, desk, sid: service.ready(desk, sid, "s"))
        for name in ("elect", "finish", "receive"):
            with pytest.raises(UseCaseError) as caught:
                await stage.act(
                    stage.sub,
                    lambda service, desk, sid, name=name: getattr(service, name)(  # type: ignore[misc]
                        desk, sid, "s"
                    ),
                )
            assert caught.value.code == "NOT_ALLOWED"
