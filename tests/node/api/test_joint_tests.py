"""Joint tests at the API: a failed one tells what to do, an unknown one is not found."""

from pathlib import Path

from federation.ids import CenterId
from federation.protocol.booking import Check
from node.services.house import Desk
from node.store import joint_tests
from node.store.joint_tests import State
from tests.node.api.test_app import assembled, client, log_in

PEER = CenterId("lp1" + "a" * 32)
TEST = bytes(range(16))


def keep(desk: Desk) -> None:
    connection, now_ms = desk.ledger.connection, desk.now_ms
    joint_tests.add(
        connection, test=TEST, peer=PEER, tester=True, agreement=bytes(32), now_ms=now_ms
    )
    joint_tests.set_ours(
        connection, TEST, [Check("clock_skew", passed=False, measured="+600000 ms")]
    )
    ended = Check("ended", passed=False, measured="the peer does not answer")
    joint_tests.finish(connection, TEST, State.FAILED, [ended], now_ms)


async def test_a_test_that_failed_says_what_to_do_in_both_languages(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        await node.parts.negotiator.transact(keep)
        async with client(node, await log_in(node)) as http:
            shown = (await http.get(f"/api/joint-tests/{TEST.hex()}")).json()
            assert (shown["state"], shown["passed"], shown["phase"]) == (
                "FAILED",
                False,
                "MEASURING",
            )
            (clock,) = shown["our_checks"]
            assert "NTP" in clock["todo_zh"]
            assert "NTP" in clock["todo_en"]
            assert shown["report"] is None
            text = await http.get(f"/api/joint-tests/{TEST.hex()}/text")
            assert text.headers["content-type"].startswith("text/plain")
            assert "[失败] 时钟偏差 · clock skew: +600000 ms" in text.text
            assert shown["text"] == text.text
            assert [each["id"] for each in (await http.get("/api/joint-tests")).json()] == [
                TEST.hex()
            ]


async def test_what_is_not_there_is_not_found(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await log_in(node)) as http:
        assert (await http.get(f"/api/joint-tests/{TEST.hex()}")).status_code == 404
        assert (await http.get(f"/api/joint-tests/{TEST.hex()}/text")).status_code == 404
        assert (await http.post(f"/api/peers/{PEER}/test")).status_code == 404
