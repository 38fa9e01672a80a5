"""Which invitations are called back, and what a produced record proves."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.messaging.port import Answer
from federation.errors import Malformed
from federation.evidence import call_back, call_record
from federation.evidence.call_back import Claim, Produced, RecordRefuted
from federation.lottery.pool import IDENTITY, PoolMember, build_pool
from federation.protocol.draw import GONE, Response
from federation.protocol.oversight import MAX_RECORDS, Wrong
from federation.trust.suite import SUITES, Suite
from tests.support.gateway import GATEWAY, Gateway

DRAW: Final = bytes([7]) * 16
PHONE: Final = "13800138000"


@pytest.fixture(params=sorted(SUITES))
def suite(request: pytest.FixtureRequest) -> Suite:
    """Each of the suites."""
    return SUITES[request.param]


@pytest.fixture
def scene(suite: Suite) -> tuple[Claim, Produced]:
    """A declined invitation, and its record as an honest owner produces it."""
    pool = build_pool(
        suite, bytes(32), "experts", "1",
        [PoolMember("E1", "王评", "", ("A08",), "ACTIVE"),
         PoolMember("E2", "李审", "", ("A08",), "ACTIVE")],
    )  # fmt: skip
    listing = pool.listing("A08").entries
    entry = next(each for each in (listing[:32], listing[32:]) if pool.member(each) == "E1")
    digests, (opened,) = pool.open(entry, (IDENTITY,))
    record = said(suite, entry)
    claim = Claim(
        DRAW, entry, Response.DECLINE, call_record.evidence(suite, record),
        GATEWAY.receipt_key(suite.suite_id), "experts", "1",
    )  # fmt: skip
    return claim, Produced(entry, record, "A08", digests, opened.salt, opened.value)


def said(
    suite: Suite,
    entry: bytes,
    answer: Answer = Answer.DECLINE,
    draw: bytes = DRAW,
    gateway: Gateway = GATEWAY,
) -> bytes:
    """A record that a gateway signs."""
    key = f"call_expert:{draw.hex()}:{entry.hex()}"
    return gateway.called(suite.suite_id, key, PHONE, "请参加评标", answer).receipt


def wrong(suite: Suite, claim: Claim, produced: Produced | None) -> Wrong:
    """What is found to be wrong."""
    with pytest.raises(RecordRefuted) as found:
        call_back.examine(suite, claim, produced)
    return found.value.wrong


def reported(suite: Suite, claim: Claim, produced: Produced, record: bytes) -> Wrong:
    """What is wrong with a record whose digest was reported, as a planner of lies would."""
    claim = replace(claim, evidence=call_record.evidence(suite, record))
    return wrong(suite, claim, replace(produced, record=record))


def test_an_honest_record_tells_whom_to_call(suite: Suite, scene: tuple[Claim, Produced]) -> None:
    claim, produced = scene
    (back,) = call_back.decode(call_back.encode([produced]))
    proven = call_back.examine(suite, claim, back)
    assert (proven.uid, proven.name, proven.record.phone) == ("E1", "王评", PHONE)
    assert proven.record.answer == "decline"
    assert PHONE not in repr(proven)
    assert "王评" not in repr(proven)


def test_every_lie_about_a_record_is_named(suite: Suite, scene: tuple[Claim, Produced]) -> None:
    claim, honest = scene
    assert wrong(suite, claim, None) is Wrong.NOT_PRODUCED
    another = replace(honest, record=said(suite, claim.entry, Answer.NO_ANSWER))
    assert wrong(suite, claim, another) is Wrong.OTHER_RECORD
    own = Gateway(bytes([9]) * 32)
    made_up = said(suite, claim.entry, gateway=own)
    assert reported(suite, claim, honest, made_up) is Wrong.NOT_SIGNED
    assert reported(suite, claim, honest, b"not a record") is Wrong.NOT_SIGNED
    unpinned = replace(claim, gateway_key=b"")
    assert wrong(suite, unpinned, honest) is Wrong.NOT_SIGNED
    of_another_draw = said(suite, claim.entry, draw=bytes(16))
    assert reported(suite, claim, honest, of_another_draw) is Wrong.OTHER_CALL
    of_another_entry = said(suite, bytes(32))
    assert reported(suite, claim, honest, of_another_entry) is Wrong.OTHER_CALL
    attended = said(suite, claim.entry, Answer.ATTEND)
    assert reported(suite, claim, honest, attended) is Wrong.OTHER_ANSWER


@pytest.mark.parametrize("part", ["salt", "person", "digests", "specialty"])
def test_nobody_else_is_shown_in_place_of_who_stands_in_the_pool(
    suite: Suite, scene: tuple[Claim, Produced], part: str
) -> None:
    claim, honest = scene
    other = {
        "salt": bytes(32),
        "person": honest.person.replace("王".encode(), "李".encode()),
        "digests": (bytes(32), *honest.digests[1:]),
        "specialty": "A09",
    }
    assert wrong(suite, claim, replace(honest, **{part: other[part]})) is Wrong.OTHER_PERSON  # type: ignore[arg-type]


def test_only_answers_are_given_by_telephone() -> None:
    assert set(Response) - set(call_back.ANSWERS) == GONE
    assert sorted(call_back.ANSWERS.values()) == sorted(call_record.ANSWERS)


def test_a_value_chooses_about_as_many_as_it_should_and_all_of_a_hundred(suite: Suite) -> None:
    value = call_back.choosing_value(suite, bytes(32), DRAW)
    entries = [suite.hash(bytes([low, high])) for low in range(100) for high in range(20)]
    chosen = sum(call_back.is_chosen(suite, value, 10, each) for each in entries)
    assert 140 < chosen < 260, "ten of a hundred, of 2,000; six standard deviations are 80"
    assert all(call_back.is_chosen(suite, value, 100, each) for each in entries)


def test_what_is_chosen_with_a_smaller_share_is_chosen_with_a_larger(suite: Suite) -> None:
    entries = [suite.hash(bytes([each])) for each in range(200)]
    value = bytes(32)
    few, many = (
        {each for each in entries if call_back.is_chosen(suite, value, share, each)}
        for share in (5, 60)
    )
    assert few < many


def test_the_choice_is_of_the_key_and_of_the_draw(suite: Suite) -> None:
    values = {
        call_back.choosing_value(suite, key, draw)
        for key in (bytes(32), bytes([1]) * 32)
        for draw in (DRAW, bytes(16))
    }
    assert len(values) == 4
    again = call_back.choosing_value(suite, bytes(32), DRAW)
    assert again in values, "asked again, it chooses the same"


@given(raw=st.binary(max_size=300))
def test_what_is_no_row_of_records_is_malformed_or_reads_the_same(raw: bytes) -> None:
    try:
        found = call_back.decode(raw)
    except Malformed:
        return
    assert call_back.encode(found) == raw


def test_a_document_of_other_sizes_is_refused(
    scene: tuple[Claim, Produced],
) -> None:
    _, honest = scene
    many = [replace(honest, entry=bytes([each]) * 32) for each in range(MAX_RECORDS + 1)]
    for lie in (
        [honest, honest],
        many,
        [replace(honest, entry=bytes(31))],
        [replace(honest, salt=b"")],
        [replace(honest, digests=honest.digests[1:])],
        [replace(honest, record=bytes(call_record.MAX_BYTES + 1))],
        [replace(honest, specialty="A" * 65)],
        [replace(honest, person=bytes(2_000))],
    ):
        with pytest.raises(Malformed):
            call_back.encode(lie)
    raw = call_back.encode([honest])
    with pytest.raises(Malformed, match="cut off"):
        call_back.decode(raw[:-1])


def test_as_many_of_the_longest_records_as_may_be_asked_for_fit_a_seal(
    scene: tuple[Claim, Produced],
) -> None:
    _, honest = scene
    longest = bytes(call_record.MAX_BYTES)
    call_back.encode(
        replace(honest, entry=bytes([each]) * 32, record=longest) for each in range(MAX_RECORDS)
    )
