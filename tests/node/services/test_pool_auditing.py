"""A center hands its sealed pool over; two officers open it, and the center is told."""

import json
from base64 import b64decode, b64encode

import pytest

from federation.lottery import pool_audit
from federation.lottery.pool_audit import decode_file
from federation.protocol.oversight import Act, StateAct
from node.domain.expert import ExpertStatus
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.officers import SamePerson
from node.services.oversight_asking import ACT
from node.services.oversight_deciding import CONFIRM
from node.services.pool_auditing import ACT_REFUSED, audited, export
from node.store import oversight as store
from node.store.oversight import State
from tests.node.services.overseen import FIRST, SECOND, Scene, overseen
from tests.support.pair import Center

STATUSES = [each.value for each in ExpertStatus]


async def exported(center: Center, epoch: str | None = None) -> bytes:
    rows = await center.sql("SELECT DISTINCT pool FROM pool_epoch")
    ((pool,),) = rows
    return await center.do(lambda desk: export(desk, str(pool), epoch, None))


async def proposed(at: Scene, raw: bytes) -> bytes:
    return await at.decide(
        lambda service, desk: service.auditing.propose(desk, raw, "年度检查", FIRST)
    )


async def test_two_officers_open_the_pool_and_the_center_is_told() -> None:
    async with overseen() as at:
        raw = await exported(at.host)
        request = await proposed(at, raw)
        assert await at.todos(at.regulator) == {CONFIRM}
        opening, announced = await at.decide(
            lambda service, desk: service.auditing.confirm(desk, request, raw, SECOND)
        )
        found = audited(opening, announced, STATUSES, None)
        assert found.rebuilt
        assert found.clean
        (act,) = await at.said(at.regulator, StateAct)
        assert (act.act, act.subject) == (Act.OPEN_POOL, announced.audit_digest)
        assert len(set(act.officers)) == 2
        assert ACT in await at.todos(at.host)
        assert await at.todos(at.regulator) == set()
        row = await at.regulator.do(lambda desk: store.request(desk.ledger.connection, request))
        assert row is not None
        assert row.state is State.DECIDED


async def test_neither_the_file_nor_a_person_of_it_is_stored_at_the_regulator() -> None:
    async with overseen() as at:
        raw = await exported(at.host)
        request = await proposed(at, raw)
        opening, _ = await at.decide(
            lambda service, desk: service.auditing.confirm(desk, request, raw, SECOND)
        )
        secrets = [member.name.encode() for member in opening.members]
        secrets += [member.uid.encode() for member in opening.members]
        secrets += [opening.key, decode_file(raw).sealed]
        for (table,) in await at.regulator.sql("SELECT name FROM sqlite_master WHERE type='table'"):
            for row in await at.regulator.sql(f"SELECT * FROM {table}"):
                for cell in row:
                    held = cell.encode() if isinstance(cell, str) else cell
                    if isinstance(held, bytes):
                        assert not any(secret in held for secret in secrets), table


async def test_one_officer_alone_opens_nothing() -> None:
    async with overseen() as at:
        raw = await exported(at.host)
        request = await proposed(at, raw)
        with pytest.raises(SamePerson):
            await at.decide(
                lambda service, desk: service.auditing.confirm(desk, request, raw, FIRST)
            )
        with pytest.raises(Conflicting, match="proposed already"):
            await proposed(at, raw)
        assert await at.said(at.regulator, StateAct) == []


async def test_what_was_proposed_is_what_is_opened_and_only_once() -> None:
    async with overseen() as at:
        raw, other = await exported(at.host), await exported(at.sub)
        request = await proposed(at, raw)
        with pytest.raises(Invalid, match="not the file"):
            await at.decide(
                lambda service, desk: service.auditing.confirm(desk, request, other, SECOND)
            )
        await at.decide(lambda service, desk: service.auditing.confirm(desk, request, raw, SECOND))
        with pytest.raises(Conflicting):
            await at.decide(
                lambda service, desk: service.auditing.confirm(desk, request, raw, SECOND)
            )
        with pytest.raises(NotFound):
            await at.decide(
                lambda service, desk: service.auditing.confirm(desk, bytes(16), raw, SECOND)
            )
        await proposed(at, raw)  # another audit is another act


@pytest.mark.parametrize("lie", ["bytes", "seal", "announcement", "two pools", "stranger"])
async def test_a_file_that_does_not_hold_is_refused_before_anybody_opens_it(lie: str) -> None:
    async with overseen() as at:
        file = json.loads(await exported(at.host))
        if lie == "bytes":
            file = {"v": 1}
        elif lie == "seal":
            sealed = b64decode(file["sealed"])
            file["sealed"] = b64encode(sealed[:-1] + bytes([sealed[-1] ^ 1])).decode()
        elif lie == "announcement":
            shown = b64decode(file["announcements"][0])
            file["announcements"] = [b64encode(shown[:-1] + bytes([shown[-1] ^ 1])).decode()]
        elif lie == "two pools":
            other = json.loads(await exported(at.sub))
            file["announcements"] += other["announcements"]
        else:
            at.regulator.keyring._messages.clear()
        with pytest.raises(Invalid, match="does not hold"):
            await proposed(at, json.dumps(file).encode())
        assert await at.requests() == []


async def test_a_pool_that_is_sealed_to_ourselves_is_not_handed_over() -> None:
    async with overseen(regulator=False) as at:
        with pytest.raises(Conflicting, match="sealed to ourselves"):
            await exported(at.host)


async def test_an_epoch_that_was_never_announced_cannot_be_handed_over() -> None:
    async with overseen() as at:
        with pytest.raises(NotFound):
            await exported(at.host, "never")


async def test_a_word_that_a_center_does_not_take_is_told_to_the_officers() -> None:
    async with overseen() as at:
        word = StateAct(Act.OPEN_POOL, bytes(32), "检查", (bytes([1]) * 32, bytes([2]) * 32))
        await at.regulator.do(lambda desk: desk.open(at.neighbour.id, None, word))
        await at.pair.greet()
        assert await at.todos(at.regulator) == {ACT_REFUSED}
        assert "regulator" in (await at.refusals(at.neighbour))[-1][1]


async def test_another_regulators_file_does_not_open_and_nobody_is_told() -> None:
    async with overseen() as at:
        raw = await exported(at.host)
        request = await proposed(at, raw)
        at.regulator.identity.face(at.regulator.suite.suite_id)._openers.clear()

        def confirm(desk: Desk) -> object:
            return at.of(at.regulator).auditing.confirm(desk, request, raw, SECOND)

        with pytest.raises(Invalid, match="does not open with our keys"):
            await at.regulator.do(confirm)
        assert await at.said(at.regulator, StateAct) == []
        assert pool_audit.FILE_KIND.encode() in raw
