"""``lianping peer``: join another center by two files and one phone call; look, pause, retry.

Everything goes through the running node (``link``); here is only what is asked, shown and
written to files.
"""

import json
import re
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Final

import click

from node.commands import joint_test, paper_files
from node.commands.link import CannotDo, Link, configured, open_link
from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option

NOT_SO: Final = 1
DESCRIPTORS: Final = "BEGIN LIANPING DESCRIPTORS"  # of a file that `lianping keys export` wrote
_ID: Final = re.compile(r"[0-9a-f]{32}")
_BREAKERS: Final = {
    "closed": "正常 · words go out",
    "half_open": "试探 · one call probes",
    "open": "连续失败,暂停 · failures in a row, none before the back-off ends",
}


@click.group(context_settings=COMMAND_SETTINGS)
def peer() -> None:
    """伙伴中心:邀请、登记、联调、查看、暂停。· Partners: invite, accept, test, look, pause."""


peer.add_command(joint_test.test)


@peer.command(
    epilog=examples(
        "lianping peer invite --to 长乐区公共资源交易服务中心 --out changle.invitation",
        "lianping peer invite --days 3 --out changle.invitation --json",
    )
)
@config_option
@json_option
@click.option("--to", default="", metavar="NAME", help="对方中心名称 · the other center's name")
@click.option("--days", default=7, show_default=True, help="有效天数 · how many days it is open")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="邀请文件 · the file to write",
)
def invite(config_path: Path, as_json: bool, to: str, days: int, out: Path) -> None:
    """生成邀请文件,交给对方中心。· Write an invitation for another center."""
    with open_link(configured(config_path)) as link, paper_files.reserved(out) as write:
        made = link.post("/api/invitations", {"to": to, "days": days})
        write(made.pop("file"))
    if as_json:
        _print_json(made)
        return
    click.echo(f"邀请已写入 · the invitation is in: {out}")
    click.echo("")
    _tell_fingerprint("本中心指纹 · our fingerprint", made["fingerprint"], made["fingerprint_zh"])
    click.echo("")
    click.echo("请把文件交给对方;对方来电核对时,读出以上指纹,再执行:")
    click.echo("Give them the file, read the fingerprint to them on the phone, then run:")
    click.echo("  lianping peer accept REPLY")


@peer.command(
    epilog=examples(
        "lianping peer accept jian.invitation --reply jian.reply",
        "lianping peer accept jian.reply",
        'lianping peer accept jian.invitation --fingerprint "4821 0937 5512 7740 1863"',
        "lianping peer accept jian.keys",
    )
)
@config_option
@json_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option(
    "--reply",
    type=click.Path(path_type=Path, dir_okay=False),
    help="回执文件,缺省为 FILE.reply · where the reply goes",
)
@click.option("--fingerprint", metavar="DIGITS", help="对方读出的指纹 · as they read it aloud")
@click.option("--yes", is_flag=True, help="不询问(指纹已核对)· do not ask; it was compared")
def accept(
    config_path: Path,
    as_json: bool,
    file: Path,
    reply: Path | None,
    fingerprint: str | None,
    yes: bool,
) -> None:
    """接受邀请或回执(须电话核对指纹),或伙伴的新名片文件。· Accept what a partner's file says.

    Accept an invitation or a reply, after a phone call; or take a partner's next descriptors.
    """
    text = paper_files.read(file)
    with open_link(configured(config_path)) as link:
        if DESCRIPTORS in text:
            _update(link, text, as_json=as_json)
            return
        found = link.post("/api/invitations/read", {"file": text})
        invited = found["kind"] == "INVITATION"
        if invited and reply is None and not file.is_file():  # a pipe has no place beside it
            raise CannotDo("请用 --reply 指明回执文件", "name the reply's file with --reply")
        target = reply or file.with_name(f"{file.name}.reply")
        with paper_files.reserved(target) if invited else nullcontext(paper_files.nowhere) as write:
            asks = fingerprint is None and not yes
            if asks or not as_json:
                _tell(found, err=as_json)
            if asks:
                _confirm(err=as_json)
            compared = found["theirs"] if fingerprint is None else fingerprint
            joined = link.post("/api/peers", {"file": text, "fingerprint": compared})
            write(joined["reply"])
    joined["reply"] = str(target) if invited else ""
    if as_json:
        _print_json(joined)
        return
    click.echo(f"已登记 · pinned: {found['name']} {joined['center']}")
    if invited:
        click.echo(f"回执已写入,请交给对方 · give them the reply: {target}")
        click.echo("对方接受回执后,两个节点自动互相问候。")
        click.echo("Once they have accepted it, the nodes greet each other by themselves.")
    else:
        click.echo("两个节点将自动互相问候 · the nodes greet each other now: lianping peer list")


