"""Checkpoints that come by C2SP's tlog-witness: anybody may bring one, the log's key speaks.

The same rule as for checkpoints that ride on calls, and the same record: what a peer's log showed
here and there is one history. Check and record are in the caller's transaction. Only logs of
pinned peers, and only under ``intl-1``: what C2SP knows. A bad proof accuses nobody here, because
whoever brought it need not be the log; two heads of one size under the log's key do.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from federation.engine import epochs
from federation.engine.floor import Floor
from federation.engine.passing import Passing
from federation.engine.sightings import log_keys
from federation.evidence.checkpoint import (
    WITNESS,
    BadCheckpoint,
    Checkpoint,
    NoteKey,
    cosign,
    signed_only_by,
    verify_note,
)
from federation.evidence.tlog_witness import AddCheckpoint
from federation.ids import CenterId
from federation.ports import Ledger
from federation.trust import merkle
from federation.trust.keys import Purpose
from federation.trust.suite import suite

L = TypeVar("L", bound=Ledger)

SUITE_ID: Final = "intl-1"


class Verdict(Enum):
    """What became of a submission; the value is tlog-witness's HTTP status."""

    COSIGNED = 200
    MALFORMED = 400
    NOT_SIGNED = 403
    UNKNOWN_LOG = 404
    OTHER_SIZE = 409
    NOT_CONSISTENT = 422


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a submission.

    Args:
        verdict: What became of it.
        lines: Our cosignature, as a signature line; empty unless it was cosigned.
        size: The size that we cosigned last.
        peer: Whose log it is; empty if it is nobody's that we know.
    """

    verdict: Verdict
    lines: str = ""
    size: int = 0
    peer: str = ""


def add_checkpoint(floor: Floor[L], passing: Passing, request: AddCheckpoint) -> Answer:
    """Cosign a checkpoint if it goes on from what we cosigned last."""
    claimed = epochs.head_of(request.note)
    if claimed is None:
        return Answer(Verdict.MALFORMED)
    peer = CenterId(claimed.origin.partition("/")[0])
    theirs = floor.keyring.peers.get(peer)
    if (
        theirs is None
        or SUITE_ID not in theirs.suites
        or SUITE_ID not in floor.identity.suites
        or claimed.origin != theirs.log_name(SUITE_ID)
    ):
        return Answer(Verdict.UNKNOWN_LOG)
    try:
        head, _ = verify_note(request.note, log_keys(theirs, SUITE_ID))
        note = signed_only_by(request.note, log_keys(theirs, SUITE_ID))
    except BadCheckpoint:
        return Answer(Verdict.NOT_SIGNED, peer=peer)
    if request.old_size > head.size:
        return Answer(Verdict.MALFORMED, peer=peer)
    return _consistent(floor, passing, peer, head, note, request)


def latest(floor: Floor[L], origin: str) -> str | None:
    """The checkpoint of a log that we cosigned last, with our line; None if there is none."""
    for peer, theirs in floor.keyring.peers.items():
        if SUITE_ID in theirs.suites and theirs.log_name(SUITE_ID) == origin:
            seen = floor.ledger.witnessed(CenterId(peer), SUITE_ID)
            return seen[2] if seen is not None and seen[2] else None
    return None


def _consistent(
    floor: Floor[L],
    passing: Passing,
    peer: CenterId,
    head: Checkpoint,
    note: str,
    request: AddCheckpoint,
) -> Answer:
    digests = suite(SUITE_ID)
    seen = floor.ledger.witnessed(peer, SUITE_ID)
    size, root, ours = seen if seen is not None else (0, digests.hash(b""), "")
    if head.size == size and head.root != root:
        if seen is not None:
            began = ours or Checkpoint(head.origin, size, root).body()
            passing.contradict(floor, peer, began, note, "tlog-witness")
        return Answer(Verdict.OTHER_SIZE, size=size, peer=peer)
    if request.old_size != size:
        return Answer(Verdict.OTHER_SIZE, size=size, peer=peer)
    if not merkle.verify_consistency(digests, size, root, head.size, head.root, request.proof):
        return Answer(Verdict.NOT_CONSISTENT, size=size, peer=peer)
    if floor.ledger.forked(peer):
        return Answer(Verdict.NOT_CONSISTENT, size=size, peer=peer)
    line = _cosignature(floor, peer, note)
    floor.ledger.put_witnessed(peer, SUITE_ID, head.size, head.root, note + line)
    return Answer(Verdict.COSIGNED, line, head.size, peer)


def _cosignature(floor: Floor[L], peer: CenterId, note: str) -> str:
    """Our signature line under a note that bears none of ours."""
    own = floor.identity.key_for(peer, SUITE_ID, Purpose.WITNESS, floor.now_ms)
    descriptor = floor.identity.descriptor
    (public,) = [each.key for each in descriptor.keys if each.id == own.id]
    key = NoteKey(suite(SUITE_ID), descriptor.witness_name(SUITE_ID), WITNESS, public)
    return cosign(note, key, own.sign, floor.now_ms // 1000).removeprefix(note)
