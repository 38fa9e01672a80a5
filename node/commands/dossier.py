"""``lianping dossier``: a page of a dossier for people; names opened after the award.

``report`` needs the file and nothing else. ``open-names`` asks the running node, which alone can
open what its own pool committed to.
"""

import json
from pathlib import Path
from typing import Final

import click

from federation.evidence.case import Refuted
from federation.evidence.naming import split
from federation.evidence.verify import Examined
from federation.evidence.whole import look
from federation.wire.evidence import DECODE
from node.commands.options import (
    COMMAND_SETTINGS,
    config_option,
    examples,
    json_option,
    person_options,
)
from node.verify_command import verified, write_page

NOT_OURS: Final = 404


@click.group(
    "dossier",
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping dossier report evaluation.dossier report.html",
        "lianping dossier open-names evaluation.dossier named.dossier --act 中标公告2026-041"
        " --account li",
    ),
)
def group() -> None:
    """存证卷宗:报告,定标后的姓名。· Dossiers: a page for people, names after the award."""


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


@group.command(
    "open-names",
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping dossier open-names evaluation.dossier named.dossier --act 中标公告2026-041"
        " --account li"
    ),
)
@click.argument("dossier", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option(
    "--act",
    required=True,
    metavar="NUMBER",
    help="中标公告的文号 · number of the award notice",
)
@config_option
@json_option
@person_options
def open_names(
    dossier: Path,
    out: Path,
    act: str,
    config_path: Path,
    as_json: bool,
    account: str | None,
    password_file: Path | None,
    totp: str | None,
) -> None:
    """定标后公开本中心入选专家的姓名。· Open the names of our own drawn experts, after the award.

    卷宗可以是本中心或对方制作的;写出的文件为原卷宗加公开部分,任何人可核对姓名与编码是否相符。
    未入选的专家永不公开。

    The dossier may be ours or the partner's. OUT is the same file with what is opened at its end:
    anybody can check that each name hashes into the handle that was drawn. Who was not selected
    stays hidden for ever.
    """
    from node.commands.link import (  # noqa: PLC0415 - a page needs no node
        CannotDo,
        Link,
        Refused,
        as_person,
        configured,
        open_link,
    )

    whole, file = verified(dossier, as_json=as_json, chinese=True)
    base, _ = split(file)

    def opened_of(person: Link, part: Examined) -> tuple[int, bytes]:
        """How many names of ours a part got, and the sections."""
        body = {"dossier": part.case.suite.hash(base).hex(), "act": act}
        found = person.post(f"/api/sessions/{part.case.dossier.session.hex()}/names", body)
        return found["opened"], b"".join(section.encode() for section in found["sections"])

    opened, refused = 0, None
    with open_link(configured(config_path)) as link:
        person = as_person(link, account, password_file, totp)
        for part in whole.parts:
            try:
                count, sections = opened_of(person, part)
            except Refused as error:
                if error.status != NOT_OURS:
                    raise
                refused = error  # a part of other centers: somebody else opens those names
                continue
            opened, file = opened + count, file + sections
    if not opened and refused is not None:
        raise refused
    try:
        look(file, DECODE)
    except Refuted as error:
        raise CannotDo(f"未写入: {error.zh}", f"nothing was written: {error}") from error
    out.write_bytes(file)
    if as_json:
        click.echo(json.dumps({"opened": opened, "file": str(out)}, ensure_ascii=False, indent=2))
    else:
        click.echo(f"已公开{opened}人, 写入 · names opened: {opened}, written: {out}")
