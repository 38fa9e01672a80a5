"""What is wrong in a request is named, changes nothing, and is never called a fault of ours."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from adapters.experts.synthetic import synthetic_experts, to_csv
from node.wiring import Node
from tests.node.api.test_app import assembled, client, error, log_in, person

JSON: Final = {"Content-Type": "application/json"}
SOON_MS: Final = 86_400_000
TERMS: Final = {"title": "合作协议"}


@asynccontextmanager
async def partners(folder: Path) -> AsyncIterator[tuple[Node, str]]:
    """A node that has pinned a second one; answers it and the other's center id."""
    other = folder / "other"
    other.mkdir()
    async with assembled(other) as second, client(second, await log_in(second)) as http:
        theirs = (await http.post("/api/invitations", json={})).json()
    async with assembled(folder) as node, client(node, await log_in(node)) as http:
        body = {"file": theirs["file"], "fingerprint": theirs["fingerprint"]}
        pinned = await http.post("/api/peers", json=body)
        assert pinned.status_code == 201
        yield node, pinned.json()["center"]


@pytest.mark.parametrize(
    "body",
    [b'{"name":"\xff\xfe"}', b"[" * 200_000, b'{"name":' + b"9" * 5_000 + b"}"],
    ids=["not UTF-8", "too deep", "an endless number"],
)
async def test_a_body_that_cannot_be_read_is_told_what_can(tmp_path: Path, body: bytes) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        answer = await http.post("/api/login", content=body, headers=JSON)
    assert (answer.status_code, error(answer)["code"]) == (400, "BAD_REQUEST")
    assert "JSON" in error(answer)["zh"]
    assert "JSON" in error(answer)["en"]


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"max_seats_per_session": -1, "vote_ms": -1}, {"max_seats_per_session", "vote_ms"}),
        ({"handover_working_days": -1}, {"handover_working_days"}),
        ({"joint_test_valid_days": -1}, {"joint_test_valid_days"}),
        ({"project_kinds": ["A", "A"]}, {"project_kinds"}),
        ({"lead_time_ms": 2 * SOON_MS}, {"lead_time_ms"}),
        ({"vote_ms": 10**30}, {"body.terms.vote_ms"}),
        ({"version": 10**30}, {"body.terms.version"}),
    ],
)
async def test_every_term_that_cannot_be_is_named_and_nothing_is_proposed(
    tmp_path: Path, wrong: dict[str, Any], named: set[str]
) -> None:
    async with partners(tmp_path) as (node, peer), client(node, await log_in(node)) as http:
        now_ms = node.parts.negotiator.clock.now_ms()
        span = {"effective_from_ms": now_ms, "effective_until_ms": now_ms + SOON_MS}
        body = {"peer": peer, "terms": {**TERMS, **span, **wrong}}
        answer = await http.post("/api/agreements", json=body)
        assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")
        found = [
            each["where"] if isinstance(each, dict) else each.split(":")[0]
            for each in error(answer)["detail"]
        ]
        assert set(found) == named
        assert (await http.get("/api/agreements")).json() == []


async def test_a_window_in_the_past_or_backwards_is_not_asked_of_a_partner(tmp_path: Path) -> None:
    async with partners(tmp_path) as (node, peer):
        now_ms = node.parts.negotiator.clock.now_ms()
        async with client(node, await person(node, "agency")) as http:
            for start_ms, end_ms in ((1_000, 2_000), (now_ms + SOON_MS, now_ms), (10**30, 10**31)):
                answer = await http.get(
                    "/api/availability",
                    params={"peer": peer, "start_ms": start_ms, "end_ms": end_ms, "seats": 1},
                )
                assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")


async def test_a_number_that_no_to_do_can_have_is_refused(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        answer = await http.post(f"/api/todos/{10**30}/done")
        assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")


async def test_the_experts_are_fetched_from_the_library_wholly_or_not_at_all(
    tmp_path: Path,
) -> None:
    export = tmp_path / "data" / "stand-in" / "experts.csv"
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:

        async def known() -> set[str]:
            return await node.parts.negotiator.transact(
                lambda desk: {expert.uid for expert in node.parts.experts.all(desk)}
            )

        rows = synthetic_experts(7, 30, "360800", "JA")
        export.write_bytes(to_csv([*rows, {**rows[0], "编号": "JA9"}], "utf-8"))
        twice = await http.post("/api/experts/refresh")
        assert (twice.status_code, error(twice)["code"]) == (422, "BAD_TABLE")
        assert await known() == set()

        export.write_bytes(to_csv(rows, "utf-8"))
        done = await http.post("/api/experts/refresh")
        assert (done.status_code, done.json()) == (201, {"rows": 30})
        assert await known() == {row["编号"] for row in rows}

        export.write_bytes(to_csv(rows, "gb18030"))
        foreign = await http.post("/api/experts/refresh")
        assert (foreign.status_code, error(foreign)["code"]) == (422, "INVALID")

        export.unlink()
        away: httpx.Response = await http.post("/api/experts/refresh")
        assert (away.status_code, error(away)["code"]) == (422, "OUTSIDE_REJECTED")
        assert len(await known()) == 30


async def test_only_staff_fetch_the_experts(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "agency")) as http:
        assert (await http.post("/api/experts/refresh")).status_code == 403
