"""``lianping verify DOSSIER``: checks a dossier. Needs no node, no network, no configuration.

Exit status 0: it holds. 1: it does not: the first thing that is wrong is named, with the step and
the rule of the draw. 2: nothing could be verified: no such file, a file that is no dossier or was
cut off, a command used wrongly, or a machine that lacks the dossier's suite.
"""

import json
from pathlib import Path
from typing import Final, NoReturn

import click

from federation.evidence.case import Refuted, Step
from federation.evidence.dossier import MAX_FILE_BYTES
from federation.evidence.joint import MAX_JOINT_BYTES, check, is_joint
from federation.evidence.joint_verdict import JointVerdict
from federation.evidence.rules import broken
from federation.evidence.verdict import Verdict
from federation.ids import center_id
from federation.trust.errors import SuiteUnavailable
from federation.wire.evidence import DECODE

REFUTED: Final = 1
UNREADABLE: Final = 2


def _centers(
    _context: click.Context, _option: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...]:
    for value in values:
        try:
            center_id(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
    return values


@click.command(
    help="核对存证卷宗 / Verify a dossier, offline.",
    epilog="\b\n示例 · Examples:\n  lianping verify evaluation.dossier\n"
    "  lianping verify --json --expect lp1… evaluation.dossier",
)
@click.argument(
    "dossier", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="以 JSON 输出 / Print JSON.")
@click.option(
    "--expect",
    multiple=True,
    metavar="CENTER_ID",
    callback=_centers,
    help="卷宗必须属于该中心(可重复) / Refuse a dossier that is not of this center. Repeatable.",
)
@click.option(
    "--lang",
    default="",
    envvar=["LC_ALL", "LC_MESSAGES", "LANG"],
    help="zh: 中文; 其他: English. 默认依环境 / Default: from the environment.",
)
def verify(dossier: Path, *, as_json: bool, expect: tuple[str, ...], lang: str) -> None:
    """Verify a dossier."""
    chinese = lang.startswith("zh")
    try:
        with dossier.open("rb") as file:
            document = file.read(MAX_FILE_BYTES + 1)
            if is_joint(document):
                document += file.read(MAX_JOINT_BYTES - MAX_FILE_BYTES)
    except OSError as error:
        raise click.UsageError(f"{dossier}: {error.strerror}") from error
    try:
        verdict = check(document, DECODE)
    except SuiteUnavailable as error:
        # Says nothing about the dossier: another machine may be able to tell.
        raise click.UsageError(f"此机器无法核对 / This machine cannot tell: {error}") from error
    except Refuted as error:
        _refuted(error, as_json=as_json, chinese=chinese)
    else:
        _check_expected(verdict, expect, as_json=as_json, chinese=chinese)
        if as_json:
            click.echo(json.dumps(verdict.document(), ensure_ascii=False, indent=1))
        else:
            click.echo(verdict.summary("zh" if chinese else "en"))


def _check_expected(
    verdict: Verdict | JointVerdict, expect: tuple[str, ...], *, as_json: bool, chinese: bool
) -> None:
    missing = [center for center in expect if center not in {p.center for p in verdict.parties}]
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
    if as_json:
        found = {
            "holds": False,
            "readable": error.step is not Step.FILE,
            "step": error.step.value,
            "step_name": error.step.name,
            "rule": None if rule is None else rule.name,
            "where": error.where,
            "zh": error.zh,
            "en": error.en,
        }
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    elif error.step is Step.FILE and chinese:
        click.echo(f"文件不可读, 无从核对: {error.where}: {error.zh}", err=True)
    elif error.step is Step.FILE:
        click.echo(f"The file is unreadable, nothing was verified: {error}", err=True)
    elif chinese:
        law = "" if rule is None else f", 规则{rule.name}({rule.zh})"
        click.echo(f"卷宗不成立: 第{error.step.value}步{law}, {error.where}: {error.zh}", err=True)
    else:
        law = "" if rule is None else f" [{rule.name}: {rule.en}]"
        click.echo(f"The dossier does not hold: {error}{law}", err=True)
    raise SystemExit(UNREADABLE if error.step is Step.FILE else REFUTED)
