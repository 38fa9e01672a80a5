"""Units to avoid, bidders and employers: what is sealed, and the comparison."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import Malformed
from federation.lottery import recusal
from federation.lottery.audit import exclusion_commitment
from federation.lottery.pool import BadOpening
from federation.lottery.recusal import Codes, Employer, Employers
from federation.trust.suite import GM_1, INTL_1, Digests
from tests.lottery.honest_draw import POOLS, SUITES

SALT = b"\x11" * 32
CODES = ("91110108551385082Q", "91350100M000100Y43")
both = pytest.mark.parametrize("digests", SUITES, ids=lambda one: one.suite_id)


def opened(digests: Digests, count: int = 6, specialty: str = "A01") -> Employers:
    pool = POOLS[digests.suite_id]
    members = []
    for entry in pool.entries(specialty)[:count]:
        hidden, (opening,) = pool.open(entry, ("uscc",))
        person = recusal.person_token(digests, "lp1regulator", pool.member(entry))
        members.append(
            Employer(entry, specialty, hidden, opening.salt, opening.value.decode(), person)
        )
    return Employers(pool.name, pool.epoch, tuple(members))


def listed(employers: Employers) -> list[bytes]:
    return [one.entry for one in employers.members]


@given(st.sets(st.from_regex(r"[0-9A-HJ-NPQRTUWXY]{18}", fullmatch=True), max_size=20))
def test_codes_are_read_as_they_were_written(codes: set[str]) -> None:
    told = Codes(tuple(sorted(codes)), SALT)
    assert recusal.decode_codes(recusal.encode_codes(told)) == told


@both
def test_employers_are_read_as_they_were_written(digests: Digests) -> None:
    told = opened(digests)
    assert recusal.decode_employers(recusal.encode_employers(told)) == told


@both
def test_who_works_for_a_bidder_must_recuse_and_nobody_else(digests: Digests) -> None:
    told = opened(digests)
    bidder = next(one.value for one in told.members if one.value)
    expected = sorted(one.entry for one in told.members if one.value == bidder)
    assert list(recusal.recused(digests, [bidder, *CODES], told, listed(told))) == expected
    assert recusal.recused(digests, CODES, told, listed(told)) == ()


@both
def test_an_expert_without_employer_never_must(digests: Digests) -> None:
    told = opened(digests, count=20)
    assert any(not one.value for one in told.members)
    assert recusal.recused(digests, (), told, listed(told)) == ()


@both
def test_an_owner_that_leaves_one_out_is_found(digests: Digests) -> None:
    told = opened(digests)
    fewer = Employers(told.pool, told.epoch, told.members[1:])
    with pytest.raises(Malformed, match="5 entries are opened, 6 are listed"):
        recusal.recused(digests, CODES, fewer, listed(told))


@both
def test_another_employer_than_the_committed_one_is_found(digests: Digests) -> None:
    told = opened(digests)
    first, *rest = told.members
    lie = Employer(first.entry, first.specialty, first.digests, first.salt, CODES[0], first.person)
    with pytest.raises(BadOpening, match="does not open its digest"):
        recusal.recused(
            digests, CODES, Employers(told.pool, told.epoch, (lie, *rest)), listed(told)
        )


@both
def test_codes_must_be_those_committed_to(digests: Digests) -> None:
    told = Codes(CODES, SALT)
    commitment = exclusion_commitment(digests, SALT, CODES)
    recusal.check_codes(digests, told, commitment)
    for other in (Codes(CODES[:1], SALT), Codes(CODES, b"\x22" * 32)):
        with pytest.raises(Malformed, match="not those committed to"):
            recusal.check_codes(digests, other, commitment)


def test_a_seal_is_bound_to_what_it_is_for() -> None:
    one, other = b"\1" * 16, b"\2" * 16
    infos = {
        recusal.bidders_info(INTL_1, one),
        recusal.bidders_info(GM_1, one),
        recusal.bidders_info(INTL_1, other),
        recusal.employers_info(INTL_1, one),
        recusal.exclusion_info(INTL_1, one, "pool", "day"),
        recusal.exclusion_info(INTL_1, one, "poo", "lday"),
    }
    assert len(infos) == 6


def test_neither_bidders_nor_employers_show_in_a_traceback() -> None:
    employer = opened(INTL_1).members[0]
    assert CODES[0] not in repr(Codes(CODES, SALT))
    assert employer.salt.hex() not in repr(employer)
    assert repr(employer.value) not in repr(employer)


def _spoilt(change: Callable[[dict[str, Any]], object]) -> bytes:
    body = json.loads(recusal.encode_codes(Codes(CODES, SALT)))
    change(body)
    return json.dumps(body).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        b'{"v":1,"v":1,"codes":[],"salt":"' + b"11" * 32 + b'"}',
        b" " * (recusal.MAX_DOCUMENT_BYTES + 1),
        _spoilt(lambda body: body.update(v=2)),
        _spoilt(lambda body: body.update(more=1)),
        _spoilt(lambda body: body.pop("salt")),
        _spoilt(lambda body: body.update(salt="zz" * 32)),
        _spoilt(lambda body: body.update(salt="AA" * 32)),
        _spoilt(lambda body: body.update(salt="11")),
        _spoilt(lambda body: body.update(codes="91110108551385082Q")),
        _spoilt(lambda body: body["codes"].reverse()),
        _spoilt(lambda body: body["codes"].append(body["codes"][-1])),
        _spoilt(lambda body: body["codes"].append(7)),
        _spoilt(lambda body: body["codes"].append("Z")),
        _spoilt(lambda body: body.update(codes=[CODES[0]] * (recusal.MAX_CODES + 1))),
    ],
)
def test_anything_else_in_the_seal_is_refused(raw: bytes) -> None:
    with pytest.raises(Malformed):
        recusal.decode_codes(raw)


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.update(pool=""),
        lambda body: body.update(epoch=3),
        lambda body: body["members"].append(body["members"][0]),
        lambda body: body["members"][0].update(digests=[]),
        lambda body: body["members"][0].update(value=None),
        lambda body: body["members"][0].update(entry="11"),
        lambda body: body["members"][0].update(name="张专家"),
        lambda body: body.update(members=body["members"] * 100),
    ],
)
def test_no_list_of_employers_but_a_well_formed_one_is_read(
    change: Callable[[dict[str, Any]], object],
) -> None:
    body = json.loads(recusal.encode_employers(opened(INTL_1)))
    change(body)
    with pytest.raises(Malformed):
        recusal.decode_employers(json.dumps(body).encode())


def test_what_could_not_be_read_is_not_written() -> None:
    with pytest.raises(Malformed):
        recusal.encode_codes(Codes(CODES[::-1], SALT))


@both
def test_half_a_character_is_refused_when_it_is_read_and_not_when_it_is_compared(
    digests: Digests,
) -> None:
    """The regulator's node reads it while it hears the word: nothing else may come of it."""
    body = json.loads(recusal.encode_employers(opened(digests)))
    body["members"][0]["value"] = "\ud800"
    with pytest.raises(Malformed):
        recusal.decode_employers(json.dumps(body).encode())
