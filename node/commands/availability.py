"""``lianping availability``: ask all partners at once, print each answer as it comes."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from node.commands.link import CannotDo, Link, configured, open_link
from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option
from node.domain.workday import SHANGHAI, local_time

NOBODY: Final = 1
"""The exit code when no partner has what is looked for."""

_SAID: Final = {
    "free": "可用 · free",
    "taken": "不足 · too few",
    "not_covered": "协议不涵盖 · not covered",
    "unreachable": "联系不上 · unreachable",
    "refused": "拒绝答复 · refused",
}


@click.command(
    "availability",
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping availability 2026-06-01T09:00 --hours 8 --seats 3",
        "lianping availability 2026-06-01T09:00 --seats 2 --experts A08=2 --equipment camera",
        "lianping availability 2026-06-01T09:00 --hours 20 --seats 3 --overnight --json",
    ),
)
@click.argument("start")
@click.option("--hours", default=8.0, show_default=True, help="时长(小时)· how long, in hours")
@click.option("--seats", default=1, show_default=True, help="席位数 · how many seats")
@click.option(
    "--kind",
    type=click.Choice(["workstation", "booth"]),
    help="席位类型 · the kind of seat; any if not given",
)
@click.option("--equipment", multiple=True, metavar="WORD", help="设备,可多次 · may be repeated")
@click.option("--overnight", is_flag=True, help="可隔夜 · experts must be able to stay the night")
@click.option(
    "--experts",
    multiple=True,
    metavar="CODE=N",
    help="专业与人数,可多次 · specialty and number, may be repeated",
)
@click.option(
    "--project-kind",
    type=click.Choice(["A", "B", "C"]),
    default="A",
    show_default=True,
    help="A 工程, B 货物, C 服务 · works, goods, services",
)
@click.option(
    "--value-yuan",
    default=0,
    help="项目金额(元),协议限定金额时需要 · where agreements limit it",
)
@config_option
@json_option
def availability(config_path: Path, *, as_json: bool, **asked: Any) -> None:
    """查询全部伙伴的空闲席位与专家人数。· Ask all partners for free seats and expert counts.

    START 为北京时间,例如 2026-06-01T09:00。仅供参考,不保留席位。有伙伴可用时退出码为0,否则为1。
    · START is Beijing time. Advice only, nothing is reserved. Exit code 0 if a partner has what is
    looked for, 1 if none has. --json prints one line for each partner, then a summary.
    """
    body = wanted(**asked)
    with open_link(configured(config_path)) as link:
        free = ask(link, body, as_json=as_json)
    if not free:
        raise SystemExit(NOBODY)


def wanted(  # noqa: PLR0913 - one for each option
    *,
    start: str,
    hours: float,
    seats: int,
    kind: str | None,
    equipment: tuple[str, ...],
    overnight: bool,
    experts: tuple[str, ...],
    project_kind: str,
    value_yuan: int,
) -> dict[str, Any]:
    """The body of the request.

    Raises:
        CannotDo: A time or a specialty cannot be read.
    """
    try:
        begins = datetime.fromisoformat(start)
        begins = begins if begins.tzinfo else begins.replace(tzinfo=SHANGHAI)
        ends = begins + timedelta(hours=hours)
        start_ms, end_ms = int(begins.timestamp() * 1000), int(ends.timestamp() * 1000)
    except (ValueError, OverflowError) as error:  # hours may be nan, and years end with 9999
        raise CannotDo(
            f"时间“{start}”、时长{hours:g}小时无法识别,例如 2026-06-01T09:00 --hours 8",
            f"{start!r} for {hours:g} hours is no time; give it as 2026-06-01T09:00 --hours 8",
        ) from error
    return {
        "start_ms": start_ms,
        "end_ms": end_ms,
        "seats": seats,
        "kind": kind,
        "equipment": list(equipment),
        "overnight": overnight,
        "experts": [_need(each) for each in experts],
        "project_kind": project_kind,
        "value_fen": value_yuan * 100,
    }


def ask(link: Link, body: dict[str, Any], *, as_json: bool) -> int:
    """Ask, and print what comes; answers how many partners have it free.

    Raises:
        CannotDo: The node refuses, or the line broke.
    """
    free = 0
    for event, row in link.events("/api/availability/stream", body):
        if event == "summary":
            free = row["free"]
        if as_json:
            click.echo(json.dumps({"event": event, **row}, ensure_ascii=False))
        elif event == "summary":
            click.echo(
                f"{row['partners']}家伙伴,{free}家可用;{row['advice_zh']}\n"
                f"  {free} of {row['partners']} partners have it; {row['advice_en']}"
            )
        else:
            click.echo(line(row))
    return free


def line(row: dict[str, Any]) -> str:
    """One partner in one line."""
    said = [row["name"] or row["center"], _SAID[row["outcome"]]]
    if row["free_seats"] is not None:
        said.append(f"席位 · seats {row['free_seats']}")
        said += [
            f"{each['specialty']}≈{each['about']}{' 偏少 · few' if each['small'] else ''}"
            for each in row["experts"]
        ]
        said.append(f"截至 · as of {local_time(row['as_of_ms'])}")
    else:
        said.append(f"{row['zh']} · {row['en']}")
    if row["next_start_ms"]:
        said.append(f"可改在 · free from {local_time(row['next_start_ms'])}")
    if row["clause"]:
        said.append(f"条款 · clause {row['clause']}")
    return "  ".join(said)


def _need(text: str) -> dict[str, Any]:
    specialty, _, count = text.partition("=")
    if not count.isdecimal():
        raise CannotDo(
            f"“{text}”无法识别,例如 A08=2", f"{text!r} is no specialty and number; give A08=2"
        )
    return {"specialty": specialty, "count": int(count)}
