"""``lianping regulator`` and ``pool export-audit``: by named officers, told in both languages."""

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
from node.commands import pool, regulator
from node.commands.link import CANNOT, Link

REQUEST, DRAW = "019ab7c25f0c" + "0" * 20, "5f" * 16
CENTER = "lp1" + "a" * 32
ROW: dict[str, Any] = {
    "id": REQUEST, "word": "AskPermit", "peer": CENTER, "suite": "intl-1", "subject": DRAW,
    "reason": "副场设备故障", "asked_at_ms": 1_778_040_000_000, "state": "DECIDED",
    "decision": "GRANT", "grounds": "已核实", "proposed_by": "zhao", "confirmed_by": "qian",
    "decided_at_ms": 1_778_040_000_000, "false_escrow": "the escrow holds 3 bytes",
    "draw": {
        "owner": CENTER, "sealer": CENTER, "sequence": 2, "pool": "experts", "epoch": "e1",
        "experts": 3, "bid_deadline_ms": 1, "evaluation_start_ms": 1_778_040_000_000,
    },
}  # fmt: skip
ASKED = {
    "id": REQUEST, "word": "AskPermit", "draw": DRAW, "regulator": CENTER, "phase": "DENIED",
    "asked_at_ms": 1_778_040_000_000, "answer": "DenyRequest", "reason": "材料不足",
}  # fmt: skip
SUSPECT = {"uid": "E001", "why": "same name, same employer", "entries": []}
FINDINGS = {
    "center": CENTER, "pool": "experts", "epoch": "e1", "clean": False, "rebuilt": False,
    "why_not": "another root", "members": 3, "entries": 4, "statuses": {"active": 3},
    "duplicates": [[SUSPECT, {**SUSPECT, "uid": "E002"}]],
    "ghosts": [{**SUSPECT, "uid": "E003", "why": "no specialty"}],
    "missing": ["E777"], "unlisted": ["E888"],
    "shares": [{"specialty": "A08", "uscc": "91350100M000100Y43", "count": 3, "size": 4}],
}  # fmt: skip


class Told(Link):
    """A line to a node that has one request."""

    def __init__(self) -> None:
        super().__init__(httpx.Client(), Path("node.sock"))
        self.said: list[tuple[str, Any]] = []
        self.account = ""

    @override
    def log_in(self, account: str, password: str, totp: str | None = None) -> Link:
        assert password == "secret"
        self.account = account
        return self

    @override
    def get(self, path: str, **query: object) -> Any:
        if path == "/api/pools/audit":
            return {"v": 1, "suite": "intl-1", "query": query}
        if path.endswith("asked"):
            return [ASKED]
        assert self.account, "the operator's socket alone lists no request"
        return [ROW]

    @override
    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        self.said.append((path, body))
        return FINDINGS if "audits/" in path else {"id": REQUEST}


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *words: str, account: str = "zhao"
) -> tuple[Result, Told]:
    told = Told()
    secret = folder / "password"
    secret.write_text("secret\n", encoding="utf-8")
    secret.chmod(0o600)

    @contextmanager
    def line(_settings: object) -> Iterator[Link]:
        yield told

    for module in (regulator, pool):
        monkeypatch.setattr(module, "open_link", line)
        monkeypatch.setattr(module, "configured", lambda path: path)
    who = ["--account", account, "--password-file", str(secret)] if account else []
    return CliRunner().invoke(main, [*words, *who]), told


