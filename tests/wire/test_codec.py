"""Our types and the generated ones carry the same, and refuse the same."""

import dataclasses
from enum import IntEnum
from typing import Any, get_args, get_origin, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lianping.federation.v1 import booking_pb2

from federation.errors import Malformed
from federation.protocol.booking import (
    Answer,
    Decide,
    Decision,
    ExpertNeed,
    Hold,
    SelectionMode,
    Vote,
)
from federation.protocol.conversation import Word
from federation.protocol.tables import VOCABULARY
from federation.wire import questions, rules
from federation.wire.words import (
    MAX_BODY_BYTES,
    PAYLOAD_TYPES,
    decode_word,
    encode_word,
    payload_type,
)

CENTER = "lp1" + "a" * 32


def _hold(**changes: Any) -> Hold:
    usual = Hold(
        bundle_id=bytes(16),
        participants=(CENTER,),
        start_ms=1,
        end_ms=2,
        seats=3,
        equipment=("camera",),
        overnight=True,
        project_kind="A",
        experts=(ExpertNeed("A0803", 2),),
        selection=SelectionMode.CHOSEN,
    )
    return dataclasses.replace(usual, **changes)


def _values(hint: Any, name: str, owner: str) -> st.SearchStrategy[Any]:
    """Anything that a field of this type may hold by its type alone."""
    if get_origin(hint) is tuple:
        return st.lists(_values(get_args(hint)[0], name, owner), max_size=3).map(tuple)
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _instances(hint)
    if isinstance(hint, type) and issubclass(hint, IntEnum):
        return st.sampled_from(hint)
    if hint is bool:
        return st.booleans()
    if hint is int:
        return st.integers(0, 100)
    if hint is str:
        return st.sampled_from([CENTER, "A", "字", ""])
    return st.sampled_from([bytes(16), bytes(32), bytes(64), b"", b"x"])


def _instances(cls: type[Any]) -> st.SearchStrategy[Any]:
    hints = get_type_hints(cls)
    return st.builds(
        cls,
        **{f.name: _values(hints[f.name], f.name, cls.__name__) for f in dataclasses.fields(cls)},
    )


@pytest.mark.parametrize("name", VOCABULARY)
@given(data=st.data())
def test_every_word_comes_back_as_it_was_or_is_refused(name: str, data: st.DataObject) -> None:
    word = data.draw(_instances(VOCABULARY[name]))
    try:
        again = decode_word(payload_type(name), encode_word(word))
    except Malformed:
        return

    assert again == word


@pytest.mark.parametrize("name", VOCABULARY)
@given(raw=st.binary(max_size=200))
def test_no_bytes_break_the_decoder(name: str, raw: bytes) -> None:
    try:
        word = decode_word(payload_type(name), raw)
    except Malformed:
        return

    assert isinstance(word, VOCABULARY[name])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"bundle_id": bytes(15)}, "bundle_id: 15 bytes, not 16"),
        ({"participants": ()}, "participants: 0 items"),
        ({"participants": ("someone",)}, "not a center id"),
        ({"seats": 0}, "seats: 0 is not 1 to"),
        ({"start_ms": 0}, "start_ms"),
        ({"project_kind": ""}, "project_kind: is required"),
        ({"project_kind": "AB"}, "more than 1"),
        ({"equipment": ("a\nb",)}, "control or invisible characters"),
        ({"equipment": ("a\x9bb",)}, "control or invisible characters"),
        ({"equipment": ("a\u2028b",)}, "control or invisible characters"),
        ({"equipment": ("a\u202eb",)}, "control or invisible characters"),
        ({"equipment": ("a\u200bb",)}, "control or invisible characters"),
        ({"equipment": tuple("abc" * 20)}, "equipment: 60 items"),
        ({"experts": (ExpertNeed("A0803", 0),)}, "ExpertNeed.count"),
    ],
)
def test_a_field_that_breaks_its_rule_is_named(change: dict[str, Any], complaint: str) -> None:
    with pytest.raises(Malformed, match=complaint):
        decode_word(PAYLOAD_TYPES[Hold], encode_word(_hold(**change)))


def test_an_unspecified_choice_is_an_error_on_receipt() -> None:
    raw = booking_pb2.Vote(answer=booking_pb2.ANSWER_UNSPECIFIED).SerializeToString()

    with pytest.raises(Malformed, match="0 is not a value of Answer"):
        decode_word(PAYLOAD_TYPES[Vote], raw)


def test_a_choice_that_we_do_not_know_is_refused() -> None:
    raw = booking_pb2.Decide(bundle_id=bytes(16)).SerializeToString() + b"\x10\x63"

    with pytest.raises(Malformed, match="99 is not a value of Decision"):
        decode_word(PAYLOAD_TYPES[Decide], raw)


def test_unknown_types_and_giants_are_refused() -> None:
    with pytest.raises(Malformed, match="unknown payload type"):
        decode_word("application/x-other", b"")
    with pytest.raises(Malformed, match="more than"):
        decode_word(PAYLOAD_TYPES[Vote], bytes(MAX_BODY_BYTES + 1))


def test_a_word_is_not_another_word() -> None:
    raw = encode_word(Decide(bytes(16), Decision.ABORT, "no"))

    with pytest.raises(Malformed):
        decode_word(PAYLOAD_TYPES[Vote], raw)
    assert decode_word(PAYLOAD_TYPES[Vote], encode_word(Vote(Answer.YES))) == Vote(Answer.YES)


def test_every_field_of_every_word_has_a_rule() -> None:
    def fields(cls: type[Any]) -> None:
        hints = get_type_hints(cls)
        for field in dataclasses.fields(cls):
            assert rules.rule_for(cls.__name__, field.name) is not None
            inner = hints[field.name]
            inner = get_args(inner)[0] if get_origin(inner) is tuple else inner
            if isinstance(inner, type) and dataclasses.is_dataclass(inner):
                fields(inner)

    for word in VOCABULARY.values():
        assert issubclass(word, Word)
        fields(word)


@given(st.sampled_from(sorted(questions.TYPES.values())), st.binary(max_size=120))
def test_no_bytes_break_a_question(kind: str, raw: bytes) -> None:
    try:
        questions.decode(kind, raw)
    except Malformed:
        return


def test_an_unknown_question_is_refused() -> None:
    with pytest.raises(Malformed, match="unknown question"):
        questions.decode("application/x-other", b"")
