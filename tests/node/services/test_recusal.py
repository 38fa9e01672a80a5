"""The second pass of recusal: once the bids are open, nobody on a list works for a bidder."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from federation.protocol import draw as words
from federation.protocol import oversight
from federation.protocol.draw import Report, Response, Result
from federation.protocol.oversight import DenyRequest, Recuse, SubmitBidders, SubmitEmployers
from node.domain.codes import Specialty
from node.domain.expert import Expert, ExpertStatus
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.recusal import LATE, NOT_COMPARED
from tests.node.services.overseen import Scene, overseen
from tests.node.services.test_draws import Board
from tests.node.services.test_draws_with_a_liar import refused_as
from tests.support import planning
from tests.support.liar import Liar
from tests.support.signed import report_signed

NOBODY = "91350100M000100Y43"
"""A bidder for whom no expert works."""


@asynccontextmanager
async def compared(*, starts: bool = True, **changes: Any) -> AsyncIterator[Scene]:
    """Both lists are sealed, and both centers follow what the regulator tells them."""
    async with overseen(**changes) as at:
        for board in boards(at):
            at.followers[board.center.name] = [board.draws.recusal.heard]
            board.draws.tell(board.draws.recusal.changed)
        if starts:
            await at.start()
        yield at


def boards(at: Scene) -> tuple[Board, Board]:
    return at.table.host, at.table.sub


async def opened(at: Scene) -> None:
    """The bids are open."""
    ((deadline,),) = await at.host.sql("SELECT max(bid_deadline_ms) FROM project")
    at.pair.watch.now_ms = max(at.pair.watch.now_ms, int(deadline)) + 1


async def submit(at: Scene, *named: str) -> int:
    draws = at.table.host.draws
    count = await at.host.do(
        lambda desk: draws.recusal.submit_bidders(desk, at.table.project, named, planning.AGENCY)
    )
    await at.pair.greet()
    return count


async def employers(at: Scene, board: Board) -> dict[bytes, str]:
    """Of those on a center's own list: employer by entry."""
    office = at.table.offices[board.center.name]
    people = {one.uid: str(one.employer_uscc) for one in await board.center.do(office.experts.all)}
    members = await board.center.do(lambda desk: board.draws.members(desk, at.table.booking))
    return {one.entry: people[one.uid] for one in members if one.uid is not None}


async def register(at: Scene, board: Board) -> set[str]:
    """The employers of all experts of a center."""
    office = at.table.offices[board.center.name]
    people = await board.center.do(office.experts.all)
    return {str(one.employer_uscc) for one in people}


async def answers(at: Scene) -> set[str]:
    rows = await at.regulator.sql(
        "SELECT DISTINCT phase FROM conversation WHERE kind = 'oversight'"
    )
    return {phase for (phase,) in rows}


async def test_who_works_for_a_bidder_is_replaced_in_both_pools() -> None:
    async with compared() as at:
        assert await answers(at) == {oversight.COMPARING}
        bidders = []
        for board in boards(at):
            first, *_ = (await employers(at, board)).values()
            bidders.append(first)
        await opened(at)

        assert await submit(at, NOBODY, *bidders) == 2
        for _ in range(8):  # whoever follows may work for a bidder, too
            at.pair.watch.pass_ms(1)
            await at.pair.greet()

        for board in boards(at):
            after = await employers(at, board)
            assert not set(bidders) & set(after.values())
            reports = [one for one in await at.said(board.center, Report)
                       if one.response is Response.RECUSED]  # fmt: skip
            assert reports
            assert all(one.proof for one in reports)
            assert max(one.revision for one in await at.said(board.center, Result)) > 1
        assert await answers(at) == {oversight.COMPARED, oversight.SUBMITTED}
        assert await at.said(at.regulator, DenyRequest) == []
        assert [one.recused for one in await at.said(at.regulator, Recuse)][-1] == ()


async def persons(at: Scene, board: Board) -> list[str]:
    office = at.table.offices[board.center.name]
    numbers = {one.uid: str(one.id_number) for one in await board.center.do(office.experts.all)}
    members = await board.center.do(lambda desk: board.draws.members(desk, at.table.booking))
    return [numbers[one.uid] for one in members if one.uid is not None]


