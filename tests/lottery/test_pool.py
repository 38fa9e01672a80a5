"""A pool says nothing about anybody, and cannot be changed once it was announced."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.lottery.pool import (
    ATTRIBUTES,
    EMPLOYER,
    IDENTITY,
    LINK,
    STATUS,
    USCC,
    BadListing,
    BadOpening,
    PoolMember,
    build_pool,
    check_listing,
    check_listings,
    check_opening,
    strata_root,
)
from federation.protocol.draw import Listing, Opening, Slot
from federation.protocol.peering import Stratum
from federation.trust.suite import Digests, enc, u64
from tests.lottery.honest_draw import (
    DIGESTS,
    EPOCH_KEY,
    POOL,
    POOLS,
    SLOTS,
    SUITES,
    experts,
    pool_of,
)

ENTRY = POOL.entries("A01")[0]
STRATA = {stratum.specialty: stratum for stratum in POOL.strata}


def merkle_root(digests: Digests, leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, as the RFC words it."""
    if len(leaves) == 1:
        return digests.hash(b"\0" + leaves[0])
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = merkle_root(digests, leaves[:split]), merkle_root(digests, leaves[split:])
    return digests.hash(b"\1" + left + right)


@pytest.mark.parametrize("digests", SUITES, ids=lambda digests: digests.suite_id)
def test_the_commitment_is_made_as_the_paper_says(digests: Digests) -> None:
    member = PoolMember("E1", "王五", "91X", ("A01",))
    pool = build_pool(digests, EPOCH_KEY, "p", "e", [member])
    values = [
        enc(b"E1", "王五".encode()),
        digests.mac(EPOCH_KEY, "link", b"E1"),
        digests.mac(EPOCH_KEY, "emp", b"91X"),
        b"91X",
        b"active",
    ]
    hidden = [
        digests.tagged(
            "attr", b"p", b"e", attribute.encode(),
            digests.mac(EPOCH_KEY, "salt", b"E1", b"A01", attribute.encode()), value,
        )
        for attribute, value in zip(("id", "link", "emp", "uscc", "status"), values, strict=True)
    ]  # fmt: skip
    entry = digests.tagged("entry", b"p", b"e", b"A01", *hidden)
    assert pool.entries("A01") == (entry,)
    stratum = Stratum("A01", 1, merkle_root(digests, [entry]))
    assert pool.strata == (stratum,)
    leaf = digests.tagged("stratum", b"A01", u64(1), stratum.root)
    assert pool.root == merkle_root(digests, [leaf])


@pytest.mark.parametrize("digests", SUITES, ids=lambda digests: digests.suite_id)
def test_roots_cover_all_strata_in_the_order_of_their_names(digests: Digests) -> None:
    pool = POOLS[digests.suite_id]
    assert [stratum.specialty for stratum in pool.strata] == ["A01", "B05", "C07"]
    for stratum in pool.strata:
        entries = list(pool.entries(stratum.specialty))
        assert entries == sorted(set(entries))
        assert (stratum.size, stratum.root) == (len(entries), merkle_root(digests, entries))
    assert strata_root(digests, pool.strata) == pool.root
    assert strata_root(digests, pool.strata[::-1]) != pool.root


@given(st.randoms(use_true_random=False))
def test_neither_order_nor_a_restart_changes_the_pool(chance: object) -> None:
    members = experts(12)
    shuffled = list(members)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # Hypothesis' own Random
    assert pool_of(shuffled).strata == pool_of(members).strata


def test_another_epoch_or_key_hides_everybody_anew() -> None:
    members = experts(12)
    pools = [
        pool_of(members),
        build_pool(DIGESTS, EPOCH_KEY, "changle", "2026-11-21", members),
        build_pool(DIGESTS, b"\x78" * 32, "changle", "2026-11-20", members),
    ]
    entries = [set(pool.entries("A01")) for pool in pools]
    assert not entries[0] & entries[1]
    assert not entries[0] & entries[2]
    assert not entries[1] & entries[2]


def test_every_entry_leads_back_to_its_expert() -> None:
    by_uid = {member.uid: member for member in experts(60)}
    found = {
        (POOL.member(entry), specialty) for specialty in STRATA for entry in POOL.entries(specialty)
    }
    assert found == {(m.uid, specialty) for m in by_uid.values() for specialty in m.specialties}


def test_one_person_has_one_link_and_one_employer_in_all_strata() -> None:
    pool = pool_of(
        [
            PoolMember("E1", "甲", "91X", ("A01", "B05")),
            PoolMember("E2", "乙", "91X", ("C07",)),
            PoolMember("E3", "丙", "", ("D01",)),
            PoolMember("E4", "丁", "", ("D02",), status="leave"),
        ]
    )
    a01, b05, c07, d01, d02 = (pool.entries(stratum.specialty)[0] for stratum in pool.strata)
    assert a01 != b05
    assert pool.link(a01) == pool.link(b05) != pool.link(c07)
    assert pool.employer(a01) == pool.employer(c07)
    assert pool.employer(d01) != pool.employer(d02)  # without employer is not an employer
    attributes = pool.attributes(d02)
    assert (attributes.link, attributes.employer) == (pool.link(d02), pool.employer(d02))
    assert (attributes.uscc, attributes.status) == ("", "leave")
    shared = set(pool.open(a01, ATTRIBUTES)[0]) & set(pool.open(b05, ATTRIBUTES)[0])
    assert not shared  # nothing unopened tells that they are one person


def test_a_foreign_entry_is_nobody() -> None:
    for entry in (b"\0" * 32, b"\xff" * 32, b""):
        with pytest.raises(KeyError, match="no entry"):
            POOL.member(entry)