@peer.command("list", epilog=examples("lianping peer list", "lianping peer list --json"))
@config_option
@json_option
def every(config_path: Path, as_json: bool) -> None:
    """伙伴与未答复的邀请。· Partners, and invitations that wait."""
    with open_link(configured(config_path)) as link:
        peers = link.get("/api/peers")
        waiting = [each for each in link.get("/api/invitations") if each["state"] == "INVITED"]
    if as_json:
        _print_json({"peers": peers, "invitations": waiting})
        return
    if not peers and not waiting:
        click.echo("还没有伙伴 · no partners yet: lianping peer invite --out FILE")
    for each in peers:
        click.echo(f"{_standing(each):<24} {each['center']}  {each['name']}")
        if each["paused"] is not None:
            click.echo(f"{'':<24} {each['paused']}")
        elif not each["up"] and each["last_error"]:
            click.echo(f"{'':<24} {each['last_error']}")
    for each in waiting:
        click.echo(f"{'INVITED 已邀请':<24} {each['id']}  {each['to']}")


@peer.command(
    epilog=examples("lianping peer show 长乐", "lianping peer show lp1aaaa --reply changle.reply")
)
@config_option
@json_option
@click.argument("center")
@click.option(
    "--reply",
    type=click.Path(path_type=Path, dir_okay=False),
    help="重新写出给对方的回执 · write our reply to them again",
)
def show(config_path: Path, as_json: bool, center: str, reply: Path | None) -> None:
    """一个伙伴的详情。· One partner in detail. CENTER: id, its beginning, or part of the name."""
    with open_link(configured(config_path)) as link:
        found = link.get(f"/api/peers/{_resolve(link, center)}")
        found["forks"] = link.get(f"/api/peers/{found['center']}/forks")
    text = found.pop("reply")
    if reply is not None:
        if not text:
            raise CannotDo(
                "该中心接受的是本中心的邀请,没有回执",
                "that center accepted our invitation; there is no reply",
            )
        with paper_files.reserved(reply) as write:
            write(text)
    if as_json:
        _print_json(found)
        return
    click.echo(f"{found['name']} {found['center']}")
    for label, value in (
        ("状态 · state", _standing(found)),
        ("地址 · address", found["address"]),
        ("名片序号 · descriptor", found["sequence"]),
        ("已采用我方名片 · has our descriptor", found["knows_sequence"] or "-"),
        ("对方指纹 · their fingerprint", found["theirs"]),
        ("本方指纹 · our fingerprint", found["ours"]),
        ("时钟差 · clock skew", "-" if found["skew_ms"] is None else f"{found['skew_ms']} ms"),
        ("待发消息 · pending words", found["pending_words"]),
        ("连续失败 · failures", found["failures"]),
        ("断路器 · breaker", _BREAKERS[found["breaker"]]),
        ("最近错误 · last error", found["last_error"] or "-"),
    ):
        click.echo(f"  {label}: {value}")
    if found["doubtful"]:
        click.echo(
            "  警告:该中心的名片或日志自相矛盾,可能有两个节点使用同一身份;已停止新增业务,请电话核实"
        )
        click.echo(
            "  WARNING: its descriptors or logs contradict each other; two nodes may use one"
        )
        click.echo(
            "  identity. New work is stopped; call them. The proof is in --json (twins, forks)."
        )
    for each in found["forks"]:
        state = "抽取已停止 · draws stand still" if each["stops"] else "已说明或解除 · settled"
        by = each["via"] or "对方自己出示 · shown by itself"
        click.echo(f"  日志分叉 · fork: {state}; {by}; {each['reason'] or ''}")


@peer.command(epilog=examples("lianping peer retry 长乐"))
@config_option
@json_option
@click.argument("center")
def retry(config_path: Path, as_json: bool, center: str) -> None:
    """立即重试连接。· Greet a partner now, whatever the back-off says."""
    with open_link(configured(config_path)) as link:
        found = link.post(f"/api/peers/{_resolve(link, center)}/retry")
    if as_json:
        _print_json(found)
    elif found["up"]:
        click.echo(
            f"已连通 · up: {found['round_trip_ms']} ms, 时钟差 · clock skew {found['skew_ms']} ms"
        )
    else:
        click.echo(f"未连通 · not reached: {found['error']}", err=True)
    if not found["up"]:
        raise click.exceptions.Exit(NOT_SO)


@peer.command(epilog=examples("lianping peer pause 长乐 --reason 机房搬迁"))
@config_option
@click.argument("center")
@click.option("--reason", default="", help="对方会看到 · the partner will read it")
def pause(config_path: Path, center: str, reason: str) -> None:
    """暂停往来;双方消息等待,不丢失。· Pause; the words of both wait, none is lost."""
    with open_link(configured(config_path)) as link:
        link.post(f"/api/peers/{_resolve(link, center)}/pause", {"reason": reason})
    click.echo("已暂停 · paused; 恢复 · to resume: lianping peer resume")


