"""Calendar feeds: valid to the library that others read them with, and silent on projects."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from icalendar import Calendar
from icalendar.cal import Component

from federation.protocol import booking as words
from federation.protocol.conversation import Phase
from node.domain.workday import DAY_MS
from node.services.errors import NotFound
from node.services.feeds import Feeds, status_of
from node.services.house import Desk
from node.services.ics import Entry, Status, render
from node.services.maintenance import Closing, Maintenance
from node.store.feeds import Booked
from tests.support.pair import Center, two_centers
from tests.support.planning import WINDOW, Offices, confirmed, held, vote

GOLDEN = Path(__file__).with_name("feed.ics")
VENUE, ROOM = "交易中心", "评标一室"


async def token(center: Center, place: tuple[str, str] | None = None) -> str:
    feeds = Feeds(random=center.random.bytes, name="某交易中心")
    return (await center.do(lambda desk: feeds.make(desk, "zhang", place))).token


async def read(center: Center, text: str) -> bytes:
    feeds = Feeds(random=center.random.bytes, name="某交易中心")
    return await center.do(lambda desk: feeds.read(desk, text))


async def events(center: Center, text: str) -> list[Component]:
    return Calendar.from_ical(await read(center, text)).walk("VEVENT")


async def test_a_booking_keeps_its_uid_and_its_sequence_grows() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        sub, host = await token(pair.sub), await token(pair.host)
        _, booking = await held(pair, offices)
        (first,) = await events(pair.sub, sub)
        assert str(first["UID"]) == f"{booking.hex()}@{pair.sub.id}"
        assert str(first["STATUS"]) == "TENTATIVE"
        assert first.decoded("DTEND") - first.decoded("DTSTART") == timedelta(
            milliseconds=WINDOW.end_ms - WINDOW.start_ms
        )
        await vote(offices, booking, yes=True)
        await pair.settle()
        (second,) = await events(pair.sub, sub)
        assert (str(second["UID"]), str(second["STATUS"])) == (str(first["UID"]), "CONFIRMED")
        assert int(str(second["SEQUENCE"])) > int(str(first["SEQUENCE"]))
        assert str(second["LOCATION"]) == f"{VENUE}/{ROOM}"
        (ours,) = await events(pair.host, host)
        assert str(ours["STATUS"]) == "CONFIRMED"
        assert (await events(pair.sub, sub)) == [second]


async def test_a_booking_that_was_declined_is_cancelled_in_calendars_too() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        _, booking = await held(pair, offices)
        sub = await token(pair.sub, (VENUE, ROOM))
        (before,) = await events(pair.sub, sub)
        await vote(offices, booking, yes=False, reason="停电")
        await pair.settle()
        (after,) = await events(pair.sub, sub)
        assert str(after["STATUS"]) == "CANCELLED"
        assert int(str(after["SEQUENCE"])) > int(str(before["SEQUENCE"]))
        assert str(after["LOCATION"]) == f"{VENUE}/{ROOM}", "it is told where it would have been"


async def test_a_hold_that_expired_is_cancelled_although_nobody_said_a_word() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await held(pair, offices)
        sub = await token(pair.sub)
        (before,) = await events(pair.sub, sub)
        pair.watch.pass_ms(DAY_MS // 2)
        await pair.sub.alarms.ring()
        (after,) = await events(pair.sub, sub)
        assert str(after["STATUS"]) == "CANCELLED"
        assert int(str(after["SEQUENCE"])) > int(str(before["SEQUENCE"]))


async def test_no_feed_names_a_project_or_the_other_center() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await confirmed(pair, offices)
        ((code, name),) = await pair.host.sql("SELECT code, name FROM project")
        for center, other in ((pair.sub, pair.host), (pair.host, pair.sub)):
            text = (await read(center, await token(center))).decode().replace("\r\n ", "")
            assert "BEGIN:VEVENT" in text
            for secret in (code, name, other.id, other.identity.descriptor.name):
                assert secret not in text


async def test_a_rooms_feed_has_what_is_in_it_and_its_maintenance() -> None:
    offices = Offices()
    async with two_centers(offices) as pair:
        await held(pair, offices)
        closing = Closing(VENUE, ROOM, None, WINDOW.end_ms, WINDOW.end_ms + DAY_MS, "空调检修")
        number = await pair.sub.do(
            lambda desk: Maintenance().close(desk, closing, despite_bookings=False, by="wang")
        )
        sub = await token(pair.sub, (VENUE, ROOM))
        booking, closure = await events(pair.sub, sub)
        assert str(booking["STATUS"]) == "TENTATIVE"
        assert (str(closure["STATUS"]), int(str(closure["SEQUENCE"]))) == ("CONFIRMED", 0)
        await pair.sub.do(lambda desk: Maintenance().lift(desk, number, "wang"))
        _, closure = await events(pair.sub, sub)
        assert (str(closure["STATUS"]), int(str(closure["SEQUENCE"]))) == ("CANCELLED", 1)


async def test_a_revoked_token_opens_nothing_and_nobody_revokes_anothers() -> None:
    async with two_centers() as pair:
        feeds = Feeds(random=pair.host.random.bytes, name="x")

        def run(desk: Desk) -> None:
            made = feeds.make(desk, "zhang", None)
            feeds.read(desk, made.token)
            with pytest.raises(NotFound):
                feeds.revoke(desk, made.id, "li", anybodys=False)
            feeds.revoke(desk, made.id, "zhang", anybodys=False)
            with pytest.raises(NotFound):
                feeds.read(desk, made.token)
            with pytest.raises(NotFound):
                feeds.revoke(desk, made.id, "zhang", anybodys=False)
            with pytest.raises(NotFound):
                feeds.make(desk, "zhang", ("没有", "没有"))
            assert [each.account for each in feeds.all(desk, "zhang")] == ["zhang"]
            assert feeds.all(desk, "li") == []

        await pair.host.do(run)


@pytest.mark.parametrize(
    ("phases", "status"),
    [
        ((words.CONFIRMED, words.CONFIRMED), Status.CONFIRMED),
        ((words.CONFIRMED, words.PROMISED), Status.TENTATIVE),
        ((words.CANCELLED, words.CONFIRMED), Status.CONFIRMED),  # one sub was replaced
        ((words.DECLINED, words.PROMISED), Status.TENTATIVE),  # not yet decided
        ((words.DECLINED, words.RELEASED), Status.CANCELLED),
        ((words.COMPLETED, words.CANCELLED), Status.CONFIRMED),
        ((words.CHANGING,), Status.CONFIRMED),
        ((words.IN_DOUBT,), Status.TENTATIVE),
    ],
)
def test_a_bundle_is_what_its_legs_that_go_on_are(
    phases: tuple[Phase, ...], status: Status
) -> None:
    booked = Booked(b"h" * 16, True, phases, 2, False, 0, 1, 0, 1, ((VENUE, ROOM),), True)
    assert status_of(booked) is status
    elsewhere = status_of(replace(booked, here=False))
    assert elsewhere is (status if words.COMPLETED in phases else Status.CANCELLED)
    if words.IN_DOUBT in phases:
        assert status_of(replace(booked, given_up=True)) is Status.CANCELLED


def entry(summary: str = "评标", description: str = "", **changes: int) -> Entry:
    times = {"changed_at_ms": 1_778_040_000_000, "start_ms": 1_778_115_600_000} | changes
    return Entry(
        uid="5f0c1e9a7b3d42688e0a1c2d3e4f5061@lp1aaaabbbbccccddddeeeeffffgggghhhh",
        sequence=7,
        changed_at_ms=times["changed_at_ms"],
        start_ms=times["start_ms"],
        end_ms=times["start_ms"] + 3 * 3_600_000,
        status=Status.CONFIRMED,
        summary=summary,
        location="交易中心/评标一室",
        description=description,
    )


def test_the_object_is_as_it_always_was() -> None:
    raw = render(
        "某市公共资源交易中心",
        [
            entry("远程评标(副场)evaluation, sub,5席位 5 seats", "预约 booking 5f0c1e9a7b3d\nx"),
            entry("a,b;c\\d " * 20, "长" * 100),
        ],
    )
    assert raw == GOLDEN.read_bytes()


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))), st.text("a,;\\\n"))
def test_any_text_comes_back_and_no_line_is_too_long(summary: str, description: str) -> None:
    raw = render("中心", [entry(summary, description)])
    lines = raw.split(b"\r\n")
    assert all(len(line) <= 75 for line in lines)
    assert all(b"\n" not in line and b"\r" not in line for line in lines)
    for line in lines:
        line.decode()  # no character is cut in two
    (event,) = Calendar.from_ical(raw).walk("VEVENT")
    assert str(event["SUMMARY"]) == summary
    assert str(event["DESCRIPTION"]) == description
