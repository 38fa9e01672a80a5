"""Events as an iCalendar object (RFC 5545), in UTC, as calendar programs fetch it again and again.

The same event has the same UID for ever and a SEQUENCE that grows with its changes; one that is
over before it began is there as CANCELLED, so that it goes from people's calendars as well.
There is no METHOD: nobody is invited, a feed is only read, so DTSTAMP is the last change.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from icalendar import Calendar, Event

from node.domain.workday import END_OF_TIME_MS

PRODUCT: Final = "-//Lianping//Federation node//ZH"
REFRESH: Final = timedelta(minutes=15)
MEDIA_TYPE: Final = "text/calendar; charset=utf-8"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Status(StrEnum):
    """RFC 5545, 3.8.1.11."""

    TENTATIVE = "TENTATIVE"
    CONFIRMED = "CONFIRMED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Entry:
    """One event. Times are unix milliseconds; the texts are for people."""

    uid: str
    sequence: int
    changed_at_ms: int
    start_ms: int
    end_ms: int
    status: Status
    summary: str
    location: str
    description: str


def render(name: str, entries: Iterable[Entry]) -> bytes:
    """The object: UTF-8, CRLF, lines folded at 75 octets."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("x-wr-calname", name)
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})  # RFC 7986
    calendar.add("x-published-ttl", "PT15M")
    for entry in entries:
        calendar.add_component(_event(entry))
    return bytes(calendar.to_ical(sorted=False))


def _event(entry: Entry) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("dtstamp", _utc(entry.changed_at_ms))
    event.add("last-modified", _utc(entry.changed_at_ms))
    event.add("sequence", entry.sequence)
    event.add("dtstart", _utc(entry.start_ms))
    event.add("dtend", _utc(entry.end_ms))
    event.add("status", entry.status.value)
    event.add("summary", entry.summary)
    if entry.location:
        event.add("location", entry.location)
    event.add("description", entry.description)
    event.add("class", "PRIVATE")
    event.add("transp", "TRANSPARENT" if entry.status is Status.CANCELLED else "OPAQUE")
    return event


def _utc(ms: int) -> datetime:
    return _EPOCH + timedelta(seconds=min(ms, END_OF_TIME_MS) // 1000)
