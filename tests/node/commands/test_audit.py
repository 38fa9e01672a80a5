"""``lianping audit``: two files side by side, and what it exits with; a node's own log."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from node.cli import main
from node.commands.link import Link
from tests.evidence.logs import at_word, changed_header, entries_of, files, hidden, with_entries
from tests.node.test_config import GOOD, write


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    paths = tmp_path / "host.log", tmp_path / "sub.log"
    for path, file in zip(paths, files(), strict=True):
        path.write_bytes(file)
    return paths


def diff(*words: object) -> Result:
    return CliRunner().invoke(main, ["audit", "diff", *map(str, words)])


def test_two_honest_logs_exit_with_0(two: tuple[Path, Path]) -> None:
    done = diff(*two)
    assert (done.exit_code, "一致 · nothing differs" in done.stdout) == (0, True)
    assert json.loads(diff(*two, "--json").stdout)["equal"] is True


def test_what_one_hides_is_named_and_exits_with_1(two: tuple[Path, Path]) -> None:
    sub = files()[1]
    two[1].write_bytes(hidden(sub, at_word(sub, "Start", "in")))
    done = diff(*two)
    assert done.exit_code == 1
    assert "[missing]" in done.stdout
    assert "其已签回执" in done.stdout
    told = json.loads(diff(*two, "--json").stdout)
    assert any(each["type"] == "session.Start" for each in told["differences"])


@pytest.mark.parametrize("cut", [0, 30, 5_000, -1])
def test_a_file_that_was_cut_off_exits_with_2_and_is_named(
    two: tuple[Path, Path], cut: int
) -> None:
    two[1].write_bytes(files()[1][:cut])
    done = diff(*two)
    assert done.exit_code == 2
    assert "B: " in done.stderr
    told = json.loads(diff(*two, "--json").stdout)
    assert (told["readable"], told["where"][:3]) == (False, "B: ")


def test_a_line_without_end_is_refused_and_not_held(two: tuple[Path, Path]) -> None:
    file = files()[1]
    head = b"".join(file.splitlines(keepends=True)[:2])
    two[1].write_bytes(head + b"{" + b" " * 5_000_000)
    assert diff(*two).exit_code == 2


def test_more_than_can_be_named_is_said(two: tuple[Path, Path]) -> None:
    host, sub = files()
    two[0].write_bytes(changed_header(host, seen=[]))
    two[1].write_bytes(changed_header(with_entries(sub, []), heads=[], seen=[]))
    done = diff(*two)
    assert done.exit_code == 1
    assert f"差异{len(entries_of(host))}处" in done.stdout


def test_a_node_that_runs_is_asked_and_a_line_that_breaks_is_no_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, whole = files()[0], True

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.url.path == "/api/log/export"

        def pieces() -> Iterator[bytes]:
            for at in range(0, len(file), 10_000):
                if at and not whole:
                    raise httpx.ReadError("gone", request=request)
                yield file[at : at + 10_000]

        return httpx.Response(200, content=pieces())

    @contextmanager
    def line(_config: object) -> Iterator[Link]:
        transport = httpx.MockTransport(answer)
        with httpx.Client(transport=transport, base_url="http://node") as http:
            yield Link(http, Path("node.sock"))

    monkeypatch.setattr("node.commands.link.open_link", line)
    monkeypatch.setattr("node.local_socket.is_served", lambda _path: True)
    monkeypatch.chdir(tmp_path)
    asked = ["audit", "export", "--config", str(write(tmp_path, GOOD))]
    done = CliRunner().invoke(main, asked)
    assert (done.exit_code, done.stdout_bytes) == (0, file), done.output
    assert f"entries: {len(entries_of(file))}" in done.stderr
    whole = False
    done = CliRunner().invoke(main, asked)
    assert (done.exit_code, done.stdout_bytes) == (2, file[:10_000])
    assert "broke" in done.stderr


def test_wrong_use_exits_with_2(two: tuple[Path, Path], tmp_path: Path) -> None:
    assert diff(two[0]).exit_code == 2
    assert diff(two[0], tmp_path / "none").exit_code == 2
    assert CliRunner().invoke(main, ["audit", "export", "--config", "none"]).exit_code == 2


def test_what_a_file_says_makes_no_line_of_its_own(two: tuple[Path, Path]) -> None:
    host, sub = files()
    entry = json.loads(entries_of(sub)[0])
    leaf = json.loads(entry["e"])
    leaf |= {"type": "x\n一致 · nothing differs\n\x1b[8m", "word": "ab" * 32}
    text = json.dumps(leaf, ensure_ascii=False, separators=(",", ":"))
    entry |= {"e": text, "w": None, "r": None}
    line = json.dumps(entry, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    two[1].write_bytes(changed_header(with_entries(sub, [line]), heads=[], seen=[]))
    two[0].write_bytes(changed_header(host, seen=[]))
    done = diff(*two)
    assert done.exit_code == 1
    assert "一致 · nothing differs" in done.stdout, "it was said, but"
    assert "一致 · nothing differs" not in done.stdout.splitlines()
    assert "\x1b" not in done.stdout
