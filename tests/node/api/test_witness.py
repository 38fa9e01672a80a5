"""tlog-witness over HTTP: statuses, sizes, cosignatures; two histories, races, floods, rubbish."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import httpx

from federation.engine.sightings import log_keys, witness_keys
from federation.evidence.checkpoint import (
    Checkpoint,
    cosigned_at,
    sign_log,
    verify_note,
)
from federation.evidence.tlog_witness import (
    MAX_REQUEST_BYTES,
    SIZE_TYPE,
    AddCheckpoint,
    origin_hash,
)
from federation.ids import CenterId
from federation.trust import merkle
from federation.trust.keys import Descriptor
from federation.trust.suite import suite
from node.api.witness import ALL_CALLERS
from node.services import forks
from node.wiring import Node
from tests.node.api.test_app import assembled, client
from tests.support.identities import describe, make_secrets
from tests.support.pair import SeededRandom

NAME: Final = "intl-1"
SUITE: Final = suite(NAME)
LEAVES: Final = [SUITE.hash(bytes([number])) for number in range(8)]
OTHERS: Final = [SUITE.hash(bytes([number, number])) for number in range(8)]
PATH: Final = "/api/witness/add-checkpoint"


class Log:
    """A partner's log, whose key the test has."""

    def __init__(self, node: Node) -> None:
        self.secrets = make_secrets(SeededRandom("log").bytes, ["gm-1", NAME])
        self.descriptor: Descriptor = describe(
            self.secrets, "log", node.parts.negotiator.clock.now_ms()
        )
        node.parts.keyring.pin(self.descriptor)

    @property
    def origin(self) -> str:
        return self.descriptor.log_name(NAME)

    def note(self, leaves: Sequence[bytes]) -> str:
        head = Checkpoint(self.origin, len(leaves), merkle.root(SUITE, leaves))
        signer = SUITE.signer(self.secrets[NAME].log)
        return sign_log(head, log_keys(self.descriptor, NAME)[0], signer)

    def adds(self, leaves: Sequence[bytes], old: int = 0) -> bytes:
        frontier = merkle.Frontier(SUITE)
        nodes = {(level, at): node for leaf in leaves for level, at, node in frontier.append(leaf)}
        size = min(old, len(leaves))
        proof = merkle.consistency_proof(SUITE, size, len(leaves), lambda *node: nodes[node])
        return AddCheckpoint(old, tuple(proof), self.note(leaves)).encode()


async def post(http: httpx.AsyncClient, body: bytes) -> tuple[int, str]:
    answer = await http.post(PATH, content=body)
    if answer.status_code == 409:
        assert answer.headers["content-type"].partition(";")[0] == SIZE_TYPE
    return answer.status_code, answer.text