async def test_nobody_who_stands_in_both_pools_sits_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five people for five seats, in both registers, each under another employer in each."""
    usual = planning.register
    employers_of = sorted({one.employer_uscc for one in usual(600)})
    everybody = usual(5)

    def the_same(_count: int, *, seed: int = 1, prefix: str = "FJ") -> list[Expert]:
        return [
            replace(
                one,
                uid=f"{prefix}{at:06d}",
                employer_uscc=employers_of[5 * seed + at],
                specialties=(Specialty("A0803"), Specialty("A0801")),
                status=ExpertStatus.ACTIVE,
            )
            for at, one in enumerate(everybody)
        ]

    monkeypatch.setattr(planning, "register", the_same)
    async with compared() as at:
        await opened(at)
        assert await submit(at, NOBODY) == 2
        for _ in range(8):
            at.pair.watch.pass_ms(1)
            await at.pair.greet()

        ours, theirs = [await persons(at, board) for board in boards(at)]
        assert len(ours) == 2
        assert len(theirs) == 3
        assert not set(ours) & set(theirs)
        assert await at.said(at.regulator, DenyRequest) == []


async def test_every_new_list_is_compared_again_and_nothing_twice() -> None:
    async with compared() as at:
        await opened(at)
        await submit(at, NOBODY)
        assert len(await at.said(at.host, SubmitEmployers)) == 1
        assert len(await at.said(at.host, SubmitBidders)) == 1
        board = at.table.sub
        (entry, *_) = await employers(at, board)
        draw = await _own(board)
        at.pair.watch.pass_ms(1)

        await at.sub.do(
            lambda desk: board.draws.depart(desk, draw, entry, Response.LEAVE, "", "staff")
        )
        await at.pair.greet()

        assert len(await at.said(at.sub, SubmitEmployers)) == 2
        assert len(await at.said(at.host, SubmitEmployers)) == 1
        assert len(await at.said(at.host, SubmitBidders)) == 2
        assert await answers(at) == {oversight.COMPARED, oversight.SUBMITTED}
        assert len(await at.said(at.regulator, Recuse)) == 3


async def _own(board: Board) -> bytes:
    ((draw,),) = await board.center.sql("SELECT conversation FROM draw WHERE role = 'OWNER'")
    return bytes(draw)


async def test_bidders_are_entered_once_the_bids_are_open() -> None:
    async with compared() as at:
        with pytest.raises(Conflicting, match="secret until the bids are open"):
            await submit(at, NOBODY)
        await opened(at)
        for named in ((), ("91350100M000100Y44",), (NOBODY, NOBODY)):
            with pytest.raises(Invalid):
                await submit(at, *named)
        with pytest.raises(NotFound):
            await at.host.do(
                lambda desk: at.table.host.draws.recusal.submit_bidders(
                    desk, bytes(16), [NOBODY], planning.AGENCY
                )
            )
        assert await at.said(at.host, SubmitBidders) == []


async def test_without_a_regulator_nobody_compares_and_people_are_told() -> None:
    async with compared(regulator=False) as at:
        await opened(at)
        with pytest.raises(Conflicting, match="names a regulator"):
            await submit(at, NOBODY)
        assert await at.said(at.sub, SubmitEmployers) == []
        assert NOT_COMPARED not in await at.todos(at.sub)


async def test_no_bidder_and_no_employer_is_stored_in_clear_or_told_to_the_other_center() -> None:
    async with compared() as at:
        await opened(at)
        await submit(at, NOBODY)
        listed = [set((await employers(at, board)).values()) for board in boards(at)]
        own = [await register(at, board) for board in boards(at)]
        hidden = {
            at.host.name: listed[1] - own[0],
            at.sub.name: listed[0] - own[1],
            at.regulator.name: listed[0] | listed[1],
        }
        assert all(hidden.values())
        for center in (at.host, at.sub, at.regulator):
            told = {NOBODY, *hidden[center.name]}
            for (table,) in await center.sql("SELECT name FROM sqlite_master WHERE type = 'table'"):
                for row in await center.sql(f"SELECT * FROM {table}"):
                    stored = b" ".join(v if isinstance(v, bytes) else str(v).encode() for v in row)
                    for code in told:
                        assert code.encode() not in stored, (center.name, table)


async def test_a_recusal_that_nobody_found_is_refused() -> None:
    """An owner that would be rid of somebody cannot invent the regulator's word."""
    async with compared() as at:
        await opened(at)
        await submit(at, NOBODY)
        board = at.table.sub
        (entry, *_) = await employers(at, board)
        draw = await _own(board)

        def head(desk: Desk) -> bytes:
            walk = board.draws._files.view(desk, board.draws._files.row(desk, draw)).walk
            assert walk is not None
            return walk.head

        chain = await at.sub.do(head)
        (answer,) = await at.sub.sql("SELECT envelope FROM oversight_asked WHERE draw = ?", draw)
        for proof in (answer[0], b"made up"):
            word = Report(entry, Response.RECUSED, bytes(32), chain, proof)
            receipt = await Liar(at.sub, at.host).tell(draw, word)
            assert refused_as(receipt, "MALFORMED")
        leave = Report(entry, Response.LEAVE, bytes(32), chain, answer[0])
        assert refused_as(await Liar(at.sub, at.host).tell(draw, leave), "MALFORMED")
        assert await at.host.phase(draw) == words.SEALED


async def test_after_the_signed_report_the_supervisors_are_told_at_once() -> None:
    async with compared() as at:
        await opened(at)
        board = at.table.sub
        (bidder, *_) = (await employers(at, board)).values()
        await at.sub.do(lambda desk: report_signed(desk, at.table.booking))

        await submit(at, bidder)

        assert LATE in await at.todos(at.sub)
        assert [one for one in await at.said(at.sub, Report)
                if one.response is Response.RECUSED] == []  # fmt: skip


@pytest.mark.parametrize("phase", [words.VOID, words.CLOSED])
async def test_an_answer_about_a_draw_that_is_over_is_heard(phase: str) -> None:
    """Else the regulator would say it for ever."""
    async with compared() as at:
        await opened(at)
        board = at.table.sub
        (bidder, *_) = (await employers(at, board)).values()
        draw = await _own(board)
        await at.sub.database.alone(
            lambda connection: connection.execute(
                "UPDATE conversation SET phase = ? WHERE id = ?", (phase, draw)
            )
        )

        await submit(at, bidder)

        assert oversight.COMPARED in await answers(at)
        assert (LATE in await at.todos(at.sub)) is (phase == words.CLOSED)
        assert [one for one in await at.said(at.sub, Report)
                if one.response is Response.RECUSED] == []  # fmt: skip


async def test_a_regulator_that_is_no_peer_yet_leaves_a_to_do() -> None:
    async with compared() as at:
        await opened(at)
        draws, regulator = at.table.host.draws, at.regulator.id

        def alone(desk: Desk) -> int:
            known = desk.keyring._by_center
            desk.keyring._by_center = {k: v for k, v in known.items() if k != regulator}
            try:
                return draws.recusal.submit_bidders(desk, at.table.project, [NOBODY], "staff")
            finally:
                desk.keyring._by_center = known

        assert await at.host.do(alone) == 0
        assert NOT_COMPARED in await at.todos(at.host)
