"""``lianping agreement``: from a file to a page that both centers signed, and what follows.

Everything goes through the running node (``link``); only the template needs none. Proposing,
countering, amending and signing take an account: a person answers for them.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from node.clock import SystemClock
from node.commands.link import CannotDo, Link, as_person, configured, open_link
from node.commands.options import (
    COMMAND_SETTINGS,
    config_option,
    examples,
    json_option,
    person_options,
)
from node.domain.workday import local_time, shanghai_date
from node.services import terms_file
from node.services.terms_values import as_day_ms

SHORT: Final = 12  # digits of an id that people see; more than enough to tell agreements apart
FEWEST_DIGITS: Final = 4
_PATH: Final = "/api/agreements"


_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_agreement = click.argument("agreement", metavar="ID")
_reason = click.option("--reason", required=True, metavar="TEXT", help="理由 · why")


@click.group(context_settings=COMMAND_SETTINGS)
def agreement() -> None:
    """合作协议:提议、还价、签署、暂停、终止。· Agreements: propose, counter, sign, end."""


@agreement.command(epilog=examples("lianping agreement template > terms.toml"))
def template() -> None:
    """打印协议文件模板,每项均有说明。· Print a file to fill in; every key is explained."""
    click.echo(terms_file.template(shanghai_date(SystemClock().now_ms())), nl=False)


@agreement.command(
    epilog=examples(
        "lianping agreement propose terms.toml --account wang",
        "lianping agreement propose terms.toml --peer lp1… --account wang --json",
    )
)
@config_option
@json_option
@person_options
@_file
@click.option("--peer", metavar="CENTER", help="对方中心标识;只有一个伙伴时可省略 · whom to ask")
def propose(config_path: Path, as_json: bool, file: Path, peer: str | None, **person: Any) -> None:
    """签署文件中的条款并发给对方。· Sign the file's terms and send them."""
    source = _read(file)
    with open_link(configured(config_path)) as link:
        whom = peer or _only_peer(link)
        made = as_person(link, **person).post(_PATH, {"peer": whom, "file": source})
        _tell(link, made["id"], as_json)


@agreement.command(
    epilog=examples("lianping agreement counter 5f0c1e9a7b3d terms.toml --account wang")
)
@config_option
@json_option
@person_options
@_agreement
@_file
def counter(config_path: Path, as_json: bool, agreement: str, file: Path, **person: Any) -> None:
    """以另一份文件答复对方的提议。· Answer a proposal with another file."""
    _with_file(config_path, as_json, agreement, file, "counter", person)


@agreement.command(
    epilog=examples("lianping agreement amend 5f0c1e9a7b3d terms.toml --account wang")
)
@config_option
@json_option
@person_options
@_agreement
@_file
def amend(config_path: Path, as_json: bool, agreement: str, file: Path, **person: Any) -> None:
    """提议新版本;已开始的工作按原版本办理。· Propose a new version; running work keeps its own."""
    _with_file(config_path, as_json, agreement, file, "amend", person)


@agreement.command(epilog=examples("lianping agreement sign 5f0c1e9a7b3d --account chen"))
@config_option
@json_option
@person_options
@_agreement
def sign(config_path: Path, as_json: bool, agreement: str, **person: Any) -> None:
    """签署对方的文本,或作为第二人签署。· Sign the peer's document, or as the second person."""
    with open_link(configured(config_path)) as link:
        found = _find(link, agreement)["id"]
        as_person(link, **person).post(f"{_PATH}/{found}/sign")
        _tell(link, found, as_json)


@agreement.command(
    "list", epilog=examples("lianping agreement list", "lianping agreement list --json")
)
@config_option
@json_option
def every(config_path: Path, as_json: bool) -> None:
    """全部协议及其状态。· All agreements and how they stand."""
    with open_link(configured(config_path)) as link:
        found = link.get(_PATH)
    if as_json:
        _print_json(found)
        return
    if not found:
        click.echo("还没有协议 · no agreement yet: lianping agreement template > terms.toml")
    for each in found:
        click.echo(_line(each))


@agreement.command(
    epilog=examples(
        "lianping agreement show 5f0c1e9a7b3d",
        "lianping agreement show 5f0c1e9a7b3d --html > agreement.html",
    )
)
@config_option
@json_option
@_agreement
@click.option("--html", "kind", flag_value="html", help="网页 · as a web page")
@click.option("--text", "kind", flag_value="text", default="text", help="文本(缺省)· as text")
def show(config_path: Path, as_json: bool, agreement: str, kind: str) -> None:
    """一页中文:条款、双方、签名。· One page: clauses, parties, signatures."""
    with open_link(configured(config_path)) as link:
        found = _find(link, agreement)["id"]
        if as_json:
            _print_json(link.get(f"{_PATH}/{found}"))
            return
        click.echo(link.get(f"{_PATH}/{found}/page", kind="json")[kind], nl=False)


@agreement.command(epilog=examples('lianping agreement decline 5f0c1e9a7b3d --reason "期限太长"'))
@config_option
@json_option
@_agreement
@_reason
def decline(config_path: Path, as_json: bool, agreement: str, reason: str) -> None:
    """不签署对方的文本。· Do not sign the peer's document."""
    _say(config_path, as_json, agreement, "decline", {"reason": reason})


@agreement.command(epilog=examples('lianping agreement withdraw 5f0c1e9a7b3d --reason "日期有误"'))
@config_option
@json_option
@_agreement
@_reason
def withdraw(config_path: Path, as_json: bool, agreement: str, reason: str) -> None:
    """撤回本中心的文本或草稿。· Take our document or draft back."""
    _say(config_path, as_json, agreement, "withdraw", {"reason": reason})


