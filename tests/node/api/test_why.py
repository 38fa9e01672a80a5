"""``GET /api/why``: the operator learns why; unknown ids, other people and bad ids are told so."""

from pathlib import Path

from federation.ids import CenterId, ConversationId
from federation.protocol import booking
from federation.protocol.conversation import Conversation, Kind
from node.services.house import Desk
from tests.node.api.test_app import assembled, client, error, log_in, person

PEER = CenterId("lp1" + "a" * 32)
LEG = ConversationId(bytes(range(16)))


def keep(desk: Desk) -> None:
    desk.ledger.put_conversation(
        Conversation(
            id=LEG,
            kind=Kind.BOOKING,
            role=booking.SUB,
            peer=PEER,
            agreement=None,
            suite="intl-1",
            phase=booking.HELD,
            heard=1,
            deadline_ms=desk.now_ms + 60_000,
        ),
        desk.now_ms,
    )


async def test_the_operator_learns_whose_turn_it_is_and_what_to_do(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        await node.parts.negotiator.transact(keep)
        async with client(node, await log_in(node)) as http:
            told = (await http.get(f"/api/why/{LEG.hex()[:12]}")).json()
            assert (told["id"], told["what"]) == (LEG.hex(), "conversation")
            (leg,) = told["conversations"]
            assert (leg["turn"], leg["ours"], leg["clock_is_ours"]) == ("SUB", True, True)
            assert leg["advice"]["how"] == f"POST /api/bookings/{LEG.hex()}/vote"
            assert "not pinned" in leg["peer_view"]["error"]
            assert "副场答复预约" in told["text"]


async def test_what_is_unknown_or_no_id_is_told_in_both_languages(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await log_in(node)) as http:
        unknown = await http.get(f"/api/why/{'ab' * 16}")
        assert (unknown.status_code, error(unknown)["code"]) == (404, "NOT_FOUND")
        for bad in ("123", "zzzzzzzz", "%F0%9F%92%A5"):
            answer = await http.get(f"/api/why/{bad}")
            assert answer.status_code == 422, answer.text
            assert "十六进制" in error(answer)["zh"]
        assert (await http.get(f"/api/why/{'a' * 81}")).status_code == 422


async def test_it_names_partners_and_is_the_operators_alone(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        await node.parts.negotiator.transact(keep)
        for role in ("staff", "supervisor"):
            async with client(node, await person(node, role)) as http:
                assert (await http.get(f"/api/why/{LEG.hex()}")).status_code == 403
