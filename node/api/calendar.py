"""Routes of the calendar: opening hours, maintenance, holidays, and feeds for people's programs.

Every answer about time says which years' holidays it does without (``warnings``).
"""

import asyncio
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, File, Path, Query, UploadFile, status
from pydantic import Field, StringConstraints
from starlette.responses import Response

from node.api.access import NodeParts, Staff, needs
from node.api.caller import Caller
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import EXAMPLE_ID, MAX_EXACT, Done, HexText, IdPath, Ms, Shape, Text, raw
from node.domain import spans
from node.domain.holidays import FIRST_YEAR, LAST_YEAR, DayKind, Holiday, day_of, holidays_from
from node.domain.opening import Day
from node.domain.sheet import MAX_FILE_BYTES, read_table
from node.domain.spans import MAX_SPANS, Span
from node.domain.venue import MAX_ID_CHARS, MAX_NAME_CHARS
from node.services.accounts import Role
from node.services.errors import Invalid
from node.services.holidays import Change
from node.services.house import Desk
from node.services.ics import MEDIA_TYPE
from node.services.maintenance import Closing
from node.services.timetable import RoomHours
from node.store.closures import Closure
from node.store.feeds import Feed

router = APIRouter(tags=["日历 · Calendar"], responses=RESPONSES)

Keeper = Annotated[Caller, Depends(needs(Role.STAFF, Role.OPERATOR))]
Upload = Annotated[
    UploadFile,
    File(
        description="CSV(UTF-8 或 GB18030)或 XLSX,列:日期、结束日期(可无)、名称、类型(放假/上班)"
        " · CSV or XLSX; columns: date, until (may be left out), name, kind (OFF/WORK)"
    ),
]
PlaceName = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_NAME_CHARS), Field(examples=["交易中心"])
]
SeatName = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_ID_CHARS), Field(examples=["A-1"])
]
Clock = Annotated[str, StringConstraints(max_length=5), Field(examples=["08:30"])]
DayText = Annotated[str, StringConstraints(max_length=16), Field(examples=["2027-10-01"])]
Year = Annotated[int, Query(ge=FIRST_YEAR, le=LAST_YEAR, description="年份 · a year")]
ClosurePath = Annotated[int, Path(ge=1, le=MAX_EXACT)]
TokenPath = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]


class Warnings(Shape):
    """What the calendar does without."""

    warnings: list[str] = Field(
        description="尚无节假日安排的年份 · years whose holidays are not known", examples=[[]]
    )


class Between(Shape):
    """A span of a day, Beijing time."""

    opens: Clock
    closes: Clock


class DayHours(Shape):
    """The hours of one day of the week, of holidays, or of worked week-ends."""

    day: Day
    hours: Annotated[list[Between], Field(max_length=MAX_SPANS)]


class HoursBody(Shape):
    """Opening hours in place of those there are; no day at all: always open."""

    venue: PlaceName
    room: PlaceName | None = None
    days: Annotated[list[DayHours], Field(max_length=len(Day))]


class OfficeBody(Shape):
    """Office hours of a working day, which deadlines are counted in."""

    hours: Annotated[list[Between], Field(max_length=MAX_SPANS)]


class PlaceHours(Shape):
    """A venue or a room with the hours of its own."""

    venue: str
    room: str | None = Field(description="空为整个场地 · null: the whole venue")
    always_open: bool
    days: list[DayHours]


class Hours(Warnings):
    """All opening hours, and the office hours."""

    places: list[PlaceHours]
    office: list[Between]


class HoursSet(Warnings):
    """Bookings to come that the new hours would not have let in; they stand all the same."""

    outside: list[str]


class ClosureBody(Shape):
    """Maintenance of a room, or of one seat of it."""

    venue: PlaceName
    room: PlaceName
    seat: SeatName | None = None
    start_ms: Ms
    end_ms: Ms
    reason: Text = Field(examples=["空调检修"])
    despite_bookings: bool = Field(
        default=False, description="已有预约时仍关闭 · close although bookings stand in it"
    )


