"""Heads that third parties pass on: a rewritten log is found out, and nobody else is accused."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import permutations
from typing import Any, Final

import pytest

from federation.engine import passing
from federation.engine.passing import UNPROVEN_MS
from federation.engine.sightings import Sighting, log_keys
from federation.engine.witness import Witness
from federation.errors import Recovering
from federation.evidence.checkpoint import Checkpoint, sign_log, verify_note
from federation.ids import CenterId
from federation.protocol.booking import Check
from federation.protocol.peering import StartTest
from federation.trust import merkle
from federation.trust.suite import suite
from federation.wire.envelopes import Witnessing
from federation.wire.questions import ConsistencyAnswer
from federation.wire.rules import MAX_HEADS
from node.services.house import Desk
from tests.support.identities import follow
from tests.support.meshed import meshed, quiet
from tests.support.pair import SPOKEN, Center

SUITE: Final = suite(SPOKEN[0])
NAME: Final = SUITE.suite_id
CHECKS: Final = (Check("clock_skew", passed=True, measured="0 ms"),)
LEAVES: Final = [SUITE.hash(bytes([number])) for number in range(8)]
OTHERS: Final = [SUITE.hash(bytes([number, number])) for number in range(8)]

Told = list[tuple[str, Sighting]]


def listening(center: Center) -> Told:
    """Let a center's witness tell what it tells people."""
    told: Told = []

    def tell(_desk: Desk, peer: CenterId, sighting: Sighting) -> None:
        told.append((peer, sighting))

    witness = Witness(identity=center.identity, keyring=center.keyring, tell=tell)
    object.__setattr__(center.negotiator, "witness", witness)
    return told


async def say(ours: Center, theirs: Center, times: int = 1) -> None:
    for _ in range(times):
        await ours.do(lambda desk: desk.open(theirs.id, None, StartTest(bytes(32), CHECKS)))
    await quiet(ours, theirs)


async def copied(center: Center) -> bytes:
    def take(connection: sqlite3.Connection) -> bytes:
        with closing(sqlite3.connect(":memory:")) as copy:
            connection.backup(copy)
            return copy.serialize()

    return await center.database.alone(take)


async def put_back(center: Center, old: bytes) -> None:
    def put(connection: sqlite3.Connection) -> None:
        with closing(sqlite3.connect(":memory:")) as copy:
            copy.deserialize(old)
            copy.backup(connection)

    await center.database.alone(put)


async def forks(center: Center) -> list[tuple[str, str]]:
    """Whose logs a center holds two histories of, and who brought the second."""
    return [(peer, via) for peer, via in await center.sql("SELECT peer, via FROM fork")]


@pytest.mark.parametrize("words_after", [1, 3, 4])
async def test_neighbour_detects_pair_rewrite(words_after: int) -> None:
    """Two rewrite both logs and show the new ones only to who has never seen the old ones."""
    async with meshed("a", "b", "neighbour", "stranger") as (a, b, neighbour, stranger):
        told = listening(stranger)
        before = [await copied(center) for center in (a, b)]
        await say(a, b, 3)
        await quiet(a, neighbour)  # it has cosigned what really happened
        for center, old in zip((a, b), before, strict=True):
            await put_back(center, old)
        await say(a, b, words_after)
        await quiet(a, stranger)
        assert await forks(stranger) == [], "alone it cannot know"

        await quiet(neighbour, stranger)
        await stranger.greet(a.id)  # of unequal sizes, the log is asked for the proof

        assert await forks(stranger) == [(a.id, neighbour.id)]
        assert told == [(a.id, Sighting.FORK)], "people are told once"
        assert await stranger.do(lambda desk: desk.ledger.doubtful(a.id))
        ((held, shown),) = await stranger.sql("SELECT held, shown FROM fork")
        keys = log_keys(a.identity.descriptor, NAME)
        for note in (held, shown):
            assert verify_note(note, keys), "both are signed by the log itself"
        told_back = [(a.id, stranger.id)] if words_after == 3 else []
        assert await forks(neighbour) == told_back, "of equal sizes it learns it in the same call"


