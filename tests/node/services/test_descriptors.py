"""Partners' descriptors: taken from greetings and files, and what people are told otherwise."""

from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from federation.engine.acquaintance import Acquaintance, Turn, read_link
from federation.engine.pauses import Pauses
from federation.errors import Unavailable
from federation.ids import AgreementId, CenterId
from federation.protocol.booking import Hold
from federation.protocol.conversation import Kind
from federation.protocol.peering import StartTest
from federation.trust.keys import Purpose, Revocation
from federation.wire.envelopes import Outcome
from node.services import chain_file, descriptors, expiry
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import House
from node.services.peers import Peers
from node.store import descriptors as store
from node.store import peers as peer_store
from node.store import todos
from tests.evidence.evaluated import CHECKS
from tests.protocol.samples import HOLD
from tests.support.identities import follow, signed
from tests.support.pair import Center, Mute, TwoCenters, two_centers
from tests.support.renewed import new_message_key, told


async def _pin(peers: Peers, center: Center, other: Center) -> None:
    await center.do(lambda desk: peers.pin(desk, other.identity.chain))


@pytest.fixture
async def pair() -> AsyncIterator[TwoCenters]:
    async with two_centers(suites=("intl-1",)) as both:
        for center in both.centers:
            house = House({kind: Mute() for kind in Kind}, introduced=descriptors.note)
            object.__setattr__(center.negotiator, "inside", house)
            other = both.other(center)
            peers = Peers(center.keyring, Pauses())
            await _pin(peers, center, other)
        yield both


async def kinds(center: Center) -> set[str]:
    rows = await center.do(lambda desk: todos.open_for(desk.ledger.connection, "operator"))
    return {each.kind for each in rows}


def twin_of(center: Center) -> bytes:
    """Another second descriptor, as the same root would sign it elsewhere."""
    first = center.identity.descriptor
    return signed(follow(first, name="elsewhere"), center.secrets)


async def test_the_next_descriptor_is_stored_logged_and_in_force(pair: TwoCenters) -> None:
    new_message_key(pair.host, revoke=True)
    await told(pair.host, pair.sub)
    center = pair.host.id
    chain = await pair.sub.do(lambda desk: store.chain(desk.ledger.connection, center))
    assert [each.sequence for each in chain] == [1, 2]
    assert chain[-1].signed == pair.host.identity.signed_descriptor
    row = await pair.sub.do(lambda desk: peer_store.get(desk.ledger.connection, center))
    assert row is not None
    assert row.signed == pair.host.identity.signed_descriptor
    logged = await pair.sub.sql(
        "SELECT suite, data FROM log_entry WHERE envelope_hash = ?", chain[-1].digest
    )
    assert len(logged) == 1
    assert center.encode() in logged[0][1]
    for _ in range(2):
        await told(pair.host, pair.sub)
    assert await pair.sub.sql("SELECT count(*) FROM log_entry") == [(1,)], "once only"
    assert await pair.host.sql("SELECT knows FROM peer") == [(2,)]


async def test_a_twin_rings_the_alarm_and_ends_new_work(pair: TwoCenters) -> None:
    agreement = await pair.agree()
    twin = twin_of(pair.host)
    new_message_key(pair.host, revoke=False)
    await told(pair.host, pair.sub)
    known = pair.sub.keyring.peers[pair.host.id]
    chain = pair.host.identity.chain
    pair.host.identity._chain = (chain[0], twin)
    await pair.host.outbox.greet(pair.sub.id)
    assert pair.sub.listener.introductions[-1].turn is Turn.TWIN
    assert await kinds(pair.sub) == {descriptors.TWIN}
    assert pair.sub.keyring.peers[pair.host.id] == known
    (kept,) = await pair.sub.do(lambda desk: store.twins(desk.ledger.connection, pair.host.id))
    assert (kept.held, kept.shown) == (chain[1], twin)
    # Neither side begins new work; what needs no agreement goes on.
    with pytest.raises(Unavailable) as caught:
        await pair.sub.do(lambda desk: desk.open(pair.host.id, AgreementId(agreement), HOLD))
    assert caught.value.clause == "identity"
    pair.host.identity._chain = chain
    hold = replace(HOLD, bundle_id=bytes(16))
    assert isinstance(hold, Hold)
    await pair.host.do(lambda desk: desk.open(pair.sub.id, AgreementId(agreement), hold))
    await pair.host.do(lambda desk: desk.open(pair.sub.id, None, StartTest(bytes(32), CHECKS)))
    await pair.settle()
    first, second = [receipt for _, receipt in pair.sub.listener.receipts]
    assert (first.outcome, first.clause) == (Outcome.REFUSED, "identity")
    assert first.retryable
    assert second.outcome is Outcome.ACCEPTED


