"""A partner's log with two histories: draws with it stand still, people are told, one lifts it."""

from functools import partial
from typing import Final

import pytest

from federation.engine.acquaintance import News, Turn, read_link
from federation.engine.sightings import Sighting, log_keys
from federation.errors import Unavailable
from federation.evidence.checkpoint import Checkpoint, sign_log
from federation.ids import CenterId, ConversationId
from federation.protocol import draw as words
from federation.wire.envelopes import Outcome, Witnessing
from node.services import descriptors, forks
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.forks import FROZEN, UNPROVEN
from node.services.house import Desk
from node.services.todos import LOG_FORK
from node.store import forks as store
from node.store import todos
from tests.node.services.test_draws import Table, table
from tests.node.services.test_draws_with_a_liar import reach, the_draw
from tests.support import planning
from tests.support.identities import follow, signed
from tests.support.liar import Liar
from tests.support.pair import Center

__all__ = ["table"]

WHY: Final = "对方误启两台节点,已停一台"


async def fork(center: Center, peer: Center) -> None:
    """Keep a second history of a peer's log, as the witness does."""
    name = center.suite.suite_id

    def head(root: bytes) -> str:
        return sign_log(
            Checkpoint(peer.identity.descriptor.log_name(name), 9, root),
            log_keys(peer.identity.descriptor, name)[0],
            peer.suite.signer(peer.secrets[name].log),
        )

    def keep(desk: Desk) -> None:
        if desk.ledger.put_fork(peer.id, head(bytes(32)), head(bytes([1]) * 32), desk.now_ms):
            forks.tell(desk, peer.id, Sighting.FORK)

    await center.do(keep)


async def left(center: Center, role: str) -> list[str]:
    rows = await center.do(lambda desk: todos.open_for(desk.ledger.connection, role))
    return [each.kind for each in rows if each.kind in {LOG_FORK, FROZEN, UNPROVEN}]


async def phase_of(center: Center, draw: bytes) -> str:
    known = await center.do(lambda desk: desk.ledger.conversation(ConversationId(draw)))
    assert known is not None
    return known.phase


async def test_a_running_draw_stands_still_and_goes_on_when_it_is_lifted(table: Table) -> None:
    host, sub = table.host.center, table.sub.center
    draw = await reach(table, host, words.OWNER, words.WALKING)
    await fork(host, sub)

    await table.pair.settle()

    stood = await phase_of(host, draw)
    assert stood not in {words.SEALED, words.VOID}, "nothing of it went on"
    assert await left(host, "operator") == [LOG_FORK]
    assert set(await left(host, "staff")) == {FROZEN}
    before = await host.sql("SELECT count(*) FROM heard WHERE conversation = ?", draw)
    await table.pair.later(60_000)
    assert await host.sql("SELECT count(*) FROM heard WHERE conversation = ?", draw) == before

    assert await host.do(lambda desk: forks.lift(desk, sub.id, WHY, "op")) == 1
    await table.pair.later(15 * 60_000)

    assert await phase_of(host, draw) == words.SEALED
    assert await left(host, "operator") == []
    assert await left(host, "staff") == []
    (kept,) = await host.do(lambda desk: forks.kept(desk, sub.id))
    assert (kept.lifted_by, kept.reason, kept.stops) == ("op", WHY, False)


async def test_no_word_of_ours_in_a_draw_leaves_meanwhile(table: Table) -> None:
    host, sub = table.host.center, table.sub.center
    await reach(table, host, words.SEALER, words.WALKING)
    draw = await the_draw(host, words.SEALER)
    await fork(host, sub)
    before = await sub.sql("SELECT count(*) FROM heard WHERE conversation = ?", draw)

    await table.pair.later(10 * 60_000)

    assert await sub.sql("SELECT count(*) FROM heard WHERE conversation = ?", draw) == before
    page = await host.do(lambda desk: desk.ledger.said_after(sub.id, 0, 64))
    assert not [kind for _, kind, _, _ in page if ".draw." in kind]


async def test_no_draw_begins_with_a_partner_whose_log_forked(table: Table) -> None:
    host, sub = table.host.center, table.sub.center
    await fork(host, sub)
    with pytest.raises(Unavailable) as refused:
        await host.do(
            lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
        )
    assert refused.value.clause == "fork"
    await host.do(lambda desk: forks.lift(desk, sub.id, WHY, "op"))
    ids = await host.do(
        lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
    )
    assert ids


async def test_a_forked_partner_is_refused_its_draw_with_the_clause(table: Table) -> None:
    host, sub = table.host.center, table.sub.center
    await fork(sub, host)
    await host.do(
        lambda desk: planning.begin(table.host.draws, desk, table.project, planning.AGENCY)
    )
    await table.pair.settle()
    refusals = [
        receipt for kind, receipt in sub.listener.receipts if receipt.outcome is Outcome.REFUSED
    ]
    assert {receipt.clause for receipt in refusals} == {"fork"}
    assert await sub.sql("SELECT count(*) FROM draw") == [(0,)]


