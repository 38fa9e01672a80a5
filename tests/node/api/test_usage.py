"""The routes of usage: what each role may see, both counts with their evidence, settling."""

from pathlib import Path
from typing import Final

from federation.ids import CenterId, ConversationId
from federation.protocol.conversation import Conversation, Kind
from federation.protocol.peering import (
    DISPUTED,
    FIRST,
    DisputeUsage,
    Stage,
    StateUsage,
    Usage,
    UsedWord,
)
from node.services.house import Desk
from node.store import usage as store
from node.wiring import Node
from tests.node.api.test_app import assembled, client, error, person

PEER: Final = CenterId("lp1" + "a" * 32)
TALK: Final = ConversationId(b"\x05" * 16)
HELD: Final = UsedWord(b"\x01" * 16, Stage.HELD, b"\x02" * 32)
CONFIRMED: Final = UsedWord(b"\x01" * 16, Stage.CONFIRMED, b"\x03" * 32)


async def put_dispute(node: Node) -> None:
    """We stated a Hold; the host counted its confirmation, too."""

    def put(desk: Desk) -> None:
        talk = Conversation(TALK, Kind.PEERING, FIRST, PEER, None, "intl-1", DISPUTED)
        desk.ledger.put_conversation(talk, desk.now_ms)
        ours = Usage(1, 0, 0, 0, 0, (HELD,))
        theirs = Usage(1, 1, 0, 5, 3, (HELD, CONFIRMED))
        connection = desk.ledger.connection
        word = StateUsage(bytes(32), "2026-05-06", ours)
        store.add(connection, talk, desk.identity.center, word, desk.now_ms)
        store.set_answer(connection, TALK, DisputeUsage(theirs, "differs"))

    await node.parts.negotiator.transact(put)


async def test_usage_is_for_those_who_answer_for_it(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        for role, status in (("staff", 200), ("supervisor", 200), ("agency", 403)):
            async with client(node, await person(node, role)) as http:
                for path in ("/api/usage", "/api/disputes"):
                    assert (await http.get(path)).status_code == status
        async with client(node) as http:
            assert (await http.get("/api/usage")).status_code == 401


async def test_a_dispute_shows_both_counts_and_is_settled_with_a_note(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        await put_dispute(node)
        async with client(node, await person(node, "staff")) as http:
            (stated,) = (await http.get("/api/usage")).json()
            assert (stated["state"], stated["state_zh"]) == ("DISPUTED", "双方不一致")
            (found,) = (await http.get("/api/disputes")).json()
            assert (found["ours"]["seats"], found["theirs"]["seats"]) == (0, 5)
            assert found["evidence"] == [
                {
                    "booking": "01" * 16,
                    "stage": "CONFIRMED",
                    "word": "03" * 32,
                    "counted_by_us": False,
                    "log_index": None,
                }
            ]
            path = f"/api/disputes/{TALK.hex()}/resolve"
            empty = await http.post(path, json={"note": " "})
            assert error(empty)["code"] == "INVALID"
            assert (await http.post(path, json={"note": "以副场为准"})).status_code == 200
            (found,) = (await http.get("/api/disputes")).json()
            assert (found["resolved_by"], found["resolution"]) == ("staff", "以副场为准")
            again = await http.post(path, json={"note": "x"})
            assert error(again)["code"] == "CONFLICT"
            strange = await http.post(f"/api/disputes/{'00' * 16}/resolve", json={"note": "x"})
            assert error(strange)["code"] == "NOT_FOUND"


async def test_open_disputes_are_counted_for_the_alarms(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        await put_dispute(node)
        count = await node.parts.negotiator.transact(
            lambda desk: store.open_disputes(desk.ledger.connection)
        )
        assert count == 1
