"""``lianping verify``: what it prints, and the status that it exits with."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from federation.evidence.dossier import read, write
from federation.evidence.verdict import Verdict
from federation.trust.errors import SuiteUnavailable
from node import verify_command
from node.cli import main
from node.verify_command import verify
from tests.evidence.evaluated import Evaluation, furnish, made
from tests.support.witnessed import witnessed


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a.dossier"
    path.write_bytes(made().file)
    return path


def run(*arguments: object, lang: str = "zh_CN.UTF-8") -> Result:
    return CliRunner().invoke(
        verify, [str(argument) for argument in arguments], env={"LANG": lang, "LC_ALL": ""}
    )


def test_an_honest_dossier_exits_with_0_and_a_summary_in_the_reader_s_language(file: Path) -> None:
    chinese, english = run(file), run(file, lang="en_US.UTF-8")
    assert (chinese.exit_code, english.exit_code) == (0, 0)
    assert "卷宗属实" in chinese.stdout
    assert "The dossier holds" in english.stdout


def test_json_is_for_programs(file: Path) -> None:
    found = json.loads(run(file, "--json").stdout)
    assert found["holds"] is True
    assert {party["center"] for party in found["parties"]} == {made().maker, made().other}


def test_a_changed_file_exits_with_1_and_names_the_first_thing_wrong(file: Path) -> None:
    file.write_bytes(made().file.replace("召集评标".encode(), "召集评审".encode(), 1))
    result = run(file)
    assert result.exit_code == 1
    assert "第13步" in result.stderr
    assert "step 13 (timeline)" in run(file, lang="C").stderr
    found = json.loads(run(file, "--json").stdout)
    assert (found["holds"], found["step"], found["rule"]) == (False, 13, None)


def test_the_broken_rule_of_the_draw_is_named(file: Path) -> None:
    dossier = read(made().file)[0]
    salts = {draw: replace(item, list_salts={1: bytes(32)}) for draw, item in
             dossier.openings.items()}  # fmt: skip
    file.write_bytes(write(replace(dossier, openings=salts), made().sign))
    assert "规则V14" in run(file).stderr
    assert "[V14: " in run(file, lang="C").stderr
    found = json.loads(run(file, "--json").stdout)
    assert (found["step"], found["rule"], found["readable"]) == (9, "V14", True)


@pytest.mark.parametrize("cut", [0, 1, 2])
def test_a_file_that_cannot_be_read_exits_with_2_and_says_that_nothing_was_verified(
    file: Path, cut: int
) -> None:
    file.write_bytes((b"", b"%PDF-1.7 a scan of it", made().file[:-50])[cut])
    assert run(file).exit_code == 2
    assert "文件不可读" in run(file).stderr
    assert "unreadable" in run(file, lang="C").stderr
    found = json.loads(run(file, "--json").stdout)
    assert (found["holds"], found["readable"], found["step"]) == (False, False, 1)


def test_a_dossier_that_is_no_json_any_more_was_changed_and_exits_with_1(file: Path) -> None:
    file.write_bytes(made().file.replace(b'"archive": [', b'"archive": [[', 1))
    assert run(file).exit_code == 1
    found = json.loads(run(file, "--json").stdout)
    assert (found["readable"], found["step"]) == (True, 1)


def test_every_rule_is_told_to_people_and_programs(file: Path) -> None:
    assert "V15 部分核对" in run(file).stdout
    assert "V8 not checked" in run(file, lang="C").stdout
    checks = json.loads(run(file, "--json").stdout)["checks"]
    assert len(checks) == 15
    assert {each["result"] for each in checks} == {"checked", "partly checked", "not checked"}


def test_an_expected_center_must_be_a_party(file: Path) -> None:
    stranger = "lp1" + "a" * 32
    assert run(file, "--expect", made().maker, "--expect", made().other).exit_code == 0
    result = run(file, "--expect", stranger)
    assert result.exit_code == 1
    assert stranger in result.stderr
    assert json.loads(run(file, "--json", "--expect", stranger).stdout)["holds"] is False


def test_an_expected_agreement_must_be_the_dossier_s(file: Path) -> None:
    mine = json.loads(run(file, "--json").stdout)["agreement"]["id"]
    assert run(file, "--expect", mine, "--expect", made().maker).exit_code == 0
    other = "0" * 64
    result = run(file, "--json", "--expect", mine, "--expect", other)
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"holds": False, "not_a_party": [other]}


def test_a_machine_without_the_suite_says_so_and_exits_with_2(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(_file: bytes, _decode: object) -> Verdict:
        raise SuiteUnavailable("suite gm-1 needs libssl3")

    monkeypatch.setattr(verify_command, "look", unavailable)
    result = run(file)
    assert result.exit_code == 2
    assert "此机器无法核对" in result.stderr
    assert "suite gm-1 needs libssl3" in result.stderr


def test_wrong_use_exits_with_2(file: Path, tmp_path: Path) -> None:
    assert run(tmp_path / "none").exit_code == 2
    assert run(tmp_path).exit_code == 2
    assert run(file, "--expect", "not an id").exit_code == 2


def test_a_report_is_written_beside_what_is_said(file: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    assert "卷宗属实" in run(file, "--report", page).stdout
    assert page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    done = CliRunner().invoke(main, ["dossier", "report", str(file), str(page)])
    assert (done.exit_code, str(page) in done.stdout) == (0, True)


def test_a_dossier_that_does_not_hold_has_no_report(file: Path, tmp_path: Path) -> None:
    file.write_bytes(made().file.replace("召集评标".encode(), "召集评审".encode(), 1))
    page = tmp_path / "report.html"
    assert run(file, "--report", page).exit_code == 1
    assert CliRunner().invoke(main, ["dossier", "report", str(file), str(page)]).exit_code == 1
    assert not page.exists()


def test_a_report_that_cannot_be_written_exits_with_2(file: Path, tmp_path: Path) -> None:
    assert run(file, "--report", tmp_path / "none" / "report.html").exit_code == 2


def test_verifying_needs_no_part_of_a_node() -> None:
    program = (
        "import sys\n"
        "from node.cli import main\n"
        "try:\n"
        "    main(sys.argv[1:])\n"
        "finally:\n"
        "    print(*sys.modules, file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "verify", "--help"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = set(done.stderr.split())
    assert "node.verify_command" in loaded
    assert not loaded & {
        "aiosqlite", "asyncio", "fastapi", "grpc", "httpx", "node.config", "node.wiring",
        "prometheus_client", "pydantic", "socket", "sqlite3", "ssl", "structlog", "uvloop",
    }  # fmt: skip


def test_a_refusal_is_one_line_whatever_the_file_names_its_fields(file: Path) -> None:
    """A field's name stands in the refusal: it must not pass for the verifier's own words."""
    first, rest = made().file.split(b"\n", 1)
    document, seal = rest.rsplit(b"\nseal ", 1)
    told = json.loads(document)
    (center, chain), *others = told["descriptors"].items()
    told["descriptors"] = {"\n\x1b[2J卷宗属实。\n": 5, **dict(others)}
    del center, chain
    text = json.dumps(told, ensure_ascii=False).encode()
    file.write_bytes(first + b"\n" + text + b"\nseal " + seal)
    result = run(file)
    assert result.exit_code == 1
    assert "卷宗属实" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert "\x1b" not in result.stderr


async def test_an_expected_regulator_must_be_the_agreement_s(tmp_path: Path) -> None:
    """Two centers that collude may name one of their own keys: who publishes one can ask for it."""
    async with witnessed(furnish, "regulator") as pair:
        (regulator,) = pair.others
        terms = {"outside_contributors": (regulator.id,), "regulator": regulator.id}
        played = Evaluation(pair, outside=pair.others, terms=terms)
        await played.play()
        file = await played.dossiers(pair.host, tmp_path).make(played.session)

    assert run(file, "--expect", regulator.id, "--expect", pair.host.id).exit_code == 0
    assert run(file, "--expect", "lp1" + "a" * 32).exit_code == 1
