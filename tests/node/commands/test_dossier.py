"""``lianping dossier``: names after the award, asked of the node, checked before they are kept."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from typing_extensions import override

from federation.evidence.whole import look
from federation.wire.evidence import DECODE
from node.cli import main
from node.commands import link as line
from node.commands.link import Link, Refused
from tests.evidence.named import openable
from tests.evidence.test_naming import honest, section


class Node(Link):
    """A node that opens what it was given, or says no."""

    def __init__(self, sections: list[str], fault: int = 0) -> None:
        super().__init__(httpx.Client(), Path("node.sock"))
        self.sections = sections
        self.fault = fault
        self.asked: list[tuple[str, Mapping[str, Any]]] = []

    @override
    def log_in(self, account: str, password: str, totp: str | None = None) -> Link:
        assert (account, password) == ("li", "a password")
        return self

    @override
    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        self.asked.append((path, dict(body or {})))
        if self.fault:
            fault = {"zh": "尚未登记", "en": "not recorded", "detail": [], "code": "CONFLICT"}
            raise Refused(self.fault, fault)
        return {"opened": 3, "sections": self.sections}


def run(
    monkeypatch: pytest.MonkeyPatch, folder: Path, node: Node, *words: str
) -> tuple[Result, Path]:
    @contextmanager
    def opened(_config: object) -> Iterator[Link]:
        yield node

    monkeypatch.setattr(line, "configured", lambda path: path)
    monkeypatch.setattr(line, "open_link", opened)
    file, out, password = folder / "a.dossier", folder / "named.dossier", folder / "password"
    file.write_bytes(openable().file)
    password.write_text("a password\n")
    password.chmod(0o600)
    command = [
        "dossier", "open-names", str(file), str(out), "--act", "中标公告2026-041",
        "--account", "li", "--password-file", str(password), *words,
    ]  # fmt: skip
    return CliRunner().invoke(main, command), out


def test_the_node_s_section_follows_the_dossier_and_is_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    own = openable()
    node = Node([section(honest(own.sub)).decode()])
    done, out = run(monkeypatch, tmp_path, node, "--json")
    assert (done.exit_code, json.loads(done.stdout)["opened"]) == (0, 3)
    assert out.read_bytes().startswith(own.file)
    assert len(look(out.read_bytes(), DECODE).verdict.parts[0].names) == 3
    ((path, body),) = node.asked
    assert path.startswith("/api/sessions/")
    assert body["dossier"] == own.pools[own.sub].digests.hash(own.file).hex()


def test_what_does_not_hold_is_not_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    own = openable()
    wrong = section(honest(own.sub), by=own.host).decode()
    done, out = run(monkeypatch, tmp_path, Node([wrong]))
    assert done.exit_code == 2
    assert "nothing was written" in done.output
    assert not out.exists()


@pytest.mark.parametrize("status", [404, 409])
def test_a_node_that_says_no_is_heard(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, status: int
) -> None:
    done, out = run(monkeypatch, tmp_path, Node([], fault=status))
    assert (done.exit_code, "not recorded" in done.output, out.exists()) == (2, True, False)
