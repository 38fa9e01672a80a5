"""Pool announcements, with two whole nodes. Joint tests are ``test_joint_tests``."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from federation.lottery.pool import PoolMember, build_pool, strata_root
from federation.lottery.pool_audit import audit_info
from federation.protocol.conversation import Kind
from federation.protocol.peering import AnnouncePool, Stratum
from federation.trust.suite import GM_1
from node.domain.codes import ResidentId, Specialty, Uscc
from node.domain.expert import Expert, ExpertStatus
from node.services.agreements import Agreements
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.services.peering import Peering
from node.services.pool_announcements import (
    POOL_REFUSED,
    PoolAnnouncements,
    strata_of,
)
from node.store import experts, pools, todos
from node.store.pools import Between, Shelf, SnapshotBroken
from tests.support.joint_line import joint_tests
from tests.support.pair import DAY_MS, HOUR_MS, Center, Furniture, TwoCenters, two_centers

LI = Expert(
    uid="FJ-0001",
    name="李明",
    id_number=ResidentId("11010519491231002X"),
    phone="13800138000",
    employer="福建某设计院",
    employer_uscc=Uscc("91350100M000100Y43"),
    specialties=(Specialty("A080101"), Specialty("B03")),
)
WANG = replace(
    LI,
    uid="FJ-0002",
    name="王芳",
    id_number=ResidentId("440524188001010014"),
    specialties=(Specialty("A08"),),
    status=ExpertStatus.LEAVE,
)


@dataclass
class Node:
    """One center's services."""

    peering: Peering
    agreements: Agreements


@dataclass
class Office:
    pair: TwoCenters
    nodes: dict[str, Node] = field(default_factory=dict)

    @property
    def host(self) -> Node:
        return self.nodes["host"]

    @property
    def sub(self) -> Node:
        return self.nodes["sub"]

    async def register(self, center: Center, *people: Expert) -> None:
        def put(desk: Desk) -> None:
            for person in people:
                experts.put(desk.ledger.connection, center.cipher, person, desk.now_ms)

        await center.do(put)

    async def announce(self, epoch: str = "2026-05-06", hours: int = 24) -> bytes:
        roots = await self.pair.sub.do(
            lambda desk: self.sub.peering.announce(desk, "changle", epoch, hours)
        )
        await self.pair.settle()
        (root,) = roots.values()
        return root

    async def latest(self, center: Center) -> AnnouncePool | None:
        """The sub's newest pool, as ``center`` knows it."""
        return await center.do(
            lambda desk: pools.latest(
                desk.ledger.connection,
                Between(self.pair.sub.id, self.pair.host.id, self.pair.sub.suite.suite_id),
                desk.now_ms,
            )
        )

    async def todos(self, center: Center) -> list[str]:
        found = await center.do(lambda desk: todos.open_for(desk.ledger.connection, "operator"))
        return [todo.kind for todo in found]


@asynccontextmanager
async def opened(suites: Sequence[str] = ()) -> AsyncIterator[Office]:
    nodes: dict[str, Node] = {}

    def furnish(center: Center) -> Furniture:
        agreements = Agreements(center.keyring)
        peering = Peering(
            tests=joint_tests(center, agreements),
            pools=PoolAnnouncements(cipher=center.cipher, agreements=agreements),
        )
        nodes[center.name] = Node(peering, agreements)
        return Furniture(
            {Kind.AGREEMENT: agreements, Kind.PEERING: peering}, handlers=peering.handlers()
        )

    async with two_centers(furnish, suites=suites) as pair:
        yield Office(pair, nodes)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    async with opened() as office:
        yield office


@pytest.fixture
async def office_of_both() -> AsyncIterator[Office]:
    async with opened(("intl-1", "gm-1")) as office:
        yield office


# Pools