class ClosureMade(Shape):
    """The number of what was closed, and the bookings that stand in it."""

    id: int
    bookings: list[str]


class ClosureShape(Shape):
    """Maintenance, and the bookings that stand in it."""

    id: int
    venue: str
    room: str
    seat: str | None
    start_ms: Ms
    end_ms: Ms
    reason: str
    made_by: str
    lifted: bool
    bookings: list[str]


class HolidayShape(Shape):
    """A day that is not as its day of the week is."""

    day: DayText
    kind: DayKind
    name: str = Field(examples=["国庆节"])


class HolidayBody(Shape):
    """One day by hand; ORDINARY makes it as its day of the week is."""

    day: DayText
    kind: Literal["OFF", "WORK", "ORDINARY"]
    name: Annotated[str, StringConstraints(max_length=64)] = ""


class HolidayList(Warnings):
    """What is known of holidays."""

    years: list[int] = Field(description="已有安排的年份 · years whose notice is in")
    days: list[HolidayShape]
    own: list[HolidayShape] = Field(
        description="本中心配置的日期,优先 · days of our configuration, which count first"
    )


class ChangeShape(Warnings):
    """What an import does, or would do."""

    added: list[HolidayShape]
    changed: list[HolidayShape]
    removed: list[HolidayShape]
    same: int
    years: list[int]


class FeedBody(Shape):
    """Which room; the whole center if left out."""

    venue: PlaceName | None = None
    room: PlaceName | None = None


class FeedMade(Shape):
    """A feed's address, shown once."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    path: str = Field(description="接在本接口地址之后 · to be put behind this API's address")


class FeedShape(Shape):
    """A feed; its address was shown once."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    account: str
    venue: str | None
    room: str | None
    made_at_ms: Ms
    revoked: bool


# Hours


@router.get("/calendar/hours", summary="开放时间 · Opening hours")
async def hours(parts: NodeParts, _: Keeper) -> Hours:
    """场地、评标室各自的开放时间。· Of each venue and room; a room's come before its venue's."""

    def look(desk: Desk) -> Hours:
        return Hours(
            places=[_place_hours(each) for each in parts.timetable.all(desk)],
            office=_between(parts.timetable.office(desk)),
            warnings=_warnings(parts, desk),
        )

    return await parts.negotiator.transact(look)


@router.post("/calendar/hours", summary="设定开放时间 · Set opening hours")
async def set_hours(parts: NodeParts, who: Keeper, body: HoursBody) -> HoursSet:
    """整体替换;不列任何一天即全天开放。· Replaces what there is; no day means always open."""
    days: dict[Day, list[Span]] = {}
    for each in body.days:
        days.setdefault(each.day, []).extend(_spans(each.hours))

    def change(desk: Desk) -> list[str]:
        return parts.timetable.set(desk, body.venue, body.room, days)

    outside = await parts.commands.run(who, change)
    return HoursSet(outside=outside, warnings=await _told(parts))


@router.post("/calendar/office-hours", summary="设定办公时间 · Set office hours")
async def set_office(parts: NodeParts, who: Keeper, body: OfficeBody) -> Done:
    """待办期限按办公时间计算。· To-dos' deadlines are counted in them; those left keep theirs."""
    found = _spans(body.hours)
    await parts.commands.run(who, lambda desk: parts.timetable.set_office(desk, found))
    return Done()


# Maintenance


@router.get("/calendar/closures", summary="维护安排 · Maintenance")
async def closures(parts: NodeParts, _: Keeper) -> list[ClosureShape]:
    """从早到晚,含已取消的。· The earliest first, lifted ones among them."""
    return await parts.negotiator.transact(
        lambda desk: [
            _closure(each, parts.maintenance.meets(desk, each))
            for each in parts.maintenance.all(desk)
        ]
    )


