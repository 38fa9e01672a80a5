"""``lianping regulator``: what a center asks of its regulator, and what two officers decide.

``ask`` and ``asked`` are typed at a center, the rest at a regulator's node. Officers are logged
in by name: the operator's socket alone decides nothing. What an audit finds is printed once.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import click

from node.commands.call_backs import call_backs
from node.commands.link import CannotDo, Link, as_person, configured, open_link
from node.commands.options import (
    COMMAND_SETTINGS,
    config_option,
    examples,
    json_option,
    person_options,
)
from node.config import read_secret
from node.domain.workday import local_time

FEWEST_DIGITS: Final = 6  # of an id in hex; two requests hardly share them
SHORT: Final = 12
_PATH: Final = "/api/oversight"
_WORDS: Final = {
    "AskPermit": ("申请重新抽取", "leave to draw again"),
    "AskUnseal": ("申请启封托管的随机数", "to open an escrow"),
    "StateAct": ("启封专家库审计文件", "to open a pool's audit file"),
}
_STATES: Final = {"OPEN": "待提出意见", "PROPOSED": "待确认", "DECIDED": "已办结"}
_DECISIONS: Final = {"GRANT": "准许", "DENY": "不准许"}

_request = click.argument("request", metavar="ID")
_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))


@click.group(
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping regulator ask permit 5f0c1e9a… --reason 副场设备故障 --account wang",
        "lianping regulator requests --account zhao",
        "lianping regulator propose 019ab7c25f0c --grant --grounds 已核实 --account zhao",
        "lianping regulator confirm 019ab7c25f0c --account qian",
    ),
)
def regulator() -> None:
    """监管:中心申请,监管部门两人办理。· Oversight: a center asks, two officers decide."""


regulator.add_command(call_backs)


@regulator.command(
    epilog=examples(
        "lianping regulator ask permit 5f0c1e9a7b3d42688e0a1c2d3e4f5061 --reason 设备故障 "
        "--account wang",
        "lianping regulator ask unseal 5f0c1e9a7b3d42688e0a1c2d3e4f5061 --reason 副场失联 "
        "--account wang --json",
    )
)
@click.argument("what", type=click.Choice(("permit", "unseal")))
@click.argument("draw", metavar="DRAW")
@click.option("--reason", required=True, help="理由 · why")
@config_option
@json_option
@person_options
def ask(what: str, draw: str, reason: str, config_path: Path, as_json: bool, **who: Any) -> None:
    """中心:申请重新抽取,或启封失联对方的托管值。· A center asks its regulator.

    permit: 抽取作废后重新抽取;unseal: 封存方失联时启封。

    permit: to draw again after a draw came to nothing; unseal: the sealer is silent.
    """
    with _person(config_path, who) as link:
        body = {"what": what.upper(), "draw": draw, "reason": reason}
        made = link.post(f"{_PATH}/asked", body)
    if as_json:
        _print_json(made)
    else:
        click.echo(f"已申请 · asked: {made['id']}")


@regulator.command(epilog=examples("lianping regulator asked", "lianping regulator asked --json"))
@config_option
@json_option
def asked(config_path: Path, as_json: bool) -> None:
    """中心:已申请的事项及答复。· A center's questions, and what was answered."""
    with open_link(configured(config_path)) as link:
        found = link.get(f"{_PATH}/asked")
    if as_json:
        _print_json(found)
        return
    for each in found:
        why = f": {each['reason']}" if each["reason"] else ""
        click.echo(
            f"{each['id'][:SHORT]} {local_time(each['asked_at_ms'])} {each['word']} "
            f"{each['draw']} → {each['answer'] or each['phase']}{why}"
        )
    if not found:
        click.echo("没有申请 · nothing was asked")


@regulator.command(epilog=examples("lianping regulator requests --account zhao --json"))
@config_option
@json_option
@person_options
def requests(config_path: Path, as_json: bool, **who: Any) -> None:
    """待办与已办的申请,未办结的在前。· What centers ask, what is open first."""
    with _person(config_path, who) as link:
        found = link.get(f"{_PATH}/requests")
    if as_json:
        _print_json(found)
        return
    for each in found:
        _tell(each)
    if not found:
        click.echo("没有申请 · no request")


