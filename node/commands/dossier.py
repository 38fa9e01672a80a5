"""``lianping dossier report``: a page of a dossier, for people. Needs the file and nothing else."""

from pathlib import Path

import click

from node.commands.options import COMMAND_SETTINGS, examples
from node.verify_command import verified, write_page


@click.group(
    "dossier",
    context_settings=COMMAND_SETTINGS,
    epilog=examples("lianping dossier report evaluation.dossier report.html"),
)
def group() -> None:
    """存证卷宗:给人看的一页报告。· Dossiers: a page for people."""


@group.command(
    context_settings=COMMAND_SETTINGS,
    epilog=examples("lianping dossier report evaluation.dossier report.html"),
)
@click.argument("dossier", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def report(dossier: Path, out: Path) -> None:
    """核对卷宗并生成一页报告。· Verify a dossier and write a page that people can read.

    离线办理,不需要节点。不成立的卷宗没有报告:退出码与 lianping verify 相同。

    Offline, without a node. A dossier that does not hold has no page: the exit status is the one
    of lianping verify.
    """
    from node.services.dossier_page import render  # noqa: PLC0415 - only a page needs a template

    whole, file = verified(dossier, as_json=False, chinese=True)
    write_page(out, render(whole, dossier.name, file))
    click.echo(f"已写入 · written: {out}")
