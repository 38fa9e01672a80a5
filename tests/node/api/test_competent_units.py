"""The routes by which competent units (项目主管部门、行政监督部门) come into a project."""

from pathlib import Path
from typing import Any

from adapters.experts.synthetic import uscc
from tests.node.api.test_app import assembled, client, error, person
from tests.support.pair import HOUR_MS

UNITS = [
    {"name": "吉安市交通运输局", "uscc": uscc("360800", 33333331)},
    {"name": "吉安市发展和改革委员会", "uscc": uscc("360800", 33333332)},
]


def body(start_ms: int, **changes: Any) -> dict[str, Any]:
    return {
        "code": "E3608000001004627", "name": "吉安大桥", "kind": "A", "region": "360800",
        "tenderee": {"name": "吉安市交通局", "uscc": uscc("360800", 11111111)},
        "bid_deadline_ms": start_ms - HOUR_MS,
        "start_ms": start_ms, "end_ms": start_ms + 3 * HOUR_MS,
        "lots": [{"code": "E3608000001004627001001", "name": "一标段"}],
        **changes,
    }  # fmt: skip


async def test_the_agency_names_competent_units_and_the_staff_may_correct_them(
    tmp_path: Path,
) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "agency")) as http:
        start_ms = node.parts.negotiator.clock.now_ms() + 72 * HOUR_MS
        entered = await http.post("/api/projects", json=body(start_ms, competent=UNITS))
        path = f"/api/projects/{entered.json()['id']}"
        avoided = (await http.get(path)).json()["avoided"]
        assert [unit["part"] for unit in avoided] == ["TENDEREE", "COMPETENT", "COMPETENT"]
        assert [{"name": unit["name"], "uscc": unit["uscc"]} for unit in avoided[1:]] == UNITS
        async with client(node, await person(node, "staff")) as staff:
            done = await staff.post(f"{path}/competent-units", json=UNITS[1:])
            assert done.status_code == 200
            left = (await staff.get(path)).json()["avoided"]
            assert [unit["name"] for unit in left] == ["吉安市交通局", UNITS[1]["name"]]


async def test_codes_of_competent_units_are_checked_like_any_other(tmp_path: Path) -> None:
    wrong = {"name": "某局", "uscc": UNITS[0]["uscc"][:-1] + "?"}
    async with assembled(tmp_path) as node, client(node, await person(node, "agency")) as http:
        start_ms = node.parts.negotiator.clock.now_ms() + 72 * HOUR_MS
        refused = await http.post("/api/projects", json=body(start_ms, competent=[wrong]))
        assert (refused.status_code, error(refused)["code"]) == (422, "INVALID")
        twice = await http.post("/api/projects", json=body(start_ms, competent=UNITS[:1] * 2))
        assert (twice.status_code, error(twice)["code"]) == (422, "INVALID")
        assert "重复" in error(twice)["zh"]
        assert (await http.get("/api/projects")).json() == []
        entered = (await http.post("/api/projects", json=body(start_ms))).json()["id"]
        path = f"/api/projects/{entered}"
        refused = await http.post(f"{path}/competent-units", json=[wrong])
        assert (refused.status_code, error(refused)["code"]) == (422, "INVALID")
        assert len((await http.get(path)).json()["avoided"]) == 1


async def test_who_neither_entered_nor_rules_on_a_project_names_no_units(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "agency")) as http:
        start_ms = node.parts.negotiator.clock.now_ms() + 72 * HOUR_MS
        entered = (await http.post("/api/projects", json=body(start_ms))).json()["id"]
        path = f"/api/projects/{entered}/competent-units"
        async with client(node, await person(node, "supervisor")) as other:
            assert (await other.post(path, json=UNITS)).status_code == 403
        await http.post("/api/logout")
        assert (await http.post(path, json=[])).status_code == 401