@regulator.command(
    epilog=examples(
        "lianping regulator propose 019ab7c25f0c --grant --grounds 已核实 --account zhao",
        "lianping regulator propose 019ab7c25f0c --deny --grounds 材料不足 --account zhao",
    )
)
@_request
@click.option("--grant/--deny", required=True, help="准许或不准许 · which answer to propose")
@click.option("--grounds", required=True, help="理由;不准许时告知中心 · why; told if denied")
@config_option
@json_option
@person_options
def propose(
    request: str, grant: bool, grounds: str, config_path: Path, as_json: bool, **who: Any
) -> None:
    """一名监管人员提出意见。· One officer proposes an answer."""
    body = {"decision": "GRANT" if grant else "DENY", "grounds": grounds}
    with _person(config_path, who) as link:
        found = _find(link, request)
        link.post(f"{_PATH}/requests/{found['id']}/propose", body)
        _show(link, found["id"], as_json)
    if not as_json:
        click.echo("须由另一名监管人员确认 · another officer must confirm:")
        click.echo(f"  lianping regulator confirm {found['id'][:SHORT]} --account NAME")


@regulator.command(epilog=examples("lianping regulator confirm 019ab7c25f0c --account qian"))
@_request
@config_option
@json_option
@person_options
def confirm(request: str, config_path: Path, as_json: bool, **who: Any) -> None:
    """另一名监管人员确认,答复随即发出。· Another officer confirms; then the answer is said."""
    with _person(config_path, who) as link:
        found = _find(link, request)
        link.post(f"{_PATH}/requests/{found['id']}/confirm")
        _show(link, found["id"], as_json)


@regulator.command(epilog=examples("lianping regulator withdraw 019ab7c25f0c --account zhao"))
@_request
@config_option
@json_option
@person_options
def withdraw(request: str, config_path: Path, as_json: bool, **who: Any) -> None:
    """撤回或不同意尚未确认的意见。· Take back, or disagree with, what is not confirmed yet."""
    with _person(config_path, who) as link:
        found = _find(link, request)
        link.post(f"{_PATH}/requests/{found['id']}/withdraw")
        _show(link, found["id"], as_json)


@regulator.command(
    epilog=examples(
        "lianping regulator audit pool.audit --grounds 年度检查 --account zhao",
        "lianping regulator audit pool.audit --confirm 019ab7c25f0c --account qian",
        "lianping regulator audit pool.audit --confirm 019ab7c25f0c --listed register.txt "
        "--account qian --json",
    )
)
@_file
@click.option("--grounds", help="提出启封的理由 · the first officer: why it is to be opened")
@click.option(
    "--confirm", "request", metavar="ID", help="确认他人的申请并启封 · the second officer"
)
@click.option(
    "--listed",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="应在库专家编号,每行一个 · register numbers that the pool should have, one a line",
)
@config_option
@json_option
@person_options
def audit(
    file: Path,
    grounds: str | None,
    request: str | None,
    listed: Path | None,
    config_path: Path,
    as_json: bool,
    **who: Any,
) -> None:
    """两人启封中心导出的专家库并审计。· Two officers open a center's pool and audit it.

    结果只显示一次,不保存。· The findings are shown once and kept nowhere.
    """
    if (grounds is None) == (request is None):
        raise CannotDo(
            "第一人用 --grounds 提出,第二人用 --confirm 确认,二者择一",
            "the first officer gives --grounds, the second one --confirm: one of the two",
        )
    content = _text(file)
    with _person(config_path, who) as link:
        if request is None:
            made = link.post(f"{_PATH}/audits", {"file": content, "grounds": grounds})
            _show(link, made["id"], as_json)
            if not as_json:
                click.echo(
                    "须由另一名监管人员用同一文件确认 · another officer, with the same file:"
                )
                click.echo(
                    f"  lianping regulator audit {file} --confirm {made['id'][:SHORT]} "
                    "--account NAME"
                )
            return
        found = _find(link, request)
        body: dict[str, Any] = {"file": content}
        if listed is not None:
            numbers = [line.strip() for line in _text(listed).splitlines()]
            body["listed"] = [each for each in numbers if each]
        findings = link.post(f"{_PATH}/audits/{found['id']}/confirm", body)
    if as_json:
        _print_json(findings)
    else:
        _tell_findings(findings)


