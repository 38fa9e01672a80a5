"""Oversight over the API: a center asks, officers decide by name, others are kept out."""

from pathlib import Path
from typing import Any

import pytest

from federation.ids import CenterId
from federation.protocol.draw import Open, Slot
from federation.protocol.oversight import AskPermit
from federation.wire.envelopes import encode_envelope
from federation.wire.words import PAYLOAD_TYPES, encode_word
from node.api.oversight import STATUSES
from node.services.house import Desk
from node.store import oversight as store
from node.store.oversight import RequestRow, State
from node.wiring import Node
from tests.node.api.test_app import PASSWORD, assembled, client, error, log_in, person
from tests.node.api.test_roles import regulator

PEER = CenterId("lp1" + "a" * 32)
REQUEST = bytes(range(16))


async def officer(node: Node, name: str) -> str:
    """An officer's token."""
    async with client(node, await log_in(node)) as http:
        body = {"name": name, "role": "officer", "display_name": name, "password": PASSWORD}
        assert (await http.post("/api/accounts", json=body)).status_code == 201
    return await log_in(node, name)


def opened(desk: Desk) -> bytes:
    """A draw as a sealer opened it; whose signature it bears is nothing to what is shown of it."""
    word = Open(
        booking_id=bytes(16),
        sequence=2,
        pool="experts",
        epoch="e1",
        root=bytes(32),
        slots=(Slot("A08", 2), Slot("B05", 1)),
        contributors=(PEER, PEER),
        bid_deadline_ms=desk.now_ms,
        evaluation_start_ms=desk.now_ms,
    )
    envelope = desk.identity.stated(
        "intl-1", PEER, bytes(16), PAYLOAD_TYPES[Open], encode_word(word), desk.now_ms
    )
    return encode_envelope(envelope)


def keep(desk: Desk) -> None:
    store.add_request(
        desk.ledger.connection,
        RequestRow(
            id=REQUEST,
            word="AskPermit",
            peer=PEER,
            suite="intl-1",
            subject=bytes(16),
            body=encode_word(AskPermit(bytes(16), opened(desk), "副场设备故障")),
            reason="副场设备故障",
            asked_at_ms=desk.now_ms,
            state=State.OPEN,
        ),
    )


async def test_officers_see_requests_and_are_told_when_nobody_waits_any_more(
    tmp_path: Path,
) -> None:
    async with regulator(tmp_path) as node:
        await node.parts.negotiator.transact(keep)
        async with client(node, await officer(node, "zhao")) as http:
            (row,) = (await http.get("/api/oversight/requests")).json()
            assert (row["id"], row["state"], row["proposed_by"]) == (REQUEST.hex(), "OPEN", "")
            shown = row["draw"]
            assert (shown["sequence"], shown["experts"], shown["owner"]) == (2, 3, PEER)
            path = f"/api/oversight/requests/{REQUEST.hex()}"
            body = {"decision": "GRANT", "grounds": "已核实"}
            answer = await http.post(f"{path}/propose", json=body)
            assert (answer.status_code, error(answer)["code"]) == (409, "CONFLICT")
            assert "nobody waits" in error(answer)["en"]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (f"requests/{'0' * 32}/propose", {"decision": "GRANT", "grounds": "x"}, 404, "NOT_FOUND"),
        (f"requests/{'0' * 32}/confirm", None, 404, "NOT_FOUND"),
        (f"requests/{REQUEST.hex()}/confirm", None, 409, "CONFLICT"),
        (f"requests/{REQUEST.hex()}/withdraw", None, 409, "CONFLICT"),
        (
            f"requests/{REQUEST.hex()}/propose",
            {"decision": "MAYBE", "grounds": "x"},
            422,
            "INVALID",
        ),
        ("requests/short/confirm", None, 422, "INVALID"),
        ("audits", {"file": "{}", "grounds": "x"}, 422, "INVALID"),
        ("audits", {"file": "x", "grounds": ""}, 422, "INVALID"),
        (f"audits/{'0' * 32}/confirm", {"file": "{}"}, 404, "NOT_FOUND"),
        (f"audits/{REQUEST.hex()}/confirm", {"file": "{}"}, 404, "NOT_FOUND"),
    ],
)
async def test_the_wrong_order_and_the_unknown_are_told_in_both_languages(
    tmp_path: Path, path: str, body: dict[str, Any] | None, status: int, code: str
) -> None:
    async with regulator(tmp_path) as node:
        await node.parts.negotiator.transact(keep)
        async with client(node, await officer(node, "zhao")) as http:
            answer = await http.post(f"/api/oversight/{path}", json=body)
            assert (answer.status_code, error(answer)["code"]) == (status, code)
            assert error(answer)["zh"] != error(answer)["en"]


async def test_only_officers_decide_not_even_the_operator(tmp_path: Path) -> None:
    async with regulator(tmp_path) as node:
        await node.parts.negotiator.transact(keep)
        async with client(node, await log_in(node)) as http:
            for method, path in (
                ("GET", "requests"),
                ("POST", f"requests/{REQUEST.hex()}/confirm"),
                ("POST", "audits"),
            ):
                answer = await http.request(method, f"/api/oversight/{path}", json={})
                assert (answer.status_code, error(answer)["code"]) == (403, "NOT_ALLOWED")


async def test_a_center_is_told_that_it_is_no_regulator_and_how_to_ask_one(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        answer = await http.get("/api/oversight/requests")
        assert (answer.status_code, error(answer)["code"]) == (403, "NOT_A_REGULATOR")
        assert "POST /api/oversight/asked" in error(answer)["en"]
        assert (await http.get("/api/oversight/asked")).json() == []
        body = {"what": "PERMIT", "draw": "0" * 32, "reason": "设备故障"}
        answer = await http.post("/api/oversight/asked", json=body)
        assert (answer.status_code, error(answer)["code"]) == (404, "NOT_FOUND")


async def test_a_pool_that_was_never_announced_has_no_audit_file(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        async with client(node, await log_in(node)) as http:
            answer = await http.get("/api/pools/audit")
            assert (answer.status_code, error(answer)["code"]) == (404, "NOT_FOUND")
            answer = await http.get("/api/pools/audit", params={"epoch": "../x"})
            assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")
        async with client(node, await person(node, "staff")) as http:
            assert (await http.get("/api/pools/audit")).status_code == 403


def test_every_status_that_is_announced_is_known_to_an_audit() -> None:
    assert {"active", "leave", "suspended", "capped"} == STATUSES
