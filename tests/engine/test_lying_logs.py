"""A peer whose log tells two stories, or whose notes are no notes: seen, kept, never cosigned."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from federation.engine.sightings import Sighting, log_keys, witness_keys
from federation.evidence.checkpoint import MAX_SIZE, Checkpoint, cosign, sign_log
from federation.protocol.booking import Check
from federation.protocol.peering import StartTest
from federation.trust import merkle
from federation.trust.suite import suite
from federation.wire.envelopes import Witnessing
from tests.support.pair import SPOKEN, Center, TwoCenters, two_centers

SUITE = suite(SPOKEN[0])
NAME = SUITE.suite_id
CHECKS: Final = (Check("clock_skew", passed=True, measured="0 ms"),)
LEAVES: Final = [SUITE.hash(bytes([number])) for number in range(8)]
OTHERS: Final = [SUITE.hash(bytes([number, number])) for number in range(8)]


@dataclass(frozen=True)
class Storyteller:
    """The host, whose log is whatever it says it is, in front of the sub."""

    pair: TwoCenters

    def note(self, leaves: list[bytes], size: int | None = None) -> str:
        host = self.pair.host
        head = Checkpoint(
            host.identity.descriptor.log_name(NAME),
            len(leaves) if size is None else size,
            merkle.root(SUITE, leaves),
        )
        return sign_log(
            head,
            log_keys(host.identity.descriptor, NAME)[0],
            SUITE.signer(host.secrets[NAME].log),
        )

    def proof(self, leaves: list[bytes], old: int) -> tuple[bytes, ...]:
        frontier = merkle.Frontier(SUITE)
        nodes = {}
        for leaf in leaves:
            nodes.update({(level, at): digest for level, at, digest in frontier.append(leaf)})
        return tuple(merkle.consistency_proof(SUITE, old, len(leaves), lambda *node: nodes[node]))

    async def show(self, witnessing: Witnessing) -> Sighting:
        sub, host = self.pair.sub, self.pair.host
        return await sub.do(
            lambda desk: sub.negotiator.witness.look(desk, host.id, NAME, witnessing)
        )

    async def grow(self, leaves: list[bytes], old: int) -> Sighting:
        proof = self.proof(leaves, old) if old else ()
        return await self.show(Witnessing(self.note(leaves), old, proof))

    async def kept(self) -> tuple[int, int]:
        """(size cosigned last, notes kept as proof of a fork)."""
        ((size,),) = await self.pair.sub.sql("SELECT coalesce(max(size), 0) FROM witnessed")
        ((forks,),) = await self.pair.sub.sql("SELECT count(*) FROM fork")
        return size, forks


async def test_a_log_that_grows_is_cosigned() -> None:
    async with two_centers() as pair:
        teller = Storyteller(pair)
        assert await teller.grow(LEAVES[:3], 0) is Sighting.COSIGNED
        assert await teller.grow(LEAVES, 3) is Sighting.COSIGNED
        assert await teller.kept() == (8, 0)


@pytest.mark.parametrize("forked", [[*LEAVES[:2], OTHERS[2]], [*LEAVES[:2], *OTHERS[2:]]])
async def test_a_log_with_two_histories_is_never_cosigned_again(forked: list[bytes]) -> None:
    async with two_centers() as pair:
        teller = Storyteller(pair)
        await teller.grow(LEAVES[:3], 0)

        assert await teller.grow(forked, 3) is Sighting.FORK
        assert await teller.grow(LEAVES, 3) is Sighting.FORK, "back to the first story: too late"

        assert await teller.kept() == (3, 1)
        ((held, shown),) = await pair.sub.sql("SELECT held, shown FROM fork")
        # The heads, not the signatures: under gm-1 no two are alike.
        for kept, told in ((held, LEAVES[:3]), (shown, forked)):
            assert kept.partition("\n\n")[0] == teller.note(told).partition("\n\n")[0]


async def test_a_log_that_was_rolled_back_is_not_cosigned() -> None:
    async with two_centers() as pair:
        teller = Storyteller(pair)
        await teller.grow(LEAVES, 0)
        assert await teller.grow(LEAVES[:3], 0) is Sighting.OLD
        assert await teller.kept() == (8, 0)


def full(teller: Storyteller) -> Witnessing:
    line = teller.note(LEAVES).splitlines()[-1].replace(f"/log/{NAME}", "/log/other")
    return Witnessing(teller.note(LEAVES) + f"{line}\n" * 15)


def signed_for_us(teller: Storyteller) -> Witnessing:
    """With a line that claims to be our own cosignature: it was over another note."""
    sub = teller.pair.sub.identity
    other = cosign(
        teller.note(LEAVES[:3]),
        witness_keys(sub.descriptor, NAME)[0],
        SUITE.signer(teller.pair.sub.secrets[NAME].witness),
        1,
    )
    return Witnessing(teller.note(LEAVES) + other.splitlines()[-1] + "\n")


def endless_proof(teller: Storyteller) -> Witnessing:
    return Witnessing(teller.note(LEAVES), 0, (bytes(32),) * 5_000)


def short_hashes(teller: Storyteller) -> Witnessing:
    return Witnessing(teller.note(LEAVES), 0, (b"", b"x"))


def from_nowhere(teller: Storyteller) -> Witnessing:
    return Witnessing(teller.note(LEAVES), 2**64 - 1, ())


def junk(_teller: Storyteller) -> Witnessing:
    return Witnessing("\n\n— \n", 0, (), "\ud7ff\n\n— x y\n")


def huge(teller: Storyteller) -> Witnessing:
    return Witnessing(teller.note(LEAVES) + "—" * 70_000)


def of_another_log(teller: Storyteller) -> Witnessing:
    sub = teller.pair.sub.identity
    head = Checkpoint(sub.descriptor.log_name(NAME), 1, bytes(32))
    note = sign_log(
        head,
        log_keys(sub.descriptor, NAME)[0],
        SUITE.signer(teller.pair.sub.secrets[NAME].log),
    )
    return Witnessing(note, 0, (), note)


BAD_NOTES: Final[tuple[Callable[[Storyteller], Witnessing], ...]] = (
    full, signed_for_us, endless_proof, short_hashes, from_nowhere, junk, huge, of_another_log,
)  # fmt: skip


@pytest.mark.parametrize("lie", BAD_NOTES)
async def test_a_note_that_is_none_is_not_cosigned_and_words_still_come_through(
    lie: Callable[[Storyteller], Witnessing],
) -> None:
    async with two_centers() as pair:
        witnessing = lie(Storyteller(pair))
        _shows(pair.host, witnessing)
        spoken = await pair.host.do(
            lambda desk: desk.open(pair.sub.id, None, StartTest(bytes(32), CHECKS))
        )
        await pair.host.outbox.deliver(pair.sub.id)
        await pair.host.greet(pair.sub.id)

        assert await pair.sub.phase(spoken.conversation.id) == "TESTING"
        assert await pair.sub.sql("SELECT count(*) FROM witnessed") == [(0,)]
        assert await pair.sub.sql("SELECT count(*) FROM fork") == [(0,)], "nor held against it"


async def test_the_largest_log_there_can_be_is_cosigned() -> None:
    async with two_centers() as pair:
        teller = Storyteller(pair)
        note = teller.note(LEAVES, MAX_SIZE)
        assert await teller.show(Witnessing(note)) is Sighting.COSIGNED
        assert await teller.kept() == (MAX_SIZE, 0)


def _shows(center: Center, witnessing: Witnessing) -> None:
    """Let a center show something else than its log."""
    witness: Any = center.negotiator.witness
    witness.show = lambda _floor, _peer, _suite: witnessing
