"""A draw whose owner or sealer went back to an old copy: no crash, and people know what to do."""

from collections.abc import AsyncIterator

import pytest

from federation.engine.recovery import WHOLE
from node.services import recovery_todos
from node.services.recovering import Recovering
from node.store import todos
from tests.node.services.test_draws import Table, laid
from tests.support import planning
from tests.support.pair import Center
from tests.support.restored import Nurse


@pytest.fixture
async def table() -> AsyncIterator[Table]:
    async with laid() as ready:
        yield ready


async def heal(nurse: Nurse) -> None:
    loop = Recovering(
        negotiator=nurse.center.negotiator,
        ask=nurse.center.outbox.ask,
        peers=lambda: [nurse.peer],
        observe=lambda _: None,
    )
    await nurse.greet()
    await nurse.lose()
    standing = await loop.round()
    if standing.epoch_needed:
        await nurse.announce()
        standing = await loop.round()
    assert standing == WHOLE


async def gaps(center: Center) -> set[bytes]:
    found = await center.do(lambda desk: todos.open_for(desk.ledger.connection, "staff"))
    return {each.subject for each in found if each.kind == recovery_todos.GAP}


async def said(center: Center) -> list[tuple[bytes, int]]:
    return await center.sql("SELECT conversation, revision FROM said ORDER BY 1, 2")


@pytest.mark.parametrize("who", ["host", "sub"])
async def test_draws_that_were_begun_after_the_backup_stand_where_they_were(
    table: Table, who: str
) -> None:
    center = getattr(table.pair, who)
    other = table.pair.other(center)
    nurse = Nurse(table.pair, center)
    await nurse.greet()
    copy = await nurse.backup()
    await table.start()
    before, phases = await said(center), {}
    for (talk,) in await other.sql("SELECT id FROM conversation WHERE kind = 'draw'"):
        phases[talk] = await other.phase(talk)
    assert len(phases) == 2

    await nurse.restore(copy)
    await heal(nurse)
    assert await said(center) == before
    assert {talk: await center.phase(talk) for talk in phases} == phases
    # Whose values, lists and calls were in the lost part is named for a person, draw by draw.
    told = await gaps(center)
    assert told <= set(phases)
    assert told
    # And nothing is said that does not follow: both sides go on or wait, and neither refuses.
    await table.turn()
    for at in (center, other):
        assert await at.sql("SELECT 1 FROM said WHERE accepted = 0") == []


async def test_a_draw_that_the_backup_has_goes_on_as_if_nothing_had_happened(
    table: Table,
) -> None:
    await table.host.center.do(
        lambda desk: planning.begin(table.host.draws, desk, table.project, "agency-1")
    )
    await table.pair.host.outbox.deliver(table.pair.sub.id)
    nurse = Nurse(table.pair, table.pair.host)
    await nurse.greet()
    copy = await nurse.backup()
    await table.pair.sub.outbox.deliver(table.pair.host.id)
    await nurse.greet()
    await nurse.restore(copy)
    await heal(nurse)
    await table.turn()
    for board in (table.host, table.sub):
        assert {draw.phase for draw in await table.status(board)} <= {
            "SEALED", "WALKING", "REVEALED", "COMMITTED",
        }  # fmt: skip