def test_neither_key_nor_people_show_in_the_repr() -> None:
    assert "专家" not in repr(POOL)
    assert repr(EPOCH_KEY) not in repr(POOL)


@pytest.mark.parametrize(
    ("key", "members", "sentence"),
    [
        (b"short", [], "at least 32 bytes, not 5"),
        (EPOCH_KEY, [PoolMember("E1", "", "", ())] * 2, "E1 stands in the pool twice"),
        (EPOCH_KEY, [PoolMember("E1", "", "", ("A01", "A01"))], "E1 has one specialty twice"),
    ],
)
def test_nobody_gets_a_second_ticket(key: bytes, members: list[PoolMember], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        build_pool(DIGESTS, key, "p", "e", members)


@given(st.sets(st.sampled_from(ATTRIBUTES)), st.sampled_from(POOL.entries("B05")))
def test_exactly_what_was_asked_for_is_opened(attributes: set[str], entry: bytes) -> None:
    hidden, openings = POOL.open(entry, sorted(attributes))
    opened = check_opening(DIGESTS, POOL.name, POOL.epoch, "B05", entry, hidden, openings)
    member = next(m for m in experts(60) if m.uid == POOL.member(entry))
    truth = {
        IDENTITY: enc(member.uid.encode(), member.name.encode()),
        LINK: POOL.link(entry),
        EMPLOYER: POOL.employer(entry),
        USCC: member.uscc.encode(),
        STATUS: member.status.encode(),
    }
    assert opened == {attribute: truth[attribute] for attribute in attributes}


HIDDEN, (IDENTITY_OPENING, STATUS_OPENING) = POOL.open(ENTRY, [IDENTITY, STATUS])


@pytest.mark.parametrize(
    ("hidden", "openings", "sentence"),
    [
        (HIDDEN[:4], (), "5 attribute digests, not 4"),
        (HIDDEN[::-1], (), "do not make up entry"),
        (HIDDEN, (replace(STATUS_OPENING, value=b"leave"),), "does not open its digest"),
        (HIDDEN, (replace(STATUS_OPENING, salt=b"\0" * 32),), "does not open its digest"),
        (HIDDEN, (replace(STATUS_OPENING, attribute=USCC),), "does not open its digest"),
        (HIDDEN, (replace(IDENTITY_OPENING, value=enc(b"E9", b"x")),), "does not open its digest"),
        (HIDDEN, (STATUS_OPENING, STATUS_OPENING), "unknown or opened twice"),
        (HIDDEN, (Opening("age", b"", b""),), "unknown or opened twice"),
    ],
)
def test_nothing_else_opens_an_entry(
    hidden: tuple[bytes, ...], openings: tuple[Opening, ...], sentence: str
) -> None:
    with pytest.raises(BadOpening, match=sentence) as caught:
        check_opening(DIGESTS, POOL.name, POOL.epoch, "A01", ENTRY, hidden, openings)
    assert (caught.value.clause, caught.value.reason) == ("V11", "MALFORMED")


@pytest.mark.parametrize(
    ("pool", "epoch", "specialty"),
    [
        ("fuzhou", POOL.epoch, "A01"),
        (POOL.name, "2026-11-21", "A01"),
        (POOL.name, POOL.epoch, "B05"),
    ],
)
def test_an_opening_holds_in_one_pool_one_epoch_one_specialty(
    pool: str, epoch: str, specialty: str
) -> None:
    with pytest.raises(BadOpening):
        check_opening(DIGESTS, pool, epoch, specialty, ENTRY, HIDDEN, ())


def test_the_listing_is_the_stratum() -> None:
    for specialty, stratum in STRATA.items():
        listed = check_listing(DIGESTS, stratum, POOL.listing(specialty).entries)
        assert listed == POOL.entries(specialty)


def reordered(entries: list[bytes]) -> list[bytes]:
    return [entries[1], entries[0], *entries[2:]]


def doubled(entries: list[bytes]) -> list[bytes]:
    return [entries[0], *entries[:-1]]


def swapped_out(entries: list[bytes]) -> list[bytes]:
    return [b"\0" * 32, *entries[1:]]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (reordered, "not sorted and distinct"),
        (doubled, "not sorted and distinct"),
        (swapped_out, "not those the pool was committed with"),
        (lambda entries: entries[1:], "bytes were listed"),
        (lambda entries: [*entries, b"\xff" * 32], "bytes were listed"),
        (lambda entries: [*entries[:-1], b"\xff"], "bytes were listed"),
    ],
)
def test_no_other_listing_passes(
    change: Callable[[list[bytes]], list[bytes]], sentence: str
) -> None:
    entries = b"".join(change(list(POOL.entries("A01"))))
    with pytest.raises(BadListing, match=sentence) as caught:
        check_listing(DIGESTS, STRATA["A01"], entries)
    assert caught.value.clause == "V5"


def test_exactly_the_strata_asked_for_are_listed() -> None:
    a01, b05, c07 = (POOL.listing(specialty) for specialty in STRATA)
    listed = check_listings(DIGESTS, POOL.strata, SLOTS, (b05, a01))
    assert dict(listed) == {name: POOL.entries(name) for name in ("A01", "B05")}
    for wrong in ((a01,), (a01, a01, b05), (a01, b05, c07), (a01, c07)):
        with pytest.raises(BadListing, match="asked for were"):
            check_listings(DIGESTS, POOL.strata, SLOTS, wrong)
    with pytest.raises(BadListing, match="no experts of Z99"):
        check_listings(DIGESTS, POOL.strata, [Slot("Z99", 1)], [Listing("Z99", b"")])
