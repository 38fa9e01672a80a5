"""Whose key signs for whom while keys change, and what a greeting brings."""

from dataclasses import replace

import pytest

from federation.engine.acquaintance import Acquaintance, Turn
from federation.errors import Unauthenticated
from federation.trust.keyring import Keyring
from federation.trust.keys import Purpose
from federation.wire.rules import MAX_SHOWN_DESCRIPTORS
from tests.support.identities import follow, signed
from tests.support.pair import Center, two_centers
from tests.support.renewed import new_message_key, told

BOTH = ("intl-1", "gm-1")


def message_key(center: Center, peer: Center) -> bytes:
    return center.identity.key_for(
        peer.id, center.suite.suite_id, Purpose.MESSAGE, center.clock.now_ms()
    ).id


def repeat(center: Center, times: int) -> None:
    """Publish the same again, so that the chain grows."""
    identity = center.identity
    for _ in range(times):
        following = follow(identity.descriptor, made_at_ms=identity.descriptor.made_at_ms + 1)
        identity.renew(
            (*identity.chain, signed(following, center.secrets)),
            following,
            {each: identity.face(each) for each in identity.suites},
        )


async def test_a_peer_gets_signatures_under_keys_that_it_knows() -> None:
    async with two_centers() as pair:
        host, sub = pair.centers
        old = message_key(host, sub)
        new_message_key(host, revoke=False)
        assert message_key(host, sub) == old, "it never told: most probably it has the oldest"
        host.identity.learned(sub.id, 1, 10)
        assert message_key(host, sub) == old
        await told(host, sub)
        assert message_key(host, sub) != old
        assert host.identity.knows(sub.id) == 2


async def test_a_greeting_that_came_late_takes_nothing_back() -> None:
    async with two_centers() as pair:
        host, sub = pair.centers
        repeat(host, 2)
        learned = host.identity.learned
        assert learned(sub.id, 3, 20)
        assert not learned(sub.id, 2, 19)
        assert not learned(sub.id, 2, 20)
        assert not learned(sub.id, 3, 30)
        assert not learned(sub.id, 4, 40), "never published"
        assert not learned(sub.id, 0, 40)
        assert host.identity.knows(sub.id) == 3
        assert learned(sub.id, 2, 41), "it restored a backup"


async def test_whoever_is_far_behind_is_shown_what_comes_next_for_it() -> None:
    async with two_centers() as pair:
        host, sub = pair.centers
        await told(host, sub)
        repeat(host, 2 * MAX_SHOWN_DESCRIPTORS)
        assert host.identity.shown_to(sub.id) == host.identity.chain[:MAX_SHOWN_DESCRIPTORS]
        for _ in range(3):
            await host.outbox.greet(sub.id)
        assert sub.keyring.peers[host.id] == host.identity.descriptor
        assert host.identity.shown_to(sub.id) == host.identity.chain[-MAX_SHOWN_DESCRIPTORS:]


async def test_each_shared_log_names_the_next_descriptor_once() -> None:
    async with two_centers(suites=BOTH) as pair:
        host, sub = pair.centers
        new_message_key(host, revoke=True)
        await told(host, sub)
        for _ in range(2):
            await host.outbox.greet(sub.id)
        rows = await sub.sql("SELECT suite, count(*) FROM log_entry GROUP BY suite ORDER BY suite")
        assert rows == [("gm-1", 1), ("intl-1", 1)]


async def test_both_directions_of_a_greeting_bring_descriptors() -> None:
    async with two_centers() as pair:
        host, sub = pair.centers
        new_message_key(host, revoke=True)
        await sub.outbox.greet(host.id)  # the answer to it
        assert sub.keyring.peers[host.id] == host.identity.descriptor


async def test_only_what_goes_on_from_the_pinned_descriptor_is_taken() -> None:
    async with two_centers() as pair:
        host, sub = pair.centers
        first = host.identity.descriptor
        own = host.identity.chain[0]
        ring = Keyring()
        ring.pin(first, own)
        compare = Acquaintance(ring).compare
        second = follow(first)
        good = signed(second, host.secrets)
        assert compare(host.id, []).turn is Turn.SAME
        assert compare(host.id, [own]).turn is Turn.SAME
        found = compare(host.id, [own, good])
        assert (found.turn, [each.descriptor for each in found.links]) == (Turn.NEWER, [second])
        assert compare(host.id, [signed(follow(second), host.secrets)]).turn is Turn.GAP
        other = replace(first, name="elsewhere")
        assert compare(host.id, [signed(other, host.secrets)]).turn is Turn.TWIN
        assert compare(host.id, [signed(follow(other), host.secrets)]).turn is Turn.TWIN
        assert compare(host.id, [own, signed(second, sub.secrets)]).turn is Turn.BAD
        assert compare(host.id, [sub.identity.chain[0]]).turn is Turn.BAD
        assert compare(host.id, [b"garbage"]).turn is Turn.BAD
        ring.pin(second, good)
        assert compare(host.id, [own]).turn is Turn.OLDER


async def test_a_greeting_under_a_key_that_nothing_proves_is_not_heard() -> None:
    async with two_centers() as pair:
        host, sub = pair.centers
        new_message_key(host, revoke=False)
        host.identity.learned(sub.id, 2, 1)  # it did not
        (envelope,) = host.identity.sign(
            sub.id, host.suite.suite_id, [("application/x", b"")], pair.watch.now_ms
        )
        with pytest.raises(Unauthenticated):
            sub.negotiator.doorkeeper.admit_greeting(envelope, host.certificate, pair.watch.now_ms)
        with pytest.raises(Unauthenticated):
            sub.negotiator.doorkeeper.proof(envelope)
