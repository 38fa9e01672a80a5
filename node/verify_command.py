"""``lianping verify DOSSIER``: checks a dossier. Needs no node, no network, no configuration.

Exit status 0: it holds. 1: it does not: the first thing that is wrong is named, with the step and
the rule of the draw. 2: nothing could be verified: no such file, a file that is no dossier or was
cut off, a command used wrongly, or a machine that lacks the dossier's suite.
"""

import json
import re
from pathlib import Path
from typing import Final, NoReturn

import click

from federation.evidence.case import Refuted, Step
from federation.evidence.dossier import MAX_FILE_BYTES
from federation.evidence.joint import MAX_JOINT_BYTES, is_joint
from federation.evidence.joint_verdict import JointVerdict
from federation.evidence.naming import MAX_BYTES, MAX_OPENINGS
from federation.evidence.rules import broken
from federation.evidence.verdict import Verdict, readable
from federation.evidence.whole import Whole, look
from federation.ids import center_id
from federation.trust.errors import SuiteUnavailable
from federation.wire.evidence import DECODE

REFUTED: Final = 1
UNREADABLE: Final = 2
_NO_DOSSIER: Final = frozenset({"file", "line 1", "last line"})
"""Where a file is wrong that is no dossier, or was cut off before its seal; anything else is a
dossier that was changed."""
_AGREEMENT: Final = re.compile(r"[0-9a-f]{64}")
MAX_TAIL_BYTES: Final = MAX_OPENINGS * MAX_BYTES  # what may have been opened of it


def _expected(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        if _AGREEMENT.fullmatch(value):
            continue
        try:
            center_id(value)
        except ValueError as error:
            raise click.BadParameter(f"{error}, nor an agreement's (64 hex digits)") from error
    return values


@click.command(
    help="核对存证卷宗 / Verify a dossier, offline.",
    epilog="\b\n示例 · Examples:\n  lianping verify evaluation.dossier --report report.html\n"
    "  lianping verify --json --expect lp1… evaluation.dossier",
)
@click.argument(
    "dossier", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出 / Print JSON.")
@click.option(
    "--expect",
    multiple=True,
    metavar="ID",
    callback=_expected,
    help="卷宗必须出自该中心、协议所列见证方或监管部门(lp1…)或该协议(64位十六进制), 可重复 / "
    "Refuse a dossier that is not of this center, outside contributor, regulator or agreement. "
    "Repeatable.",
)
@click.option(
    "--lang",
    default="",
    envvar=["LC_ALL", "LC_MESSAGES", "LANG"],
    help="zh: 中文; 其他: English. 默认依环境 / Default: from the environment.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    metavar="OUT.html",
    help="另存一页报告(HTML, 可打印) / Write a page for people, one file, to read and print.",
)
def verify(
    dossier: Path, *, as_json: bool, expect: tuple[str, ...], lang: str, report: Path | None
) -> None:
    """Verify a dossier."""
    chinese = lang.startswith("zh")
    whole, document = verified(dossier, as_json=as_json, chinese=chinese)
    verdict = whole.verdict
    _check_expected(verdict, expect, as_json=as_json, chinese=chinese)
    if report is not None:
        from node.services.dossier_page import render  # noqa: PLC0415 - only a page needs it

        write_page(report, render(whole, dossier.name, document))
    if as_json:
        click.echo(json.dumps(verdict.document(), ensure_ascii=False, indent=1))
    else:
        click.echo(verdict.summary("zh" if chinese else "en"))


def verified(dossier: Path, *, as_json: bool, chinese: bool) -> tuple[Whole, bytes]:
    """A file that holds, and its bytes; says what is wrong and exits if it does not.

    Raises:
        click.UsageError: It cannot be read, or this machine lacks its suite.
        SystemExit: ``REFUTED`` or ``UNREADABLE``.
    """
    try:
        document = read_file(dossier)
    except OSError as error:
        raise click.UsageError(f"{dossier}: {error.strerror}") from error
    try:
        return look(document, DECODE), document
    except SuiteUnavailable as error:
        # Says nothing about the dossier: another machine may be able to tell.
        raise click.UsageError(f"此机器无法核对 / This machine cannot tell: {error}") from error
    except Refuted as error:
        _refuted(error, as_json=as_json, chinese=chinese)


def read_file(path: Path) -> bytes:
    """A file with all that may follow it, or too much of it to be a dossier. Raises OSError."""
    with path.open("rb") as file:
        document = file.read(MAX_FILE_BYTES + 1)
        more = MAX_JOINT_BYTES if is_joint(document) else MAX_FILE_BYTES + MAX_TAIL_BYTES
        return document + file.read(more + 1 - len(document))


def write_page(path: Path, page: str) -> None:
    """Write a report. Raises click.UsageError."""
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror}") from error


def _check_expected(
    verdict: Verdict | JointVerdict, expect: tuple[str, ...], *, as_json: bool, chinese: bool
) -> None:
    parts = verdict.parts if isinstance(verdict, JointVerdict) else (verdict,)
    found = {party.center for party in verdict.parties}
    found |= {outsider.center for outsider in verdict.outsiders}
    found |= {part.agreement_id for part in parts}
    missing = [each for each in expect if each not in found]
    if not missing:
        return
    if as_json:
        click.echo(json.dumps({"holds": False, "not_a_party": missing}))
    elif chinese:
        click.echo(f"卷宗自洽, 但不属于 {', '.join(missing)}", err=True)
    else:
        click.echo(f"The dossier holds, but it is not of {', '.join(missing)}.", err=True)
    raise SystemExit(REFUTED)


def _refuted(error: Refuted, *, as_json: bool, chinese: bool) -> NoReturn:
    rule = broken(error)
    readable = error.step is not Step.FILE or error.where not in _NO_DOSSIER
    if as_json:
        found = {
            "holds": False,
            "readable": readable,
            "step": error.step.value,
            "step_name": error.step.name,
            "rule": None if rule is None else rule.name,
            "where": error.where,
            "zh": error.zh,
            "en": error.en,
        }
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    elif not readable and chinese:
        _say(f"文件不可读, 无从核对: {error.where}: {error.zh}")
    elif not readable:
        _say(f"The file is unreadable, nothing was verified: {error}")
    elif chinese:
        law = "" if rule is None else f", 规则{rule.name}({rule.zh})"
        _say(f"卷宗不成立: 第{error.step.value}步{law}, {error.where}: {error.zh}")
    else:
        law = "" if rule is None else f" [{rule.name}: {rule.en}]"
        _say(f"The dossier does not hold: {error}{law}")
    raise SystemExit(REFUTED if readable else UNREADABLE)


def _say(line: str) -> None:
    """One line, whatever the file has put into it: a refusal names the file's own fields."""
    click.echo(readable(line), err=True)