async def test_an_announced_pool_is_the_same_on_both_sides_and_rebuilds(office: Office) -> None:
    await office.pair.agree()
    await office.register(office.pair.sub, LI, WANG)
    root = await office.announce()
    ours, theirs = [await office.latest(center) for center in office.pair.centers]
    assert ours is not None
    assert ours == theirs
    assert ours.root == root
    assert [(stratum.specialty, stratum.size) for stratum in ours.strata] == [
        ("A08", 2),
        ("A0801", 1),
        ("A080101", 1),
        ("B03", 1),
    ]
    shelf = Shelf(office.pair.sub.cipher)
    pool = await office.pair.sub.do(
        lambda desk: shelf.pool(
            desk.ledger.connection, office.pair.sub.suite, "changle", "2026-05-06"
        )
    )
    assert pool.root == root
    again = await office.pair.sub.do(
        lambda desk: shelf.pool(
            desk.ledger.connection, office.pair.sub.suite, "changle", "2026-05-06"
        )
    )
    assert again is pool


async def test_a_pool_does_not_change_with_the_register(office: Office) -> None:
    await office.pair.agree()
    await office.register(office.pair.sub, LI, WANG)
    root = await office.announce()
    await office.register(office.pair.sub, replace(LI, status=ExpertStatus.SUSPENDED))
    pool = await office.pair.sub.do(
        lambda desk: pools.load_pool(
            desk.ledger.connection,
            office.pair.sub.cipher,
            office.pair.sub.suite,
            "changle",
            "2026-05-06",
        )
    )
    assert pool.root == root
    assert {pool.attributes(entry).status for entry in pool.entries("B03")} == {"active"}


async def test_a_snapshot_that_was_tampered_with_is_noticed(office: Office) -> None:
    await office.register(office.pair.sub, LI, WANG)
    await office.announce()
    sub = office.pair.sub
    await sub.do(
        lambda desk: (
            desk.ledger.connection.execute("UPDATE pool_member SET status = 'active'").rowcount
        )
    )
    with pytest.raises(SnapshotBroken):
        await sub.do(
            lambda desk: pools.load_pool(
                desk.ledger.connection, sub.cipher, office.pair.sub.suite, "changle", "2026-05-06"
            )
        )
    with pytest.raises(LookupError):
        await sub.do(
            lambda desk: pools.load_pool(
                desk.ledger.connection, sub.cipher, office.pair.sub.suite, "changle", "other"
            )
        )


async def test_whoever_holds_the_audit_key_rebuilds_the_pool_from_the_opening(
    office: Office,
) -> None:
    await office.pair.agree()
    await office.register(office.pair.sub, LI, WANG)
    await office.announce()
    word = await office.latest(office.pair.host)
    assert word is not None
    ((sealed,),) = await office.pair.sub.sql("SELECT sealed_audit FROM pool_epoch")
    assert office.pair.sub.suite.tagged("audit", sealed) == word.audit_digest
    pool = await office.pair.sub.do(
        lambda desk: pools.load_pool(
            desk.ledger.connection,
            office.pair.sub.cipher,
            office.pair.sub.suite,
            "changle",
            "2026-05-06",
        )
    )
    chosen = office.pair.sub.suite
    secret = office.pair.sub.secrets[chosen.suite_id].sealing
    info = audit_info(chosen, pool.name, pool.epoch)
    opened = json.loads(chosen.unseal(secret, info, sealed))
    members = [
        PoolMember(uid, name, uscc, tuple(specialties), status)
        for uid, name, uscc, specialties, status in opened["members"]
    ]
    rebuilt = build_pool(
        chosen, bytes.fromhex(opened["key"]), opened["pool"], opened["epoch"], members
    )
    assert rebuilt.root == word.root
    assert {member.name for member in members} == {"李明", "王芳"}


async def test_no_name_is_stored_in_clear(office: Office) -> None:
    await office.register(office.pair.sub, LI)
    await office.announce()
    for table in ("pool_member", "pool_epoch", "pool_announcement"):
        for row in await office.pair.sub.sql(f"SELECT * FROM {table}"):  # a literal above
            for value in row:
                raw = value.encode() if isinstance(value, str) else value
                assert not isinstance(raw, bytes) or LI.name.encode() not in raw