def test_the_words_of_two_officers_reach_the_node(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    short = REQUEST[:12]
    for words, path, body in (
        (["propose", short, "--grant", "--grounds", "已核实"], "propose",
         {"decision": "GRANT", "grounds": "已核实"}),
        (["propose", short, "--deny", "--grounds", "不足"], "propose",
         {"decision": "DENY", "grounds": "不足"}),
        (["confirm", short], "confirm", None),
        (["withdraw", short], "withdraw", None),
    ):  # fmt: skip
        done, told = run(monkeypatch, tmp_path, "regulator", *words)
        assert done.exit_code == 0, done.output
        assert told.said == [(f"/api/oversight/requests/{REQUEST}/{path}", body)]
        assert "申请重新抽取 · leave to draw again" in done.output
        assert "托管不实 · false escrow" in done.output
        assert "第2次 · no. 2, 3 人 · experts" in done.output


def test_a_center_asks_and_reads_why_it_was_denied(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    done, told = run(
        monkeypatch, tmp_path, "regulator", "ask", "permit", DRAW, "--reason", "故障", "--json"
    )
    assert json.loads(done.output) == {"id": REQUEST}
    assert told.said == [
        ("/api/oversight/asked", {"what": "PERMIT", "draw": DRAW, "reason": "故障"})
    ]
    done, _ = run(monkeypatch, tmp_path, "regulator", "asked", account="")
    assert "DenyRequest: 材料不足" in done.output


def test_what_an_audit_found_is_printed_to_the_second_officer_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file, listed = tmp_path / "pool.audit", tmp_path / "register.txt"
    file.write_text("{}", encoding="utf-8")
    listed.write_text("E001\n\n E777 \n", encoding="utf-8")
    first, told = run(monkeypatch, tmp_path, "regulator", "audit", str(file), "--grounds", "检查")
    assert told.said == [("/api/oversight/audits", {"file": "{}", "grounds": "检查"})]
    assert "--confirm" in first.output
    assert "E001" not in first.output

    words = ["regulator", "audit", str(file), "--confirm", REQUEST[:12], "--listed", str(listed)]
    done, told = run(monkeypatch, tmp_path, *words)
    assert told.said == [
        (f"/api/oversight/audits/{REQUEST}/confirm", {"file": "{}", "listed": ["E001", "E777"]})
    ]
    for each in ("有问题", "another root", "E001, E002", "E003", "E777", "E888", "3/4"):
        assert each in done.output
    done, _ = run(monkeypatch, tmp_path, *words, "--json")
    assert json.loads(done.output) == FINDINGS


@pytest.mark.parametrize(
    ("words", "account", "said"),
    [
        (["requests"], "", "name the account"),
        (["confirm", "12345"], "zhao", "does not tell one request"),
        (["confirm", "ffffffff"], "zhao", "does not tell one request"),
        (["audit", "{file}"], "zhao", "one of the two"),
        (["audit", "{file}", "--grounds", "x", "--confirm", REQUEST], "zhao", "one of the two"),
    ],
)
def test_what_cannot_be_done_as_asked_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, words: list[str], account: str, said: str
) -> None:
    file = tmp_path / "pool.audit"
    file.write_text("{}", encoding="utf-8")
    filled = [each.format(file=file) if each == "{file}" else each for each in words]
    done, told = run(monkeypatch, tmp_path, "regulator", *filled, account=account)
    assert done.exit_code == CANNOT
    assert said in done.output
    assert told.said == []


def test_an_officer_gets_an_account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "officers"
    secret.write_text("correct horse battery\n", encoding="utf-8")
    secret.chmod(0o600)
    done, told = run(
        monkeypatch, tmp_path, "regulator", "officer", "zhao", "--name", "赵监管",
        "--officer-password-file", str(secret), account="",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    ((path, body),) = told.said
    assert (path, body["role"], body["display_name"]) == ("/api/accounts", "officer", "赵监管")
    assert "correct horse" not in done.output


def test_an_audit_file_is_written_once_and_never_over_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    out = tmp_path / "pool.audit"
    words = ["pool", "export-audit", "--epoch", "e1", "--out", str(out)]
    done, _ = run(monkeypatch, tmp_path, *words, account="")
    assert done.exit_code == 0, done.output
    assert json.loads(out.read_text("utf-8"))["query"] == {"epoch": "e1"}
    again, _ = run(monkeypatch, tmp_path, *words, account="")
    assert again.exit_code == CANNOT
    assert "exists" in again.output
