"""``lianping opening``: by named persons only, in order, told in both languages."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from typing_extensions import override

from node.cli import main
from node.commands import opening
from node.commands.link import CANNOT, Link

ACT, DRAW = "019ab7c25f0c" + "0" * 20, "5f" * 16
OPENING: dict[str, Any] = {
    "id": ACT, "draw": DRAW, "state": "OPEN", "until_ms": 1_778_040_000_000,
    "reason": "专家突发疾病", "looks": 1,
    "steps": [
        {"did": did, "by": "wang", "at_ms": 1_778_040_000_000, "suite": "intl-1", "log_index": 7}
        for did in ("PROPOSED", "CONFIRMED", "SHOWN", "WITHDRAWN")
    ],
}  # fmt: skip


class Told(Link):
    """A line to a node that has one act."""

    def __init__(self) -> None:
        super().__init__(httpx.Client(), Path("node.sock"))
        self.said: list[tuple[str, Mapping[str, Any] | None]] = []
        self.account = ""

    @override
    def log_in(self, account: str, password: str, totp: str | None = None) -> Link:
        assert password == "secret"
        self.account = account
        return self

    @override
    def get(self, path: str, **query: object) -> Any:
        assert self.account, "the operator's socket alone lists nothing"
        return [OPENING]

    @override
    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        self.said.append((path, body))
        if path.endswith("names"):
            return [{"code": "ab" * 32, "name": "张专家", "phone": "13800138000"}]
        return {"id": ACT}


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str, account: str = "wang"
) -> tuple[Result, Told]:
    told = Told()
    secret = folder / "password"
    secret.write_text("secret\n")
    secret.chmod(0o600)

    @contextmanager
    def line(_config: object) -> Iterator[Link]:
        yield told

    monkeypatch.setattr(opening, "configured", lambda path: path)
    monkeypatch.setattr(opening, "open_link", line)
    person = ["--account", account, "--password-file", str(secret)] if account else []
    return CliRunner().invoke(main, ["opening", *words, *person]), told


@pytest.mark.parametrize("words", [("list",), ("confirm", ACT[:8]), ("withdraw", ACT[:8])])
def test_an_act_is_told_with_every_step_and_no_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done, told = run(monkeypatch, tmp_path, *words)
    assert done.exit_code == 0, done.output
    assert "开启中 OPEN" in done.output
    assert "wang 复核 CONFIRMED (intl-1 #7)" in done.output
    if len(words) > 1:
        assert told.said == [(f"/api/draws/{DRAW}/openings/{ACT}/{words[0]}", None)]


def test_who_proposes_is_told_what_another_must_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done, told = run(monkeypatch, tmp_path, "propose", DRAW, "--reason", "专家突发疾病")
    assert done.exit_code == 0, done.output
    assert told.said == [(f"/api/draws/{DRAW}/openings", {"reason": "专家突发疾病"})]
    assert f"lianping opening confirm {ACT[:12]}" in done.output


def test_the_names_are_told_to_the_person_who_asks(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done, told = run(monkeypatch, tmp_path, "names", ACT[:8])
    assert (done.exit_code, told.account) == (0, "wang")
    assert "张专家 13800138000" in done.output


def test_programs_get_json(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    done, _ = run(monkeypatch, tmp_path, "list", "--json")
    assert json.loads(done.output) == [OPENING]
    done, _ = run(monkeypatch, tmp_path, "confirm", ACT[:8], "--json")
    assert json.loads(done.output) == OPENING


@pytest.mark.parametrize(
    "words", [("list",), ("confirm", ACT), ("names", ACT), ("propose", DRAW, "--reason", "急病")]
)
def test_nobody_acts_without_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: tuple[str, ...]
) -> None:
    done, told = run(monkeypatch, tmp_path, *words, account="")
    assert done.exit_code == CANNOT
    assert "--account" in done.output
    assert told.said == []


@pytest.mark.parametrize("start", ["01", "ffffffff"])
def test_an_id_that_tells_no_act_is_an_error_in_both_languages(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start: str
) -> None:
    done, told = run(monkeypatch, tmp_path, "confirm", start)
    assert done.exit_code == CANNOT
    assert "不足以确定" in done.output
    assert "opening list" in done.output
    assert told.said == []


@pytest.mark.parametrize("words", [(), ("list",), ("propose",), ("confirm",), ("names",)])
def test_the_help_has_examples(words: tuple[str, ...]) -> None:
    assert "示例 · Examples" in CliRunner().invoke(main, ["opening", *words, "--help"]).output
