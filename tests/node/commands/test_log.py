"""``lianping log`` and ``lianping peer lift-fork``: what is asked, shown, written and checked."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from click.testing import CliRunner, Result
from typing_extensions import override

from federation.trust.suite import INTL_1
from node.cli import main
from node.commands import log, peer
from node.commands.link import Link
from tests.evidence.test_tlog_proof import entry, proven

CENTER: Final = "lp1" + "a" * 32
PROOF, POLICY = proven(INTL_1, 7, 3)
GROWTH: Final[dict[str, Any]] = {
    "days": [
        {"day": "2026-11-21", "entries": 4, "log_bytes": 1_200, "envelope_bytes": 7_100_000},
        {"day": "2026-11-22", "entries": 12, "log_bytes": 900, "envelope_bytes": 3_000_000_000},
    ],
    "entries": {"intl-1": 16},
    "log_bytes_per_entry": 300,
    "envelope_bytes_per_entry": 900,
    "cpu_us_per_append": 21.5,
    "entries_per_year": 2_920,
    "bytes_per_year": 5_000_000,
}
REPORT: Final[dict[str, Any]] = {
    "suite": "intl-1", "entries": 16, "root": "ab" * 32, "words": 12, "erased": 3, "others": 1,
    "heads": 2, "faults": [],
}  # fmt: skip


class Told(Link):
    """A line to a node that answers so."""

    def __init__(self, faults: tuple[str, ...] = ()) -> None:
        super().__init__(httpx.Client(), Path("node.sock"))
        self.faults = list(faults)
        self.said: list[tuple[str, Mapping[str, Any] | None]] = []

    @override
    def get(self, path: str, **query: object) -> Any:
        if path == "/api/log/growth":
            return GROWTH
        if path == "/api/peers":
            return [{"center": CENTER, "name": "长乐"}]
        if path.endswith("/policy"):
            return {"policy": POLICY.write()}
        assert path == "/api/log/intl-1/proof/3"
        return {
            "proof": PROOF.write(),
            "entry": base64.b64encode(entry(3)).decode(),
            "origin": "example.a/log",
            "size": 7,
            "witnesses": [CENTER],
        }

    @override
    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        self.said.append((path, body))
        if path == "/api/log/verify":
            return [{**REPORT, "faults": self.faults}]
        return {"words": 31, "dossiers": ["ab.dossier"]}


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Told:
    node = Told(getattr(request, "param", ()))

    @contextmanager
    def line(_config: object) -> Iterator[Link]:
        yield node

    for module in (log, peer):
        monkeypatch.setattr(module, "configured", lambda path: path)
        monkeypatch.setattr(module, "open_link", line)
    return node


def run(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


@pytest.mark.usefixtures("told")
def test_an_entry_is_proven_to_a_file_and_checked_without_a_node(tmp_path: Path) -> None:
    leaf, proof, policy = (tmp_path / name for name in ("entry", "proof", "policy"))
    done = run("log", "prove", "3", "--entry", str(leaf))
    assert (done.exit_code, done.output) == (0, PROOF.write())
    proof.write_text(done.output)
    policy.write_text(run("log", "policy").output)
    assert leaf.read_bytes() == entry(3)
    words = ("log", "check", str(proof), "--entry", str(leaf), "--policy", str(policy))
    done = run(*words)
    assert done.exit_code == 0, done.output
    assert "example.a/log #3 / 7" in done.output
    assert json.loads(run(*words, "--json").output) == {
        "proven": True, "origin": "example.a/log", "size": 7, "index": 3, "witnesses": ["b"],
    }  # fmt: skip
    leaf.write_bytes(entry(4))
    done = run(*words)
    assert done.exit_code == 1
    assert "不成立" in done.output
    assert json.loads(run(*words, "--json").output)["proven"] is False
    policy.write_bytes(b"\xff")
    assert run(*words).exit_code == 2
    leaf.write_bytes(bytes(log.MAX_FILE_BYTES + 1))
    assert run(*words).exit_code == 2


def test_growth_is_told_by_day_and_for_a_year(told: Told) -> None:
    done = run("log", "growth")
    assert done.exit_code == 0, done.output
    for text in ("2026-11-22", "7.1 MB", "3.0 GB", "900 B", "21.5 µs", "2920", "5.0 MB"):
        assert text in done.output, text
    assert json.loads(run("log", "growth", "--json").output) == GROWTH
    assert told.said == []


@pytest.mark.parametrize("told", [(), ("size 9: another root",)], indirect=True)
def test_checking_tells_what_was_erased_and_fails_on_faults(told: Told) -> None:
    done = run("log", "verify")
    assert done.exit_code == (1 if told.faults else 0)
    assert "erased: 3" in done.output
    assert ("another root" in done.output) == bool(told.faults)
    (report,) = json.loads(run("log", "verify", "--json").output)
    assert report["faults"] == told.faults


def test_erasing_names_what_still_holds_the_words(told: Told) -> None:
    done = run("log", "erase", "--conversation", "AB" * 16, "--reason", "保存期限届满")
    assert done.exit_code == 0, done.output
    assert told.said == [(f"/api/log/erase/{'ab' * 16}", {"reason": "保存期限届满"})]
    assert "31 条" in done.output
    assert "ab.dossier" in done.output
    done = run("log", "erase", "--conversation", "ab" * 16, "--reason", "期满", "--json")
    assert json.loads(done.output)["words"] == 31
    assert run("log", "erase", "--conversation", "ab" * 16).exit_code == 2, "not without a reason"


def test_a_fork_is_lifted_by_name_with_a_reason(told: Told) -> None:
    done = run("peer", "lift-fork", "长乐", "--reason", "误启两台节点")
    assert done.exit_code == 0, done.output
    assert told.said == [(f"/api/peers/{CENTER}/lift-fork", {"reason": "误启两台节点"})]
    assert run("peer", "lift-fork", "长乐").exit_code == 2


def test_help_has_examples() -> None:
    for words in (("prove",), ("policy",), ("check",), ("verify",), ("growth",), ("erase",)):
        done = run("log", *words, "--help")
        assert done.exit_code == 0
        assert f"lianping log {words[0]}" in done.output
