"""``lianping log``: prove an entry, show the policy, the growth; check all of it; erase words.

Everything goes through the running node; here is only what is asked, shown and written. Checking
a proof needs no node, only the proof, the entry and a policy.
"""

import base64
import json
from pathlib import Path
from typing import Any, Final

import click

from federation.evidence.tlog_policy import BadPolicy, read_policy
from federation.evidence.tlog_proof import BadProof, check_proof, read_proof
from node.commands.link import CannotDo, configured, open_link
from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option

NOT_SO: Final = 1
MAX_FILE_BYTES: Final = 1024 * 1024

suite_option = click.option(
    "--suite", default="intl-1", show_default=True, help="哪个套件的日志 · the log of which suite"
)


@click.group(context_settings=COMMAND_SETTINGS)
def log() -> None:
    """证据日志:证明、策略、核验、增长、删除报文。· The evidence log: proofs, checks, growth."""


@log.command(
    epilog=examples(
        "lianping log prove 7 > 7.tlog-proof",
        "lianping log prove 7 --entry 7.entry --suite gm-1 > 7.tlog-proof",
        "lianping log prove 7 --json",
    )
)
@config_option
@json_option
@suite_option
@click.option(
    "--entry", type=click.Path(path_type=Path, dir_okay=False), help="条目写入此文件 · the entry"
)
@click.argument("index", type=click.IntRange(min=0))
def prove(config_path: Path, as_json: bool, suite: str, entry: Path | None, index: int) -> None:
    """证明日志第 INDEX 条(C2SP tlog-proof)。· Prove entry INDEX, counted from 0."""
    with open_link(configured(config_path)) as link:
        found = link.get(f"/api/log/{suite}/proof/{index}")
    if entry is not None:
        entry.write_bytes(base64.b64decode(found["entry"]))
    if as_json:
        _print_json(found)
    else:
        click.echo(found["proof"], nl=False)


@log.command(
    epilog=examples("lianping log policy > policy.txt", "lianping log policy --suite gm-1")
)
@config_option
@suite_option
def policy(config_path: Path, suite: str) -> None:
    """日志与见证方的公钥(C2SP tlog-policy),交给核验人。· Keys for whoever checks our proofs."""
    with open_link(configured(config_path)) as link:
        click.echo(link.get(f"/api/log/{suite}/policy")["policy"], nl=False)


@log.command(
    epilog=examples("lianping log check 7.tlog-proof --entry 7.entry --policy policy.txt"),
)
@json_option
@click.argument("proof", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--entry", required=True, type=click.Path(path_type=Path, exists=True))
@click.option(
    "--policy", "policy_path", required=True, type=click.Path(path_type=Path, exists=True)
)
def check(as_json: bool, proof: Path, entry: Path, policy_path: Path) -> None:
    """离线核验一份证明。· Check a proof offline; the policy says whom to trust."""
    try:
        rule = read_policy(_text(policy_path))
        found = read_proof(_text(proof))
        head, who = check_proof(found, _bytes(entry), rule)
    except (BadPolicy, BadProof) as error:
        if as_json:
            _print_json({"proven": False, "why": str(error)})
        else:
            click.echo(f"不成立 · not proven: {error}", err=True)
        raise click.exceptions.Exit(NOT_SO) from error
    if as_json:
        _print_json(
            {"proven": True, "origin": head.origin, "size": head.size, "index": found.index,
             "witnesses": sorted(who)}
        )  # fmt: skip
        return
    click.echo(f"成立 · proven: {head.origin} #{found.index} / {head.size}")
    click.echo(f"会签 · cosigned by: {', '.join(sorted(who)) or '-'}")


@log.command(epilog=examples("lianping log verify", "lianping log verify --json"))
@config_option
@json_option
def verify(config_path: Path, as_json: bool) -> None:
    """重算整个日志,核对检查点与编号。· Hash the whole log again, and hold all against it."""
    with open_link(configured(config_path)) as link:
        found = link.post("/api/log/verify")
    if as_json:
        _print_json(found)
    for each in () if as_json else found:
        click.echo(f"{each['suite']}: {each['entries']} 条 · entries, root {each['root'][:16]}…")
        click.echo(
            f"  报文相符 · words that fit: {each['words']}; 已依法删除 · erased: {each['erased']}; "
            f"其他 · others: {each['others']}; 检查点 · heads: {each['heads']}"
        )
        for fault in each["faults"]:
            click.echo(f"  不符 · fault: {fault}", err=True)
    if any(each["faults"] for each in found):
        raise click.exceptions.Exit(NOT_SO)


@log.command(epilog=examples("lianping log growth", "lianping log growth --json"))
@config_option
@json_option
def growth(config_path: Path, as_json: bool) -> None:
    """日志每天的增长与成本。· What the log grows by each day, and what it costs."""
    with open_link(configured(config_path)) as link:
        found = link.get("/api/log/growth")
    if as_json:
        _print_json(found)
        return
    click.echo("日期 · day     条目 · entries   日志 · log       报文 · envelopes")
    for day in found["days"]:
        click.echo(
            f"{day['day']} {day['entries']:>13} {_size(day['log_bytes']):>16} "
            f"{_size(day['envelope_bytes']):>16}"
        )
    for suite, entries in found["entries"].items():
        click.echo(f"共 · in all {suite}: {entries}")
    click.echo(
        f"每条 · per entry: 日志 · log {found['log_bytes_per_entry']} B, "
        f"报文 · envelopes {found['envelope_bytes_per_entry']} B"
    )
    click.echo(f"追加一条 · one append: {found['cpu_us_per_append']} µs CPU(本机 · this machine)")
    click.echo(
        f"按此一年 · at this rate a year: {found['entries_per_year']} 条 · entries, "
        f"{_size(found['bytes_per_year'])}"
    )


@log.command(
    epilog=examples(
        "lianping log erase --conversation 019ab7c25f0c7e9a8b3d42688e0a1c2d --reason 保存期限届满"
    )
)
@config_option
@json_option
@click.option("--conversation", required=True, metavar="ID", help="抽取或评标的编号 · its id")
@click.option("--reason", required=True, help="理由,将留存 · why; it is kept")
def erase(config_path: Path, as_json: bool, conversation: str, reason: str) -> None:
    """期满后删除一次抽取或评标的报文,日志不变。· Erase words whose time is over; the tree stays."""
    with open_link(configured(config_path)) as link:
        found = link.post(f"/api/log/erase/{conversation.strip().lower()}", {"reason": reason})
    if as_json:
        _print_json(found)
        return
    click.echo(f"已删除 · erased: {found['words']} 条报文 · words; 日志与证明不变 · the log stays")
    if found["dossiers"]:
        click.echo(f"仍含这些报文的证据文件 · files that still hold them: {found['dossiers']}")
    click.echo("备份中的副本请按备份制度删除 · copies in backups are yours to delete")


def _text(path: Path) -> str:
    try:
        return _bytes(path).decode()
    except UnicodeDecodeError as error:
        raise CannotDo(f"{path} 不是文本", f"{path} is no text") from error


def _bytes(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise CannotDo(f"{path} 过大", f"{path} is too large")
    return path.read_bytes()


def _size(count: int) -> str:
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
