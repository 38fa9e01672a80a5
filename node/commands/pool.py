"""``lianping pool``: the center's own expert pool, as it was announced."""

import json
from pathlib import Path

import click

from node.commands.link import CannotDo, configured, open_link
from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option


@click.group(
    context_settings=COMMAND_SETTINGS,
    epilog=examples("lianping pool export-audit --out pool.audit"),
)
def pool() -> None:
    """专家库。· The expert pool."""


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