async def test_a_fault_is_heard_all_the_same(table: Table) -> None:
    host, sub = table.host.center, table.sub.center
    draw = await reach(table, host, words.OWNER, words.WALKING)
    await fork(host, sub)
    receipt = await Liar(sub, host).tell(draw, words.Fault("WALKING", "late"))
    assert receipt.outcome is not Outcome.GAP


def _lift(peer: CenterId, reason: str, desk: Desk) -> int:
    return forks.lift(desk, peer, reason, "op")


async def test_lifting_needs_a_fork_and_a_reason(table: Table) -> None:
    host, sub = table.host.center, table.sub.center
    with pytest.raises(Conflicting):
        await host.do(lambda desk: forks.lift(desk, sub.id, WHY, "op"))
    await fork(host, sub)
    for reason in ("", "  ", "长" * 501):
        with pytest.raises(Invalid):
            await host.do(partial(_lift, sub.id, reason))
    with pytest.raises(NotFound):
        await host.do(lambda desk: forks.lift(desk, CenterId("lp1" + "a" * 32), WHY, "op"))
    assert await host.do(lambda desk: desk.ledger.forked(sub.id))


async def test_what_was_lifted_stops_again_only_if_the_partner_itself_shows_it(
    table: Table,
) -> None:
    host, sub = table.host.center, table.sub.center
    await fork(host, sub)
    await host.do(lambda desk: forks.lift(desk, sub.id, WHY, "op"))
    (row,) = await host.do(lambda desk: store.of(desk.ledger.connection, sub.id))

    def again(desk: Desk, via: str) -> bool:
        return desk.ledger.put_fork(sub.id, row.held, row.shown, desk.now_ms, via)

    assert not await host.do(lambda desk: again(desk, "lp1other"))
    assert not await host.do(lambda desk: desk.ledger.forked(sub.id))
    assert await host.do(lambda desk: again(desk, ""))
    assert await host.do(lambda desk: desk.ledger.forked(sub.id))
    assert not await host.do(lambda desk: again(desk, "")), "no news any more"


async def test_a_log_that_is_not_proven_is_a_to_do_and_stops_nothing(table: Table) -> None:
    host, sub = table.host.center, table.sub.center
    await host.do(lambda desk: forks.tell(desk, sub.id, Sighting.UNPROVEN))
    await host.do(lambda desk: forks.tell(desk, sub.id, Sighting.COSIGNED))
    assert await left(host, "operator") == [UNPROVEN]
    assert not await host.do(lambda desk: desk.ledger.forked(sub.id))


async def test_witness_refuses_fork(table: Table) -> None:
    """The cosigned head stays, both notes are kept, and nothing is cosigned in its place."""
    host, sub = table.host.center, table.sub.center
    name = host.suite.suite_id
    await table.pair.settle()
    await host.greet(sub.id)
    await sub.greet(host.id)
    known = await host.do(lambda desk: desk.ledger.witnessed(sub.id, name))
    assert known is not None
    other = sign_log(
        Checkpoint(sub.identity.descriptor.log_name(name), known[0], bytes(32)),
        log_keys(sub.identity.descriptor, name)[0],
        sub.suite.signer(sub.secrets[name].log),
    )

    seen = await host.do(
        lambda desk: host.negotiator.witness.look(desk, sub.id, name, Witnessing(other, known[0]))
    )

    assert seen is Sighting.FORK
    assert await host.do(lambda desk: desk.ledger.witnessed(sub.id, name)) == known
    (kept,) = await host.do(lambda desk: forks.kept(desk, sub.id))
    assert (kept.held, kept.shown) == (known[2], other)
    assert await host.do(lambda desk: desk.ledger.forked(sub.id))


async def test_an_epoch_that_explains_it_lets_draws_go_on_and_closes_what_was_asked(
    table: Table,
) -> None:
    host, sub = table.host.center, table.sub.center
    await reach(table, host, words.OWNER, words.WALKING)
    await fork(host, sub)
    known = host.keyring.peers[sub.id]
    following = follow(known, log_epoch=known.log_epoch + 1)
    link = read_link(signed(following, sub.secrets))

    def announced(desk: Desk) -> None:
        shown = [row.shown for row in forks.kept(desk, sub.id)]
        desk.ledger.explain_forks(sub.id, 1, shown)
        descriptors.note(desk, sub.id, News(Turn.NEWER, (link,)), [link])

    await host.do(announced)

    assert not await host.do(lambda desk: desk.ledger.forked(sub.id))
    assert await left(host, "operator") == []
    assert await left(host, "staff") == []
