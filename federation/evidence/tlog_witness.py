"""The request and the answers of C2SP's tlog-witness v1.0.0, as bytes.

Here: what stands in them. Not here: what a witness may cosign (``federation.engine.submission``)
and how it is carried. Stricter than the specification in one point: base64 and decimals are read
in their only spelling.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from federation.evidence.checkpoint import MAX_NOTE_BYTES, MAX_SIZE
from federation.trust.merkle import HASH_SIZE

MAX_PROOF_LINES: Final = 63
"""More than a log of 2^63 leaves can need (tlog-witness, add-checkpoint)."""

MAX_REQUEST_BYTES: Final = MAX_NOTE_BYTES + MAX_PROOF_LINES * 45 + 64
"""The longest note, all proof lines (44 characters and a newline each), and the size."""

SIZE_TYPE: Final = "text/x.tlog.size"
"""Content type of the answer 409, which tells the size that was cosigned last."""

_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,18})")


class BadRequest(ValueError):
    """A request is not what tlog-witness describes."""


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A checkpoint on its way to be cosigned.

    Args:
        old_size: The size from which consistency is proven.
        proof: RFC 6962 consistency proof, 32 bytes each; empty for ``old_size`` 0.
        note: The checkpoint, signed by its log.
    """

    old_size: int
    proof: tuple[bytes, ...]
    note: str

    def encode(self) -> bytes:
        """The body of the request."""
        lines = [f"old {self.old_size}", *(base64.b64encode(each).decode() for each in self.proof)]
        return ("\n".join(lines) + "\n\n" + self.note).encode()


def read_add_checkpoint(body: bytes) -> AddCheckpoint:
    """Read the body of an ``add-checkpoint`` request.

    Raises:
        BadRequest: It is too long, or not an old size, at most 63 hashes, an empty line and a note.
    """
    if len(body) > MAX_REQUEST_BYTES:
        raise BadRequest(f"the request has more than {MAX_REQUEST_BYTES} bytes")
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise BadRequest("the request is not UTF-8") from error
    head, blank, note = text.partition("\n\n")
    if not blank or not note:
        raise BadRequest("the request has no empty line followed by a checkpoint")
    first, *hashes = head.split("\n")
    found = _OLD.fullmatch(first)
    if found is None or int(found[1]) > MAX_SIZE:
        raise BadRequest("the first line is not 'old' and a tree size")
    if len(hashes) > MAX_PROOF_LINES:
        raise BadRequest(f"the proof has {len(hashes)} lines, more than {MAX_PROOF_LINES}")
    return AddCheckpoint(int(found[1]), tuple(map(read_hash, hashes)), note)


def read_hash(line: str) -> bytes:
    """One 32-byte hash in base64, in its only spelling. Raises BadRequest."""
    try:
        found = base64.b64decode(line, validate=True)
    except ValueError as error:
        raise BadRequest("a hash is not base64") from error
    if len(found) != HASH_SIZE or base64.b64encode(found).decode() != line:
        raise BadRequest(f"a hash is not {HASH_SIZE} bytes in canonical base64")
    return found


def origin_hash(origin: str) -> str:
    """By which a log is named in the path where monitors fetch its checkpoint."""
    return hashlib.sha256(origin.encode()).hexdigest()
