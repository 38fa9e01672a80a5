"""One entry proven to somebody who was not there; and what the logs hold and cost."""

from functools import partial
from typing import Final

import pytest

from federation.evidence.checkpoint import BadCheckpoint
from federation.evidence.tlog_policy import read_policy
from federation.evidence.tlog_proof import BadProof, check_proof, read_proof
from federation.protocol.peering import StartTest
from node.services import evidence_log
from node.services.errors import Conflicting, NotFound
from node.services.evidence_log import (
    DAY_MS,
    SAMPLES,
    Growth,
    GrowthLook,
    Proven,
    append_cost_us,
)
from node.services.house import Desk
from tests.support.meshed import meshed, quiet
from tests.support.pair import SPOKEN, Center

NAME: Final = SPOKEN[0]


async def talk(one: Center, other: Center, times: int = 3) -> None:
    for _ in range(times):
        await one.do(lambda desk: desk.open(other.id, None, StartTest(bytes(32), ())))
    await quiet(one, other)


def proving(suite: str, index: int, desk: Desk) -> Proven:
    return evidence_log.prove(desk, suite, index)


async def test_every_entry_is_proven_under_the_partners_cosignatures() -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        await talk(a, b)
        for other in (b, c):
            await quiet(a, other)
        policy = read_policy(await a.do(lambda desk: evidence_log.policy(desk, NAME)))
        ((size,),) = await a.sql("SELECT count(*) FROM log_entry")
        for index in range(size):
            found = await a.do(partial(proving, NAME, index))
            assert found.witnesses == tuple(sorted([b.id, c.id]))
            head, who = check_proof(read_proof(found.proof), found.entry, policy)
            assert head.size == found.size == size
            assert len(who) == 2, "both cosignatures stand under one note"


async def test_another_centers_policy_proves_nothing() -> None:
    async with meshed("a", "b") as (a, b):
        await talk(a, b)
        found = await a.do(lambda desk: evidence_log.prove(desk, NAME, 0))
        other = read_policy(await b.do(lambda desk: evidence_log.policy(desk, NAME)))
        with pytest.raises(BadProof):
            check_proof(read_proof(found.proof), found.entry, other)
        with pytest.raises(BadCheckpoint):
            other.check(read_proof(found.proof).note)


async def test_what_cannot_be_proven_is_named() -> None:
    async with meshed("a", "b") as (a, b):
        await a.do(lambda desk: desk.open(b.id, None, StartTest(bytes(32), ())))
        with pytest.raises(Conflicting, match="cosigned"):
            await a.do(lambda desk: evidence_log.prove(desk, NAME, 0))
        with pytest.raises(NotFound, match="1 entries"):
            await a.do(lambda desk: evidence_log.prove(desk, NAME, 1))
        with pytest.raises(NotFound):
            await a.do(lambda desk: evidence_log.policy(desk, "intl-9"))
        with pytest.raises(NotFound):
            await a.do(partial(proving, "intl-9", 0))


async def test_a_center_without_partners_has_a_policy_without_quorum() -> None:
    async with meshed("a") as (a,):
        text = await a.do(lambda desk: evidence_log.policy(desk, NAME))
        assert text.endswith("quorum none\n")


@pytest.fixture(params=[2, 20_000])
def step(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Whatever is counted at a time, the sum is the same."""
    monkeypatch.setattr(evidence_log, "STEP", request.param)
    return int(request.param)


async def growth(center: Center) -> Growth:
    ticks = iter([0.0, SAMPLES * 25e-6])
    look = GrowthLook(center.watch.now_ms)
    while await center.database.read(look.step):
        pass
    return look.growth(append_cost_us(NAME, lambda: next(ticks)))


@pytest.mark.usefixtures("step")
async def test_growth_is_counted_from_the_rows_of_each_day() -> None:
    async with meshed("a", "b") as (a, b):
        await talk(a, b, 4)
        a.watch.pass_ms(2 * DAY_MS)
        await talk(a, b, 2)
        found = await growth(a)
        assert [day.entries for day in found.days] == [4, 2]
        ((leaves, bodies),) = await a.sql(
            "SELECT sum(length(data)), (SELECT sum(length(payload) + length(envelope)"
            " + length(receipt)) FROM said) FROM log_entry"
        )
        assert sum(day.envelope_bytes for day in found.days) == bodies
        assert sum(day.log_bytes for day in found.days) == leaves + 6 * 106
        assert found.entries == {NAME: 6}
        assert found.bytes_per_entry == ((leaves + 6 * 106) // 6, bodies // 6)
        assert found.cpu_us_per_append == 25.0
        assert found.entries_per_year == 6 * 365 // 3, "three days, one of them silent"
        assert found.bytes_per_year == (leaves + 6 * 106 + bodies) * 365 // 3


async def test_an_empty_log_grows_by_nothing() -> None:
    async with meshed("a") as (a,):
        found = await growth(a)
        assert (found.days, found.entries_per_year, found.bytes_per_entry) == ((), 0, (0, 0))


async def test_entries_of_long_ago_are_not_counted() -> None:
    async with meshed("a", "b") as (a, b):
        await talk(a, b, 4)
        a.watch.pass_ms(40 * DAY_MS)
        await talk(a, b, 1)
        found = await growth(a)
        assert [day.entries for day in found.days] == [1]
        assert found.entries == {NAME: 5}