@router.post(
    "/calendar/closures",
    status_code=status.HTTP_201_CREATED,
    summary="安排维护 · Close a room or a seat",
)
async def close(parts: NodeParts, who: Keeper, body: ClosureBody) -> ClosureMade:
    """期间已有预约时拒绝并逐一列出。· Refused if bookings stand in it, unless said otherwise."""
    closing = Closing(body.venue, body.room, body.seat, body.start_ms, body.end_ms, body.reason)
    number = await parts.commands.run(
        who,
        lambda desk: parts.maintenance.close(
            desk, closing, despite_bookings=body.despite_bookings, by=who.subject
        ),
    )
    found = await parts.negotiator.transact(
        lambda desk: [
            line
            for each in parts.maintenance.all(desk)
            if each.id == number
            for line in parts.maintenance.meets(desk, each)
        ]
    )
    return ClosureMade(id=number, bookings=found)


@router.post("/calendar/closures/{closure}/lift", summary="取消维护 · Open again")
async def lift(parts: NodeParts, who: Keeper, closure: ClosurePath) -> Done:
    """席位立即可用。· The seats can be given again at once."""
    await parts.commands.run(who, lambda desk: parts.maintenance.lift(desk, closure, who.subject))
    return Done()


# Holidays


@router.get("/calendar/holidays", summary="节假日安排 · Holidays")
async def holidays(parts: NodeParts, _: Keeper, year: Year | None = None) -> HolidayList:
    """国务院办公厅通知的放假和调休上班日。· Days off and make-up days, as the notices say."""

    def look(desk: Desk) -> HolidayList:
        return HolidayList(
            years=parts.holidays.years(desk),
            days=_days(parts.holidays.days(desk, year)),
            own=_days(parts.holidays.own(desk)),
            warnings=_warnings(parts, desk),
        )

    return await parts.negotiator.transact(look)


@router.post("/calendar/holidays/preview", summary="预览导入 · Preview an import")
async def preview(parts: NodeParts, _: Keeper, file: Upload) -> ChangeShape:
    """不作任何更改。· Changes nothing."""
    days = await _read(file)
    return _change(await parts.negotiator.transact(lambda desk: parts.holidays.preview(desk, days)))


@router.post(
    "/calendar/holidays/import",
    status_code=status.HTTP_201_CREATED,
    summary="导入节假日 · Import holidays",
)
async def import_holidays(parts: NodeParts, who: Keeper, file: Upload) -> ChangeShape:
    """有一处错误则全部不导入;含国庆节的年份整年替换。· All or nothing; whole years replaced."""
    days = await _read(file)
    before = await parts.negotiator.transact(lambda desk: parts.holidays.preview(desk, days))

    def take(desk: Desk) -> None:
        parts.holidays.take(desk, days)

    await parts.commands.run(who, take)
    return _change(before)


@router.post("/calendar/holidays/day", summary="修改一天 · Change one day")
async def set_day(parts: NodeParts, who: Keeper, body: HolidayBody) -> Done:
    """ORDINARY 恢复为普通日期。· ORDINARY makes it as its day of the week is."""
    day = day_of(body.day)
    holiday = None if body.kind == "ORDINARY" else Holiday(day, DayKind(body.kind), body.name)
    await parts.commands.run(who, lambda desk: parts.holidays.edit(desk, day, holiday))
    return Done()


# Feeds


@router.get("/calendar/feeds", summary="日历订阅 · Calendar feeds")
async def feeds(parts: NodeParts, who: Keeper) -> list[FeedShape]:
    """工作人员看到自己的,运维人员看到全部。· One's own; the operator sees everybody's."""
    account = None if who.role is Role.OPERATOR else who.subject
    rows = await parts.negotiator.transact(lambda desk: parts.feeds.all(desk, account))
    return [_feed(each) for each in rows]


@router.post(
    "/calendar/feeds", status_code=status.HTTP_201_CREATED, summary="新建订阅 · Make a feed"
)
async def make_feed(parts: NodeParts, who: Staff, body: FeedBody) -> FeedMade:
    """地址只显示一次,请勿转交。· The address is shown once, and is one person's."""
    if (body.venue is None) != (body.room is None):
        raise Invalid("场地和评标室须同时填写", "give venue and room, or neither")
    place = None if body.venue is None or body.room is None else (body.venue, body.room)
    # Not a command that is remembered: its result is a secret of which only the hash is kept.
    made = await parts.negotiator.transact(lambda desk: parts.feeds.make(desk, who.subject, place))
    return FeedMade(id=made.id.hex(), path=f"/api/calendar/{made.token}.ics")