@peer.command(epilog=examples("lianping peer resume 长乐"))
@config_option
@click.argument("center")
def resume(config_path: Path, center: str) -> None:
    """恢复往来。· Resume with a partner."""
    with open_link(configured(config_path)) as link:
        link.post(f"/api/peers/{_resolve(link, center)}/resume")
    click.echo("已恢复 · resumed")


@peer.command(
    "lift-fork",
    epilog=examples('lianping peer lift-fork 长乐 --reason "误启两台节点,已停一台并核对消息"'),
)
@config_option
@click.argument("center")
@click.option("--reason", required=True, help="查明的原因,将留存 · what was found out; it is kept")
def lift_fork(config_path: Path, center: str, reason: str) -> None:
    """查明日志分叉后恢复抽取。· Let draws go on with a partner whose log had two histories."""
    with open_link(configured(config_path)) as link:
        link.post(f"/api/peers/{_resolve(link, center)}/lift-fork", {"reason": reason})
    click.echo("已解除,抽取继续;对方再次出示另一份历史,将再次停止")
    click.echo("lifted, draws go on; if they show their other history again, all stops again")


@peer.command(epilog=examples("lianping peer withdraw 5f0c1e9a7b3d42688e0a1c2d3e4f5061"))
@config_option
@click.argument("invitation")
def withdraw(config_path: Path, invitation: str) -> None:
    """撤回尚未使用的邀请。· Withdraw an invitation that was not used. INVITATION: its id."""
    invitation = invitation.strip().lower()
    if not _ID.fullmatch(invitation):
        raise CannotDo(
            "邀请编号应为32位十六进制,见 lianping peer list",
            "an invitation's id has 32 hex digits: see `lianping peer list`",
        )
    with open_link(configured(config_path)) as link:
        link.post(f"/api/invitations/{invitation}/withdraw")
    click.echo("已撤回 · withdrawn")


def _update(link: Link, text: str, *, as_json: bool) -> None:
    """A pinned partner's next descriptors: signed by its root, so nobody need be called."""
    found = link.post("/api/peers/update", {"file": text})
    if as_json:
        _print_json(found)
    elif found["taken"]:
        click.echo(
            f"已采用 {found['name']} 的新名片(第 {found['sequence']} 份)· taken: descriptor "
            f"{found['sequence']} of {found['center']}"
        )
    else:
        click.echo(
            f"已是最新(第 {found['sequence']} 份)· nothing new, {found['sequence']} is known"
        )


def _tell(found: dict[str, Any], *, err: bool) -> None:
    kind = "邀请 · invitation" if found["kind"] == "INVITATION" else "回执 · reply"
    click.echo(f"{kind}: {found['name']}", err=err)
    for label, value in (
        ("中心编号 · center", found["center"]),
        ("统一社会信用代码 · USCC", found["uscc"]),
        ("行政区划 · region", found["region_code"]),
        ("地址 · address", found["address"]),
    ):
        click.echo(f"  {label}: {value}", err=err)
    click.echo("", err=err)
    _tell_fingerprint("对方指纹 · their fingerprint", found["theirs"], found["theirs_zh"], err=err)
    _tell_fingerprint("本方指纹 · our fingerprint", found["ours"], found["ours_zh"], err=err)
    click.echo("", err=err)
    click.echo("请拨打原先已知的号码(不是文件里的),互相读出指纹并核对。", err=err)
    click.echo(
        "Call them at a number you knew before, not one from the file; read both aloud.", err=err
    )


def _tell_fingerprint(label: str, digits: str, chinese: str, *, err: bool = False) -> None:
    click.echo(f"{label}:", err=err)
    click.echo(f"    {digits}", err=err)
    click.echo(f"    {chinese}", err=err)


def _confirm(*, err: bool) -> None:
    if not click.confirm("两个指纹都一致吗? · Are both the same?", default=False, err=err):
        raise CannotDo("未登记任何内容", "nothing was stored")


def _standing(each: dict[str, Any]) -> str:
    if each["state"] == "PAUSED":
        return "PAUSED 已暂停"
    return "UP 已连通" if each["up"] else "DOWN 未连通"


def _resolve(link: Link, center: str) -> str:
    """The id of the one partner that is meant."""
    peers = link.get("/api/peers")
    exact = [each["center"] for each in peers if center in {each["center"], each["name"]}]
    found = exact or [
        each["center"]
        for each in peers
        if center and (each["center"].startswith(center) or center in each["name"])
    ]
    if len(found) == 1:
        return str(found[0])
    names = [f"{each['center']} {each['name']}" for each in peers]
    if not found:
        raise CannotDo(f"没有这个伙伴:{center}", f"no such partner: {center}", names)
    raise CannotDo(f"不止一个伙伴符合:{center}", f"several partners fit: {center}", names)


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
