"""``lianping calendar``: opening hours, maintenance, holidays and feeds of the running node.

Everything goes through the node (``link``), as its operator. Rooms and seats are named as the
imported catalogue names them; times are Beijing time.
"""

import json
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
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
from node.domain import spans
from node.domain.holidays import day_of
from node.domain.opening import Day
from node.domain.refusal import Inadmissible
from node.domain.sheet import MAX_FILE_BYTES
from node.domain.workday import local_time, midnight_ms

_PATH: Final = "/api/calendar"
_KINDS: Final = {"off": "OFF", "work": "WORK", "ordinary": "ORDINARY"}
_KINDS_ZH: Final = {"OFF": "放假", "WORK": "上班"}

_venue = click.argument("venue", metavar="VENUE")
_room = click.argument("room", metavar="ROOM")
_file = click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
_year = click.option("--year", type=int, metavar="YEAR", help="只看一年 · of one year only")


@click.group(context_settings=COMMAND_SETTINGS, epilog=examples("lianping calendar show"))
def calendar() -> None:
    """日历:开放时间、维护、节假日、订阅。· Hours, maintenance, holidays, feeds."""


@calendar.command(epilog=examples("lianping calendar show", "lianping calendar show --json"))
@config_option
@json_option
def show(config_path: Path, as_json: bool) -> None:
    """开放时间、维护安排和已有的年份。· Opening hours, maintenance, the years that are known."""
    with open_link(configured(config_path)) as link:
        hours, closures = link.get(f"{_PATH}/hours"), link.get(f"{_PATH}/closures")
        years = link.get(f"{_PATH}/holidays")["years"]
    if as_json:
        _print_json({"hours": hours, "closures": closures, "years": years})
        return
    click.echo(f"办公时间 · office hours: {_hours(hours['office'])}")
    for each in hours["places"]:
        place = each["venue"] if each["room"] is None else f"  {each['venue']}/{each['room']}"
        if each["always_open"]:
            inherited = each["room"] is not None
            said = "同场地 · as its venue" if inherited else "全天开放 · always open"
            click.echo(f"{place}: {said}")
            continue
        click.echo(f"{place}:")
        for day in each["days"]:
            click.echo(f"    {Day(day['day']).zh} {day['day']}: {_hours(day['hours'])}")
    for each in closures:
        click.echo(_closure(each))
    click.echo(f"已有节假日安排 · holidays known for: {', '.join(map(str, years)) or '-'}")
    _warn(hours["warnings"])


@calendar.command(
    "hours",
    epilog=examples(
        "lianping calendar hours 交易中心 mon-fri=08:30-12:00,13:30-18:00",
        "lianping calendar hours 交易中心 --room 评标一室 mon-fri=08:00-20:00 sat=09:00-12:00",
        "lianping calendar hours 交易中心 --always",
    ),
)
@config_option
@json_option
@_venue
@click.argument("days", nargs=-1, metavar="[DAYS=HOURS]...")
@click.option("--room", metavar="ROOM", help="只设这个评标室 · of this room only")
@click.option("--always", is_flag=True, help="全天开放,评标室则同场地 · always, or as its venue")
def set_hours(
    config_path: Path,
    as_json: bool,
    venue: str,
    room: str | None,
    days: Sequence[str],
    always: bool,
) -> None:
    """设定开放时间,整体替换。· Set opening hours, in place of those there are.

    DAYS: mon tue wed thu fri sat sun holiday make_up, 或 or mon-fri。
    """
    if always is bool(days):
        raise CannotDo("请给出开放时间,或用 --always", "give hours for some days, or --always")
    body = {"venue": venue, "room": room, "days": _days(days)}
    with open_link(configured(config_path)) as link:
        done = link.post(f"{_PATH}/hours", body)
    if as_json:
        _print_json(done)
        return
    click.echo("已设定 · done")
    for each in done["outside"]:
        click.echo(f"  不在开放时间内,仍保留 · outside these hours, and kept: {each}")
    _warn(done["warnings"])


