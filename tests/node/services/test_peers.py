"""Pinning on purpose, and nothing else."""

from dataclasses import replace

import pytest

from federation.trust.envelope import sign_alone
from federation.trust.keyring import Keyring
from federation.trust.keys import DESCRIPTOR_TYPE, Descriptor, SecretKeys
from federation.wire.words import DESCRIPTOR, encode_signed_descriptor
from node.services.errors import Conflicting, Invalid
from node.services.peers import Peers
from tests.support.pair import NOON, Center, SeededRandom, identity, two_centers


def signed(descriptor: Descriptor, secrets: SecretKeys) -> bytes:
    raw = DESCRIPTOR.encode(descriptor)
    return encode_signed_descriptor(raw, sign_alone(DESCRIPTOR_TYPE, raw, secrets.root_signer))


async def pin(center: Center, descriptor: bytes) -> Descriptor:
    return await center.do(lambda desk: Peers(center.keyring).pin(desk, descriptor))


THIRD = identity("third", "620100", SeededRandom("third"), NOON)


async def test_a_pinned_peer_is_in_the_ring_and_again_after_a_restart() -> None:
    async with two_centers() as pair:
        assert await pin(pair.host, THIRD.signed_descriptor) == THIRD.descriptor
        assert THIRD.center in pair.host.keyring.peers
        fresh = Keyring()
        assert await pair.host.database.read(Peers(fresh).load) == 1
        assert fresh.peers == {THIRD.center: THIRD.descriptor}
        assert await pair.host.do(Peers(fresh).all) == [THIRD.descriptor]


async def test_pinning_twice_is_pinning_once() -> None:
    async with two_centers() as pair:
        await pin(pair.host, THIRD.signed_descriptor)
        await pin(pair.host, THIRD.signed_descriptor)
        assert await pair.host.sql("SELECT count(*) FROM peer") == [(1,)]


async def test_a_higher_sequence_replaces_a_lower_one() -> None:
    newer = replace(THIRD.descriptor, sequence=2, address="moved.example.cn:8443")
    async with two_centers() as pair:
        await pin(pair.host, THIRD.signed_descriptor)
        await pin(pair.host, signed(newer, THIRD.secrets))
        assert pair.host.keyring.peers[THIRD.center].address == "moved.example.cn:8443"
        with pytest.raises(Conflicting, match="sequence 2"):
            await pin(pair.host, THIRD.signed_descriptor)
        assert await pair.host.sql("SELECT sequence FROM peer") == [(2,)]


async def test_two_descriptors_of_one_sequence_are_not_both_taken() -> None:
    other = replace(THIRD.descriptor, address="elsewhere.example.cn:8443")
    async with two_centers() as pair:
        await pin(pair.host, THIRD.signed_descriptor)
        with pytest.raises(Conflicting, match="fingerprint"):
            await pin(pair.host, signed(other, THIRD.secrets))
        assert pair.host.keyring.peers[THIRD.center] == THIRD.descriptor


async def test_what_the_root_key_did_not_sign_is_not_pinned() -> None:
    someone = identity("fourth", "620100", SeededRandom("fourth"), NOON)
    async with two_centers() as pair:
        for forged in (
            signed(THIRD.descriptor, someone.secrets),
            THIRD.signed_descriptor[:-1],
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