@router.post("/calendar/feeds/{feed}/revoke", summary="撤销订阅 · Revoke a feed")
async def revoke_feed(parts: NodeParts, who: Keeper, feed: Annotated[IdPath, Path()]) -> Done:
    """地址立即失效。· Its address is void at once."""
    anybodys = who.role is Role.OPERATOR
    await parts.commands.run(
        who, lambda desk: parts.feeds.revoke(desk, raw(feed), who.subject, anybodys=anybodys)
    )
    return Done()


@router.get(
    "/calendar/{token}.ics",
    summary="日历文件 · The feed",
    response_class=Response,
    responses={200: {"content": {"text/calendar": {}}}},
)
async def feed(parts: NodeParts, token: TokenPath) -> Response:
    """日历程序按地址读取(RFC 5545),不含项目信息。· For calendar programs; no projects named."""
    body = await parts.negotiator.transact(lambda desk: parts.feeds.read(desk, token))
    return Response(body, media_type=MEDIA_TYPE)


async def _read(file: UploadFile) -> list[Holiday]:
    if file.size is not None and file.size > MAX_FILE_BYTES:
        raise Invalid(
            f"文件超过{MAX_FILE_BYTES}字节", f"the file is larger than {MAX_FILE_BYTES} bytes"
        )
    data = await file.read()
    return await asyncio.to_thread(
        lambda: holidays_from(read_table(file.filename or "", data, dates=True))
    )


async def _told(parts: Parts) -> list[str]:
    return await parts.negotiator.transact(lambda desk: _warnings(parts, desk))


def _warnings(parts: Parts, desk: Desk) -> list[str]:
    return _unknown(parts.holidays.unknown(desk))


def _unknown(years: list[int]) -> list[str]:
    return [
        f"尚无{year}年节假日安排,工作日按普通周末计算"
        f" · the holidays of {year} are not known, plain week-ends count"
        for year in years
    ]


def _spans(hours: list[Between]) -> list[Span]:
    return [(spans.minute(each.opens), spans.minute(each.closes)) for each in hours]


def _between(hours: tuple[Span, ...]) -> list[Between]:
    return [
        Between(opens=spans.clock(opens), closes=spans.clock(closes)) for opens, closes in hours
    ]


def _place_hours(found: RoomHours) -> PlaceHours:
    days: Mapping[Day, tuple[Span, ...]] = found.hours.days
    return PlaceHours(
        venue=found.venue,
        room=found.room,
        always_open=found.hours.always,
        days=[DayHours(day=day, hours=_between(days[day])) for day in Day if day in days],
    )


def _closure(row: Closure, bookings: list[str]) -> ClosureShape:
    return ClosureShape(
        id=row.id,
        venue=row.venue,
        room=row.room,
        seat=row.seat,
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        reason=row.reason,
        made_by=row.made_by,
        lifted=row.lifted_at_ms is not None,
        bookings=bookings,
    )


def _days(rows: list[Holiday] | tuple[Holiday, ...]) -> list[HolidayShape]:
    return [HolidayShape(day=_iso(each.day), kind=each.kind, name=each.name) for each in rows]


def _iso(day: date) -> str:
    return day.isoformat()


def _change(change: Change) -> ChangeShape:
    fields: dict[str, Any] = {
        "added": _days(change.added),
        "changed": _days(change.changed),
        "removed": _days(change.removed),
    }
    return ChangeShape(
        **fields,
        same=change.same,
        years=list(change.years),
        warnings=_unknown(list(change.unknown)),
    )


def _feed(row: Feed) -> FeedShape:
    return FeedShape(
        id=row.id.hex(),
        account=row.account,
        venue=row.venue,
        room=row.room,
        made_at_ms=row.made_at_ms,
        revoked=row.revoked_at_ms is not None,
    )