@calendar.command(
    "office-hours", epilog=examples("lianping calendar office-hours 09:00-12:00 13:00-17:00")
)
@config_option
@json_option
@click.argument("hours", nargs=-1, required=True, metavar="HOURS...")
def set_office_hours(config_path: Path, as_json: bool, hours: Sequence[str]) -> None:
    """设定办公时间,待办期限按此计算。· Set office hours, which deadlines are counted in."""
    try:
        body = {"hours": [_between(each) for each in hours]}
    except Inadmissible as error:
        raise CannotDo(error.zh, error.en) from error
    with open_link(configured(config_path)) as link:
        done = link.post(f"{_PATH}/office-hours", body)
    if as_json:
        _print_json(done)
    else:
        click.echo("已设定 · done")


@calendar.command(
    epilog=examples(
        "lianping calendar close 交易中心 评标一室 --from 2026-05-07 --until 2026-05-09 "
        '--reason "空调检修"',
        'lianping calendar close 交易中心 评标一室 --seat A-1 --from "2026-05-07 13:00" '
        '--until "2026-05-07 18:00" --reason "换设备" --despite-bookings',
    )
)
@config_option
@json_option
@_venue
@_room
@click.option("--seat", metavar="SEAT", help="只关闭这个席位 · this seat only")
@click.option(
    "--from", "start", required=True, metavar="TIME", help="日期或时刻 · a date, or date and time"
)
@click.option(
    "--until", "end", required=True, metavar="TIME", help="至;日期含当天 · a date is included"
)
@click.option("--reason", required=True, metavar="TEXT", help="原因 · why")
@click.option(
    "--despite-bookings", is_flag=True, help="已有预约时仍关闭 · also where bookings stand"
)
def close(config_path: Path, as_json: bool, venue: str, room: str, **given: Any) -> None:
    """安排维护:关闭评标室或席位。· Close a room or a seat for maintenance.

    期间已有预约时拒绝并逐一列出。· Where bookings stand it is refused, and each is named.
    """
    body = {
        "venue": venue,
        "room": room,
        "seat": given["seat"],
        "start_ms": _moment(given["start"], whole_day=False),
        "end_ms": _moment(given["end"], whole_day=True),
        "reason": given["reason"],
        "despite_bookings": given["despite_bookings"],
    }
    with open_link(configured(config_path)) as link:
        made = link.post(f"{_PATH}/closures", body)
    if as_json:
        _print_json(made)
        return
    click.echo(f"已关闭,编号 · closed, number {made['id']}")
    for each in made["bookings"]:
        click.echo(f"  须改期 · to be moved: {each}")


@calendar.command("open", epilog=examples("lianping calendar open 7"))
@config_option
@json_option
@click.argument("closure", type=click.IntRange(min=1), metavar="NUMBER")
def lift(config_path: Path, as_json: bool, closure: int) -> None:
    """取消维护,重新开放。· Take maintenance back."""
    with open_link(configured(config_path)) as link:
        done = link.post(f"{_PATH}/closures/{closure}/lift")
    if as_json:
        _print_json(done)
    else:
        click.echo("已重新开放 · open again")


@calendar.group(epilog=examples("lianping calendar holidays import 2027.csv --preview"))
def holidays() -> None:
    """节假日安排。· Holidays, as the State Council's notices give them."""


@holidays.command(
    "list",
    epilog=examples("lianping calendar holidays list --year 2026"),
)
@config_option
@json_option
@_year
def every(config_path: Path, as_json: bool, year: int | None) -> None:
    """放假和调休上班日。· Days off, and week-ends that are worked."""
    query = {} if year is None else {"year": year}
    with open_link(configured(config_path)) as link:
        found = link.get(f"{_PATH}/holidays", **query)
    if as_json:
        _print_json(found)
        return
    for each in found["days"]:
        click.echo(_holiday(each))
    for each in found["own"]:
        click.echo(f"{_holiday(each)} (本中心配置 · own)")
    click.echo(f"已有年份 · years known: {', '.join(map(str, found['years'])) or '-'}")
    _warn(found["warnings"])


