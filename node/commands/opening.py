"""``lianping opening``: acts of two persons that show the names of a draw before their time.

One proposes with a reason, another confirms, both may look for a quarter of an hour. Each is
logged in by name: the operator's socket alone opens nothing.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

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

FEWEST_DIGITS: Final = 6  # of an id in hex; two acts hardly share them
SHORT: Final = 12
_STATES: Final = {
    "PROPOSED": "待复核",
    "OPEN": "开启中",
    "OVER": "已结束",
    "WITHDRAWN": "已撤回",
    "LAPSED": "已失效",
}
_STEPS: Final = {
    "PROPOSED": "申请",
    "CONFIRMED": "复核",
    "WITHDRAWN": "撤回",
    "SHOWN": "查看",
}


@click.group(
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping opening propose 5f0c1e9a… --reason 专家突发疾病 --account wang",
        "lianping opening confirm 019ab7c25f0c --account li",
        "lianping opening names 019ab7c25f0c --account wang",
    ),
)
def opening() -> None:
    """紧急情况下两人共同开启专家名单。· Two persons open the names of a draw in an emergency."""


@opening.command("list", epilog=examples("lianping opening list --account zhao --json"))
@config_option
@json_option
@person_options
def listed(config_path: Path, as_json: bool, **who: Any) -> None:
    """全部记录,不含姓名。· All acts; no names."""
    with _person(config_path, who) as link:
        found = link.get("/api/openings")
    if as_json:
        _print_json(found)
        return
    for each in found:
        _tell(each)
    if not found:
        click.echo("没有双人开启记录 · no act of two persons")


@opening.command(
    epilog=examples("lianping opening propose DRAW --reason 专家突发疾病,须立即联系 --account wang")
)
@click.argument("draw", metavar="DRAW")
@click.option("--reason", required=True, help="理由 · why")
@config_option
@json_option
@person_options
def propose(draw: str, reason: str, config_path: Path, as_json: bool, **who: Any) -> None:
    """申请开启一次抽取的名单。· Propose to open the names of a draw."""
    with _person(config_path, who) as link:
        made = link.post(f"/api/draws/{quote(draw, safe='')}/openings", {"reason": reason})
        _show(link, made["id"], as_json)
    if not as_json:
        click.echo("须由另一位工作人员复核 · another person must confirm:")
        click.echo(f"  lianping opening confirm {made['id'][:SHORT]} --account NAME")


@opening.command(epilog=examples("lianping opening confirm 019ab7c25f0c --account li"))
@click.argument("act", metavar="ID")
@config_option
@json_option
@person_options
def confirm(act: str, config_path: Path, as_json: bool, **who: Any) -> None:
    """复核他人的申请。· Confirm what another person proposed."""
    with _person(config_path, who) as link:
        found = _find(link, act)
        link.post(_path(found, "confirm"))
        _show(link, found["id"], as_json)


@opening.command(epilog=examples("lianping opening withdraw 019ab7c25f0c --account wang"))
@click.argument("act", metavar="ID")
@config_option
@json_option
@person_options
def withdraw(act: str, config_path: Path, as_json: bool, **who: Any) -> None:
    """撤回或不同意尚未复核的申请。· Take back, or decline, what is not confirmed yet."""
    with _person(config_path, who) as link:
        found = _find(link, act)
        link.post(_path(found, "withdraw"))
        _show(link, found["id"], as_json)


@opening.command(epilog=examples("lianping opening names 019ab7c25f0c --account wang"))
@click.argument("act", metavar="ID")
@config_option
@json_option
@person_options
def names(act: str, config_path: Path, as_json: bool, **who: Any) -> None:
    """查看已开启的名单,每次查看都有记录。· See the names; every look is logged."""
    with _person(config_path, who) as link:
        found = link.post(_path(_find(link, act), "names"))
    if as_json:
        _print_json(found)
        return
    for each in found:
        click.echo(f"{each['code'][:SHORT]} {each['name']} {each['phone']}")
    if not found:
        click.echo("名单上没有本中心专家 · none of our experts is on the list")


@contextmanager
def _person(config_path: Path, who: Mapping[str, Any]) -> Iterator[Link]:
    with open_link(configured(config_path)) as link:
        yield as_person(link, who["account"], who["password_file"], who["totp"])


def _path(found: Mapping[str, Any], verb: str) -> str:
    return f"/api/draws/{found['draw']}/openings/{found['id']}/{verb}"


def _find(link: Link, start: str) -> dict[str, Any]:
    """An act by the first digits of its id."""
    found = [each for each in link.get("/api/openings") if each["id"].startswith(start.lower())]
    if len(found) != 1 or len(start) < FEWEST_DIGITS:
        raise CannotDo(
            f"“{start[:SHORT]}”不足以确定一份申请,请用 lianping opening list 查看",
            f"{start[:SHORT]} does not tell one act; give at least {FEWEST_DIGITS} digits of its "
            "id, as `lianping opening list` prints it",
        )
    return dict(found[0])


def _show(link: Link, act: str, as_json: bool) -> None:
    found = _find(link, act)
    if as_json:
        _print_json(found)
    else:
        _tell(found)


def _tell(each: Mapping[str, Any]) -> None:
    until = "" if each["until_ms"] is None else f" → {local_time(each['until_ms'])}"
    click.echo(
        f"{each['id'][:SHORT]} {_STATES[each['state']]} {each['state']}{until}\n"
        f"    抽取 · draw {each['draw']}\n    {each['reason']}"
    )
    for step in each["steps"]:
        click.echo(
            f"    {local_time(step['at_ms'])} {step['by']} {_STEPS[step['did']]} {step['did']} "
            f"({step['suite']} #{step['log_index']})"
        )


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