async def test_an_epoch_is_announced_once(office: Office) -> None:
    await office.register(office.pair.sub, LI)
    await office.announce()
    with pytest.raises(Conflicting, match="cannot change"):
        await office.announce()


async def test_an_empty_register_is_not_announced(office: Office) -> None:
    with pytest.raises(Conflicting, match="empty"):
        await office.announce()


@pytest.mark.parametrize("hours", [0, -1, 24 * 366 + 1])
async def test_a_pool_is_valid_for_an_hour_to_a_year(office: Office, hours: int) -> None:
    await office.register(office.pair.sub, LI)
    with pytest.raises(Invalid):
        await office.announce(hours=hours)


async def test_a_name_that_no_peer_would_take_is_refused_here(office: Office) -> None:
    await office.register(office.pair.sub, LI)
    with pytest.raises(Invalid, match="epoch"):
        await office.announce(epoch="x" * 256)


async def test_an_epoch_that_is_over_is_not_the_latest(office: Office) -> None:
    await office.pair.agree()
    await office.register(office.pair.sub, LI)
    await office.announce("first", hours=24)
    office.pair.watch.pass_ms(HOUR_MS)
    second = await office.announce("second", hours=1)
    newest = await office.latest(office.pair.host)
    assert newest is not None
    assert newest.root == second
    office.pair.watch.pass_ms(HOUR_MS)
    newest = await office.latest(office.pair.host)
    assert newest is not None
    assert newest.epoch == "first"
    office.pair.watch.pass_ms(DAY_MS)
    assert await office.latest(office.pair.host) is None


async def test_a_new_partner_is_told_of_pools_that_are_valid_already(office: Office) -> None:
    await office.register(office.pair.sub, LI)
    root = await office.announce()
    assert await office.latest(office.pair.host) is None
    terms = office.pair.terms()
    agreement = await office.pair.host.do(
        lambda desk: office.host.agreements.propose(desk, office.pair.sub.id, terms, "wang")
    )
    await office.pair.settle()
    await office.pair.sub.do(lambda desk: office.sub.agreements.sign(desk, agreement, "chen"))
    await office.pair.settle()
    known = await office.latest(office.pair.host)
    assert known is not None
    assert known.root == root


async def test_a_partner_of_another_suite_gets_the_same_snapshot_under_its_own(
    office_of_both: Office,
) -> None:
    office = office_of_both
    pair, sub = office.pair, office.pair.sub
    await office.register(sub, LI, WANG)
    root = await office.announce()
    await office.register(sub, replace(LI, status=ExpertStatus.SUSPENDED))
    terms = pair.terms(suite="gm-1")
    agreement = await pair.host.do(
        lambda desk: office.host.agreements.propose(desk, pair.sub.id, terms, "wang")
    )
    await pair.settle()
    await sub.do(lambda desk: office.sub.agreements.sign(desk, agreement, "chen"))
    await pair.settle()
    pool = await sub.do(
        lambda desk: pools.load_pool(
            desk.ledger.connection, sub.cipher, GM_1, "changle", "2026-05-06"
        )
    )
    assert pool.root != root
    assert {pool.attributes(entry).status for entry in pool.entries("B03")} == {"active"}
    between = Between(sub.id, pair.host.id, "gm-1")
    for center in pair.centers:
        known = await center.do(
            lambda desk: pools.latest(desk.ledger.connection, between, desk.now_ms)
        )
        assert known is not None
        assert (known.root, known.epoch) == (pool.root, "2026-05-06")
    roots = await sub.do(lambda desk: office.sub.peering.announce(desk, "changle", "next", 24))
    assert list(roots) == ["gm-1"]


async def test_a_pool_is_dated_by_hearing_it_and_by_the_peers_cosignature(office: Office) -> None:
    await office.pair.agree()
    await office.register(office.pair.sub, LI)
    office.pair.cut()
    await office.announce()
    word = await office.latest(office.pair.sub)
    assert word is not None

    async def since(center: Center) -> int | None:
        peer = office.pair.other(center).id
        return await center.do(
            lambda desk: pools.announced_at_ms(desk.ledger.connection, word, peer)
        )

    assert await since(office.pair.sub) is None
    office.pair.watch.pass_ms(HOUR_MS)
    office.pair.restore()
    await office.pair.settle()
    now_ms = office.pair.watch.now_ms
    assert [await since(center) for center in office.pair.centers] == [now_ms, now_ms]


