"""Deadlines of to-dos: in working time, reminded of, escalated, and never after they are done."""

from pathlib import Path

import pytest
from typing_extensions import override

from adapters.messaging.port import CallResult, Messaging
from node.domain.todo_rules import OVERDUE
from node.domain.workday import local_time
from node.services.notices import NOTIFY, Notice
from node.services.todo_clock import TodoClock
from node.services.todos import VOTE_BOOKING
from node.store import todos
from node.store.todos import Todo
from tests.support.pair import DAY_MS, HOUR_MS, MINUTE_MS, Center, Furniture, two_centers
from tests.support.planning import Offices, held

SUBJECT = bytes(range(16))
RULE = "rule_project"  # one working day


class Spool(Messaging):
    """Keeps what it is told to send."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    @property
    @override
    def stand_in(self) -> bool:
        return True

    @override
    async def self_test(self) -> None:
        return

    @override
    async def aclose(self) -> None:
        return

    @override
    def receipt_key(self, suite: str) -> bytes:
        raise AssertionError("nobody is called about a to-do")

    @override
    async def invite(self, key: str, phone: str, text: str, suite: str = "") -> CallResult:
        raise AssertionError("nobody is called here")

    @override
    async def sms(self, key: str, phone: str, text: str, suite: str = "") -> bytes:
        del key, phone
        self.texts.append(text)
        return b"receipt"


SPOOL = Spool()


def furnish(_center: Center) -> Furniture:
    SPOOL.texts.clear()
    notice = Notice(SPOOL, ["13800000000"])
    return Furniture(handlers={**notice.handlers(), **TodoClock(notice).handlers()})


async def leave(
    center: Center, *, kind: str = RULE, role: str = "staff", subject: bytes = SUBJECT
) -> None:
    await center.do(
        lambda desk: todos.add(
            desk.ledger.connection,
            role=role,
            kind=kind,
            subject=subject,
            zh="受理项目 XM-1",
            en="rule on XM-1",
            now_ms=desk.now_ms,
        )
    )


async def finish(center: Center) -> None:
    await center.do(
        lambda desk: todos.done(
            desk.ledger.connection, kind=RULE, subject=SUBJECT, by="wang", now_ms=desk.now_ms
        )
    )


async def open_for(center: Center, role: str) -> list[Todo]:
    return await center.do(lambda desk: todos.open_for(desk.ledger.connection, role))


async def test_a_todo_is_due_in_working_time_and_somebody_is_reminded_half_way() -> None:
    async with two_centers(furnish) as pair:  # noon of a Wednesday; lunch is until 13:00
        await leave(pair.host)
        (todo,) = await open_for(pair.host, "staff")
        assert local_time(todo.due_ms) == "2026-05-07 12:00"
        pair.watch.pass_ms(4 * HOUR_MS + 29 * MINUTE_MS)
        await pair.settle()
        assert SPOOL.texts == []
        pair.watch.pass_ms(MINUTE_MS)
        await pair.settle()
        assert SPOOL.texts == ["【联评】待办提醒:受理项目,请于2026-05-07 12:00前办理"]
        (todo,) = await open_for(pair.host, "staff")
        assert todo.reminded_at_ms == pair.watch.now_ms
        await pair.settle()
        assert len(SPOOL.texts) == 1


async def test_an_overdue_todo_goes_to_the_operator_and_comes_back_when_it_is_done() -> None:
    async with two_centers(furnish) as pair:
        await leave(pair.host)
        pair.watch.pass_ms(DAY_MS)
        await pair.settle()
        (todo,) = await open_for(pair.host, "staff")
        assert todo.escalated_at_ms == pair.watch.now_ms
        (told,) = await open_for(pair.host, "operator")
        assert told.kind == OVERDUE
        assert "受理项目 XM-1" in told.zh
        assert "中心工作人员" in told.zh
        assert SPOOL.texts == ["【联评】待办已逾期:受理项目,请立即登录处理"]
        late = await pair.host.do(lambda desk: todos.overdue(desk.ledger.connection, desk.now_ms))
        assert late == {RULE: 1}
        await finish(pair.host)
        assert await open_for(pair.host, "operator") == []
        pair.watch.pass_ms(30 * DAY_MS)
        await pair.settle()
        assert len(SPOOL.texts) == 1, "nobody is told twice, nor of what tells of it"


async def test_what_is_done_in_time_is_not_spoken_of() -> None:
    async with two_centers(furnish) as pair:
        await leave(pair.host)
        await finish(pair.host)
        pair.watch.pass_ms(30 * DAY_MS)
        await pair.settle()
        assert SPOOL.texts == []
        assert await open_for(pair.host, "operator") == []


async def test_what_is_left_anew_has_a_new_time() -> None:
    async with two_centers(furnish) as pair:
        await leave(pair.host)
        pair.watch.pass_ms(DAY_MS)
        await pair.settle()
        await finish(pair.host)
        await leave(pair.host)
        (todo,) = await open_for(pair.host, "staff")
        assert (todo.reminded_at_ms, todo.escalated_at_ms) == (None, None)
        assert todo.due_ms > pair.watch.now_ms
        pair.watch.pass_ms(5 * HOUR_MS)
        await pair.settle()
        assert len(SPOOL.texts) == 2


async def test_the_operators_own_todos_are_not_told_to_the_operator_twice() -> None:
    async with two_centers(furnish) as pair:
        await leave(pair.host, role="operator")
        pair.watch.pass_ms(DAY_MS)
        await pair.settle()
        (todo,) = await open_for(pair.host, "operator")
        assert todo.kind == RULE
        assert todo.escalated_at_ms is not None
        assert len(SPOOL.texts) == 1


async def test_what_is_only_to_be_read_is_never_urged() -> None:
    async with two_centers(furnish) as pair:
        await leave(pair.host, kind="bundle_decided", role="agency")
        pair.watch.pass_ms(30 * DAY_MS)
        await pair.settle()
        assert SPOOL.texts == []
        assert await open_for(pair.host, "operator") == []
        late = await pair.host.do(lambda desk: todos.overdue(desk.ledger.connection, desk.now_ms))
        assert late == {}


async def test_a_restart_loses_no_deadline(tmp_path: Path) -> None:
    async with two_centers(furnish, folder=tmp_path) as pair:
        await leave(pair.host)
        due_ms = (await open_for(pair.host, "staff"))[0].due_ms
        then_ms = pair.watch.now_ms
    async with two_centers(furnish, folder=tmp_path) as pair:
        pair.watch.now_ms = then_ms + 7 * DAY_MS  # it was down for a week
        await pair.settle()
        (todo,) = await open_for(pair.host, "staff")
        assert todo.due_ms == due_ms
        assert todo.escalated_at_ms == pair.watch.now_ms
        assert SPOOL.texts == ["【联评】待办已逾期:受理项目,请立即登录处理"]


async def test_an_answer_is_due_before_the_protocols_own_deadline() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await held(pair, offices)
        (todo,) = await open_for(pair.sub, "staff")
        assert todo.kind == VOTE_BOOKING
        ((deadline_ms,),) = await pair.sub.sql("SELECT deadline_ms FROM conversation")
        assert todo.due_ms == deadline_ms


@pytest.mark.parametrize("count", [2, 5])
async def test_many_at_once_are_one_text(count: int) -> None:
    async with two_centers(furnish) as pair:
        for number in range(count):
            await leave(pair.host, subject=bytes([number]) * 16)
        pair.watch.pass_ms(5 * HOUR_MS)
        await pair.settle()
        assert SPOOL.texts == [f"【联评】{count}项待办即将到期,最早2026-05-07 12:00,请登录办理"]
        sent = await pair.host.sql(f"SELECT count(*) FROM errand WHERE kind = '{NOTIFY}'")
        assert sent == [(1,)]
