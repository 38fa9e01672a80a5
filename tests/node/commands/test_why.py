"""``lianping why``: the page for people, JSON for programs, a clear error for the rest."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from typing_extensions import override

from node.cli import main
from node.commands import why
from node.commands.link import CANNOT, Link, Refused

ANSWER = {"id": "5f0c1e9a", "what": "bundle", "text": "预约组 · bundle 5f0c1e9a\n"}


class Told(Link):
    """A line to a node that knows one id."""

    def __init__(self) -> None:
        super().__init__(httpx.Client(), Path("node.sock"))
        self.asked: list[str] = []

    @override
    def get(self, path: str, **query: object) -> Any:
        self.asked.append(path)
        if path != "/api/why/5f0c1e":
            fault = {"zh": "没有", "en": "none such", "detail": [], "code": "NOT_FOUND"}
            raise Refused(404, fault)
        return dict(ANSWER)


def run(monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[Result, list[str]]:
    told = Told()

    @contextmanager
    def line(_config: object) -> Iterator[Link]:
        yield told

    monkeypatch.setattr(why, "configured", lambda path: path)
    monkeypatch.setattr(why, "open_link", line)
    return CliRunner().invoke(main, ["why", *words]), told.asked


def test_a_person_gets_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    done, asked = run(monkeypatch, "5f0c1e")
    assert (done.exit_code, done.output) == (0, ANSWER["text"])
    assert asked == ["/api/why/5f0c1e"]


def test_a_program_gets_json_without_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    done, _ = run(monkeypatch, "5f0c1e", "--json")
    assert json.loads(done.output) == {"id": "5f0c1e9a", "what": "bundle"}


def test_an_unknown_id_is_an_error_in_both_languages(monkeypatch: pytest.MonkeyPatch) -> None:
    done, asked = run(monkeypatch, "../../x y")
    assert done.exit_code == CANNOT
    assert "没有" in done.output
    assert "none such" in done.output
    assert asked == ["/api/why/..%2F..%2Fx%20y"]


def test_the_help_has_examples() -> None:
    assert "lianping why 019ab7c2" in CliRunner().invoke(main, ["why", "--help"]).output