async def test_a_log_that_grows_is_cosigned_and_shown_to_monitors(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        log = Log(node)
        path = f"/api/witness/{origin_hash(log.origin)}/checkpoint"
        assert (await http.get(path)).status_code == 404
        keys = witness_keys(node.parts.negotiator.identity.descriptor, NAME)
        for old, size in ((0, 3), (3, 8), (8, 8)):
            status, lines = await post(http, log.adds(LEAVES[:size], old))
            assert status == 200, lines
            note = log.note(LEAVES[:size]) + lines
            assert cosigned_at(note, keys)
        shown = (await http.get(path)).text
        head, _ = verify_note(shown, log_keys(log.descriptor, NAME))
        assert head.size == 8
        assert cosigned_at(shown, keys)


async def test_whoever_has_another_size_is_told_ours(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        log = Log(node)
        assert await post(http, log.adds(LEAVES[:5], 2)) == (409, "0\n")
        assert (await post(http, log.adds(LEAVES[:5])))[0] == 200
        for body in (log.adds(LEAVES), log.adds(LEAVES, 3), log.adds(LEAVES[:3])):
            assert await post(http, body) == (409, "5\n")


async def test_only_a_true_proof_under_the_logs_own_key_is_cosigned(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        log = Log(node)
        await post(http, log.adds(LEAVES[:3]))
        wrong = log.adds([*OTHERS[:3], *LEAVES[3:]], 3)
        assert (await post(http, wrong))[0] == 422
        peer = CenterId(log.descriptor.center_id)
        kept = await node.parts.negotiator.transact(lambda desk: forks.kept(desk, peer))
        assert kept == [], "a bad proof may be anybody's: it accuses nobody"
        forged = log.adds(LEAVES, 3).replace(b"\n8\n", b"\n9\n")
        assert (await post(http, forged))[0] == 403
        elsewhere = log.adds(LEAVES, 3).replace(log.origin.encode(), b"example.com/log")
        assert (await post(http, elsewhere))[0] == 404
        under_gm = log.adds(LEAVES, 3).replace(b"/log/intl-1", b"/log/gm-1")
        assert (await post(http, under_gm))[0] == 404
        assert (await post(http, log.adds(LEAVES[:3], 4)))[0] == 400
        assert (await post(http, log.adds(LEAVES, 3)))[0] == 200, "and the true one still is"


async def test_two_heads_of_one_size_are_kept_as_proof_and_stop_draws(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        log = Log(node)
        await post(http, log.adds(LEAVES[:4]))
        assert await post(http, log.adds(OTHERS[:4], 4)) == (409, "4\n")
        peer = CenterId(log.descriptor.center_id)
        (kept,) = await node.parts.negotiator.transact(lambda desk: forks.kept(desk, peer))
        assert kept.stops
        assert verify_note(kept.held, log_keys(log.descriptor, NAME))
        assert verify_note(kept.shown, log_keys(log.descriptor, NAME))
        assert (await post(http, log.adds(LEAVES, 4)))[0] == 422, "never cosigned again"


async def test_concurrent_add_checkpoint(tmp_path: Path) -> None:
    """Check and record are one transaction: of two from one size, one comes too late."""
    async with assembled(tmp_path) as node, client(node) as http:
        log = Log(node)
        await post(http, log.adds(LEAVES[:2]))
        bodies = [log.adds(LEAVES[:size], 2) for size in (3, 5, 8, 4, 6)]
        answers = await asyncio.gather(*(post(http, body) for body in bodies))
        assert sorted(status for status, _ in answers) == [200, 409, 409, 409, 409]
        (won,) = [at for at, (status, _) in enumerate(answers) if status == 200]
        size = (3, 5, 8, 4, 6)[won]
        assert {text for status, text in answers if status == 409} == {f"{size}\n"}


RUBBISH: Final = (
    b"", b"old 0", b"old 0\n\n", b"old x\n\nnote\n", b"old 00\n\nnote\n", b"old -1\n\nnote\n",
    b"old 0\nAAAA\n\nnote\n", b"old 0\n" + b"A" * 44 + b"\n\nnote\n", b"\xff\n\n\xff",
    b"old 0\n" + (b"A" * 43 + b"=\n") * 64 + b"\nnote\n", b"old 9223372036854775808\n\nx\n",
    b"old 0\n\n" + b"x" * MAX_REQUEST_BYTES,
)  # fmt: skip


async def test_what_is_no_such_request_is_answered_400(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        for body in RUBBISH:
            assert (await post(http, body))[0] == 400, body[:60]


async def test_a_flood_is_refused_unread(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        found = [(await post(http, b"old x\n\n"))[0] for _ in range(int(ALL_CALLERS.burst))]
        assert set(found) == {400}
        # On a slow machine some come back meanwhile.
        for _ in range(20 * int(ALL_CALLERS.burst)):
            if (await post(http, b"old x\n\n"))[0] == 429:
                break
        else:
            raise AssertionError("none of a flood was refused")
        answer = await http.get(f"/api/witness/{'0' * 64}/checkpoint")
        assert answer.status_code == 429
