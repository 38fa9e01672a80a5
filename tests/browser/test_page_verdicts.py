"""The page says of every vector of the verifier exactly what the command says.

The files are those of the verifier's own tests: honest ones of either center and suite, joint ones,
and every forgery by a maker. What `lianping verify --json` prints is what the page must show.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from federation.evidence.case import Step
from federation.evidence.dossier import HEADER, Dossier, read, seal, write
from federation.trust.suite import SUITES
from node.verify_command import verify
from tests.browser.opened import Answer, Opened
from tests.evidence import test_joint
from tests.evidence.evaluated import made
from tests.evidence.test_verify import FORGERIES, under


def command(file: bytes, folder: Path, *options: str) -> tuple[str, Any]:
    """What the command says in a node's Python: exit status, JSON."""
    path = folder / "evaluation.dossier"
    path.write_bytes(file)
    result = CliRunner().invoke(verify, ["--json", *options, str(path)])
    return str(result.exit_code), json.loads(result.stdout)


def alike(verifier: Opened, file: bytes, folder: Path) -> Answer:
    shown = verifier.ask(file)
    assert (shown.status, shown.document) == command(file, folder)
    return shown


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("by", ["host", "sub"])
def test_an_honest_dossier_holds_in_the_page_as_in_the_command(
    verifier: Opened, tmp_path: Path, by: str, suite: str
) -> None:
    shown = alike(verifier, made(by, suite).file, tmp_path)
    assert shown.status == "0"
    assert shown.document["holds"] is True
    assert shown.text.startswith("卷宗属实")


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(
    ("step", "forgery"),
    [(step, forgery) for step, _, forgery in FORGERIES],
    ids=[name for _, name, _ in FORGERIES],
)
def test_a_forgery_is_refuted_at_its_step_and_by_its_rule(
    verifier: Opened,
    tmp_path: Path,
    suite: str,
    step: Step,
    forgery: Callable[[Dossier], Dossier],
) -> None:
    honest = made("host", suite)
    shown = alike(verifier, write(forgery(read(honest.file)[0]), honest.sign), tmp_path)
    assert (shown.status, shown.document["step"]) == ("1", step.value)
    assert shown.text.startswith("卷宗不成立")
    assert shown.document["zh"] in shown.text
    assert shown.document["en"] in shown.text
    if shown.document["rule"]:
        assert f"违反的规则\nrule broken\t{shown.document['rule']} " in shown.text.replace(
            "\n\t", "\t"
        )


@pytest.mark.parametrize("suite", SUITES)
def test_a_seal_of_the_other_center_is_refuted_last(
    verifier: Opened, tmp_path: Path, suite: str
) -> None:
    honest = made("host", suite)
    file = write(read(honest.file)[0], honest.other_sign)
    assert alike(verifier, file, tmp_path).document["step"] == Step.SEAL.value


@pytest.mark.parametrize("suite", SUITES)
def test_single_changed_bytes_are_found_alike(verifier: Opened, tmp_path: Path, suite: str) -> None:
    file = made("host", suite).file
    for at in range(100, len(file), len(file) // 12):
        spoilt = file[:at] + bytes([file[at] ^ 1]) + file[at + 1 :]
        assert alike(verifier, spoilt, tmp_path).status != "0"


def test_a_joint_dossier_holds_and_a_part_left_out_is_missed(
    verifier: Opened, tmp_path: Path
) -> None:
    joint = test_joint.honest()
    shown = alike(verifier, joint.file, tmp_path)
    assert shown.status == "0"
    assert len(shown.document["parts"]) > 1
    assert alike(verifier, joint.file[:-200], tmp_path).status == "2"


def test_what_is_no_dossier_is_unreadable(verifier: Opened, tmp_path: Path) -> None:
    honest = made("host", "intl-1")
    for file in (
        b"\0",
        b"PK\x03\x04 a zip",
        honest.file[: len(honest.file) // 2],
        honest.file[:-1],
        f"{HEADER}\n".encode() + b"\xff\xfe",
    ):
        shown = alike(verifier, file, tmp_path)
        assert shown.status == "2"
        assert "文件不可读" in shown.text


@pytest.mark.parametrize("inside", ["[" * 100_000, "[" * 900 + "]" * 900, '{"a":1,}', "{}"])
def test_what_is_sealed_but_no_dossier_is_refuted_first(
    verifier: Opened, tmp_path: Path, inside: str
) -> None:
    file = seal(f"{HEADER}\n{inside}\n".encode(), made("host", "intl-1").sign)
    assert alike(verifier, file, tmp_path).document["step"] == Step.FILE.value


def test_an_unknown_suite_is_named(verifier: Opened, tmp_path: Path) -> None:
    honest = made("host", "intl-1")
    file = write(under(read(honest.file)[0], "intl-2"), honest.sign)
    assert "intl-2" in alike(verifier, file, tmp_path).text


def test_the_page_shows_every_step_what_could_not_be_checked_and_the_timeline(
    verifier: Opened,
) -> None:
    honest = made("host", "intl-1")
    shown = verifier.ask(honest.file)
    ticks = verifier.do(lambda page: page.locator("td.mark", has_text="✓ 通过").count())
    assert ticks == len(Step)
    for check in shown.document["checks"]:
        assert check["zh"] in shown.text
        for each in check["unchecked"]:
            assert each["zh"] in shown.text
            assert each["en"] in shown.text
    for moment in read(honest.file)[0].timeline:
        assert moment.zh in shown.text
        assert moment.at in shown.text
    for party in shown.document["parties"]:
        assert party["fingerprint"] in shown.text


def test_what_was_expected_must_be_in_the_dossier(verifier: Opened, tmp_path: Path) -> None:
    honest = made("host", "intl-1")
    told = verifier.ask(honest.file).document
    fingerprint = told["parties"][1]["fingerprint"]
    agreement = told["agreement"]["id"]
    assert verifier.ask(honest.file, fingerprint, honest.maker, agreement).status == "0"
    stranger = "lp1" + "a" * 32
    for missing in (stranger, "0" * 64):
        shown = verifier.ask(honest.file, honest.maker, missing)
        assert (shown.status, shown.document) == command(
            honest.file, tmp_path, "--expect", honest.maker, "--expect", missing
        )
        assert missing in shown.text
    shown = verifier.ask(honest.file, "somebody")
    assert (shown.status, shown.document) == ("error", None)
    assert "somebody" in shown.text
