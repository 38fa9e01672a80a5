"""The routes of the evidence log on an assembled node, and forks lifted through them."""

import json
import sqlite3
from pathlib import Path

import httpx
import pytest

from federation.evidence.entry import act_entry
from federation.evidence.log_file import HEADER
from federation.evidence.tlog_policy import read_policy
from federation.ids import CenterId
from node.api import log as log_routes
from node.api.app import create_doors
from node.services.house import Desk
from node.wiring import DATABASE_FILE
from tests.node.api.test_app import assembled, client, error, log_in, person
from tests.node.api.test_witness import LEAVES, OTHERS, Log, post


async def test_an_operator_looks_at_the_log_and_hashes_it_again(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await log_in(node)) as http:

        def write(desk: Desk) -> int:
            leaf = act_entry(desk.identity.center, bytes(32), desk.now_ms)
            return desk.ledger.append_log("intl-1", leaf, bytes(32))

        await node.parts.negotiator.transact(write)
        growth = (await http.get("/api/log/growth")).json()
        assert growth["entries"]["intl-1"] >= 1
        assert growth["cpu_us_per_append"] > 0
        (report,) = (await http.post("/api/log/verify")).json()
        assert (report["suite"], report["faults"]) == ("intl-1", [])
        assert report["entries"] == report["others"] == growth["entries"]["intl-1"]
        policy = read_policy((await http.get("/api/log/intl-1/policy")).json()["policy"])
        assert policy.quorum == "none"
        answer = await http.get("/api/log/intl-1/proof/0")
        assert answer.status_code == 409
        assert "heartbeat" in error(answer)["en"]
        for path in ("/api/log/intl-1/proof/99", "/api/log/sm-9/policy"):
            assert (await http.get(path)).status_code == 404
        answer = await http.post(f"/api/log/erase/{'0' * 32}", json={"reason": "期满"})
        assert answer.status_code == 404
        answer = await http.post(f"/api/log/erase/{'0' * 32}", json={"reason": " "})
        assert answer.status_code == 422


async def test_a_node_that_runs_hands_its_whole_log_out_at_its_own_socket_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_routes, "PAGE", 2)
    async with assembled(tmp_path) as node:

        def write(desk: Desk) -> None:
            for number in range(5):
                leaf = act_entry(desk.identity.center, bytes([number]) * 32, desk.now_ms)
                desk.ledger.append_log("intl-1", leaf, bytes([number]) * 32)

        await node.parts.negotiator.transact(write)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            sqlite3.connect(tmp_path / "data" / DATABASE_FILE).execute("SELECT * FROM peer")
        _, own = create_doors(node.parts)
        transport = httpx.ASGITransport(app=own)
        async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
            lines = (await http.get("/api/log/export")).text.splitlines()
        header = json.loads(lines[1])
        assert (lines[0], lines[-1]) == (HEADER, f"end {header['sizes']['intl-1']}")
        assert len(lines) == header["sizes"]["intl-1"] + 3
        assert header["descriptors"][header["center"]]
        for token in (await log_in(node), await person(node, "staff")):
            async with client(node, token) as http:  # every word, also of who was drawn
                assert (await http.get("/api/log/export")).status_code == 403


async def test_nobody_but_the_operator_erases_or_lifts(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        for role in ("staff", "supervisor"):
            async with client(node, await person(node, role)) as http:
                for path in (f"log/erase/{'0' * 32}", f"peers/lp1{'a' * 32}/lift-fork"):
                    answer = await http.post(f"/api/{path}", json={"reason": "期满"})
                    assert answer.status_code == 403, path


async def test_a_fork_is_shown_with_its_proof_and_lifted_with_a_reason(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await log_in(node)) as http:
        log = Log(node)
        peer = CenterId(log.descriptor.center_id)
        await post(http, log.adds(LEAVES[:4]))
        await post(http, log.adds(OTHERS[:4], 4))

        (fork,) = (await http.get(f"/api/peers/{peer}/forks")).json()
        assert (fork["stops"], fork["via"]) == (True, "tlog-witness")
        assert fork["held"] != fork["shown"]
        open_todos = [each["kind"] for each in (await http.get("/api/todos")).json()]
        assert "log_fork" in open_todos

        answer = await http.post(f"/api/peers/{peer}/lift-fork", json={"reason": "误启两台节点"})
        assert answer.status_code == 200
        (fork,) = (await http.get(f"/api/peers/{peer}/forks")).json()
        assert (fork["stops"], fork["lifted_by"]) == (False, "operator")
        assert fork["reason"] == "误启两台节点"
        again = await http.post(f"/api/peers/{peer}/lift-fork", json={"reason": "误启两台节点"})
        assert again.status_code == 409
        open_todos = [each["kind"] for each in (await http.get("/api/todos")).json()]
        assert "log_fork" not in open_todos