async def test_two_greetings_at_once_with_two_next_descriptors_are_twins(pair: TwoCenters) -> None:
    twin = twin_of(pair.host)
    new_message_key(pair.host, revoke=False)
    chain = pair.host.identity.chain
    acquaintance = Acquaintance(pair.sub.keyring)
    more = signed(follow(read_link(twin).descriptor, name="further"), pair.host.secrets)
    shows = (chain, (chain[0], twin, more))
    both = [acquaintance.compare(pair.host.id, shown) for shown in shows]
    assert [each.turn for each in both] == [Turn.NEWER, Turn.NEWER], "each goes on from the pinned"
    for news in both:
        take = partial(acquaintance.take, suites=(), peer=pair.host.id, news=news, now_ms=1)
        await pair.sub.do(lambda desk, take=take: take(desk.ledger))  # type: ignore[misc]
        acquaintance.settle(pair.host.id, news)
    assert pair.sub.keyring.signed(pair.host.id) == chain[-1]
    assert await pair.sub.do(lambda desk: desk.ledger.doubtful(pair.host.id))
    kept = await pair.sub.do(lambda desk: store.twins(desk.ledger.connection, pair.host.id))
    assert [(each.held, each.shown) for each in kept] == [(chain[-1], twin)]


async def test_an_older_descriptor_is_told_and_forgotten_when_it_was_a_mistake(
    pair: TwoCenters,
) -> None:
    new_message_key(pair.host, revoke=False)
    await told(pair.host, pair.sub)
    chain = pair.host.identity.chain
    pair.host.identity._chain = chain[:1]
    await pair.host.outbox.greet(pair.sub.id)
    assert pair.sub.listener.introductions[-1].turn is Turn.OLDER
    assert await kinds(pair.sub) == {descriptors.OLDER}
    pair.host.identity._chain = chain
    await pair.host.outbox.greet(pair.sub.id)
    assert await kinds(pair.sub) == set()


async def test_whoever_is_too_far_behind_is_helped_by_a_file(pair: TwoCenters) -> None:
    for _ in range(3):
        head = pair.host.identity.descriptor
        following = follow(head, made_at_ms=head.made_at_ms + 1)
        identity = pair.host.identity
        identity.renew(
            (*identity.chain, signed(following, pair.host.secrets)),
            following,
            {each: identity.face(each) for each in identity.suites},
        )
    chain = pair.host.identity.chain
    pair.host.identity._chain = chain[2:]
    await pair.host.outbox.greet(pair.sub.id)
    assert pair.sub.listener.introductions[-1].turn is Turn.GAP
    assert await kinds(pair.sub) == {descriptors.BEHIND}
    assert pair.sub.keyring.peers[pair.host.id].sequence == 1
    text = chain_file.write(chain, pair.host.identity.descriptor)
    peers = Peers(pair.sub.keyring, Pauses())
    found, taken = await pair.sub.do(lambda desk: peers.update(desk, text))
    await peers.take_effect(pair.sub.do)
    assert (found.sequence, taken) == (4, 3)
    assert pair.sub.keyring.peers[pair.host.id] == pair.host.identity.descriptor
    assert await pair.sub.sql("SELECT count(*) FROM log_entry") == [(3,)]
    await pair.host.outbox.greet(pair.sub.id)
    assert await kinds(pair.sub) == set()
    assert await pair.sub.do(lambda desk: peers.update(desk, text)) == (found, 0)