async def test_heads_of_honest_logs_are_proven_and_held_against_nobody() -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        told = listening(c)
        await say(a, b, 2)
        await quiet(a, c)
        await say(a, b, 3)  # b's head of a's log is further than c's
        await quiet(b, c)
        assert await c.sql("SELECT peer, via, proven FROM passed_head WHERE peer = ?", a.id) == [
            (a.id, b.id, 0)
        ]

        for _ in range(2):
            for ours, theirs in permutations((a, b, c), 2):
                await ours.greet(theirs.id)

        for center in (a, b, c):
            assert await forks(center) == []
            assert await center.sql("SELECT count(*) FROM passed_head WHERE NOT proven") == [(0,)]
        assert told == []


async def test_a_center_is_not_told_of_its_own_log_by_heads_passed_on() -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        await say(a, b)
        await quiet(a, c)
        shown = await b.do(lambda desk: b.negotiator.witness.greet(desk, a.id, NAME))
        assert shown.heads == ()
        shown = await b.do(lambda desk: b.negotiator.witness.greet(desk, c.id, NAME))
        (head,) = shown.heads
        assert head.startswith(a.identity.descriptor.log_name(NAME))


# Lies


def signed(center: Center, leaves: Sequence[bytes], by: Center | None = None) -> str:
    """A head of a center's log, whatever it is of."""
    descriptor = center.identity.descriptor
    head = Checkpoint(descriptor.log_name(NAME), len(leaves), merkle.root(SUITE, leaves))
    note = sign_log(head, log_keys(descriptor, NAME)[0], SUITE.signer(center.secrets[NAME].log))
    if by is not None:  # the text of one log, the signature of another
        other = signed(by, leaves)
        note = note.partition("\n\n")[0] + "\n\n" + other.partition("\n\n")[2]
    return note


def forged(a: Center, b: Center, _c: Center) -> str:
    return signed(a, OTHERS, by=b)


def signed_by_nobody(a: Center, _b: Center, _c: Center) -> str:
    return signed(a, OTHERS).partition("\n\n")[0] + "\n\n"


def of_its_own(_a: Center, b: Center, _c: Center) -> str:
    return signed(b, OTHERS)


def of_ours(_a: Center, _b: Center, c: Center) -> str:
    return signed(c, OTHERS)


def of_a_stranger(a: Center, _b: Center, _c: Center) -> str:
    return signed(a, OTHERS).replace(a.id, "lp1" + "a" * 52)


def junk(_a: Center, _b: Center, _c: Center) -> str:
    return "\n\n— x y\n"


def huge(a: Center, _b: Center, _c: Center) -> str:
    return signed(a, OTHERS) + "— x AAAA\n" * 5_000


def nothing(_a: Center, _b: Center, _c: Center) -> str:
    return ""


Lie = Callable[[Center, Center, Center], str]
LIES: Final[tuple[Lie, ...]] = (
    forged, signed_by_nobody, of_its_own, of_ours, of_a_stranger, junk, huge, nothing,
)  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
async def test_whoever_passes_on_lies_changes_nothing_and_accuses_nobody(lie: Lie) -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        told = listening(c)
        await grown(c, a, LEAVES)
        await say(b, c)
        before = await c.sql("SELECT peer, size, root FROM witnessed ORDER BY peer")
        note = lie(a, b, c)

        seen = await c.do(
            lambda desk: c.negotiator.witness.look(
                desk, b.id, NAME, Witnessing(heads=(note,) * (MAX_HEADS + 1))
            )
        )

        assert seen is Sighting.NONE
        assert await forks(c) == []
        assert await c.sql("SELECT count(*) FROM passed_head") == [(0,)]
        assert await c.sql("SELECT peer, size, root FROM witnessed ORDER BY peer") == before
        assert told == []


async def grown(ours: Center, theirs: Center, leaves: Sequence[bytes]) -> None:
    """Let a center cosign what another one says that its log is."""
    shown = Witnessing(signed(theirs, leaves))
    seen = await ours.do(lambda desk: ours.negotiator.witness.look(desk, theirs.id, NAME, shown))
    assert seen is Sighting.COSIGNED


async def test_fork_proof_from_two_notes() -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        told = listening(c)
        await grown(c, a, LEAVES)
        passed = Witnessing(heads=(signed(a, OTHERS),))
        for _ in range(2):
            await c.do(lambda desk: c.negotiator.witness.look(desk, b.id, NAME, passed))
        assert await forks(c) == [(a.id, b.id)]
        assert told == [(a.id, Sighting.FORK)]