async def test_the_log_index_is_where_the_word_stands_in_our_own_log(office: Office) -> None:
    await office.pair.agree()
    await office.register(office.pair.sub, LI)
    await office.announce()
    for center, table in ((office.pair.host, "heard"), (office.pair.sub, "said")):
        (row,) = await center.do(lambda desk: pools.every(desk.ledger.connection))
        assert await center.sql(f"SELECT log_index FROM {table}") == [(row.log_index,)]


def _announcement(office: Office) -> AnnouncePool:
    strata = (Stratum("A08", 1, bytes(32)), Stratum("B03", 2, bytes(32)))
    now_ms = office.pair.watch.now_ms
    return AnnouncePool(
        pool="changle",
        epoch="forged",
        strata=strata,
        root=strata_root(office.pair.sub.suite, strata),
        audit_digest=bytes(32),
        valid_from_ms=now_ms,
        valid_until_ms=now_ms + HOUR_MS,
    )


async def _say(office: Office, word: AnnouncePool) -> str:
    await office.pair.sub.do(lambda desk: desk.open(office.pair.host.id, None, word))
    await office.pair.settle()
    return office.pair.host.listener.receipts[-1][1].reason


async def test_pools_that_no_draw_could_be_checked_against_are_refused(office: Office) -> None:
    await office.pair.agree()
    good = _announcement(office)
    backwards = tuple(reversed(good.strata))
    twice = (good.strata[0], good.strata[0])
    empty = (Stratum("A08", 0, bytes(32)),)
    for bad, reason in (
        (replace(good, root=bytes(32)), "MALFORMED"),
        (
            replace(good, strata=backwards, root=strata_root(office.pair.sub.suite, backwards)),
            "MALFORMED",
        ),
        (replace(good, strata=twice, root=strata_root(office.pair.sub.suite, twice)), "MALFORMED"),
        (replace(good, strata=empty, root=strata_root(office.pair.sub.suite, empty)), "MALFORMED"),
        (replace(good, valid_from_ms=good.valid_until_ms), "MALFORMED"),
        (replace(good, valid_from_ms=1, valid_until_ms=office.pair.watch.now_ms), "TOO_LATE"),
    ):
        assert await _say(office, bad) == reason
    assert await office.pair.host.sql("SELECT count(*) FROM pool_announcement") == [(0,)]
    assert await office.pair.sub.sql("SELECT count(*) FROM pool_announcement") == [(0,)]
    assert set(await office.todos(office.pair.sub)) == {POOL_REFUSED}
    assert not await _say(office, good)
    assert await office.pair.host.sql("SELECT epoch FROM pool_announcement") == [("forged",)]


async def test_a_pool_of_a_center_without_agreement_is_refused(office: Office) -> None:
    assert await _say(office, _announcement(office)) == "NO_AGREEMENT"


async def test_an_epoch_cannot_be_announced_to_a_peer_again_with_another_root(
    office: Office,
) -> None:
    await office.pair.agree()
    first = _announcement(office)
    await _say(office, first)
    await office.pair.sub.do(
        lambda desk: desk.ledger.connection.execute("DELETE FROM pool_announcement").rowcount
    )
    strata = (Stratum("C01", 5, bytes(32)),)
    second = replace(first, strata=strata, root=strata_root(office.pair.sub.suite, strata))
    assert await _say(office, second) == "CONFLICT"
    kept = await office.latest(office.pair.host)
    assert kept is not None
    assert kept.root == first.root


def test_an_expert_stands_in_every_stratum_that_the_specialty_covers() -> None:
    held = (Specialty("A080101"), Specialty("A0802"), Specialty("B03"))
    assert strata_of(held) == ("A08", "A0801", "A080101", "A0802", "B03")
