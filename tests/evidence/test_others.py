"""Words of others are read only under keys that their own root has signed and not withdrawn."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from federation.errors import Malformed
from federation.evidence.case import Refuted
from federation.evidence.others import Others, others
from federation.protocol.oversight import AskPermit
from federation.wire.evidence import DECODE
from tests.engine.test_shown import said
from tests.support.meshed import meshed
from tests.support.pair import Center


@dataclass
class Reading:
    """A word of a to b, and what is known of a."""

    a: Center
    b: Center
    raw: bytes
    found: Others


@asynccontextmanager
async def reading(*, known: bool = True) -> AsyncIterator[Reading]:
    async with meshed("a", "b") as (a, b):
        raw, _ = await said(a, b)
        chains: dict[str, Sequence[bytes]] = {a.id: a.identity.chain} if known else {}
        yield Reading(a, b, raw, others(chains, [b.id], a.suite, DECODE))


async def test_a_word_is_read_with_whom_it_was_said_to() -> None:
    async with reading() as at:
        statement, word = at.found.read(at.raw, at.a.id)
        assert statement.recipient == at.b.id
        assert isinstance(word, AskPermit)
        assert at.found.told(at.b.id)(at.raw, at.a.id) == word


async def test_a_word_to_somebody_else_is_not_taken_for_one_to_us() -> None:
    async with reading() as at:
        with pytest.raises(Malformed, match="was said to"):
            at.found.told(at.a.id)(at.raw, at.a.id)


async def test_of_whom_there_is_no_descriptor_nothing_is_believed() -> None:
    async with reading(known=False) as at:
        with pytest.raises(Malformed, match=r"descriptor of .* is missing") as refused:
            at.found.read(at.raw, at.a.id)
        assert refused.value.clause == "V1"


async def test_a_changed_word_a_foreign_key_and_garbage_are_malformed() -> None:
    async with reading() as at:
        place = at.raw.index(b"why")
        changed = at.raw[:place] + b"who" + at.raw[place + 3 :]
        foreign = Others(
            at.found.suite,
            {at.a.id: {key: bytes(32) for key in at.found.keys[at.a.id]}},
            DECODE,
            at.found.verifier,
            {},
        )
        for found, raw in ((at.found, changed), (at.found, b"\xff"), (foreign, changed)):
            with pytest.raises(Malformed):
                found.read(raw, at.a.id)


async def test_one_of_the_two_is_no_other_and_a_chain_must_be_of_its_center() -> None:
    async with meshed("a", "b") as (a, b):
        chain: Sequence[bytes] = a.identity.chain
        tried: list[dict[str, Sequence[bytes]]] = [{a.id: chain}, {b.id: chain}, {b.id: ()}]
        for chains in tried:
            with pytest.raises(Refuted):
                others(chains, [a.id], a.suite, DECODE)
