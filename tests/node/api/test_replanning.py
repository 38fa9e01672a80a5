"""The routes of a date that is not fixed yet, and of one that a sub proposes."""

from pathlib import Path

from adapters.experts.synthetic import uscc
from tests.node.api.test_app import assembled, client, error, person
from tests.support.pair import HOUR_MS

PLAN = {
    "host_seats": 2,
    "representatives": 2,
    "subs": [{"seats": 5, "experts": [{"specialty": "A08", "count": 5}]}],
    "mode": "RANDOM",
}


async def test_a_request_without_a_date_shows_as_such_until_it_is_dated(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "agency")) as http:
        start_ms = node.parts.negotiator.clock.now_ms() + 72 * HOUR_MS
        dates = {"start_ms": start_ms, "end_ms": start_ms + 3 * HOUR_MS}
        project = {
            "code": "E3608000001004627", "name": "吉安大桥", "kind": "A", "region": "360800",
            "tenderee": {"name": "吉安市交通局", "uscc": uscc("360800", 11111111)},
            "bid_deadline_ms": start_ms - HOUR_MS, **dates,
            "lots": [{"code": "E3608000001004627001001", "name": "一标段"}],
        }  # fmt: skip
        made = (await http.post("/api/projects", json=project)).json()["id"]
        path = f"/api/projects/{made}"
        assert (await http.get(path)).json()["undated"] is None
        assert (await http.post(f"{path}/undated", json=PLAN)).status_code == 200
        shown = (await http.get(path)).json()["undated"]
        assert (shown["sub_venues"], shown["mode"]) == (1, "RANDOM")
        # Not accepted yet: the date is fixed in vain, and what was filed stays.
        fixed = await http.post(f"{path}/fix-date", json=dates)
        assert (fixed.status_code, error(fixed)["code"]) == (409, "CONFLICT")
        assert (await http.get(path)).json()["undated"] is not None
        async with client(node, await person(node, "staff")) as staff:
            assert (await staff.post(f"{path}/accept")).status_code == 200
        # No partner: a lottery needs two.
        fixed = await http.post(f"{path}/fix-date", json=dates)
        assert (fixed.status_code, error(fixed)["code"]) == (422, "INVALID")
        assert "a lottery needs 2" in error(fixed)["en"]
        assert (await http.post(f"{path}/undated/withdraw")).status_code == 200
        gone = await http.post(f"{path}/fix-date", json=dates)
        assert (gone.status_code, error(gone)["code"]) == (404, "NOT_FOUND")
        nobody = await http.post(f"/api/bookings/{'0' * 32}/take-alternative")
        assert (nobody.status_code, error(nobody)["code"]) == (404, "NOT_FOUND")
        assert (await http.get(path)).json()["selections"] == []
