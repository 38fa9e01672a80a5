"""Pinning on purpose, and nothing else."""

from dataclasses import replace
from functools import partial

import pytest

from federation.engine.pauses import Pauses
from federation.ids import CenterId
from federation.trust.keyring import Keyring
from federation.trust.keys import Descriptor
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.peers import Peers
from tests.support.identities import follow, signed, stranger
from tests.support.pair import NOON, Center, SeededRandom, two_centers


def peers_of(center: Center, pauses: Pauses | None = None) -> Peers:
    return Peers(center.keyring, pauses or Pauses())


async def pin(center: Center, *chain: bytes) -> Descriptor:
    peers = peers_of(center)
    pinned = await center.do(lambda desk: peers.pin(desk, chain))
    await peers.take_effect(center.do)
    return pinned


THIRD = stranger(SeededRandom("third").bytes, "third", NOON)


async def test_a_pinned_peer_is_in_the_ring_and_again_after_a_restart() -> None:
    async with two_centers() as pair:
        assert await pin(pair.host, THIRD.signed) == THIRD.descriptor
        assert THIRD.center in pair.host.keyring.peers
        fresh = Keyring()
        assert await pair.host.database.read(Peers(fresh, Pauses()).load) == 1
        assert fresh.peers == {THIRD.center: THIRD.descriptor}
        assert await pair.host.do(Peers(fresh, Pauses()).all) == [THIRD.descriptor]


async def test_pinning_twice_is_pinning_once() -> None:
    async with two_centers() as pair:
        await pin(pair.host, THIRD.signed)
        await pin(pair.host, THIRD.signed)
        assert await pair.host.sql("SELECT count(*) FROM peer") == [(1,)]


async def test_a_higher_sequence_replaces_a_lower_one() -> None:
    newer = follow(THIRD.descriptor, address="moved.example.cn:8443")
    async with two_centers() as pair:
        await pin(pair.host, THIRD.signed)
        await pin(pair.host, signed(newer, THIRD.secrets))
        assert pair.host.keyring.peers[THIRD.center].address == "moved.example.cn:8443"
        with pytest.raises(Conflicting, match="sequence 2"):
            await pin(pair.host, THIRD.signed)
        assert await pair.host.sql("SELECT sequence FROM peer") == [(2,)]


async def test_two_descriptors_of_one_sequence_are_not_both_taken() -> None:
    other = replace(THIRD.descriptor, address="elsewhere.example.cn:8443")
    async with two_centers() as pair:
        await pin(pair.host, THIRD.signed)
        with pytest.raises(Conflicting, match="fingerprint"):
            await pin(pair.host, signed(other, THIRD.secrets))
        assert pair.host.keyring.peers[THIRD.center] == THIRD.descriptor


async def test_what_the_root_key_did_not_sign_is_not_pinned() -> None:
    someone = stranger(SeededRandom("fourth").bytes, "fourth", NOON)
    async with two_centers() as pair:
        for forged in (
            signed(THIRD.descriptor, someone.secrets),
            THIRD.signed[:-1],
            b"",
            b"not a descriptor",
        ):
            with pytest.raises(Invalid, match="not a valid descriptor"):
                await pin(pair.host, forged)
        assert THIRD.center not in pair.host.keyring.peers


async def test_a_center_does_not_pin_itself() -> None:
    async with two_centers() as pair:
        with pytest.raises(Invalid, match="own"):
            await pin(pair.host, pair.host.identity.signed_descriptor)


async def test_what_is_not_committed_is_not_in_force() -> None:
    async with two_centers() as pair:
        peers = peers_of(pair.host)

        def fails(desk: Desk) -> None:
            peers.pin(desk, [THIRD.signed])
            raise RuntimeError("the disk is full")

        with pytest.raises(RuntimeError):
            await pair.host.do(fails)
        await peers.take_effect(pair.host.do)
        assert THIRD.center not in pair.host.keyring.peers


async def test_a_pause_has_its_reason_and_is_there_after_a_restart() -> None:
    async with two_centers() as pair:
        pauses, seen = Pauses(), list[set[CenterId]]()
        peers = Peers(pair.host.keyring, pauses, lambda paused: seen.append(set(paused)))
        await pin(pair.host, THIRD.signed)
        await pair.host.do(lambda desk: peers.pause(desk, THIRD.center, "机房搬迁", "wang"))
        assert THIRD.center not in pauses, "nothing is in force before it is committed"
        await peers.take_effect(pair.host.do)
        again = Pauses()
        await pair.host.database.read(Peers(Keyring(), again).load)
        for each in (pauses, again):
            assert "机房搬迁" in each.refusal(THIRD.center).detail
            assert each.refusal(THIRD.center).retryable
        with pytest.raises(Conflicting, match="paused already"):
            await pair.host.do(lambda desk: peers.pause(desk, THIRD.center, "", "wang"))
        # A newer descriptor does not end a pause.
        newer = follow(THIRD.descriptor, address="moved.example.cn:8443")
        await pin(pair.host, signed(newer, THIRD.secrets))
        await peers.take_effect(pair.host.do)
        assert THIRD.center in pauses
        await pair.host.do(lambda desk: peers.resume(desk, THIRD.center))
        await peers.take_effect(pair.host.do)
        assert not pauses
        assert seen == [{THIRD.center}, {THIRD.center}, set()]
        with pytest.raises(Conflicting, match="not paused"):
            await pair.host.do(lambda desk: peers.resume(desk, THIRD.center))


async def test_only_a_pinned_peer_is_paused_and_the_reason_is_one_line() -> None:
    async with two_centers() as pair:
        peers = peers_of(pair.host)
        with pytest.raises(NotFound):
            await pair.host.do(lambda desk: peers.pause(desk, THIRD.center, "", "wang"))
        await pin(pair.host, THIRD.signed)
        for reason in ("x" * 201, "a\nb"):
            pause = partial(peers.pause, peer=THIRD.center, reason=reason, by="wang")
            with pytest.raises(Invalid, match="one line"):
                await pair.host.do(pause)


async def test_a_chain_without_links_is_none() -> None:
    async with two_centers() as pair:
        with pytest.raises(Invalid, match="at least one"):
            await pin(pair.host)