async def test_a_file_proves_itself_or_is_refused(pair: TwoCenters) -> None:
    peers = Peers(pair.sub.keyring, Pauses())
    descriptor = pair.host.identity.descriptor
    first = pair.host.identity.chain[0]

    async def refused(*chain: bytes) -> str:
        text = chain_file.write(chain, descriptor)
        with pytest.raises((Invalid, NotFound, Conflicting)) as caught:
            await pair.sub.do(lambda desk: peers.update(desk, text))
        return caught.value.en

    gap = signed(follow(follow(descriptor)), pair.host.secrets)
    stranger = signed(follow(descriptor), pair.sub.secrets | pair.sub.secrets)
    assert "missing" in await refused(first, gap)
    assert "did not sign" in await refused(first, stranger)
    assert "not pinned" in await refused(*pair.sub.identity.chain)
    new_message_key(pair.host, revoke=False)
    await told(pair.host, pair.sub)
    twin = signed(follow(descriptor, name="elsewhere"), pair.host.secrets)
    assert "differs" in await refused(first, twin)
    assert "not replaced" in await refused(first)


async def test_keys_that_end_soon_are_told_sixty_days_ahead_and_until_replaced(
    pair: TwoCenters,
) -> None:
    now_ms = pair.watch.now_ms
    ends_ms = now_ms + expiry.WARN_MS + 1
    head = pair.host.identity.descriptor
    keys = tuple(
        replace(key, not_after_ms=ends_ms) if key.purpose is Purpose.LOG else key
        for key in head.keys
    )
    following = follow(head, keys=keys)
    identity = pair.host.identity
    identity.renew(
        (*identity.chain, signed(following, pair.host.secrets)),
        following,
        {each: identity.face(each) for each in identity.suites},
    )
    await told(pair.host, pair.sub)
    for center in pair.centers:
        await center.do(expiry.check)
        assert await kinds(center) == set()
    pair.watch.pass_ms(1)
    for center in pair.centers:
        await center.do(expiry.check)
        assert await kinds(center) == {expiry.EXPIRING}
    (todo,) = await pair.sub.do(lambda desk: todos.open_for(desk.ledger.connection, "operator"))
    assert "log intl-1" in todo.en
    assert "remind" in todo.en
    assert expiry.soon(following, now_ms + 1)[0][:2] == ("log", "intl-1")
    gone = (Revocation(keys[0].id, 1, "x"),)
    assert (keys[0].purpose.name.lower(), "intl-1") not in expiry.ends(replace(head, revoked=gone))
    last = follow(following, keys=head.keys)
    identity.renew(
        (*identity.chain, signed(last, pair.host.secrets)),
        last,
        {each: identity.face(each) for each in identity.suites},
    )
    await told(pair.host, pair.sub)
    for center in pair.centers:
        await center.do(expiry.check)
        assert await kinds(center) == set()


async def test_the_watch_leaves_itself_for_the_next_day(pair: TwoCenters) -> None:
    host = pair.host
    for _ in range(2):
        await host.do(expiry.start)
    handlers = expiry.handlers()
    rows = await host.sql("SELECT key, not_before_ms FROM errand WHERE done_at_ms IS NULL")
    assert len(rows) == 1
    assert rows[0][1] == pair.watch.now_ms + 86_400_000
    pair.watch.pass_ms(86_400_000)
    result = await handlers[expiry.WATCH](rows[0][0], {"daily": True})
    await host.do(result)
    assert len(await host.sql("SELECT key FROM errand")) == 2


async def test_a_forked_log_ends_new_work_too(pair: TwoCenters) -> None:
    agreement = await pair.agree()
    peer = CenterId(pair.host.id)
    await pair.sub.do(lambda desk: desk.ledger.put_fork(peer, "one", "another", desk.now_ms))
    with pytest.raises(Unavailable):
        await pair.sub.do(lambda desk: desk.open(peer, AgreementId(agreement), HOLD))
