"""``lianping regulator call-backs``: officers call experts back, and say what was found.

Typed at a regulator's node, by officers who are logged in by name: one calls the expert and says
what was found, another one confirms it. The list names nobody.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from node.commands.link import CannotDo, Link, as_person, configured, open_link
from node.commands.options import (
    COMMAND_SETTINGS,
    config_option,
    examples,
    json_option,
    person_options,
)
from node.domain.workday import local_time

FEWEST_DIGITS: Final = 6  # of an id in hex; two call-backs hardly share them
SHORT: Final = 12
_PATH: Final = "/api/oversight/call-backs"
_STATES: Final = {
    "ASKED": "待提交回执",
    "FAULTY": "回执不符",
    "PRODUCED": "待回访",
    "PROPOSED": "待确认",
    "DECIDED": "已办结",
}
_FINDINGS: Final = {"match": "MATCH", "mismatch": "MISMATCH", "unreached": "UNREACHED"}

_chosen = click.argument("call_back", metavar="ID")


@click.group(
    "call-backs",
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping regulator call-backs list --account zhao",
        "lianping regulator call-backs show 019ab7c25f0c --account zhao",
        "lianping regulator call-backs state 019ab7c25f0c --found mismatch "
        "--grounds 专家称未接到电话 --account zhao",
        "lianping regulator call-backs confirm 019ab7c25f0c --account qian",
    ),
)
def call_backs() -> None:
    """回访抽中的专家,两人确认结果。· Call experts back; two officers state what they found."""


@call_backs.command(
    "list",
    epilog=examples(
        "lianping regulator call-backs list --account zhao",
        "lianping regulator call-backs list --account zhao --json",
    ),
)
@config_option
@json_option
@person_options
def list_(config_path: Path, as_json: bool, **who: Any) -> None:
    """抽中的邀请,待办的在前。· Invitations that were chosen, what is to be done first."""
    with _person(config_path, who) as link:
        found = link.get(_PATH)
    if as_json:
        _print_json(found)
        return
    for each in found:
        _tell(each)
    if not found:
        click.echo("没有抽中的邀请 · no invitation was chosen")


@call_backs.command(
    epilog=examples("lianping regulator call-backs show 019ab7c25f0c --account zhao")
)
@_chosen
@config_option
@json_option
@person_options
def show(call_back: str, config_path: Path, as_json: bool, **who: Any) -> None:
    """致电对象与回执内容,仅供监管人员。· Whom to call, and what was recorded; officers only."""
    with _person(config_path, who) as link:
        found = link.get(f"{_PATH}/{_find(link, call_back)['id']}")
    if as_json:
        _print_json(found)
        return
    _tell(found["call_back"])
    call = found["call"]
    if call is None:
        click.echo("    没有可核对的回执 · there is no good record")
        return
    click.echo(f"    {call['name']} {call['uid']}, {call['phone']}")
    click.echo(
        f"    {local_time(call['placed_ms'])} 记录 · recorded: {call['answer']}, "
        f"按键 · keys: {call['keys'] or '–'}"
    )
    click.echo(f"    “{call['text']}”")


@call_backs.command(
    epilog=examples(
        "lianping regulator call-backs state 019ab7c25f0c --found match "
        "--grounds 专家确认已回绝 --account zhao",
        "lianping regulator call-backs state 019ab7c25f0c --found mismatch "
        "--grounds 专家称未接到电话 --account zhao --json",
    )
)
@_chosen
@click.option(
    "--found",
    required=True,
    type=click.Choice(tuple(_FINDINGS)),
    help="相符、不符或未接通 · as reported, otherwise, or not reached",
)
@click.option("--grounds", required=True, help="专家怎么说 · what the expert said")
@config_option
@json_option
@person_options
def state(
    call_back: str, found: str, grounds: str, config_path: Path, as_json: bool, **who: Any
) -> None:
    """一名监管人员登记回访结果。· One officer says what was found."""
    body = {"finding": _FINDINGS[found], "grounds": grounds}
    with _person(config_path, who) as link:
        one = _find(link, call_back)
        link.post(f"{_PATH}/{one['id']}/propose", body)
        _show(link, one["id"], as_json)
    if not as_json:
        click.echo("须由另一名监管人员确认 · another officer must confirm:")
        click.echo(f"  lianping regulator call-backs confirm {one['id'][:SHORT]} --account NAME")


@call_backs.command(
    epilog=examples("lianping regulator call-backs confirm 019ab7c25f0c --account qian")
)
@_chosen
@config_option
@json_option
@person_options
def confirm(call_back: str, config_path: Path, as_json: bool, **who: Any) -> None:
    """另一名监管人员确认,随即告知双方中心。· Another officer confirms; both centers are told."""
    with _person(config_path, who) as link:
        one = _find(link, call_back)
        link.post(f"{_PATH}/{one['id']}/confirm")
        _show(link, one["id"], as_json)


@call_backs.command(
    epilog=examples("lianping regulator call-backs withdraw 019ab7c25f0c --account zhao")
)
@_chosen
@config_option
@json_option
@person_options
def withdraw(call_back: str, config_path: Path, as_json: bool, **who: Any) -> None:
    """撤回或不同意尚未确认的结果。· Take back, or disagree with, what is not confirmed yet."""
    with _person(config_path, who) as link:
        one = _find(link, call_back)
        link.post(f"{_PATH}/{one['id']}/withdraw")
        _show(link, one["id"], as_json)


@contextmanager
def _person(config_path: Path, who: Mapping[str, Any]) -> Iterator[Link]:
    with open_link(configured(config_path)) as link:
        yield as_person(link, who["account"], who["password_file"], who["totp"])


def _find(link: Link, start: str) -> dict[str, Any]:
    """A call-back by the first digits of its id."""
    found = [each for each in link.get(_PATH) if each["id"].startswith(start.lower())]
    if len(found) != 1 or len(start) < FEWEST_DIGITS:
        raise CannotDo(
            f"“{start[:SHORT]}”不足以确定一项回访,请用 lianping regulator call-backs list 查看",
            f"{start[:SHORT]} does not tell one call-back; give the first digits of its id as "
            "`lianping regulator call-backs list` prints them",
        )
    return dict(found[0])


def _show(link: Link, call_back: str, as_json: bool) -> None:
    found = _find(link, call_back)
    if as_json:
        _print_json(found)
    else:
        _tell(found)


def _tell(each: Mapping[str, Any]) -> None:
    click.echo(
        f"{each['id'][:SHORT]} {_STATES[each['state']]} {each['state']} "
        f"{local_time(each['asked_at_ms'])}\n"
        f"    {each['owner']} 抽取 · draw {each['draw']}, 报告 · reported: {each['reported']}"
    )
    if each["wrong"]:
        click.secho(f"    回执不符 · the record: {each['wrong']}", fg="red")
    if each["finding"]:
        color = "red" if each["finding"] == "MISMATCH" else None
        click.secho(f"    {each['proposed_by']} {each['finding']}: {each['grounds']}", fg=color)
    if each["confirmed_by"]:
        click.echo(f"    {each['confirmed_by']} 确认 · confirmed")


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
