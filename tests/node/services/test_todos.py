"""To-dos: left once, done once, and not ticked off where a deed is asked for."""

import pytest

from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.todos import BY_DOING, Todos
from node.store import todos as store
from tests.support.pair import two_centers

SUBJECT = bytes(16)


def leave(desk: Desk, kind: str = "prepare_booking", zh: str = "请准备") -> None:
    store.add(
        desk.ledger.connection,
        role="staff",
        kind=kind,
        subject=SUBJECT,
        zh=zh,
        en="prepare",
        now_ms=desk.now_ms,
    )


async def test_a_todo_left_twice_is_there_once() -> None:
    async with two_centers() as pair:
        await pair.host.do(leave)
        await pair.host.do(lambda desk: leave(desk, zh="另一句"))
        (todo,) = await pair.host.do(lambda desk: Todos().open_for(desk, "staff"))
        assert (todo.kind, todo.zh, todo.created_at_ms) == (
            "prepare_booking",
            "请准备",
            pair.watch.now_ms,
        )
        assert await pair.host.do(lambda desk: Todos().open_for(desk, "agency")) == []


async def test_what_was_ticked_off_is_gone_until_it_is_left_anew() -> None:
    async with two_centers() as pair:
        await pair.host.do(leave)
        (todo,) = await pair.host.do(lambda desk: Todos().open_for(desk, "staff"))
        await pair.host.do(lambda desk: Todos().tick(desk, todo.id, "staff", "wang"))
        assert await pair.host.sql("SELECT done_by FROM todo") == [("wang",)]
        with pytest.raises(NotFound):
            await pair.host.do(lambda desk: Todos().tick(desk, todo.id, "staff", "wang"))
        await pair.host.do(lambda desk: leave(desk, zh="又一次"))
        (again,) = await pair.host.do(lambda desk: Todos().open_for(desk, "staff"))
        assert again.zh == "又一次"


async def test_nobody_ticks_off_what_is_for_another_role() -> None:
    async with two_centers() as pair:
        await pair.host.do(leave)
        (todo,) = await pair.host.do(lambda desk: Todos().open_for(desk, "staff"))
        with pytest.raises(NotFound):
            await pair.host.do(lambda desk: Todos().tick(desk, todo.id, "expert", "li"))


@pytest.mark.parametrize("kind", sorted(BY_DOING))
async def test_a_question_is_answered_not_ticked_off(kind: str) -> None:
    async with two_centers() as pair:
        await pair.host.do(lambda desk: leave(desk, kind))
        (todo,) = await pair.host.do(lambda desk: Todos().open_for(desk, "staff"))
        with pytest.raises(Conflicting, match="acted upon"):
            await pair.host.do(lambda desk: Todos().tick(desk, todo.id, "staff", "wang"))
        assert len(await pair.host.do(lambda desk: Todos().open_for(desk, "staff"))) == 1
