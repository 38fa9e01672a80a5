"""A regulator checks by chance what was reported of invitations, and the centers hear of it."""

from federation.ids import ConversationId
from federation.protocol.draw import CLOSED, Report
from federation.protocol.oversight import (
    AskRecords,
    FaultRecord,
    Finding,
    ProduceRecords,
    StateCallBack,
    SubmitReports,
)
from node.services.call_backs import CallBackPolicy
from node.store import call_backs as store
from node.store.call_backs import State
from tests.node.services.overseen import FIRST, SECOND, Scene, overseen


async def over(at: Scene) -> ConversationId:
    """Both draws are drawn and closed; answers the one from the sub's pool."""
    await at.start()
    for board in (at.table.host, at.table.sub):
        await board.center.do(lambda desk, b=board: b.draws.close_all(desk, at.table.booking))
    await at.pair.turn()
    draw = await at.draw()
    assert await at.host.phase(draw) == CLOSED
    return draw


async def test_what_was_reported_is_checked_and_two_officers_state_what_they_found() -> None:
    async with overseen(call_backs=CallBackPolicy(percent=100)) as at:
        draw = await over(at)
        (told,) = await at.said(at.host, SubmitReports)
        reports = [each for each in await at.said(at.sub, Report)]
        assert len(told.reports) == len(reports) == 3
        rows = await at.regulator.do(at.of(at.regulator).calling.everything)
        assert {(row.state, row.wrong) for row in rows} == {(State.PRODUCED, None)}
        assert {row.owner for row in rows} == {at.host.id, at.sub.id}
