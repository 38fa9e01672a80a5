"""``lianping pool``: what is asked of the node, and what is printed."""

import json
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from typing_extensions import override

from node.cli import main
from node.commands import pool
from node.commands.link import Link

CENTER = "lp1" + "a" * 32
EPOCH = {
    "pool": "experts",
    "epoch": "20260506-0600",
    "suite": "intl-1",
    "valid_until_ms": 1_778_040_000_000,
    "told": [{"center": CENTER, "cosigned_at_ms": None}],
    "small": [{"specialty": "B03", "candidates": 4, "needed": 20}],
}
FIGURES = {
    "answers": [
        {
            "center": CENTER,
            "specialty": "A08",
            "invited": 12,
            "rates_percent": {"DECLINE": 58.3, "NO_ANSWER": 0.0},
        }
    ],
    "alerts": [
        {"center": CENTER, "specialty": "A08", "what": "DECLINE", "percent": 58, "invited": 12}
    ],
    "repeated_pairs": 1,
    "called_back": [{"center": CENTER, "checked": 5, "matched": 3, "mismatched": 1, "faulty": 1}],
    "pairs": [{"uids": ["FJ-1", "FJ-2"], "at_ms": [1_778_040_000_000]}],
}
ANSWERS: Mapping[str, Any] = {
    "/api/pools": [EPOCH],
    "/api/pool-statistics": FIGURES,
    "/api/expert-register/absences": [],
}


class Told(Link):
    """A line to a node that says what it is made to say."""

    def __init__(self) -> None:
        super().__init__(httpx.Client(), Path("node.sock"))
        self.asked: list[tuple[str, Any]] = []

    @override
    def get(self, path: str, **query: object) -> Any:
        self.asked.append((path, query))
        return ANSWERS[path]

    @override
    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        self.asked.append((path, body))
        announced = {**EPOCH, "roots": {"intl-1": "ab" * 32}}
        return announced if path == "/api/pools" else {"id": "5f" * 16}

    @override
    def download(self, path: str, **query: object) -> bytes:
        self.asked.append((path, query))
        return b"lianping expert receipt 1\n"


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    line = Told()

    @contextmanager
    def opened(_config: object) -> Iterator[Link]:
        yield line

    monkeypatch.setattr(pool, "configured", lambda path: path)
    monkeypatch.setattr(pool, "open_link", opened)
    monkeypatch.setattr(pool, "as_person", lambda link, *_person, **_more: link)
    return line


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["pool", *words])


def test_epochs_say_who_has_not_cosigned_and_what_is_small(told: Told) -> None:
    done = run("epochs")
    assert done.exit_code == 0
    assert "20260506-0600" in done.output
    assert "not cosigned" in done.output
    assert "B03" in done.output
    assert json.loads(run("epochs", "--json").output) == [EPOCH]
    assert told.asked == [("/api/pools", {})] * 2


def test_announcing_warns_of_small_strata(told: Told) -> None:
    done = run("announce", "--epoch", "2026-11")
    assert done.exit_code == 0
    assert "B03" in done.output
    assert told.asked == [("/api/pools", {"epoch": "2026-11"})]


def test_leave_and_suspension_are_filed(told: Told) -> None:
    days = ("--from", "2026-06-01", "--until", "2026-06-03", "--account", "staff")
    assert run("leave", "FJ-1", *days).exit_code == 0
    assert run("suspend", "FJ-1", *days).exit_code == 2, "a suspension needs a reason"
    assert run("suspend", "FJ-1", *days, "--reason", "泄露").exit_code == 0
    bodies = [body for _, body in told.asked]
    assert [body["kind"] for body in bodies] == ["leave", "suspended"]
    assert bodies[1] == {
        "uid": "FJ-1",
        "first": "2026-06-01",
        "last": "2026-06-03",
        "reason": "泄露",
        "kind": "suspended",
    }


def test_a_receipt_is_written_for_one_person_and_over_nothing(told: Told, tmp_path: Path) -> None:
    out = tmp_path / "expert.receipt"
    words = ("receipt", "FJ-1", "--out", str(out), "--account", "staff")
    assert run(*words).exit_code == 0
    assert out.read_bytes().startswith(b"lianping expert receipt")
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert told.asked == [("/api/expert-register/receipt", {"uid": "FJ-1", "days": 31})]
    again = run(*words)
    assert again.exit_code == 2
    assert "exists" in again.output


def test_statistics_are_a_page_or_json(told: Told) -> None:
    done = run("statistics", "--days", "90", "--account", "supervisor")
    assert done.exit_code == 0
    for words in ("DECLINE 58.3%", "alert", "FJ-1 + FJ-2", "repeated pairs: 1",
                  "checked by the regulator: 5", "mismatched 1", "faulty records 1"):  # fmt: skip
        assert words in done.output
    assert "NO_ANSWER 0" not in done.output
    assert json.loads(run("statistics", "--json").output) == FIGURES
    assert told.asked[0] == ("/api/pool-statistics", {"days": 90})
