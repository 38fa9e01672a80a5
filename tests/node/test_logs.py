"""Log lines are JSON in UTF-8 whatever the locale, and carry no personal data."""

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from node import logs

ID_NUMBER = "11010519491231002X"
MOBILE = "13812345678"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure(stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def only(stream: io.StringIO) -> dict[str, Any]:
    (line,) = stream.getvalue().splitlines()
    parsed: dict[str, Any] = json.loads(line)
    return parsed


def test_a_line_is_one_json_object_with_readable_chinese(lines: io.StringIO) -> None:
    logs.logger("node.x").info("节点已启动", conversation=b"\x01\x02", count=3)
    assert "节点已启动" in lines.getvalue()
    found = only(lines)
    assert (found["event"], found["conversation"], found["count"]) == ("节点已启动", "0102", 3)
    assert (found["level"], found["logger"]) == ("info", "node.x")


@pytest.mark.parametrize(
    "key", ["name", "id_number", "phone", "face", "password", "token", "Token"]
)
def test_a_key_of_personal_data_loses_its_value(lines: io.StringIO, key: str) -> None:
    logs.logger("node.x").info("e", **{key: "secret"}, inner={key: "secret"})
    assert "secret" not in lines.getvalue()


@pytest.mark.parametrize("number", [ID_NUMBER, ID_NUMBER.lower(), MOBILE, "+86" + MOBILE])
def test_numbers_of_people_are_blackened_anywhere(lines: io.StringIO, number: str) -> None:
    logging.getLogger("some.library").warning("no such person: %s,请检查", number)
    assert number not in lines.getvalue()
    assert only(lines)["event"] == f"no such person: {logs.BLACK},请检查"


def test_a_number_in_a_traceback_is_blackened(lines: io.StringIO) -> None:
    try:
        int(f"bad row for {ID_NUMBER}")
    except ValueError:
        logs.logger("node.x").exception("failed")
    assert ID_NUMBER not in lines.getvalue()
    assert "ValueError" in only(lines)["exception"]


def test_ids_and_times_stay_readable() -> None:
    for text in ("5f0c1e9a7b3d42688e0a1c2d3e4f5061", "1778040000000", "port 7443"):
        assert logs.blacken(text) == text


def test_a_telephone_number_given_as_a_number_is_blackened() -> None:
    assert logs.redact(None, "info", {"n": int(MOBILE)}) == {"n": logs.BLACK}


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Nd", "Lu", "Ll"))))
def test_a_number_is_found_between_any_other_words(around: str) -> None:
    assert MOBILE not in logs.blacken(around[:100] + MOBILE + around[:100])