@holidays.command(
    "import",
    epilog=examples(
        "lianping calendar holidays import 2027.csv --preview",
        "lianping calendar holidays import 2027.xlsx",
    ),
)
@config_option
@json_option
@_file
@click.option("--preview", is_flag=True, help="只看会改什么 · only say what would change")
def import_table(config_path: Path, as_json: bool, file: Path, preview: bool) -> None:
    """导入 CSV 或 XLSX:日期、结束日期、名称、类型(放假/上班)。· Import a table.

    有一处错误则全部不导入。· One mistake, and nothing is imported.
    """
    with file.open("rb") as raw:
        data = raw.read(MAX_FILE_BYTES + 1)  # a device has no end
    with open_link(configured(config_path)) as link:
        done = link.upload(f"{_PATH}/holidays/{'preview' if preview else 'import'}", file, data)
    if as_json:
        _print_json(done)
        return
    for sign, key in (("+", "added"), ("~", "changed"), ("-", "removed")):
        for each in done[key]:
            click.echo(f"{sign} {_holiday(each)}")
    click.echo(f"不变 · unchanged: {done['same']}")
    click.echo("预览,未作更改 · a preview, nothing was changed" if preview else "已导入 · imported")
    _warn(done["warnings"])


@holidays.command(
    "set",
    epilog=examples(
        "lianping calendar holidays set 2026-05-06 off --name 本省公休",
        "lianping calendar holidays set 2026-05-06 ordinary",
    ),
)
@config_option
@json_option
@click.argument("day", metavar="DATE")
@click.argument("kind", type=click.Choice(tuple(_KINDS)))
@click.option("--name", default="", metavar="TEXT", help="名称 · the holiday's name")
def set_day(config_path: Path, as_json: bool, day: str, kind: str, name: str) -> None:
    """修改一天:放假、上班或恢复。· Change one day."""
    body = {"day": day, "kind": _KINDS[kind], "name": name}
    with open_link(configured(config_path)) as link:
        done = link.post(f"{_PATH}/holidays/day", body)
    if as_json:
        _print_json(done)
    else:
        click.echo("已修改 · done")


@calendar.group(epilog=examples("lianping calendar feed add --account zhang"))
def feed() -> None:
    """日历订阅(iCalendar)。· Calendar feeds for phones and office programs."""


@feed.command(
    "add",
    epilog=examples(
        "lianping calendar feed add --account zhang",
        "lianping calendar feed add --venue 交易中心 --room 评标一室 --account zhang",
    ),
)
@config_option
@json_option
@person_options
@click.option("--venue", metavar="VENUE", help="评标室所在场地 · the room's venue")
@click.option("--room", metavar="ROOM", help="只看这个评标室 · of this room only")
def add_feed(
    config_path: Path, as_json: bool, venue: str | None, room: str | None, **person: Any
) -> None:
    """新建订阅;地址只显示一次。· Make a feed; its address is shown once."""
    with open_link(configured(config_path)) as link:
        body = {"venue": venue, "room": room}
        made = as_person(link, **person).post(f"{_PATH}/feeds", body)
    if as_json:
        _print_json(made)
        return
    click.echo(made["path"])
    click.echo(
        f"接在本中心接口地址之后;撤销 · behind your API's address; to revoke it: "
        f"lianping calendar feed revoke {made['id']}",
        err=True,
    )


