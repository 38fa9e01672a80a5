"""A silent sealer: the regulator opens its escrow, the owner of the pool goes on alone."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from sqlite3 import Connection
from typing import Any

import pytest

from federation.ids import ConversationId
from federation.lottery.audit import DrawAudit, audit
from federation.protocol import draw as words
from federation.protocol.draw import Conclude, Proceed, Rescue, Response, Result
from federation.protocol.oversight import Unseal
from federation.wire.envelopes import (
    decode_envelope,
    decode_statement,
    encode_envelope,
    encode_statement,
)
from federation.wire.words import decode_word, encode_word
from node.services.draw_files import verified_in
from node.services.house import Desk
from node.services.oversight_deciding import Decision
from node.services.rescue import SILENT
from node.store import oversight as store
from tests.node.services.overseen import FIRST, SECOND, Scene, overseen
from tests.node.services.test_draws_with_a_liar import refused_as
from tests.support import planning
from tests.support.liar import Liar
from tests.support.signed import report_signed

GROUNDS = "封存方失联"


@asynccontextmanager
async def silent(**changes: Any) -> AsyncIterator[tuple[Scene, bytes]]:
    """The host draws from its own pool; its sealer, the sub, falls silent in the walk."""
    async with overseen(**changes) as at:
        host, sub = at.table.host, at.table.sub
        for board in (host, sub):
            at.followers[board.center.name] = [board.draws.rescuing.heard]
        await at.host.do(
            lambda desk: planning.begin(host.draws, desk, at.table.project, planning.AGENCY)
        )
        draw = await at.draw("OWNER")
        for _ in range(60):
            await at.pair.host.outbox.deliver(at.sub.id)
            await at.pair.sub.outbox.deliver(at.host.id)
            await at.host.outbox.greet(at.sub.id)
            await at.sub.outbox.greet(at.host.id)
            if await at.host.phase(draw) == words.WALKING:
                break
        assert await at.host.phase(draw) == words.WALKING
        yield at, draw


async def overdue(at: Scene) -> None:
    """The sub does nothing and nobody reaches it; the host's clock says that it is late."""
    at.pair.silent.add("sub")
    await at.pair.later(words.MACHINE_MS + 1)


async def asked(at: Scene, draw: bytes, decision: Decision) -> None:
    """The host's staff ask, two officers decide."""
    await at.host.do(lambda desk: at.of(at.host).asking.ask_unseal(desk, draw, GROUNDS))
    await at.pair.greet()
    (request,) = await at.requests()
    await at.decide(
        lambda service, desk: service.deciding.propose(desk, request.id, decision, GROUNDS, FIRST)
    )
    await at.decide(lambda service, desk: service.deciding.confirm(desk, request.id, SECOND))


async def back(at: Scene) -> None:
    """The sub's node is there again."""
    at.pair.silent.clear()
    for one in at.pair.everybody:
        for other in at.pair.everybody:
            if one is not other:
                one.outbox.reset(other.id)
    await at.pair.greet()


async def test_the_owner_goes_on_alone_once_two_officers_have_opened_the_escrow() -> None:
    async with silent() as (at, draw):
        await overdue(at)
        assert SILENT in await at.todos(at.host)
        assert await at.host.phase(draw) == words.WALKING
        await asked(at, draw, Decision.GRANT)

        assert await at.host.phase(draw) == words.RESCUED
        assert SILENT not in await at.todos(at.host)
        assert len(await at.said(at.host, Proceed)) >= 2
        assert [one.members for one in await at.said(at.host, Result)][-1] == 2
        members = await at.host.do(lambda desk: at.table.host.draws.members(desk, at.table.booking))
        assert len([one for one in members if one.owner == at.host.id]) == 2

        await back(at)
        assert await at.sub.phase(draw) == words.RESCUED
        for center in (at.host, at.sub):
            assert await at.refusals(center) == []


async def test_the_sealer_that_comes_back_hears_the_end_and_both_can_recompute_it() -> None:
    async with silent() as (at, draw):
        await overdue(at)
        await asked(at, draw, Decision.GRANT)
        await back(at)
        (gone, *_) = [one for one in await at.host.do(
            lambda desk: at.table.host.draws.members(desk, at.table.booking)
        ) if one.owner == at.host.id]  # fmt: skip
        await at.host.do(
            lambda desk: at.table.host.draws.depart(
                desk, draw, gone.entry, Response.LEAVE, "", "staff"
            )
        )
        await at.pair.greet()
        for board in (at.table.host, at.table.sub):
            await board.center.do(lambda desk: report_signed(desk, at.table.booking))

        host = at.table.host.draws
        await at.host.do(lambda desk: host.close_all(desk, at.table.booking))
        await at.pair.greet()

        assert await at.host.phase(draw) == await at.sub.phase(draw) == words.CLOSED
        assert len(await at.said(at.host, Conclude)) == 1

        def audited(desk: Desk) -> DrawAudit:
            files = at.table.sub.draws._files
            row = files.row(desk, draw)
            return audit(
                desk.suite_of(ConversationId(draw)),
                files.view(desk, row).spoken,
                files.announced(desk, row),
                read=verified_in(desk, at.host.id),
                regulator=at.regulator.id,
            )

        fair = await at.sub.do(audited)
        assert len(fair.members) == 2
        assert gone.entry not in {entry for _, entry in fair.members}
        assert fair.supplements == 1


