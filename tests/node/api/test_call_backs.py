"""Call-backs over the API: for officers by name, whom to call one at a time, others kept out."""

import json
from pathlib import Path

import pytest

from federation.ids import CenterId
from node.services.house import Desk
from node.store import call_backs as store
from node.store.call_backs import CallBackRow
from node.wiring import Node
from tests.node.api.test_app import assembled, client, error, log_in
from tests.node.api.test_oversight import officer
from tests.node.api.test_roles import regulator

PEER = CenterId("lp1" + "a" * 32)
ONE, OTHER = bytes(range(16)), bytes(range(1, 17))
PATH = "/api/oversight/call-backs"
CALL = {
    "uid": "E001", "name": "王评", "phone": "13800138000", "answer": "no_answer", "keys": "",
    "placed_ms": 1, "text": "请参加评标",
}  # fmt: skip


async def kept(node: Node) -> None:
    """Two call-backs, one with a good record."""

    def keep(desk: Desk) -> None:
        connection = desk.ledger.connection
        for at, identifier in enumerate((ONE, OTHER)):
            row = CallBackRow(
                id=identifier, conversation=bytes(16), draw=bytes(16), entry=bytes([at]) * 32,
                owner=PEER, sealer=PEER, suite="intl-1", pool="experts", epoch="e1",
                response="NO_ANSWER", evidence=bytes(32), gateway_key=bytes(32),
                asked_at_ms=desk.now_ms,
            )  # fmt: skip
            store.add(connection, row)
        store.set_call(connection, node.parts.cipher, ONE, json.dumps(CALL))

    await node.parts.negotiator.transact(keep)


async def test_officers_see_what_was_chosen_and_whom_to_call_one_at_a_time(
    tmp_path: Path,
) -> None:
    async with regulator(tmp_path) as node:
        await kept(node)
        async with client(node, await officer(node, "zhao")) as http:
            answer = await http.get(PATH)
            assert [row["state"] for row in answer.json()] == ["PRODUCED", "ASKED"]
            assert "王评" not in answer.text
            assert "13800138000" not in answer.text
            one = (await http.get(f"{PATH}/{ONE.hex()}")).json()
            assert one["call"] == CALL
            assert (await http.get(f"{PATH}/{OTHER.hex()}")).json()["call"] is None

            body = {"finding": "MISMATCH", "grounds": "未接到电话"}
            assert (await http.post(f"{PATH}/{ONE.hex()}/propose", json=body)).is_success
            answer = await http.post(f"{PATH}/{ONE.hex()}/confirm")
            assert (answer.status_code, error(answer)["code"]) == (403, "SAME_PERSON")
            assert (await http.post(f"{PATH}/{ONE.hex()}/withdraw")).is_success


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        (f"{'0' * 32}/propose", {"finding": "MATCH", "grounds": "x"}, 404, "NOT_FOUND"),
        (f"{'0' * 32}/confirm", None, 404, "NOT_FOUND"),
        (f"{'0' * 32}/withdraw", None, 404, "NOT_FOUND"),
        (f"{ONE.hex()}/confirm", None, 409, "CONFLICT"),
        (f"{ONE.hex()}/withdraw", None, 409, "CONFLICT"),
        (f"{OTHER.hex()}/propose", {"finding": "MATCH", "grounds": "x"}, 409, "CONFLICT"),
        (f"{ONE.hex()}/propose", {"finding": "MAYBE", "grounds": "x"}, 422, "INVALID"),
        (f"{ONE.hex()}/propose", {"finding": "MATCH", "grounds": " "}, 422, "INVALID"),
        ("short/confirm", None, 422, "INVALID"),
    ],
)
async def test_what_cannot_be_is_told(
    tmp_path: Path, path: str, body: object, status: int, code: str
) -> None:
    async with regulator(tmp_path) as node:
        await kept(node)
        async with client(node, await officer(node, "zhao")) as http:
            answer = await http.post(f"{PATH}/{path}", json=body)
            assert (answer.status_code, error(answer)["code"]) == (status, code)


async def test_nobody_but_an_officer_sees_or_states_anything(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        async with client(node, await log_in(node)) as http:
            assert (await http.get(PATH)).status_code == 403
            assert (await http.get(f"{PATH}/{ONE.hex()}")).status_code == 403
        async with client(node) as http:
            assert (await http.get(PATH)).status_code == 401