async def test_a_log_that_does_not_prove_its_heads_is_told_to_people_after_an_hour() -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        told = listening(c)
        await grown(c, a, LEAVES[:4])

        async def pass_on(leaves: Sequence[bytes]) -> None:
            heads = Witnessing(heads=(signed(a, leaves),))
            await c.do(lambda desk: c.negotiator.witness.look(desk, b.id, NAME, heads))

        await pass_on(OTHERS[:6])
        _answers_nothing(a)
        await c.greet(a.id)
        assert await c.sql("SELECT proven FROM passed_head") == [(0,)]
        await pass_on(OTHERS[:7])
        assert told == [], "a node that is away for a while is nothing unusual"
        c.watch.pass_ms(UNPROVEN_MS)
        await pass_on(OTHERS)
        assert told == [(a.id, Sighting.UNPROVEN)]
        assert await forks(c) == [], "what is not proven is no proof of the contrary"


def _answers_nothing(center: Center) -> None:
    """A node that fetches lost words back answers so."""

    def refuse(_desk: Desk, _question: object) -> None:
        raise Recovering("later")

    witness: Any = center.negotiator.witness
    witness.prove = refuse


def _looks_away(center: Center) -> None:
    """An honest node that is shown its own signature on what it has not knows what it has lost."""
    witness: Any = center.negotiator.witness
    witness.look = lambda *_: Sighting.NONE


async def test_a_log_that_has_fewer_leaves_than_it_signed_was_rolled_back() -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        told = listening(c)
        await grown(c, a, LEAVES[:4])
        heads = Witnessing(heads=(signed(a, LEAVES),))
        await c.do(lambda desk: c.negotiator.witness.look(desk, b.id, NAME, heads))
        _looks_away(a)
        await c.greet(a.id)  # a's real log has no leaf, and says so with its signature
        assert await forks(c) == [(a.id, b.id)]
        ((held,),) = await c.sql("SELECT held FROM fork")
        assert held == heads.heads[0], "an epoch explains it only if it lost what lies beyond"
        assert told == [(a.id, Sighting.FORK)]


@pytest.mark.parametrize("honest", [True, False])
async def test_a_head_that_we_reach_ourselves_needs_no_question(honest: bool) -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        await grown(c, a, LEAVES[:2])
        heads = Witnessing(heads=(signed(a, LEAVES[:4] if honest else OTHERS[:4]),))
        await c.do(lambda desk: c.negotiator.witness.look(desk, b.id, NAME, heads))
        frontier = merkle.Frontier(SUITE)
        nodes = {
            (level, at): node for leaf in LEAVES[:4] for level, at, node in frontier.append(leaf)
        }
        proof = merkle.consistency_proof(SUITE, 2, 4, lambda *node: nodes[node])
        shown = Witnessing(signed(a, LEAVES[:4]), 2, tuple(proof))
        await c.do(lambda desk: c.negotiator.witness.look(desk, a.id, NAME, shown))

        assert await c.do(lambda desk: c.negotiator.witness.asks(desk, a.id, NAME)) is None

        assert await forks(c) == ([] if honest else [(a.id, b.id)])


async def test_a_proof_of_another_question_counts_for_nothing() -> None:
    async with meshed("a", "b", "c") as (a, b, c):
        await grown(c, a, LEAVES[:4])
        heads = Witnessing(heads=(signed(a, LEAVES),))
        await c.do(lambda desk: c.negotiator.witness.look(desk, b.id, NAME, heads))
        question = await c.do(lambda desk: c.negotiator.witness.asks(desk, a.id, NAME))
        assert question is not None
        assert question.others == (8,)

        def answered(desk: Desk) -> None:
            c.negotiator.witness.proven(desk, a.id, question, ConsistencyAnswer((), 8))

        await c.do(answered)
        assert await forks(c) == []
        assert await c.do(lambda desk: c.negotiator.witness.asks(desk, a.id, NAME)) == question