@feed.command("list", epilog=examples("lianping calendar feed list"))
@config_option
@json_option
def feeds(config_path: Path, as_json: bool) -> None:
    """全部订阅。· All feeds."""
    with open_link(configured(config_path)) as link:
        found = link.get(f"{_PATH}/feeds")
    if as_json:
        _print_json(found)
        return
    for each in found:
        what = "全中心 · center" if each["room"] is None else f"{each['venue']}/{each['room']}"
        state = "已撤销 · revoked" if each["revoked"] else "有效 · in use"
        click.echo(f"{each['id']} {each['account']} {what} {state}")


@feed.command(
    "revoke", epilog=examples("lianping calendar feed revoke 5f0c1e9a7b3d42688e0a1c2d3e4f5061")
)
@config_option
@json_option
@click.argument("feed_id", metavar="ID")
def revoke(config_path: Path, as_json: bool, feed_id: str) -> None:
    """撤销订阅,地址立即失效。· Make a feed's address void."""
    if re.fullmatch(r"[0-9a-f]{32}", feed_id) is None:
        raise CannotDo("订阅编号应为32位十六进制", "a feed's id has 32 hex digits; see feed list")
    with open_link(configured(config_path)) as link:
        done = link.post(f"{_PATH}/feeds/{feed_id}/revoke")
    if as_json:
        _print_json(done)
    else:
        click.echo("已撤销 · revoked")


def _days(given: Sequence[str]) -> list[dict[str, Any]]:
    """``mon-fri=08:30-12:00,13:30-18:00`` as the API takes it. Raises CannotDo."""
    week = list(Day)
    found: dict[Day, list[dict[str, str]]] = {}
    for each in given:
        names, _, hours = each.partition("=")
        first, dash, last = names.partition("-")
        try:
            start, end = Day(first), Day(last if dash else first)
            between = [_between(one) for one in hours.split(",")]
        except (ValueError, Inadmissible) as error:
            raise CannotDo(
                f"“{each}”应如 mon-fri=08:30-12:00,13:30-18:00",
                f"{each!r} should read like mon-fri=08:30-12:00,13:30-18:00",
                [", ".join(week)],
            ) from error
        for day in week[week.index(start) : week.index(end) + 1]:
            found.setdefault(day, []).extend(between)
    return [{"day": day.value, "hours": hours} for day, hours in found.items()]


def _between(text: str) -> dict[str, str]:
    opens, _, closes = text.partition("-")
    return {
        "opens": spans.clock(spans.minute(opens)),
        "closes": spans.clock(spans.minute(closes)),
    }


def _moment(text: str, *, whole_day: bool) -> int:
    """A date, or a date and a time, in Beijing. Raises CannotDo."""
    day_text, _, clock = text.strip().partition(" ")
    try:
        day = day_of(day_text)
        if clock:
            return midnight_ms(day) + spans.minute(clock) * 60_000
        return midnight_ms(day + timedelta(days=1) if whole_day else day)
    except Inadmissible as error:
        raise CannotDo(error.zh, error.en) from error
    except OverflowError as error:
        raise CannotDo(f"{text}之后没有日期", f"no date comes after {text}") from error


def _hours(hours: Sequence[Mapping[str, str]]) -> str:
    return ", ".join(f"{each['opens']}-{each['closes']}" for each in hours)


def _closure(each: Mapping[str, Any]) -> str:
    where = "/".join(name for name in (each["venue"], each["room"], each["seat"]) if name)
    state = " 已取消 · lifted" if each["lifted"] else ""
    lines = [
        (
            f"维护 · maintenance {each['id']}: {where} {local_time(each['start_ms'])} – "
            f"{local_time(each['end_ms'])} {each['reason']}{state}"
        )
    ]
    lines += [f"    须改期 · to be moved: {one}" for one in each["bookings"]]
    return "\n".join(lines)


def _holiday(each: Mapping[str, str]) -> str:
    return f"{each['day']} {_KINDS_ZH[each['kind']]} {each['kind']} {each['name']}"


def _warn(warnings: Sequence[str]) -> None:
    for each in warnings:
        click.secho(f"警告 · warning: {each}", fg="yellow", err=True)


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
