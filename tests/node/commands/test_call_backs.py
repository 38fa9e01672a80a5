"""``lianping regulator call-backs``: by named officers, told in both languages."""

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
from node.commands import call_backs
from node.commands.link import CANNOT, Link

ID = "6e1fd02c9a70" + "0" * 20
CENTER = "lp1" + "a" * 32
ROW: dict[str, Any] = {
    "id": ID, "draw": "5f" * 16, "entry": "6e" * 32, "owner": CENTER, "sealer": CENTER,
    "suite": "intl-1", "pool": "experts", "epoch": "e1", "reported": "NO_ANSWER",
    "asked_at_ms": 1_778_040_000_000, "state": "DECIDED", "wrong": "NOT_PRODUCED",
    "finding": "MISMATCH", "grounds": "专家称未接到电话", "proposed_by": "zhao",
    "confirmed_by": "qian", "decided_at_ms": 1_778_040_000_000,
}  # fmt: skip
CALL = {
    "uid": "E001", "name": "王评", "phone": "13800138000", "answer": "no_answer", "keys": "",
    "placed_ms": 1_778_040_000_000, "text": "请参加评标",
}  # fmt: skip


class Told(Link):
    """A line to a node that has one call-back."""

    def __init__(self, rows: list[dict[str, Any]], call: dict[str, Any] | None) -> None:
        super().__init__(httpx.Client(), Path("node.sock"))
        self.said: list[tuple[str, Any]] = []
        self._rows, self._shown = rows, call
        self._account = ""

    @override
    def log_in(self, account: str, password: str, totp: str | None = None) -> Link:
        assert password == "secret"
        self._account = account
        return self

    @override
    def get(self, path: str, **query: object) -> Any:
        assert self._account == "zhao", "the operator's socket alone is told nothing"
        if path.endswith(ID):
            return {"call_back": self._rows[0], "call": self._shown}
        return self._rows

    @override
    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        self.said.append((path, body))
        return {}


def run(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *words: str,
    rows: list[dict[str, Any]] | None = None,
    call: dict[str, Any] | None = CALL,
) -> tuple[Result, Told]:
    told = Told([ROW] if rows is None else rows, call)
    secret = folder / "password"
    secret.write_text("secret\n", encoding="utf-8")
    secret.chmod(0o600)

    @contextmanager
    def line(_settings: object) -> Iterator[Link]:
        yield told

    monkeypatch.setattr(call_backs, "open_link", line)
    monkeypatch.setattr(call_backs, "configured", lambda path: path)
    who = ["--account", "zhao", "--password-file", str(secret)]
    return CliRunner().invoke(main, ["regulator", "call-backs", *words, *who]), told


def test_the_words_of_two_officers_reach_the_node(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short = ID[:12]
    for words, path, body in (
        (["state", short, "--found", "mismatch", "--grounds", "未接到电话"], "propose",
         {"finding": "MISMATCH", "grounds": "未接到电话"}),
        (["state", short, "--found", "unreached", "--grounds", "三次未接"], "propose",
         {"finding": "UNREACHED", "grounds": "三次未接"}),
        (["confirm", short], "confirm", None),
        (["withdraw", short], "withdraw", None),
    ):  # fmt: skip
        done, told = run(monkeypatch, tmp_path, *words)
        assert done.exit_code == 0, done.output
        assert told.said == [(f"/api/oversight/call-backs/{ID}/{path}", body)]
        assert "回执不符 · the record: NOT_PRODUCED" in done.output
        assert "zhao MISMATCH: 专家称未接到电话" in done.output
        assert ("another officer must confirm" in done.output) is (path == "propose")


def test_the_list_names_nobody_and_show_tells_whom_to_call(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    listed, _ = run(monkeypatch, tmp_path, "list")
    assert listed.exit_code == 0, listed.output
    assert f"{ID[:12]} 已办结 DECIDED" in listed.output
    assert "王评" not in listed.output
    shown, _ = run(monkeypatch, tmp_path, "show", ID[:12])
    assert "王评 E001, 13800138000" in shown.output
    assert "no_answer" in shown.output
    without, _ = run(monkeypatch, tmp_path, "show", ID[:12], call=None)
    assert "there is no good record" in without.output
    nothing, _ = run(monkeypatch, tmp_path, "list", rows=[])
    assert "no invitation was chosen" in nothing.output


@pytest.mark.parametrize(
    "words",
    [
        ["list"], ["show", ID[:12]], ["confirm", ID[:12]], ["withdraw", ID[:12]],
        ["state", ID[:12], "--found", "match", "--grounds", "属实"],
    ],
)  # fmt: skip
def test_programs_read_json(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str]
) -> None:
    done, _ = run(monkeypatch, tmp_path, *words, "--json")
    assert json.dumps(ROW["id"]) in done.output
    json.loads(done.output)


@pytest.mark.parametrize("start", ["6e1f", "ffffffffffff"])
def test_too_few_digits_or_others_tell_no_call_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, start: str
) -> None:
    done, told = run(monkeypatch, tmp_path, "confirm", start)
    assert done.exit_code == CANNOT
    assert "does not tell one call-back" in done.output
    assert told.said == []
