"""Invitations, partners and pauses over the API, between two assembled nodes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from node import wiring
from node.wiring import Node
from tests.node.api.test_app import assembled, client, error, log_in, person


@asynccontextmanager
async def two(folder: Path) -> AsyncIterator[tuple[httpx.AsyncClient, httpx.AsyncClient, Node]]:
    """The operators of two nodes whose ports are not open, and the first node."""
    for name in ("one", "two"):
        (folder / name).mkdir()
    async with (
        assembled(folder / "one") as one,
        assembled(folder / "two") as two_,
        client(one, await log_in(one)) as first,
        client(two_, await log_in(two_)) as second,
    ):
        yield first, second, one


@asynccontextmanager
async def started_again(stopped: Node) -> AsyncIterator[Node]:
    config = stopped.parts.config
    node = await wiring.assemble(config, wiring.open_keys(config.storage.folder))
    try:
        yield node
    finally:
        await node.close()


async def join(first: httpx.AsyncClient, second: httpx.AsyncClient) -> tuple[Any, Any]:
    """Join two nodes as people do; answers the invitation and what the second got."""
    made = (await first.post("/api/invitations", json={"to": "B"})).json()
    body = {"file": made["file"], "fingerprint": made["fingerprint"]}
    accepted = await second.post("/api/peers", json=body)
    assert accepted.status_code == 201, accepted.text
    joined = accepted.json()
    body = {"file": joined["reply"], "fingerprint": joined["ours"]}
    done = await first.post("/api/peers", json=body)
    assert done.status_code == 201, done.text
    return made, joined


async def test_two_centers_join_by_two_files(tmp_path: Path) -> None:
    async with two(tmp_path) as (first, second, _):
        made, joined = await join(first, second)
        (invitation,) = (await first.get("/api/invitations")).json()
        (theirs,) = (await first.get("/api/peers")).json()
        (ours,) = (await second.get("/api/peers")).json()
        assert (invitation["state"], invitation["peer"]) == ("USED", theirs["center"])
        assert "file" not in invitation
        assert (theirs["state"], theirs["up"]) == ("CONFIRMED", False)
        here = (await first.get(f"/api/peers/{theirs['center']}")).json()
        there = (await second.get(f"/api/peers/{ours['center']}")).json()
        assert (here["ours"], here["theirs"]) == (there["theirs"], there["ours"])
        assert here["ours"] == made["fingerprint"]
        assert there["reply"] == joined["reply"]
        assert (await first.get("/metrics")).status_code == 404


async def test_a_file_is_read_before_it_is_accepted_and_reading_stores_nothing(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as (first, second, _):
        made = (await first.post("/api/invitations", json={"to": "B"})).json()
        read = await second.post("/api/invitations/read", json={"file": made["file"]})
        assert read.json()["theirs"] == made["fingerprint"]
        assert read.json()["theirs_zh"] == made["fingerprint_zh"]
        body = {"file": made["file"], "fingerprint": "0000 0000 0000 0000 0000"}
        refused = await second.post("/api/peers", json=body)
        assert (refused.status_code, error(refused)["code"]) == (409, "CONFLICT")
        assert (await second.get("/api/peers")).json() == []


async def test_a_command_that_is_sent_twice_is_carried_out_once(tmp_path: Path) -> None:
    async with two(tmp_path) as (first, second, _):
        once = {"Idempotency-Key": "a"}
        made = (await first.post("/api/invitations", json={"to": "B"}, headers=once)).json()
        again = await first.post("/api/invitations", json={"to": "B"}, headers=once)
        assert (again.status_code, error(again)["code"]) == (409, "CONFLICT")
        assert len((await first.get("/api/invitations")).json()) == 1
        body = {"file": made["file"], "fingerprint": made["fingerprint"]}
        answers = [await second.post("/api/peers", json=body, headers=once) for _ in range(2)]
        assert answers[0].status_code == 201
        assert answers[0].json() == answers[1].json()


async def test_a_pause_is_shown_counted_and_lasts_over_a_restart(tmp_path: Path) -> None:
    async with two(tmp_path) as (first, second, one):
        await join(first, second)
        (peer,) = (await first.get("/api/peers")).json()
        path = f"/api/peers/{peer['center']}"
        paused = await first.post(f"{path}/pause", json={"reason": "机房搬迁"})
        assert paused.status_code == 200
        (state,) = (await first.get("/api/peers")).json()
        assert (state["state"], state["paused"], state["up"]) == ("PAUSED", "机房搬迁", False)
        gauge = one.parts.metrics.peer_paused.labels(peer["center"])
        assert gauge._value.get() == 1.0
        tried = (await first.post(f"{path}/retry")).json()
        assert not tried["up"]
        assert "paused" in tried["error"]
        again = await first.post(f"{path}/pause", json={})
        assert (again.status_code, error(again)["code"]) == (409, "CONFLICT")
    async with started_again(one) as node, client(node, await log_in(node)) as http:
        (state,) = (await http.get("/api/peers")).json()
        assert state["state"] == "PAUSED"
        assert (await http.post(f"{path}/resume")).status_code == 200
        assert (await http.get(path)).json()["state"] == "CONFIRMED"
        tried = (await http.post(f"{path}/retry")).json()
        assert (tried["up"], "paused" in tried["error"]) == (False, False)


async def test_an_unknown_partner_is_not_found(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await log_in(node)) as http:
        path = "/api/peers/lp1" + "a" * 32
        for answer in (
            await http.get(path),
            await http.post(f"{path}/retry"),
            await http.post(f"{path}/pause", json={}),
            await http.post(f"{path}/resume"),
            await http.post(f"/api/invitations/{'0' * 32}/withdraw"),
        ):
            assert (answer.status_code, error(answer)["code"]) == (404, "NOT_FOUND")


async def test_a_withdrawn_invitation_is_listed_as_such(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await log_in(node)) as http:
        made = (await http.post("/api/invitations", json={"days": 1})).json()
        assert (await http.post(f"/api/invitations/{made['id']}/withdraw")).status_code == 200
        (invitation,) = (await http.get("/api/invitations")).json()
        assert (invitation["state"], invitation["peer"]) == ("WITHDRAWN", "")


async def test_only_operators_join_and_pause(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        for path in ("/api/invitations", "/api/peers/lp1" + "a" * 32 + "/pause"):
            answer = await http.post(path, json={})
            assert (answer.status_code, error(answer)["code"]) == (403, "NOT_ALLOWED")
