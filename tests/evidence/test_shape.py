"""One spelling for everything: a value that could be written in two ways is refused."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.evidence.shape import (
    MAX_DEPTH,
    MAX_ENTRIES,
    MAX_PATH,
    Misshapen,
    Reader,
    b64,
    json_of,
    unique,
    utf8,
)

READER = Reader("here")


@given(st.binary(max_size=80))
def test_bytes_come_back_from_base64_and_hex(data: bytes) -> None:
    assert READER.data(b64(data)) == data
    assert READER.hexed(data.hex()) == data


@given(st.binary(min_size=1, max_size=80), st.sampled_from("AQgw+/"))
def test_any_other_spelling_of_base64_is_refused(data: bytes, letter: str) -> None:
    text = b64(data)
    for spelling in (text + "=", " " + text, text.rstrip("=") + letter + "=", text + "\n"):
        try:
            found = READER.data(spelling)
        except Misshapen:
            continue
        assert base64.b64encode(found).decode() == spelling


@pytest.mark.parametrize("value", ["A", "AB", "0", "0 0", "é", None, 7])
def test_hex_is_lower_case_and_whole(value: object) -> None:
    with pytest.raises(Misshapen, match="here"):
        READER.hexed(value)


@pytest.mark.parametrize("value", [True, -1, 11, 1.0, "1", None])
def test_a_number_is_whole_and_within_its_limit(value: object) -> None:
    assert READER.number(10, 10) == 10
    with pytest.raises(Misshapen, match="whole number from 0 to 10"):
        READER.number(value, 10)


def test_lists_and_tables_have_limits() -> None:
    with pytest.raises(Misshapen):
        READER.items([1, 2], 1)
    with pytest.raises(Misshapen):
        READER.mapped({str(at): "" for at in range(MAX_ENTRIES + 1)}, Reader.text)
    with pytest.raises(Misshapen):
        READER.path([b64(bytes(32))] * (MAX_PATH + 1))


def test_fields_are_exactly_the_ones_named() -> None:
    assert READER.fields({"a": 1, "b": 2}, "a b") == {"a": 1, "b": 2}
    wrong: tuple[object, ...] = ({"a": 1}, {"a": 1, "b": 2, "c": 3}, [], None)
    for value in wrong:
        with pytest.raises(Misshapen, match="a, b"):
            READER.fields(value, "a b")


def test_half_a_character_and_foreign_bytes_are_refused() -> None:
    with pytest.raises(Misshapen):
        READER.text("\ud800")
    with pytest.raises(Misshapen):
        utf8(b"\xff", "line 1")
    with pytest.raises(ValueError, match="twice"):
        unique([("a", 1), ("a", 1)])


def test_the_place_is_told_step_by_step() -> None:
    with pytest.raises(Misshapen) as caught:
        READER.at("inner").text(1)
    assert caught.value.where == "here.inner"
    assert caught.value.zh


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('[]{}\\",x', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[{\\"', max_size=4), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_is_json_is_read_wherever_brackets_stand_in_it(value: object) -> None:
    assert json_of(json.dumps(value), "here") == value


@pytest.mark.parametrize("opening", ["[", '{"a":', '[{"]":', '[["\\""],{"[":['])
def test_no_python_is_asked_to_go_deeper_than_agreed(opening: str) -> None:
    for text in (opening * 40, opening * 100_000, '["\\\\",' + opening * 100_000):
        with pytest.raises(Misshapen, match=f"deeper than {MAX_DEPTH}"):
            json_of(text, "here")


def test_as_deep_as_agreed_is_not_too_deep() -> None:
    text = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert json.dumps(json_of(text, "here")) == text


@pytest.mark.parametrize("text", ["", "[1,]", '{"a":1,}', '["a', "NaN x", "[1 2]", '"\\x"', "[}"])
def test_what_is_not_json_is_called_so_in_the_same_words_by_every_python(text: str) -> None:
    with pytest.raises(Misshapen) as caught:
        json_of(text, "here")
    assert caught.value.en == "not JSON"


def test_a_field_that_is_given_twice_is_named() -> None:
    with pytest.raises(Misshapen, match="twice"):
        json_of('{"a": 1, "a": 1}', "here")
