"""The calendar at the API: hours, maintenance, holidays, feeds, and to-dos with their times."""

from pathlib import Path

import httpx
import pytest
from icalendar import Calendar

from node.domain.workday import DAY_MS, midnight_ms, shanghai_date
from node.services.house import Desk
from node.store import todos
from node.wiring import Node
from tests.node.api.test_app import assembled, client, error, log_in, person

SEATS = "场地,评标室,席位,类型,设备,隔夜\n交易中心,一室,1,席位,,否\n交易中心,一室,2,席位,,否\n"
PLACE = {"venue": "交易中心", "room": "一室"}
WEEK = [
    {"day": day, "hours": [{"opens": "08:30", "closes": "18:00"}]}
    for day in ("mon", "tue", "wed", "thu", "fri")
]
NOTICE = "日期,结束日期,名称,类型\n2027-10-01,2027-10-03,国庆节,放假\n2027-10-09,,国庆节,上班\n"


def tomorrow(node: Node) -> dict[str, int]:
    begins = midnight_ms(shanghai_date(node.parts.negotiator.clock.now_ms())) + DAY_MS
    return {"start_ms": begins, "end_ms": begins + DAY_MS}


async def upload(http: httpx.AsyncClient, path: str, text: str) -> httpx.Response:
    return await http.post(path, files={"file": ("t.csv", text.encode())})


async def seated(http: httpx.AsyncClient) -> None:
    assert (await upload(http, "/api/import/venues", SEATS)).status_code == 201


