"""Checkpoints, cosignatures, proofs: ours before aics-tlog and aics-witness, and theirs before us.

Both are independent implementations of C2SP's formats (Apache-2.0, on PyPI). Nothing here is
between our own functions alone: each assertion has one side that we did not write.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from federation.engine.sightings import log_keys, witness_keys
from federation.evidence.checkpoint import (
    LOG,
    WITNESS,
    BadCheckpoint,
    Checkpoint,
    NoteKey,
    cosign,
    cosigned_at,
    sign_log,
    verify_note,
)
from federation.evidence.tlog_policy import Policy, read_policy, read_vkey, vkey
from federation.evidence.tlog_proof import LogProof, check_proof, read_proof
from federation.evidence.tlog_witness import AddCheckpoint, origin_hash, read_add_checkpoint
from federation.protocol.peering import StartTest
from federation.trust import merkle
from federation.trust.suite import INTL_1
from tests.interop import oracle
from tests.node.api.test_app import assembled, client
from tests.node.api.test_witness import LEAVES, Log
from tests.support.meshed import meshed, quiet
from tests.support.pair import Center

tlog: Final[Any] = oracle.load("aics_tlog")
protocol: Final[Any] = oracle.load("aics_witness.protocol")
feeder: Final[Any] = oracle.load("aics_witness.feeder")
service: Final[Any] = oracle.load("aics_witness.service")
config: Final[Any] = oracle.load("aics_witness.config")
store: Final[Any] = oracle.load("aics_witness.store")

ORIGIN: Final = "example.a.gov.cn/fednode/log/1"
WITNESS_NAME: Final = "example.b.gov.cn/fednode/witness/1"
LOG_PRIVATE: Final = Ed25519PrivateKey.from_private_bytes(b"\x11" * 32)
WITNESS_PRIVATE: Final = Ed25519PrivateKey.from_private_bytes(b"\x22" * 32)
LOG_KEY: Final = NoteKey(INTL_1, ORIGIN, LOG, LOG_PRIVATE.public_key().public_bytes_raw())
WITNESS_KEY: Final = NoteKey(
    INTL_1, WITNESS_NAME, WITNESS, WITNESS_PRIVATE.public_key().public_bytes_raw()
)
AT: Final = 1_790_000_000


def ours(leaves: Sequence[bytes]) -> str:
    """Our checkpoint of some leaves."""
    hashes = [merkle.leaf_hash(INTL_1, leaf) for leaf in leaves]
    head = Checkpoint(ORIGIN, len(leaves), merkle.root(INTL_1, hashes))
    return sign_log(head, LOG_KEY, LOG_PRIVATE.sign)


def proof(leaves: Sequence[bytes], old: int) -> tuple[bytes, ...]:
    frontier = merkle.Frontier(INTL_1)
    nodes = {}
    for leaf in leaves:
        for level, at, node in frontier.append(merkle.leaf_hash(INTL_1, leaf)):
            nodes[level, at] = node
    return tuple(merkle.consistency_proof(INTL_1, old, len(leaves), lambda *at: nodes[at]))


def path(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    hashes = [merkle.leaf_hash(INTL_1, leaf) for leaf in leaves]
    return merkle.audit_paths(INTL_1, hashes)[index]


def entries(count: int) -> list[bytes]:
    return [f'{{"word":"{number}"}}'.encode() for number in range(count)]


def test_verifier_keys_are_read_by_both_sides() -> None:
    theirs = tlog.vkey_from_ed25519(ORIGIN, LOG_PRIVATE.public_key())
    assert tlog.format_vkey(theirs) == vkey(LOG_KEY)
    assert tlog.parse_vkey(vkey(LOG_KEY)) == theirs
    cosigner = tlog.cosignature_vkey(WITNESS_NAME, WITNESS_PRIVATE.public_key())
    assert read_vkey(tlog.format_vkey(cosigner), WITNESS) == WITNESS_KEY


def test_our_checkpoint_with_our_cosignature_satisfies_them() -> None:
    note = cosign(ours(entries(5)), WITNESS_KEY, WITNESS_PRIVATE.sign, AT)
    result = tlog.verify_checkpoint(
        tlog.parse_note(note),
        tlog.parse_vkey(vkey(LOG_KEY)),
        [tlog.parse_vkey(vkey(WITNESS_KEY))],
        1,
        expected_origin=ORIGIN,
    )
    assert result.ok, result.error


def test_their_checkpoint_with_their_cosignature_satisfies_us() -> None:
    tree = tlog.MerkleTree(entries(7))
    head = tlog.Checkpoint(ORIGIN, 7, tree.root())
    signed = tlog.sign_checkpoint(head, LOG_PRIVATE, ORIGIN)
    _, line = tlog.sign_cosignature(WITNESS_PRIVATE, WITNESS_NAME, AT, ORIGIN, 7, tree.root())
    note = signed.serialise() + protocol.format_signature_line(line)
    found, _ = verify_note(note, [LOG_KEY])
    assert (found.size, found.root) == (7, tree.root())
    assert cosigned_at(note, [WITNESS_KEY])[0] == AT
    assert ours(entries(7)) == signed.serialise(), "byte for byte"


def test_what_they_refuse_we_refuse() -> None:
    note = ours(entries(5))
    for forged in (note.replace("\n5\n", "\n6\n"), note.replace(ORIGIN, "example.c.gov.cn/log")):
        with pytest.raises(BadCheckpoint):
            verify_note(forged, [LOG_KEY])
        result = tlog.verify_checkpoint(
            tlog.parse_note(forged), tlog.parse_vkey(vkey(LOG_KEY)), expected_origin=ORIGIN
        )
        assert not result.ok


@given(st.integers(1, 70), st.data())
def test_proofs_go_both_ways(size: int, data: st.DataObject) -> None:
    leaves = entries(size)
    index, old = data.draw(st.integers(0, size - 1)), data.draw(st.integers(1, size))
    tree = tlog.MerkleTree(leaves)
    root = tree.root()
    hashes = [merkle.leaf_hash(INTL_1, leaf) for leaf in leaves]
    assert merkle.root(INTL_1, hashes) == root
    assert tlog.verify_leaf_inclusion(leaves[index], index, size, path(leaves, index), root)
    assert merkle.verify_inclusion(
        INTL_1, hashes[index], index, size, tree.inclusion_proof(index), root
    )
    assert tlog.verify_consistency(old, size, tree.root(old), root, proof(leaves, old))
    assert merkle.verify_consistency(
        INTL_1, old, tree.root(old), size, root, tree.consistency_proof(old)
    )


def test_add_checkpoint_requests_are_read_by_both_sides() -> None:
    request = AddCheckpoint(3, proof(entries(9), 3), ours(entries(9)))
    theirs = protocol.parse_add_checkpoint_request(request.encode())
    assert (theirs.old_size, theirs.proof) == (3, request.proof)
    written = protocol.format_add_checkpoint_request(3, request.proof, request.note.encode())
    assert written == request.encode()
    assert read_add_checkpoint(written) == request
    assert protocol.origin_hash(ORIGIN) == origin_hash(ORIGIN)


def test_their_witness_cosigns_our_log_as_it_grows(tmp_path: Path) -> None:
    with store.WitnessStore(tmp_path / "witness.db", create=True) as kept:
        known = config.LogConfig(ORIGIN, (tlog.parse_vkey(vkey(LOG_KEY)),))
        witness = service.Witness(WITNESS_NAME, WITNESS_PRIVATE, kept, [known])
        for old, size in ((0, 3), (3, 8), (8, 21)):
            note = ours(entries(size))
            request = AddCheckpoint(old, proof(entries(size), old), note)
            lines = witness.add_checkpoint(request.encode()).decode()
            assert cosigned_at(note + lines, [WITNESS_KEY])
        other = [b"another", *entries(21)[1:], b"history"]
        with pytest.raises(service.WitnessError) as refused:
            witness.add_checkpoint(AddCheckpoint(21, proof(other, 21), ours(other)).encode())
        assert refused.value.status == 422


async def test_their_client_gets_cosignatures_from_our_node(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        log = Log(node)
        body = b""
        for old, size in ((0, 2), (2, 8)):
            signed = log.note(LEAVES[:size])
            consistency = read_add_checkpoint(log.adds(LEAVES[:size], old)).proof
            body = protocol.format_add_checkpoint_request(old, consistency, signed.encode())
            answer = await http.post("/api/witness/add-checkpoint", content=body)
            _accepted(answer, signed, log, node.parts.negotiator.identity.descriptor)
        late = await http.post("/api/witness/add-checkpoint", content=body)
        assert late.status_code == 409
        assert late.headers["content-type"].partition(";")[0] == protocol.SIZE_CONTENT_TYPE
        assert protocol.parse_size_body(late.content) == 8


def _accepted(answer: httpx.Response, signed: str, log: Log, witness: Any) -> None:
    assert answer.status_code == 200, answer.text
    merged = feeder.merge_cosignatures(signed, answer.text)
    (ours_of_log,) = log_keys(log.descriptor, "intl-1")
    (ours_of_witness,) = witness_keys(witness, "intl-1")
    result = tlog.verify_checkpoint(
        tlog.parse_note(merged),
        tlog.parse_vkey(vkey(ours_of_log)),
        [tlog.parse_vkey(vkey(ours_of_witness))],
        1,
        expected_origin=log.origin,
    )
    assert result.ok, result.error


async def test_a_real_nodes_log_is_proven_to_them_entry_by_entry() -> None:
    """Two nodes talk; every entry of one log is accepted by their bundle verifier."""
    async with meshed("a", "b", suites=("intl-1",)) as (a, b):
        for _ in range(5):
            await a.do(lambda desk: desk.open(b.id, None, StartTest(bytes(32), ())))
        await quiet(a, b)
        note, rows = await _log_of(a, b)
        size = verify_note(note, log_keys(a.identity.descriptor, "intl-1"))[0].size
        assert size >= 5
        (log_key,) = log_keys(a.identity.descriptor, "intl-1")
        (witness_key,) = witness_keys(b.identity.descriptor, "intl-1")
        policy = Policy((log_key,), {"b": witness_key}, quorum="b")
        for index, entry in enumerate(rows[:size]):
            hashes = await _path_of(a, index, size)
            bundle = tlog.Bundle(entry, index, list(hashes), note)
            result = tlog.verify_bundle(
                bundle,
                tlog.parse_vkey(vkey(log_key)),
                [tlog.parse_vkey(vkey(witness_key))],
                1,
            )
            assert result.ok, result.error
            written = LogProof(index, hashes, note).write()
            assert check_proof(read_proof(written), entry, read_policy(policy.write()))


async def _log_of(center: Center, peer: Center) -> tuple[str, list[bytes]]:
    cosigned = await center.do(lambda desk: desk.ledger.cosigned(peer.id, "intl-1"))
    assert cosigned is not None
    rows = await center.sql("SELECT data FROM log_entry WHERE suite = 'intl-1' ORDER BY idx")
    return cosigned[1], [data for (data,) in rows]


async def _path_of(center: Center, index: int, size: int) -> tuple[bytes, ...]:
    return await center.do(lambda desk: desk.ledger.inclusion("intl-1", index, size))
