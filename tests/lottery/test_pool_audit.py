"""An audit builds the pool again, and finds who stands in it twice, wrongly, or not at all."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import Malformed
from federation.lottery.pool import PoolMember, build_pool
from federation.lottery.pool_audit import (
    AuditFile,
    Findings,
    PoolOpening,
    audit,
    audit_digest,
    audit_info,
    decode_file,
    decode_opening,
    encode_file,
    encode_opening,
)
from federation.protocol.peering import AnnouncePool
from federation.trust.suite import GM_1, INTL_1, Suite

KEY = bytes(range(32))
STATUSES = ("active", "leave", "suspended")
HONEST = tuple(
    PoolMember(
        f"E{number:03d}",
        f"专家{number}",
        f"USCC{number % 7}",
        ("A08",) if number % 2 else ("A08", "B05"),
    )
    for number in range(40)
)


@pytest.fixture(params=[INTL_1, GM_1], ids=lambda suite: suite.suite_id)
def suite(request: pytest.FixtureRequest) -> Suite:
    """Both suites."""
    chosen: Suite = request.param
    return chosen


def announced(suite: Suite, members: tuple[PoolMember, ...]) -> AnnouncePool:
    """What an owner announces of these members."""
    pool = build_pool(suite, KEY, "experts", "e1", members)
    return AnnouncePool(
        pool="experts",
        epoch="e1",
        strata=pool.strata,
        root=pool.root,
        audit_digest=bytes(32),
        valid_from_ms=1,
        valid_until_ms=2,
    )


def found(
    suite: Suite,
    members: tuple[PoolMember, ...],
    told: AnnouncePool | None = None,
    listed: list[str] | None = None,
) -> Findings:
    """What an audit of these members finds."""
    return audit(
        suite,
        PoolOpening(suite.suite_id, "experts", "e1", KEY, members),
        told or announced(suite, members),
        statuses=STATUSES,
        employer_can_be=lambda code: code.startswith("USCC"),
        listed=listed,
    )


def test_an_honest_pool_is_built_again_and_nothing_is_found(suite: Suite) -> None:
    seen = found(suite, HONEST, listed=[member.uid for member in HONEST])
    assert seen.rebuilt
    assert seen.clean
    assert (seen.members, seen.entries) == (40, 60)
    assert seen.statuses == {"active": 40}


def test_somebody_twice_under_two_numbers_is_found_with_the_handles(suite: Suite) -> None:
    twin = replace(HONEST[3], uid="E900")
    seen = found(suite, (*HONEST, twin))
    assert seen.rebuilt  # the commitment itself is in order: only the audit finds it
    ((first, second),) = seen.duplicates
    assert (first.uid, second.uid) == ("E003", "E900")
    pool = build_pool(suite, KEY, "experts", "e1", (*HONEST, twin))
    assert [(place, pool.member(entry)) for place, entry in second.entries] == [("A08", "E900")]
    assert not seen.clean


def test_one_number_twice_cannot_be_built_and_is_named(suite: Suite) -> None:
    seen = found(suite, (*HONEST, HONEST[0]), announced(suite, HONEST))
    assert not seen.rebuilt
    assert "E000" in seen.why_not
    assert [each.uid for each in seen.duplicates[0]] == ["E000", "E000"]


@pytest.mark.parametrize(
    ("ghost", "why"),
    [
        (PoolMember("E901", "某", "USCC1", ("A08",), "resting"), "status 'resting'"),
        (PoolMember("E901", "某", "12345", ("A08",)), "employer's credit code"),
        (PoolMember("E901", "某", "USCC1", ()), "no specialty"),
        (PoolMember("E901", " ", "USCC1", ("A08",)), "no name or number"),
    ],
)
def test_what_cannot_be_is_a_ghost(suite: Suite, ghost: PoolMember, why: str) -> None:
    seen = found(suite, (*HONEST, ghost))
    assert [(each.uid, each.why) for each in seen.ghosts] == [("E901", why)]


def test_who_is_left_out_and_who_is_put_in_shows_against_a_list(suite: Suite) -> None:
    listed = [member.uid for member in HONEST[1:]] + ["E777"]
    seen = found(suite, HONEST, listed=listed)
    assert (seen.missing, seen.unlisted) == (("E777",), ("E000",))
    assert not found(suite, HONEST, listed=None).missing


def test_another_pool_than_was_announced_does_not_rebuild(suite: Suite) -> None:
    seen = found(suite, HONEST[1:], announced(suite, HONEST))
    assert not seen.rebuilt
    assert "another root" in seen.why_not
    other = replace(announced(suite, HONEST), epoch="e2")
    assert "another suite, pool or epoch" in found(suite, HONEST, other).why_not


def test_an_employer_with_more_than_a_fifth_of_a_stratum_is_shown(suite: Suite) -> None:
    many = tuple(PoolMember(f"M{n}", f"员工{n}", "USCC9", ("B05",)) for n in range(9))
    (share,) = found(suite, (*HONEST, *many)).shares
    assert (share.specialty, share.uscc, share.count, share.size) == ("B05", "USCC9", 9, 29)


def test_people_without_employer_share_none(suite: Suite) -> None:
    retired = tuple(PoolMember(f"R{n}", f"退休{n}", "", ("C01",)) for n in range(5))
    seen = found(suite, (*HONEST, *retired))
    assert seen.clean
    assert not seen.shares


def test_the_opening_comes_back_whole_from_its_seal(suite: Suite) -> None:
    opening = PoolOpening(suite.suite_id, "experts", "e1", KEY, HONEST)
    private = suite.new_private(lambda count: bytes([5]) * count)
    info = audit_info(suite, "experts", "e1")
    sealed = suite.seal(suite.public_sealing(private), info, encode_opening(opening))
    assert decode_opening(suite.unseal(private, info, sealed)) == opening
    assert len(audit_digest(suite, sealed)) == 32
    assert "专家" not in repr(opening)
    assert KEY.hex() not in repr(opening)


def test_the_file_comes_back_whole() -> None:
    file = AuditFile("intl-1", (b"one", b"two"), b"sealed")
    assert decode_file(encode_file(file)) == file


@given(st.binary(max_size=64))
def test_no_bytes_are_taken_for_a_file_or_an_opening(raw: bytes) -> None:
    for decode in (decode_file, decode_opening):
        with pytest.raises(Malformed):
            decode(raw)


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"kind": "another"},
        {"announcements": []},
        {"announcements": ["!"]},
        {"sealed": 3},
        {"more": 1},
    ],
)
def test_a_file_that_is_not_as_described_is_refused(change: dict[str, object]) -> None:
    good = json.loads(encode_file(AuditFile("intl-1", (b"one",), b"sealed")))
    with pytest.raises(Malformed):
        decode_file(json.dumps(good | change).encode())


@pytest.mark.parametrize(
    "change",
    [{"key": "zz"}, {"members": [["E1", "名", "U", "A08", "active"]]}, {"members": 3}, {"pool": 1}],
)
def test_an_opening_that_is_not_as_described_is_refused(change: dict[str, object]) -> None:
    good = json.loads(encode_opening(PoolOpening("intl-1", "experts", "e1", KEY, HONEST)))
    with pytest.raises(Malformed):
        decode_opening(json.dumps(good | change).encode())


def test_half_a_character_in_a_members_name_is_refused(suite: Suite) -> None:
    opening = PoolOpening(suite.suite_id, "experts", "e1", KEY, HONEST)
    body = json.loads(encode_opening(opening))
    body["members"][3][1] = "\ud800"
    with pytest.raises(Malformed, match="half a character"):
        decode_opening(json.dumps(body).encode())