async def test_hours_are_set_shown_and_taken_back(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        await seated(http)
        answer = await http.post("/api/calendar/hours", json={"venue": "交易中心", "days": WEEK})
        assert (answer.status_code, answer.json()["outside"]) == (200, [])
        shown = (await http.get("/api/calendar/hours")).json()
        venue, room = shown["places"]
        assert (venue["room"], venue["always_open"], venue["days"]) == (None, False, WEEK)
        assert (room["room"], room["always_open"]) == ("一室", True)
        assert shown["office"][0] == {"opens": "09:00", "closes": "12:00"}
        await http.post("/api/calendar/hours", json={"venue": "交易中心", "days": []})
        shown = (await http.get("/api/calendar/hours")).json()
        assert shown["places"][0]["always_open"] is True
        nowhere = await http.post("/api/calendar/hours", json={"venue": "别处", "days": WEEK})
        assert (nowhere.status_code, error(nowhere)["code"]) == (404, "NOT_FOUND")
        office = {"hours": [{"opens": "08:00", "closes": "12:00"}]}
        assert (await http.post("/api/calendar/office-hours", json=office)).status_code == 200
        assert (await http.get("/api/calendar/hours")).json()["office"] == office["hours"]


@pytest.mark.parametrize(
    ("opens", "closes", "said"),
    [("25:00", "26:00", "时刻"), ("18:00", "08:00", "晚于"), ("x", "08:00", "时刻")],
)
async def test_hours_that_are_none_are_refused(
    tmp_path: Path, opens: str, closes: str, said: str
) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        await seated(http)
        days = [{"day": "mon", "hours": [{"opens": opens, "closes": closes}]}]
        answer = await http.post("/api/calendar/hours", json={"venue": "交易中心", "days": days})
        assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")
        assert said in error(answer)["zh"]


async def test_maintenance_is_made_shown_and_lifted(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        await seated(http)
        body = {**PLACE, **tomorrow(node), "reason": "空调检修"}
        made = await http.post("/api/calendar/closures", json={**body, "seat": "1"})
        assert (made.status_code, made.json()["bookings"]) == (201, [])
        (shown,) = (await http.get("/api/calendar/closures")).json()
        assert (shown["seat"], shown["made_by"], shown["lifted"]) == ("1", "staff", False)
        number = made.json()["id"]
        assert (await http.post(f"/api/calendar/closures/{number}/lift")).status_code == 200
        again = await http.post(f"/api/calendar/closures/{number}/lift")
        assert again.status_code == 404
        bad = await http.post("/api/calendar/closures", json={**body, "reason": ""})
        assert error(bad)["code"] == "INVALID"


async def test_a_bad_row_stops_the_whole_import_and_a_preview_changes_nothing(
    tmp_path: Path,
) -> None:
    async with assembled(tmp_path) as node, client(node, await log_in(node)) as http:
        path = "/api/calendar/holidays"
        bad = await upload(http, f"{path}/import", NOTICE + "2027-10-04,,国庆节,上班\n")
        assert (bad.status_code, error(bad)["code"]) == (422, "BAD_TABLE")
        assert [each["line"] for each in error(bad)["detail"]] == [4]
        preview = (await upload(http, f"{path}/preview", NOTICE)).json()
        assert len(preview["added"]) == 4
        assert 2027 in preview["years"]
        before = (await http.get(path)).json()
        assert before["years"] == [2025, 2026]
        done = await upload(http, f"{path}/import", NOTICE)
        assert (done.status_code, done.json()) == (201, preview)
        after = (await http.get(path, params={"year": 2027})).json()
        assert after["years"] == [2025, 2026, 2027]
        assert [each["kind"] for each in after["days"]] == ["OFF", "OFF", "OFF", "WORK"]
        day = {"day": "2027-10-03", "kind": "ORDINARY"}
        assert (await http.post(f"{path}/day", json=day)).status_code == 200
        after = (await http.get(path, params={"year": 2027})).json()
        assert len(after["days"]) == 3
        wrong = await http.post(f"{path}/day", json={"day": "2027-10-32", "kind": "OFF"})
        assert error(wrong)["code"] == "INVALID"


async def test_a_feed_is_one_persons_and_void_once_revoked(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        operator = await log_in(node)
        async with client(node, await person(node, "staff")) as http, client(node) as anybody:
            await seated(http)
            body = {**PLACE, **tomorrow(node), "reason": "空调检修"}
            await http.post("/api/calendar/closures", json=body)
            made = (await http.post("/api/calendar/feeds", json=PLACE)).json()
            feed = await anybody.get(made["path"])
            assert feed.headers["content-type"].startswith("text/calendar")
            (event,) = Calendar.from_ical(feed.text).walk("VEVENT")
            assert str(event["LOCATION"]) == "交易中心/一室"
            stored = await node.database.read(
                lambda found: str(found.execute("SELECT * FROM calendar_feed").fetchall())
            )
            assert made["path"].split("/")[-1].removesuffix(".ics") not in stored
            assert (await anybody.get(f"/api/calendar/{'0' * 64}.ics")).status_code == 404
            async with client(node, operator) as boss:
                (shown,) = (await boss.get("/api/calendar/feeds")).json()
                assert (shown["account"], shown["room"]) == ("staff", "一室")
                revoked = await boss.post(f"/api/calendar/feeds/{made['id']}/revoke")
                assert revoked.status_code == 200
                refused = await boss.post("/api/calendar/feeds", json={})
                assert refused.status_code == 403
            assert (await anybody.get(made["path"])).status_code == 404
            again = await http.post(f"/api/calendar/feeds/{made['id']}/revoke")
            assert again.status_code == 404
            half = await http.post("/api/calendar/feeds", json={"venue": "交易中心"})
            assert error(half)["code"] == "INVALID"


@pytest.mark.parametrize("role", ["agency", "supervisor"])
async def test_the_calendar_is_the_centers_own_affair(tmp_path: Path, role: str) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, role)) as http:
        for path in ("hours", "closures", "holidays", "feeds"):
            assert (await http.get(f"/api/calendar/{path}")).status_code == 403


async def test_todos_are_listed_by_what_is_due_first_and_each_role_has_its_own(
    tmp_path: Path,
) -> None:
    async with assembled(tmp_path) as node:

        def leave(desk: Desk) -> None:
            for kind, at_ms in (
                ("session_hand_over", desk.now_ms),
                ("session_start", desk.now_ms),
                ("rule_project", desk.now_ms - 30 * DAY_MS),
            ):
                todos.add(
                    desk.ledger.connection,
                    role="staff",
                    kind=kind,
                    subject=bytes(16),
                    zh=kind,
                    en=kind,
                    now_ms=at_ms,
                )

        await node.parts.negotiator.transact(leave)
        async with client(node, await person(node, "staff")) as http:
            found = (await http.get("/api/todos")).json()
        assert [(each["kind"], each["overdue"]) for each in found] == [
            ("rule_project", True),
            ("session_start", False),
            ("session_hand_over", False),
        ]
        assert all(not each["escalated"] for each in found)
        assert all(len(each["due"]) == len("2026-05-07 12:00") for each in found)
        async with client(node, await log_in(node)) as http:
            own = (await http.get("/api/todos")).json()
        assert {each["kind"] for each in own} <= {"holidays_unknown", "key_expires"}
        async with client(node, await person(node, "agency")) as http:
            assert (await http.get("/api/todos")).status_code == 403