@regulator.command(
    epilog=examples(
        "lianping regulator officer zhao --name 赵监管 --officer-password-file password"
    )
)
@click.argument("account", metavar="ACCOUNT")
@click.option("--name", help="姓名 · the officer's name, as colleagues see it")
@click.option(
    "--officer-password-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="其密码(一行);缺省时提示输入 · the password, one line; asked for if missing",
)
@config_option
def officer(
    account: str, name: str | None, officer_password_file: Path | None, config_path: Path
) -> None:
    """新建监管人员账号。· Make the account of an officer."""
    password = (
        read_secret(officer_password_file)
        if officer_password_file is not None
        else click.prompt(
            f"{account} 的密码 · password of {account}", hide_input=True, confirmation_prompt=True
        )
    )
    body = {
        "name": account,
        "role": "officer",
        "display_name": name or account,
        "password": password,
    }
    with open_link(configured(config_path)) as link:
        link.post("/api/accounts", body)
    click.echo(f"已建立监管人员账号 · made: {account}")


@contextmanager
def _person(config_path: Path, who: Mapping[str, Any]) -> Iterator[Link]:
    with open_link(configured(config_path)) as link:
        yield as_person(link, who["account"], who["password_file"], who["totp"])


def _find(link: Link, start: str) -> dict[str, Any]:
    """A request by the first digits of its id."""
    every = link.get(f"{_PATH}/requests")
    found = [each for each in every if each["id"].startswith(start.lower())]
    if len(found) != 1 or len(start) < FEWEST_DIGITS:
        raise CannotDo(
            f"“{start[:SHORT]}”不足以确定一项申请,请用 lianping regulator requests 查看",
            f"{start[:SHORT]} does not tell one request; give at least {FEWEST_DIGITS} digits of "
            "its id, as `lianping regulator requests` prints it",
        )
    return dict(found[0])


def _show(link: Link, request: str, as_json: bool) -> None:
    found = _find(link, request)
    if as_json:
        _print_json(found)
    else:
        _tell(found)


def _tell(each: Mapping[str, Any]) -> None:
    zh, en = _WORDS[each["word"]]
    click.echo(
        f"{each['id'][:SHORT]} {_STATES[each['state']]} {each['state']} "
        f"{local_time(each['asked_at_ms'])}\n"
        f"    {each['peer']} {zh} · {en}: {each['reason']}\n"
        f"    对象 · about {each['subject']}"
    )
    if each["draw"]:
        draw = each["draw"]
        click.echo(
            f"    专家库 · pool {draw['owner']} {draw['pool']}/{draw['epoch']}, 封存 · sealed by "
            f"{draw['sealer']}, 第{draw['sequence']}次 · no. {draw['sequence']}, "
            f"{draw['experts']} 人 · experts, {local_time(draw['evaluation_start_ms'])}"
        )
    if each["decision"]:
        click.echo(
            f"    {each['proposed_by']} {_DECISIONS[each['decision']]} {each['decision']}: "
            f"{each['grounds']}"
        )
    if each["confirmed_by"]:
        click.echo(f"    {each['confirmed_by']} 确认 · confirmed")
    if each["false_escrow"]:
        click.secho(f"    托管不实 · false escrow: {each['false_escrow']}", fg="red")


def _tell_findings(found: Mapping[str, Any]) -> None:
    verdict = "未发现问题 · nothing found" if found["clean"] else "有问题 · something is wrong"
    click.echo(f"{found['center']} {found['pool']}/{found['epoch']}: {verdict}")
    rebuilt = "是 · yes" if found["rebuilt"] else f"否 · no: {found['why_not']}"
    click.echo(f"    与公布的承诺一致 · gives the announced root: {rebuilt}")
    click.echo(f"    专家 · experts: {found['members']}, 条目 · entries: {found['entries']}")
    statuses = ", ".join(f"{name} {count}" for name, count in found["statuses"].items())
    click.echo(f"    状态 · statuses: {statuses}")
    for group in found["duplicates"]:
        numbers = ", ".join(each["uid"] for each in group)
        click.echo(f"    重复 · the same person: {numbers} ({group[0]['why']})")
    for each in found["ghosts"]:
        click.echo(f"    存疑 · cannot be: {each['uid']} ({each['why']})")
    for title, numbers in (
        ("缺失 · missing", found["missing"]),
        ("名单外 · not on the list", found["unlisted"]),
    ):
        if numbers:
            click.echo(f"    {title}: {', '.join(numbers)}")
    for each in found["shares"]:
        click.echo(
            f"    单位集中 · one employer: {each['uscc']} {each['specialty']} "
            f"{each['count']}/{each['size']}"
        )


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CannotDo(f"{path} 不是 UTF-8 文本", f"{path} is no text in UTF-8") from error


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