@agreement.command(epilog=examples('lianping agreement suspend 5f0c1e9a7b3d --reason "机房搬迁"'))
@config_option
@json_option
@_agreement
@_reason
def suspend(config_path: Path, as_json: bool, agreement: str, reason: str) -> None:
    """暂停:不再受理新业务。· Suspend: no new work begins."""
    _say(config_path, as_json, agreement, "suspend", {"reason": reason})


@agreement.command(epilog=examples('lianping agreement resume 5f0c1e9a7b3d --reason "已搬迁"'))
@config_option
@json_option
@_agreement
@_reason
def resume(config_path: Path, as_json: bool, agreement: str, reason: str) -> None:
    """恢复本中心暂停的协议。· Resume what we have suspended."""
    _say(config_path, as_json, agreement, "resume", {"reason": reason})


@agreement.command(
    epilog=examples(
        'lianping agreement terminate 5f0c1e9a7b3d --reason "政策调整"',
        'lianping agreement terminate 5f0c1e9a7b3d --on 2027-06-01 --reason "政策调整"',
    )
)
@config_option
@json_option
@_agreement
@_reason
@click.option(
    "--on", metavar="DATE", help="终止日;缺省为约定的最早日 · the day; the first if left out"
)
def terminate(
    config_path: Path, as_json: bool, agreement: str, reason: str, on: str | None
) -> None:
    """按约定提前通知终止。· Terminate with the agreed notice."""
    body: dict[str, Any] = {"reason": reason}
    if on is not None:
        try:
            body["effective_ms"] = as_day_ms(on)
        except ValueError as error:
            zh, _, en = str(error).partition(" · ")
            raise CannotDo(zh, en) from error
    _say(config_path, as_json, agreement, "terminate", body)


def _with_file(
    config_path: Path,
    as_json: bool,
    agreement: str,
    file: Path,
    verb: str,
    person: Mapping[str, Any],
) -> None:
    source = _read(file)
    with open_link(configured(config_path)) as link:
        found = _find(link, agreement)["id"]
        made = as_person(link, **person).post(f"{_PATH}/{found}/{verb}", {"file": source})
        _tell(link, made["id"], as_json)


def _say(
    config_path: Path, as_json: bool, agreement: str, verb: str, body: Mapping[str, Any]
) -> None:
    with open_link(configured(config_path)) as link:
        found = _find(link, agreement)["id"]
        link.post(f"{_PATH}/{found}/{verb}", body)
        left = [each for each in link.get(_PATH) if each["id"] == found]
        if not left:  # a draft that was withdrawn
            click.echo("{}" if as_json else "草稿已撤回 · the draft is gone")
            return
        _tell(link, found, as_json)


def _read(file: Path) -> str:
    with file.open("rb") as raw:
        found = raw.read(terms_file.MAX_FILE_CHARS * 4 + 1)
    try:
        return found.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CannotDo(
            f"{file} 不是 UTF-8 文本", f"{file} is not UTF-8 text; save it as UTF-8"
        ) from error


def _only_peer(link: Link) -> str:
    peers = link.get("/api/peers")
    if len(peers) != 1:
        raise CannotDo(
            "请用 --peer 指明对方中心"
            if peers
            else "还没有登记伙伴中心,请先执行 lianping peer accept",
            "say with whom: --peer CENTER"
            if peers
            else "no partner yet: lianping peer accept FILE",
            [f"{each['center']} {each['name']}" for each in peers],
        )
    return str(peers[0]["center"])


def _find(link: Link, start: str) -> dict[str, Any]:
    """An agreement by the first digits of its id."""
    found = [each for each in link.get(_PATH) if each["id"].startswith(start.lower())]
    if len(found) != 1 or len(start) < FEWEST_DIGITS:
        raise CannotDo(
            f"没有标识以 {start[:64]} 开头的协议"
            if not found
            else f"{start[:64]} 不足以确定一份协议",
            f"no agreement's id begins with {start[:64]}"
            if not found
            else f"{start[:64]} does not tell one agreement; give at least {FEWEST_DIGITS} digits",
            [_line(each) for each in found],
        )
    return dict(found[0])


def _tell(link: Link, agreement: str, as_json: bool) -> None:
    (found,) = [each for each in link.get(_PATH) if each["id"] == agreement]
    if as_json:
        _print_json(found)
        return
    click.echo(_line(found))
    if found["state"] == "DRAFT" or (found["state"] == "PROPOSED" and found["approved_by"]):
        names = ", ".join(found["approved_by"])
        click.echo(f"本中心签署人 · signed here by: {names}")
    if found["state"] == "DRAFT":
        click.echo("须由另一位人员签署 · another person must sign:")
        click.echo(f"  lianping agreement sign {agreement[:SHORT]} --account NAME")


def _line(each: Mapping[str, Any]) -> str:
    since, until = (local_time(each[key]) for key in ("effective_from_ms", "effective_until_ms"))
    who = "本中心 · us" if each["proposed_by_us"] else "对方 · them"
    note = f"\n    {each['note']}" if each["note"] else ""
    return (
        f"{each['id'][:SHORT]} {each['state_zh']} {each['state']} v{each['version']} "
        f"{each['title']}\n    {each['peer']} ({who}) {since} – {until} {each['suite']}{note}"
    )


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
