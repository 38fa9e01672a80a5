"""A regulator's node over the API: what it does, what it declines, and the other way round."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from node import wiring
from node.api.app import routes
from node.api.roles import REGULATORS, is_a_centers
from node.config import load
from node.wiring import Node, open_keys
from tests.node.api.test_app import (
    PASSWORD,
    SECRETS,
    assembled,
    client,
    error,
    log_in,
    person,
)
from tests.node.test_config_roles import written
from tests.support.founded import found


@asynccontextmanager
async def regulator(folder: Path) -> AsyncIterator[Node]:
    """A regulator's node in a folder, its ports not opened."""
    data = folder / "data"
    path = written(folder)
    path.write_text(path.read_text("utf-8").replace(f'"{folder}"', f'"{data}"'), "utf-8")
    config = load(path)
    SECRETS[folder] = await found(config, folder / "root.pem", PASSWORD)
    node = await wiring.assemble(config, open_keys(data))
    try:
        yield node
    finally:
        await node.close()


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/import/venues"),
        ("POST", "/api/import/experts"),
        ("GET", "/api/projects"),
        ("GET", "/api/bookings"),
        ("POST", f"/api/projects/{'0' * 32}/draw"),
        ("GET", "/api/sessions"),
        ("GET", "/api/agreements"),
        ("POST", "/api/pools"),
        ("POST", "/api/check-in"),
    ],
)
async def test_what_is_a_centers_is_declined_with_what_a_regulator_does(
    tmp_path: Path, method: str, path: str
) -> None:
    async with regulator(tmp_path) as node, client(node, await log_in(node)) as http:
        answer = await http.request(method, path)
        assert (answer.status_code, error(answer)["code"]) == (403, "NOT_A_CENTER")
        assert "监管节点" in error(answer)["zh"]
        assert "GET /api/oversight/requests" in error(answer)["en"]


async def test_a_regulator_has_peers_and_officers_and_no_agencies(tmp_path: Path) -> None:
    async with regulator(tmp_path) as node:
        token = await person(node, "officer")
        async with client(node, await log_in(node)) as http:
            assert (await http.get("/api/peers")).json() == []
            body = {"name": "x", "role": "agency", "display_name": "x", "password": PASSWORD}
            answer = await http.post("/api/accounts", json=body)
            assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")
        async with client(node, token) as http:
            assert (await http.get("/api/todos")).json() == []
            assert (await http.get("/api/peers")).status_code == 403


async def test_a_center_has_no_officers(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await log_in(node)) as http:
        body = {"name": "x", "role": "officer", "display_name": "x", "password": PASSWORD}
        answer = await http.post("/api/accounts", json=body)
        assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")
        assert "监管人员" not in error(answer)["zh"]


async def test_every_route_of_a_regulator_exists(tmp_path: Path) -> None:
    """A beginning that no route has would be a hole that nobody sees."""
    async with assembled(tmp_path) as node:
        paths = [*routes(node.parts).openapi()["paths"], "/api/openapi.json"]
    for each in REGULATORS:
        assert any(path == each or path.startswith(f"{each}/") for path in paths), each


def test_a_beginning_is_a_whole_part_of_a_path() -> None:
    assert is_a_centers("/api/nodes")
    assert is_a_centers("/api/calendar/closures")
    assert not is_a_centers("/api/node")
    assert not is_a_centers("/api/peers/lp1/pause")
    assert not is_a_centers("/")
