"""``lianping pool``: the expert pool of the running node: epochs, absences, receipts, figures."""

import json
from pathlib import Path
from typing import Any, Final

import click

from node.commands.link import CannotDo, as_person, configured, open_link
from node.commands.options import (
    COMMAND_SETTINGS,
    config_option,
    examples,
    json_option,
    person_options,
)
from node.domain.workday import local_time

_REGISTER: Final = "/api/expert-register"
PRIVATE: Final = 0o600  # a receipt opens one expert's entries

_uid = click.argument("uid", metavar="UID")
_first = click.option("--from", "first", required=True, metavar="DATE", help="首日 · the first day")
_last = click.option(
    "--until", "last", required=True, metavar="DATE", help="末日(含)· the last day"
)


@click.group(context_settings=COMMAND_SETTINGS, epilog=examples("lianping pool epochs"))
def pool() -> None:
    """专家库:各期承诺、请假与暂停、回执、统计。· Epochs, absences, receipts, statistics."""


@pool.command(epilog=examples("lianping pool announce", "lianping pool announce --epoch 2026-11"))
@config_option
@json_option
@click.option("--epoch", metavar="NAME", help="期号,缺省依时间 · the epoch; by the time if missing")
def announce(config_path: Path, as_json: bool, epoch: str | None) -> None:
    """公布新一期专家库承诺。· Commit to the register as it is now."""
    with open_link(configured(config_path)) as link:
        done = link.post("/api/pools", {"epoch": epoch})
    if as_json:
        _print_json(done)
        return
    for suite, root in done["roots"].items():
        click.echo(f"{done['pool']} {done['epoch']} {suite} {root}")
    _warn(done["small"])


@pool.command(epilog=examples("lianping pool epochs", "lianping pool epochs --json"))
@config_option
@json_option
def epochs(config_path: Path, as_json: bool) -> None:
    """各期承诺与伙伴的联署。· Our epochs, and who has cosigned each."""
    with open_link(configured(config_path)) as link:
        found = link.get("/api/pools")
    if as_json:
        _print_json(found)
        return
    for each in found:
        until = local_time(each["valid_until_ms"])
        click.echo(f"{each['pool']} {each['epoch']} {each['suite']} 至 · until {until}")
        for told in each["told"]:
            at = told["cosigned_at_ms"]
            said = "未联署 · not cosigned" if at is None else f"联署于 · cosigned {local_time(at)}"
            click.echo(f"  {told['center']} {said}")
        _warn(each["small"])


@pool.command(
    epilog=examples(
        "lianping pool leave FJ-0001 --from 2026-06-01 --until 2026-06-03 --account staff"
    )
)
@config_option
@json_option
@person_options
@_uid
@_first
@_last
@click.option("--reason", default="", metavar="TEXT", help="理由 · why")
def leave(config_path: Path, as_json: bool, **filed: Any) -> None:
    """登记专家请假,自下一期起生效。· File an expert's leave; counts from the next epoch on."""
    _file(config_path, as_json, "leave", filed)


@pool.command(
    epilog=examples(
        "lianping pool suspend FJ-0001 --from 2026-06-01 --until 2026-11-30"
        " --reason 泄露评标信息 --account staff"
    )
)
@config_option
@json_option
@person_options
@_uid
@_first
@_last
@click.option("--reason", required=True, metavar="TEXT", help="理由 · why")
def suspend(config_path: Path, as_json: bool, **filed: Any) -> None:
    """暂停抽取专家,自下一期起生效。· Suspend an expert; counts from the next epoch on."""
    _file(config_path, as_json, "suspended", filed)


@pool.command(epilog=examples("lianping pool absences FJ-0001 --account staff"))
@config_option
@json_option
@person_options
@_uid
def absences(config_path: Path, as_json: bool, uid: str, **who: Any) -> None:
    """专家的请假与暂停记录。· Leave and suspensions of an expert."""
    with open_link(configured(config_path)) as link:
        found = as_person(link, **who).get(f"{_REGISTER}/absences", uid=uid)
    if as_json:
        _print_json(found)
        return
    for each in found:
        gone = "" if each["withdrawn_by"] is None else " 已撤回 · withdrawn"
        click.echo(
            f"{each['id']} {each['kind']} {each['since']} – {each['until']} "
            f"{each['reason']} ({each['filed_by']}){gone}"
        )


@pool.command(
    epilog=examples(
        "lianping pool withdraw 5f0c1e9a7b3d42688e0a1c2d3e4f5061 --account staff",
    )
)
@config_option
@json_option
@person_options
@click.argument("absence", metavar="ID")
def withdraw(config_path: Path, as_json: bool, absence: str, **who: Any) -> None:
    """撤回请假或暂停。· Withdraw an absence."""
    with open_link(configured(config_path)) as link:
        done = as_person(link, **who).post(f"{_REGISTER}/absences/{absence}/withdraw")
    if as_json:
        _print_json(done)
    else:
        click.echo("已撤回 · withdrawn")