async def test_a_head_that_came_after_the_question_is_not_held_against_its_answer() -> None:
    """The log has grown on since it answered, and a third party cosigned that at once."""
    async with meshed("a", "b", "c") as (a, b, c):
        await grown(c, a, LEAVES[:2])

        def passed(size: int) -> Callable[[Desk], Sighting]:
            heads = Witnessing(heads=(signed(a, LEAVES[:size]),))
            return lambda desk: c.negotiator.witness.look(desk, b.id, NAME, heads)

        await c.do(passed(4))
        question = await c.do(lambda desk: c.negotiator.witness.asks(desk, a.id, NAME))
        assert question is not None
        assert question.others == (4,)
        await c.do(passed(8))  # while the question is under way

        def answered(desk: Desk) -> None:
            c.negotiator.witness.proven(desk, a.id, question, ConsistencyAnswer((), 6))

        await c.do(answered)

        assert await forks(c) == []
        again = await c.do(lambda desk: c.negotiator.witness.asks(desk, a.id, NAME))
        assert again is not None
        assert again.others == (8,)


async def test_with_many_logs_a_greeting_carries_sixteen_and_the_others_come_next() -> None:
    async with meshed("a", "b") as (a, b):
        notes = [f"note {number}" for number in range(20)]
        every: Any = type("Ledger", (), {"heads_of_others": lambda *_: notes})()
        floor: Any = type("Floor", (), {"ledger": every})()
        told: Any = None
        ours = passing.Passing(a.keyring, told)
        first, second = ours.heads(floor, b.id, NAME), ours.heads(floor, b.id, NAME)
        assert len(first) == len(second) == MAX_HEADS
        assert {*first, *second} == {*notes}


async def test_heads_of_an_epoch_that_is_over_accuse_nobody() -> None:
    """A log that went on from a backup, as its root announced, has another name from then on."""
    async with meshed("a", "b", "c") as (a, b, c):
        await grown(c, a, LEAVES[:4])
        heads = Witnessing(heads=(signed(a, OTHERS),))
        await c.do(lambda desk: c.negotiator.witness.look(desk, b.id, NAME, heads))
        assert await c.do(lambda desk: c.negotiator.witness.asks(desk, a.id, NAME)) is not None

        def announce(desk: Desk) -> None:
            desk.ledger.follow_epoch(a.id, NAME, 0, 2, merkle.root(SUITE, LEAVES[:2]))

        await c.do(announce)
        before = a.identity.descriptor
        c.keyring._by_center.clear()
        for each in (b.identity.descriptor, follow(before, log_epoch=1)):
            c.keyring.pin(each)

        assert await c.do(lambda desk: c.negotiator.witness.asks(desk, a.id, NAME)) is None
        for leaves in (LEAVES[:2], OTHERS[:2], OTHERS):
            late = Witnessing(heads=(signed(a, leaves),))
            await c.do(partial(_looks, c, b, late))
        assert await forks(c) == []
        assert await c.sql("SELECT count(*) FROM passed_head") == [(0,)]


def _looks(ours: Center, via: Center, shown: Witnessing, desk: Desk) -> Sighting:
    return ours.negotiator.witness.look(desk, via.id, NAME, shown)


async def test_a_head_that_is_known_needs_no_signature_again_and_lends_none() -> None:
    """The same head under a forged signature is not kept in place of the one that was good."""
    async with meshed("a", "b", "c") as (a, b, c):
        await grown(c, a, LEAVES[:4])
        good = signed(a, OTHERS)
        await c.do(partial(_looks, c, b, Witnessing(heads=(good,))))
        await grown_on(c, a)
        bad = good.partition("\n\n")[0] + "\n\n" + signed(b, OTHERS).partition("\n\n")[2]
        await c.do(partial(_looks, c, b, Witnessing(heads=(bad,))))
        ((held, shown),) = await c.sql("SELECT held, shown FROM fork")
        for note in (held, shown):
            assert verify_note(note, log_keys(a.identity.descriptor, NAME))


async def grown_on(ours: Center, theirs: Center) -> None:
    """Cosign what goes on from four leaves to eight."""
    frontier = merkle.Frontier(SUITE)
    nodes = {(level, at): node for leaf in LEAVES for level, at, node in frontier.append(leaf)}
    proof = merkle.consistency_proof(SUITE, 4, 8, lambda *node: nodes[node])
    shown = Witnessing(signed(theirs, LEAVES), 4, tuple(proof))
    assert await ours.do(partial(_looks, ours, theirs, shown)) is Sighting.COSIGNED
