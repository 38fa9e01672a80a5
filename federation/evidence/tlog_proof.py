"""Proofs of C2SP's tlog-proof: one entry of a log, verifiable by anybody who has a policy.

A file of some hundred bytes: the entry's place, the audit path, and a checkpoint with the
cosignatures of witnesses. The entry itself lies beside it. Under ``gm-1`` the text is the same
and the hash is SM3, which the log's own key tells.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from federation.evidence.checkpoint import MAX_SIZE, BadCheckpoint, Checkpoint
from federation.evidence.tlog_policy import Policy
from federation.evidence.tlog_witness import BadRequest, read_hash
from federation.trust import merkle

MAGIC: Final = "c2sp.org/tlog-proof@v1"
MAX_PATH: Final = 63
"""Levels of a tree of 2^63 leaves."""
MAX_EXTRA_BYTES: Final = 16 * 1024

_INDEX: Final = re.compile(r"index (0|[1-9][0-9]{0,18})")


class BadProof(ValueError):
    """A proof is not what tlog-proof describes, or proves nothing."""


@dataclass(frozen=True, slots=True)
class LogProof:
    """That an entry stands in a log.

    Args:
        index: Its place, from 0.
        path: Siblings from the leaf to the root, 32 bytes each.
        note: The checkpoint with its signatures.
        extra: What an application adds; nothing here reads it.
    """

    index: int
    path: tuple[bytes, ...]
    note: str
    extra: bytes = b""

    def write(self) -> str:
        """The proof file."""
        lines = [MAGIC]
        if self.extra:
            lines.append(f"extra {base64.b64encode(self.extra).decode()}")
        lines.append(f"index {self.index}")
        lines += [base64.b64encode(each).decode() for each in self.path]
        return "\n".join(lines) + "\n\n" + self.note


def read_proof(text: str) -> LogProof:
    """Read a proof file. Raises BadProof."""
    head, blank, note = text.partition("\n\n")
    if not blank or not note:
        raise BadProof("the proof has no empty line followed by a checkpoint")
    magic, *lines = head.split("\n")
    if magic != MAGIC:
        raise BadProof(f"the first line is not {MAGIC}")
    extra = b""
    if lines and lines[0].startswith("extra "):
        extra = _extra(lines.pop(0).removeprefix("extra "))
    found = _INDEX.fullmatch(lines[0]) if lines else None
    if found is None or int(found[1]) > MAX_SIZE:
        raise BadProof("there is no line 'index' with a place")
    if len(lines) - 1 > MAX_PATH:
        raise BadProof(f"the path has more than {MAX_PATH} hashes")
    try:
        path = tuple(map(read_hash, lines[1:]))
    except BadRequest as error:
        raise BadProof(str(error)) from error
    return LogProof(int(found[1]), path, note, extra)


def _extra(encoded: str) -> bytes:
    try:
        extra = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise BadProof("the extra data is not base64") from error
    if len(extra) > MAX_EXTRA_BYTES or base64.b64encode(extra).decode() != encoded:
        raise BadProof(f"the extra data is not canonical, or over {MAX_EXTRA_BYTES} bytes")
    return extra


def check_proof(proof: LogProof, entry: bytes, policy: Policy) -> tuple[Checkpoint, frozenset[str]]:
    """Check that an entry stands where the proof says, under a checkpoint that counts.

    Returns:
        The checkpoint, and the witnesses of the policy that cosigned it.

    Raises:
        BadProof: Who signed is not who must have, or the entry is not in the log.
    """
    try:
        head, who = policy.check(proof.note)
    except BadCheckpoint as error:
        raise BadProof(str(error)) from error
    (digests,) = {key.suite for key in policy.logs if key.name == head.origin}
    leaf = merkle.leaf_hash(digests, entry)
    if not merkle.verify_inclusion(digests, leaf, proof.index, head.size, proof.path, head.root):
        raise BadProof(f"the entry is not leaf {proof.index} of {head.origin} at {head.size}")
    return head, who


def same_head(notes: Sequence[str]) -> str:
    """One note with the signatures of several that are of the same head; each line once."""
    texts = [note.partition("\n\n") for note in notes]
    lines = [line for _, _, signed in texts for line in signed.splitlines()]
    return f"{texts[0][0]}\n\n" + "".join(f"{line}\n" for line in dict.fromkeys(lines))
