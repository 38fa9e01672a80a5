"""A dishonest sealer against real services: whatever order it walks, opening its seal shows it."""

from collections.abc import Callable, Sequence

import pytest

from federation.ids import ConversationId
from federation.protocol import draw as words
from federation.protocol.draw import Close
from federation.wire.envelopes import Outcome
from node.services.draw_files import DrawFiles
from node.services.draw_view import DrawView
from node.services.house import Desk
from node.store.draws import DrawRow
from tests.node.services.test_draws import Table, table
from tests.node.services.test_draws_with_a_liar import the_draw
from tests.support import planning
from tests.support.liar import Liar
from tests.support.signed import report_signed

__all__ = ["table"]


async def closed_with(table: Table, value: bytes | None = None) -> tuple[str, str, str]:
    """The host opens its seal on its draw from the sub's pool; answers how the sub takes it."""
    host, sub = table.pair.centers
    table.pair.watch.now_ms = planning.WINDOW.end_ms
    draw = await the_draw(host, words.SEALER)
    await sub.do(lambda desk: report_signed(desk, table.booking))

    def close(desk: Desk) -> Close:
        files = table.host.draws._files
        row = files.row(desk, draw)
        seen = files.view(desk, row)
        assert seen.walk is not None
        return Close(files.value(row) if value is None else value, seen.walk.head)

    receipt = await Liar(host, sub).tell(draw, await host.do(close))
    return receipt.outcome.name, receipt.clause, await sub.phase(ConversationId(draw)) or ""


async def test_an_honest_seal_is_opened(table: Table) -> None:
    await table.start()
    assert await closed_with(table) == (Outcome.ACCEPTED.name, "", words.CLOSED)


def first_two_swapped(order: list[bytes]) -> list[bytes]:
    return [order[1], order[0], *order[2:]]


def first_left_out(order: list[bytes]) -> list[bytes]:
    return order[1:]


def last_put_first(order: list[bytes]) -> list[bytes]:
    return [order[-1], *order[:-1]]


@pytest.mark.parametrize("bend", [first_two_swapped, first_left_out, last_put_first])
async def test_sealer_reorders(
    table: Table, monkeypatch: pytest.MonkeyPatch, bend: Callable[[list[bytes]], list[bytes]]
) -> None:
    """The owner cannot see it while it walks; the seal is not taken, the words prove who lied."""
    honest = DrawFiles.orders

    def bent(files: DrawFiles, row: DrawRow, seen: DrawView) -> Sequence[list[bytes]]:
        return tuple(bend(order) for order in honest(files, row, seen))

    with monkeypatch.context() as patch:
        patch.setattr(DrawFiles, "orders", bent)
        await table.start()
    assert await closed_with(table) == (Outcome.REFUSED.name, "V9", words.SEALED)


async def test_sealer_lies_about_r(table: Table) -> None:
    """With another value another order would come out: it is not the one committed to."""
    await table.start()
    assert await closed_with(table, bytes(32)) == (Outcome.REFUSED.name, "V7", words.SEALED)