async def test_an_escrow_opened_while_the_sealer_was_back_serves_when_it_is_gone_again() -> None:
    async with silent() as (at, draw):
        await overdue(at)
        await _set(at, draw, words.INVITED, None)  # it came back meanwhile and named somebody
        await asked_while(at, draw)
        assert await at.host.phase(draw) == words.INVITED

        await _set(at, draw, words.WALKING, at.pair.watch.now_ms + 1)
        await at.pair.later(2)

        assert await at.host.phase(draw) == words.RESCUED


async def asked_while(at: Scene, draw: bytes) -> None:
    """As ``asked``, by staff who asked before the sealer was back."""
    await _set(at, draw, words.WALKING, None)
    await at.host.do(lambda desk: at.of(at.host).asking.ask_unseal(desk, draw, GROUNDS))
    await _set(at, draw, words.INVITED, None)
    await at.pair.greet()
    (request,) = await at.requests()
    await at.decide(lambda service, desk: service.deciding.propose(
        desk, request.id, Decision.GRANT, GROUNDS, FIRST))  # fmt: skip
    await at.decide(lambda service, desk: service.deciding.confirm(desk, request.id, SECOND))


async def _set(at: Scene, draw: bytes, phase: str, deadline_ms: int | None) -> None:
    await at.host.database.alone(
        lambda connection: connection.execute(
            "UPDATE conversation SET phase = ?, deadline_ms = ? WHERE id = ?",
            (phase, deadline_ms, draw),
        )
    )


async def test_what_is_denied_makes_the_draw_void() -> None:
    async with silent() as (at, draw):
        await overdue(at)
        await asked(at, draw, Decision.DENY)
        assert await at.host.phase(draw) == words.VOID
        assert await at.said(at.host, Rescue) == []


async def test_a_sealer_that_came_back_before_the_denial_is_given_its_time() -> None:
    """It names who comes next within seconds, and would refuse what is not overdue."""
    async with silent() as (at, draw):
        await overdue(at)
        await _set(at, draw, words.WALKING, at.pair.watch.now_ms + words.MACHINE_MS)
        await asked(at, draw, Decision.DENY)
        assert await at.host.phase(draw) == words.WALKING
        await at.pair.later(words.MACHINE_MS + 1)
        assert SILENT in await at.todos(at.host)


async def test_where_nobody_is_waited_for_any_more_no_escrow_is_opened() -> None:
    async with silent() as (at, draw):
        await at.host.database.alone(
            lambda connection: connection.execute(
                "UPDATE conversation SET phase = 'CANCELLED' WHERE id = ?", (at.table.booking,)
            )
        )
        await overdue(at)
        assert await at.host.phase(draw) == words.VOID
        assert SILENT not in await at.todos(at.host)


async def test_without_a_regulator_silence_makes_the_draw_void_as_before() -> None:
    async with silent(regulator=False) as (at, draw):
        await overdue(at)
        assert await at.host.phase(draw) == words.VOID


async def test_an_escrow_that_one_officer_has_opened_alone_rescues_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with silent() as (at, draw):
        usual = store.unsealed_for

        def alone(connection: Connection, of: bytes) -> bytes | None:
            kept = usual(connection, of)
            if kept is None:
                return None
            given = decode_envelope(kept)
            statement = decode_statement(given.payload)
            genuine = decode_word(given.payload_type, statement.body)
            assert isinstance(genuine, Unseal)
            one = replace(genuine, officers=genuine.officers[:1] * 2)
            bent = encode_statement(replace(statement, body=encode_word(one)))
            (forged,) = at.regulator.sign([(given.payload_type, bent)])
            return encode_envelope(forged)

        monkeypatch.setattr(store, "unsealed_for", alone)
        await overdue(at)
        await asked(at, draw, Decision.GRANT)
        await back(at)
        refused = [detail for _, detail in await at.refusals(at.sub)]
        assert "the Unseal is not by two different officers" in refused


async def test_an_owner_cannot_rescue_what_nobody_has_opened() -> None:
    async with silent() as (at, draw):
        liar = Liar(at.host, at.sub)
        opening = await at.host.sql(
            "SELECT envelope FROM heard WHERE conversation = ? ORDER BY log_index LIMIT 1", draw
        )
        for shown in (b"made up", opening[0][0]):
            assert refused_as(await liar.tell(draw, Rescue(shown)), "MALFORMED")
        proceed = Proceed(0, 0, 0, bytes(32), bytes(32))
        assert refused_as(await liar.tell(draw, proceed), "OUT_OF_TURN")


async def test_nobody_concludes_before_the_report_is_signed() -> None:
    async with silent() as (at, draw):
        await overdue(at)
        await asked(at, draw, Decision.GRANT)
        await back(at)
        receipt = await Liar(at.host, at.sub).tell(draw, Conclude(bytes(32)))
        assert refused_as(receipt, "TOO_EARLY")
