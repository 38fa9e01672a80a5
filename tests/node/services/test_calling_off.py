"""A booking that is cancelled under draws and before a session: nothing of it goes on."""

import pytest

from adapters.errors import Unreachable
from federation.protocol import draw as words
from federation.protocol.booking import Cancel
from node.domain.calendar import Window
from node.services.errors import Conflicting
from tests.node.services.test_draws import Board, Table, laid
from tests.support import planning
from tests.support.liar import Liar
from tests.support.pair import HOUR_MS
from tests.support.planning import AGENCY, STAFF, WINDOW


async def _cancel(table: Table, board: Board) -> None:
    office = table.offices.host if board is table.host else table.offices.sub
    await board.center.do(
        lambda desk: office.bookings.after.cancelling.cancel(desk, table.booking, "项目终止", STAFF)
    )


@pytest.mark.parametrize("by_host", [True, False])
async def test_draws_become_void_and_the_drawn_are_told_to_stay_away(by_host: bool) -> None:
    async with laid() as table:
        await table.start()
        drawn = {
            board.center.name: {phone for phone, _ in board.phones.calls}
            for board in (table.host, table.sub)
        }
        seen = await table.pair.host.do(
            lambda desk: table.offices.host.bookings.after.cancelling.preview(desk, table.booking)
        )
        assert seen.draws == 2
        for board in (table.host, table.sub):
            board.phones.messages.clear()
        await _cancel(table, table.host if by_host else table.sub)
        await table.turn()
        for board in (table.host, table.sub):
            assert {draw.phase for draw in await table.status(board)} == {words.VOID}
            texts = [text for _, text in board.phones.messages if "取消" in text]
            assert {phone for phone, _ in board.phones.messages} == drawn[board.center.name]
            assert len(texts) == len(drawn[board.center.name])
            assert all("2026-05-07 09:00" in text and "吉安大桥" not in text for text in texts)


async def test_nobody_is_confirmed_to_after_being_called_off(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def down(*_order: str) -> bytes:
        raise Unreachable("messaging", "the gateway is down")

    async with laid() as table:
        for board in (table.host, table.sub):
            monkeypatch.setattr(board.phones, "sms", down)
        await table.start()
        await _cancel(table, table.host)
        await table.turn()
        monkeypatch.undo()
        table.pair.watch.pass_ms(HOUR_MS)
        await table.turn()
        for board in (table.host, table.sub):
            assert board.phones.messages
            assert all("取消" in text for _, text in board.phones.messages)


async def test_a_draw_that_is_under_way_calls_nobody_any_more() -> None:
    async with laid() as table:
        pair = table.pair
        await pair.host.do(
            lambda desk: planning.begin(table.host.draws, desk, table.project, AGENCY)
        )
        for _ in range(3):
            await pair.host.outbox.deliver(pair.sub.id)
            await pair.sub.outbox.deliver(pair.host.id)
        await _cancel(table, table.host)
        await table.turn()
        assert table.host.phones.calls == table.sub.phones.calls == []
        for board in (table.host, table.sub):
            assert {draw.phase for draw in await table.status(board)} <= {words.VOID, "REFUSED"}


async def test_a_booking_that_experts_were_drawn_for_is_not_moved() -> None:
    async with laid() as table:
        await table.start()
        later = Window(WINDOW.start_ms + 3_600_000, WINDOW.end_ms + 3_600_000)
        with pytest.raises(Conflicting, match="cancel it and book anew, or extend it"):
            await table.pair.host.do(
                lambda desk: table.offices.host.bookings.after.changing.move(
                    desk, table.project, later, "改期", AGENCY
                )
            )
        # More time at the end is another matter.
        await table.pair.host.do(
            lambda desk: table.offices.host.bookings.after.changing.extend(
                desk, table.project, WINDOW.end_ms + 3_600_000, "不够", by_law=False, by=AGENCY
            )
        )
        await table.pair.settle()
        row = await table.pair.sub.do(
            lambda desk: table.offices.sub.bookings.get(desk, table.booking)
        )
        assert row.end_ms == WINDOW.end_ms + 3_600_000


async def test_a_fault_before_its_time_is_refused_while_the_booking_stands() -> None:
    async with laid() as table:
        await table.start()
        liar = Liar(table.pair.host, table.pair.sub)
        (draw, *_) = await table.status(table.sub)
        fault = words.Fault(draw.phase, "the booking was cancelled")
        assert (await liar.tell(draw.id, fault)).reason == "NOT_ALLOWED"
        assert (await liar.tell(table.booking, Cancel("x"))).reason == ""
        assert {each.phase for each in await table.status(table.sub)} == {words.VOID}
