"""What a draw's words say is read on from step to step, and never what was taken back."""

import pytest

from federation.ids import ConversationId
from federation.protocol import draw as words
from federation.protocol.draw import Fault
from node.services.draw_files import DrawFiles
from node.services.draw_view import DrawView
from node.services.house import Desk
from node.store import draws
from tests.node.services.test_draws import Board, Table, table
from tests.support import planning

__all__ = ["table"]


class TakenBackError(Exception):
    """The transaction fails at its end."""


def views(files: DrawFiles, desk: Desk) -> dict[bytes, DrawView]:
    rows = draws.everything(desk.ledger.connection)
    return {row.id: files.view(desk, row) for row in rows}


async def views_at(board: Board, files: DrawFiles) -> dict[bytes, DrawView]:
    return await board.center.do(lambda desk: views(files, desk))


async def step(table: Table) -> None:
    """Each center tells the other what it has said, once."""
    for center in table.pair.centers:
        await center.outbox.deliver(table.pair.other(center).id)
        await center.outbox.greet(table.pair.other(center).id)
        await center.errands.run_due()


async def test_reading_on_comes_to_the_same_as_reading_all(table: Table) -> None:
    files = {board.center.id: DrawFiles(board.center.cipher) for board in (table.host, table.sub)}
    await table.host.center.do(
        lambda desk: planning.begin(table.host.draws, desk, table.project, "agency-1")
    )
    unsealed = True
    while unsealed:
        unsealed = False
        for board in (table.host, table.sub):
            on = await views_at(board, files[board.center.id])
            assert on == await views_at(board, DrawFiles(board.center.cipher))
            unsealed |= any(seen.walk is None or not seen.walk.sealed for seen in on.values())
        await step(table)


async def test_a_word_that_was_rolled_back_is_forgotten(table: Table) -> None:
    await table.start()
    board = table.host
    files = DrawFiles(board.center.cipher)
    before = await board.center.do(lambda desk: views(files, desk))
    draw = next(iter(before))
    read: list[DrawView] = []

    def fail(desk: Desk) -> None:
        desk.say(ConversationId(draw), Fault(words.SEALED, "nobody comes"))
        read.append(views(files, desk)[draw])
        raise TakenBackError

    with pytest.raises(TakenBackError):
        await board.center.do(fail)
    assert len(read[0].spoken) == len(before[draw].spoken) + 1
    assert await board.center.do(lambda desk: views(files, desk)) == before
