"""``lianping audit``: a center's evidence log as a file, and two of them side by side.

``export`` asks the node if it runs, and reads its database if it does not; ``diff`` needs two
files and nothing else. Exit status of ``diff`` 0: nothing differs. 1: something does, and is
named. 2: a file is unreadable or does not hold together, so that nothing can be compared.
"""

import json
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from federation.evidence.log_comparison import Comparison
from federation.evidence.log_diff import compare
from federation.evidence.log_file import MAX_LINE_BYTES, BadLog, end_line, head_lines, item_line
from federation.evidence.timeline import local
from federation.evidence.verdict import readable
from federation.trust.errors import SuiteUnavailable
from federation.wire.evidence import DECODE
from node.clock import SystemClock, SystemRandom
from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option

DIFFERENT: Final = 1
UNREADABLE: Final = 2
KEY_BYTES: Final = 32
AROUND: Final = 3  # lines of a file that are no entries: two at its head, one at its end


@click.group(
    "audit",
    context_settings=COMMAND_SETTINGS,
    epilog=examples("lianping audit export > jian.log", "lianping audit diff jian.log changle.log"),
)
def group() -> None:
    """审计:导出与比对存证日志。· Audit: export a log, lay two centers' logs side by side."""


@group.command(
    context_settings=COMMAND_SETTINGS,
    epilog=examples("lianping audit export > jian.log"),
)
@config_option
def export(config_path: Path) -> None:
    """导出本中心的存证日志。· Write this center's evidence log to standard output.

    含每一条目、未擦除的消息与回执、联署的检查点;不含个人信息。节点可在运行。

    Every entry, all words and receipts that were not erased, all cosigned heads; nothing
    personal. The node may run.
    """
    from node.commands.link import configured, open_link  # noqa: PLC0415 - comparing needs no node
    from node.local_socket import SocketUnavailable, is_served, path_in  # noqa: PLC0415

    config = configured(config_path)
    out = sys.stdout.buffer
    total = 0
    try:
        running = is_served(path_in(config.storage.folder))
    except SocketUnavailable:  # its path is too long for one: then nothing is served there
        running = False
    if running:  # it has its database to itself
        with open_link(config) as link:
            for piece in link.pieces("/api/log/export"):
                total += piece.count(b"\n")
                out.write(piece)
        total -= AROUND
    else:
        for lines in _read(config.storage.folder):
            total += 1
            out.write(lines)
        total -= AROUND - 1
    out.flush()
    click.echo(f"已导出{total}条 · entries: {total}", err=True)


def _read(folder: Path) -> Iterator[bytes]:
    """The lines of a node that does not run; the first two are one piece."""
    from node.keystore import chain  # noqa: PLC0415 - comparing needs no node
    from node.store import log_export  # noqa: PLC0415
    from node.wiring import DATABASE_FILE, KEYS_FOLDER  # noqa: PLC0415

    own = chain.read(folder / KEYS_FOLDER)
    center = chain.current(folder / KEYS_FOLDER, own).center_id
    try:
        with log_export.opened(folder / DATABASE_FILE) as connection:
            found = log_export.header(connection, center, SystemClock().now_ms())
            yield head_lines(log_export.with_own(found, own))
            for suite_id in found.sizes:
                for item in log_export.entries(connection, suite_id):
                    yield item_line(item)
            yield end_line(sum(found.sizes.values()))
    except sqlite3.Error as error:
        raise click.UsageError(f"数据库不可读 · the database is unreadable: {error}") from error


@group.command(
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping audit diff jian.log changle.log", "lianping audit diff a.log b.log --json"
    ),
)
@click.argument("a", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("b", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@json_option
def diff(a: Path, b: Path, as_json: bool) -> None:
    """比对两个中心的日志,逐条指出只有一方有的。· Name what only one of two logs has.

    退出码:0 一致;1 有差异;2 文件不可读或自相矛盾。

    Exit status 0: equal; 1: they differ; 2: a file is unreadable or contradicts itself.
    """
    try:
        found = compare(
            lambda: _lines(a), lambda: _lines(b), DECODE, SystemRandom().bytes(KEY_BYTES)
        )
    except BadLog as error:
        if as_json:
            told = {"readable": False, "where": error.where, "zh": error.zh, "en": error.en}
            click.echo(json.dumps(told, ensure_ascii=False, indent=1))
        else:
            zh, en = readable(error.zh), readable(str(error))
            click.echo(f"无法比对 · cannot be compared: {zh}\n  {en}", err=True)
        raise SystemExit(UNREADABLE) from error
    except (OSError, SuiteUnavailable) as error:
        raise click.UsageError(f"无法比对 · cannot be compared: {error}") from error
    if as_json:
        click.echo(json.dumps(found.document(), ensure_ascii=False, indent=1))
    else:
        # What others chose is in these lines: none of it may look like a line of ours.
        click.echo("\n".join(map(readable, _told(found))))
    if not found.equal:
        raise SystemExit(DIFFERENT)


def _lines(path: Path) -> Iterator[bytes]:
    """A file's lines, none longer than it may be: a longer one comes in pieces and is refused."""
    with path.open("rb") as file:
        while line := file.readline(MAX_LINE_BYTES):
            yield line


def _told(found: Comparison) -> list[str]:
    lines = []
    for side in found.sides:
        until = local(side.cosigned_ms) if side.cosigned_ms else "—"
        lines += [
            (
                f"{side.name}: {side.entries}条, 双方之间{side.words}条, 擦除{side.erased}条, "
                f"联署至{until}"
            ),
            (
                f"    entries {side.entries}, between the two {side.words}, erased {side.erased}, "
                f"cosigned until {until}"
            ),
        ]
    if found.later:
        lines.append(f"另一份导出之后的消息{found.later}条 · said after the other was exported")
    if found.unreceipted:
        lines.append(f"尚无回执{found.unreceipted}条 · without a receipt yet")
    for each in found.differences:
        lines += [f"[{each.kind}] {each.zh}", f"    {each.en}"]
    if found.more:
        lines.append("差异更多, 未逐条列出 · there are more differences than are listed")
    if found.equal:
        lines.append("一致 · nothing differs")
    else:
        count = len(found.differences)
        lines.append(f"差异{count}处 · differences: {count}")
    return lines
