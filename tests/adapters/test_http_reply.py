"""Fields of an answer: read as described, or rejected by name without their value."""

import base64
from typing import Any

import pytest

from adapters.errors import Rejected
from adapters.http_reply import BINARY_BYTES_MAX, TEXT_CHARS_MAX, Reply


def reply(value: Any) -> Reply:
    return Reply("vendor", "GET /it", {"field": value})


def test_good_fields_are_read() -> None:
    assert reply("a").text("field") == "a"
    assert reply(["a", "b"]).texts("field", count=2) == ("a", "b")
    assert reply(False).flag("field") is False
    assert reply(0).count("field") == 0
    assert reply("AQI=").binary("field") == b"\x01\x02"
    assert reply("ab" * 32).sha256("field") == b"\xab" * 32


@pytest.mark.parametrize("value", [None, "", 1, "x" * (TEXT_CHARS_MAX + 1)])
def test_a_bad_text_is_rejected(value: Any) -> None:
    with pytest.raises(Rejected, match=r"the answer to GET /it must have 'field'"):
        reply(value).text("field")


@pytest.mark.parametrize("value", [None, "ab", ["a"], ["a", ""], ["a", 1], ["a", "b", "c"]])
def test_bad_texts_are_rejected(value: Any) -> None:
    with pytest.raises(Rejected, match="'field'"):
        reply(value).texts("field", count=2)


@pytest.mark.parametrize("value", [None, 0, 1, "true"])
def test_a_bad_flag_is_rejected(value: Any) -> None:
    with pytest.raises(Rejected, match="true or false"):
        reply(value).flag("field")


@pytest.mark.parametrize("value", [None, True, -1, 1.0, "1"])
def test_a_bad_count_is_rejected(value: Any) -> None:
    with pytest.raises(Rejected, match="whole number"):
        reply(value).count("field")


@pytest.mark.parametrize("value", [None, 1, "", "AQI", "AQ I=", "é", "_-8="])
def test_bad_base64_is_rejected(value: Any) -> None:
    with pytest.raises(Rejected, match="base64"):
        reply(value).binary("field")


def test_binary_of_the_limit_is_read_and_one_byte_more_is_rejected() -> None:
    def encoded(count: int) -> str:
        return base64.b64encode(bytes(count)).decode()

    assert len(reply(encoded(BINARY_BYTES_MAX)).binary("field")) == BINARY_BYTES_MAX
    with pytest.raises(Rejected):
        reply(encoded(BINARY_BYTES_MAX + 1)).binary("field")


@pytest.mark.parametrize("value", [None, "ab", "zz" * 32, "ab" * 33])
def test_a_bad_digest_is_rejected(value: Any) -> None:
    with pytest.raises(Rejected, match="64 hexadecimal"):
        reply(value).sha256("field")


def test_the_message_does_not_repeat_the_value() -> None:
    with pytest.raises(Rejected) as caught:
        reply("13800000000").count("field")

    assert "13800000000" not in str(caught.value)