@pool.command(epilog=examples("lianping pool receipt FJ-0001 --out expert.receipt --account staff"))
@config_option
@json_option
@person_options
@_uid
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="写入的文件,只交专家本人 · the file, for that expert only",
)
@click.option("--days", default=31, show_default=True, help="通知记录的天数 · how far back")
def receipt(config_path: Path, as_json: bool, uid: str, out: Path, days: int, **who: Any) -> None:
    """出具专家回执。· Write an expert's receipt, which `lianping verify-receipt` checks."""
    if out.exists():
        raise CannotDo(f"{out} 已存在", f"{out} exists already")
    with open_link(configured(config_path)) as link:
        made = as_person(link, **who).download(f"{_REGISTER}/receipt", uid=uid, days=days)
    out.touch(mode=PRIVATE)
    out.write_bytes(made)
    if as_json:
        _print_json({"file": str(out), "bytes": len(made)})
    else:
        click.echo(f"{out}: 核对 · to check: lianping verify-receipt {out}")


def _file(config_path: Path, as_json: bool, kind: str, filed: dict[str, Any]) -> None:
    body = {name: filed.pop(name) for name in ("uid", "first", "last", "reason")}
    with open_link(configured(config_path)) as link:
        done = as_person(link, **filed).post(f"{_REGISTER}/absences", {**body, "kind": kind})
    if as_json:
        _print_json(done)
    else:
        click.echo(f"已登记 · filed: {done['id']}")


def _warn(warnings: list[dict[str, Any]]) -> None:
    for each in warnings:
        click.echo(
            f"注意 · note: {each['specialty']} 可抽取 · candidates {each['candidates']} < "
            f"{each['needed']}",
            err=True,
        )


def _print_json(found: object) -> None:
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))


@pool.command(
    epilog=examples(
        "lianping pool statistics",
        "lianping pool statistics --days 90 --account supervisor --json",
    )
)
@config_option
@json_option
@person_options
@click.option("--days", default=365, show_default=True, help="近多少天 · of so many days")
def statistics(
    config_path: Path, as_json: bool, days: int, account: str | None, **who: Any
) -> None:
    """抽取统计:答复比率、重复同组。· Rates of answers by center and specialty, repeated pairs.

    重复同组的明细须以监督人员账号查询。· Which pairs they are is told to supervisors (--account).
    """
    with open_link(configured(config_path)) as link:
        asked = link if account is None else as_person(link, account, **who)
        found = asked.get("/api/pool-statistics", days=days)
    if as_json:
        _print_json(found)
        return
    for each in found["answers"]:
        rates = "  ".join(f"{name} {rate}%" for name, rate in each["rates_percent"].items() if rate)
        click.echo(
            f"{each['center']} {each['specialty']} 邀请 · invited {each['invited']}  {rates}"
        )
    for each in found["alerts"]:
        click.echo(
            f"提醒 · alert: {each['center']} {each['specialty']} {each['what']} "
            f"{each['percent']}% / {each['invited']}"
        )
    for each in found["called_back"]:
        click.echo(
            f"{each['center']} 回访抽查 · checked by the regulator: {each['checked']}, "
            f"不符 · mismatched {each['mismatched']}, 回执有误 · faulty records {each['faulty']}"
        )
    click.echo(f"重复同组 · repeated pairs: {found['repeated_pairs']}")
    for each in found["pairs"] or ():
        click.echo(f"  {' + '.join(each['uids'])}: {', '.join(map(local_time, each['at_ms']))}")


@pool.command(
    "export-audit",
    epilog=examples(
        "lianping pool export-audit --out pool.audit",
        "lianping pool export-audit --epoch 2026-11 --suite gm-1 --out pool.audit --json",
    ),
)
@config_option
@json_option
@click.option("--epoch", help="期号,缺省为最新一期 · which epoch; by default the newest")
@click.option("--suite", help="密码套件 · of the commitment, where the epoch has several")
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="写入此文件 · where to write it; must not exist",
)
def export_audit(
    config_path: Path, as_json: bool, epoch: str | None, suite: str | None, out: Path
) -> None:
    """导出一期专家库的审计文件,交监管部门。· Export an epoch's audit file for the regulator.

    公布时已加密给监管部门,本中心也无法打开。

    It was sealed to the regulator when the pool was announced: not even this center can open it.
    """
    if out.exists():
        raise CannotDo(f"{out} 已存在,请另选文件名", f"{out} exists: choose another name")
    query = {"epoch": epoch, "suite": suite}
    with open_link(configured(config_path)) as link:
        found = link.get(
            "/api/pools/audit", **{key: value for key, value in query.items() if value}
        )
    out.write_text(json.dumps(found), encoding="utf-8")
    if as_json:
        told = {"file": str(out), "suite": found["suite"], "bytes": out.stat().st_size}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return
    click.echo(f"已导出 · exported: {out}")
    click.echo(f"监管部门办理 · at the regulator: lianping regulator audit {out.name} --grounds …")
