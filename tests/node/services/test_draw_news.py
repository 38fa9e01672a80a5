"""Who has to act is told that a draw came to nothing or that a list is short."""

from adapters.messaging.port import Answer
from federation.protocol.draw import MACHINE_MS
from node.services.draw_news import SHORT, VOID
from tests.node.services.test_contributions import scene
from tests.node.services.test_draws import laid
from tests.support import planning
from tests.support.pair import Center


async def told(center: Center, kind: str) -> list[str]:
    rows = await center.sql("SELECT text_zh || text_en FROM todo WHERE kind = ? ORDER BY 1", kind)
    return [text for (text,) in rows]


async def test_the_host_is_told_that_a_draw_is_void_and_the_sub_is_not() -> None:
    async with laid() as table:
        host = table.host
        await host.center.do(
            lambda desk: planning.begin(host.draws, desk, table.project, planning.AGENCY)
        )
        table.pair.cut()
        await table.pair.later(MACHINE_MS + 1)

        assert len(await told(host.center, VOID)) == 2
        assert await told(table.sub.center, VOID) == []


async def test_it_is_told_to_ask_for_leave_where_a_regulator_is_agreed() -> None:
    async with scene(regulator=True) as at:
        at.pair.silent.add("neighbour")
        await at.start()
        at.pair.watch.pass_ms(600_001)
        await at.pair.greet()

        texts = await told(at.table.host.center, VOID)
        assert len(texts) == 2
        for text in texts:
            assert at.regulator.id in text
            assert at.neighbour.id in text


async def test_a_full_list_says_nothing() -> None:
    async with laid() as table:
        await table.start()
        assert await told(table.host.center, SHORT) == []


async def test_a_short_list_names_how_many_are_missing() -> None:
    async with laid() as table:
        table.sub.phones.script = [Answer.DECLINE] * 500
        await table.start()
        for _ in range(40):
            await table.turn()
        (text,) = await told(table.host.center, SHORT)
        assert "缺" in text
