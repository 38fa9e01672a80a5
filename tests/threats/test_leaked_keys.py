"""What a leaked key opens, and what it does not: each is for one purpose and one time."""

import pytest

from federation.lottery.pool import ATTRIBUTES, build_pool
from federation.protocol.draw import Response
from federation.trust.errors import CannotOpen
from federation.trust.keys import Purpose
from node.services.house import Desk
from tests.lottery.honest_draw import DIGESTS, experts
from tests.node.services.test_draws import Table, table
from tests.support.pair import two_centers

__all__ = ["table"]

PEOPLE = experts(40)


async def test_epoch_isolation(table: Table) -> None:
    """Whoever has the key of one epoch names everybody in it, and nobody in any other."""
    sub = table.sub

    def announce(desk: Desk) -> list[tuple[str, str, bytes]]:
        sub.pools.announce(desk, "experts", "2026-06", 720)
        rows = desk.ledger.connection.execute(
            "SELECT suite, epoch, sealed_key FROM pool_epoch ORDER BY epoch"
        ).fetchall()
        return [
            (suite, epoch, bytes.fromhex(sub.center.cipher.open(
                "pool_epoch.key", f"{suite}/experts/{epoch}", sealed)))
            for suite, epoch, sealed in rows
        ]  # fmt: skip

    kept = await sub.center.do(announce)
    leaked, other = (key for _, _, key in kept)
    assert leaked != other
    one = build_pool(DIGESTS, leaked, "experts", "2026-05", PEOPLE)
    two = build_pool(DIGESTS, other, "experts", "2026-06", PEOPLE)
    guessed = build_pool(DIGESTS, leaked, "experts", "2026-06", PEOPLE)
    for stratum in two.strata:
        entries = set(two.entries(stratum.specialty))
        assert not entries & set(guessed.entries(stratum.specialty))
        assert not entries & set(one.entries(stratum.specialty))
    tokens: list[bytes] = []
    for pool in (one, two):
        owned = {pool.member(entry): entry for entry in pool.entries("A01")}
        entry = owned[min(owned)]  # the same expert in both
        tokens += [pool.link(entry), pool.employer(entry), *pool.open(entry, ATTRIBUTES)[0]]
    assert len(set(tokens)) == len(tokens), "no token of one epoch is found again in another"


async def test_leaked_seal_key(table: Table) -> None:
    """A leaked sealing key reads the lists that were sealed to it, and none after the rotation."""
    await table.start()
    leaked = table.exchange._key
    table.exchange._key = bytes(range(33, 65))
    sub = table.sub
    members = await sub.center.do(lambda desk: sub.draws.members(desk, table.booking))
    leaving = next(member for member in members if member.uid is not None)
    await sub.center.do(
        lambda desk: sub.draws.depart(desk, leaving.draw, leaving.entry, Response.LEAVE, "", "s")
    )
    await table.turn()

    rows = await sub.center.sql(
        "SELECT revision, info, sealed FROM sealed_list WHERE draw = ? ORDER BY revision",
        leaving.draw,
    )
    suite = sub.center.suite
    first, second = rows
    assert suite.unseal(leaked, first[1], first[2])
    with pytest.raises(CannotOpen):
        suite.unseal(leaked, second[1], second[2])
    assert (leaving.draw.hex(), 2) in table.exchange.lists


async def test_no_key_serves_two_purposes_or_two_suites() -> None:
    async with two_centers(suites=("intl-1", "gm-1")) as pair:
        descriptor = pair.host.identity.descriptor
        keys = [
            key.key
            for name in ("intl-1", "gm-1")
            for purpose in Purpose
            for key in descriptor.keys_for(purpose, name)
        ]
        assert len(keys) >= 8
        assert len(set(keys)) == len(keys)
