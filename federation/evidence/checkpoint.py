"""Checkpoints: what a log says about itself, and what a witness says about a log.

The text formats are C2SP's, so that any transparency tool can read them: signed-note
v1.0.0, tlog-checkpoint v1.0.0 and the Ed25519 form of tlog-cosignature v1
(``draw-and-evidence.md`` §2.1-2.2). Stricter than C2SP in four points, because our logs
never need the freedom: no extension lines, no spaces or plus signs in an origin, a log's
key bears the log's origin as its name, and no key signs the same note twice.

Whether a checkpoint extends the one before it is ``federation.trust.merkle``'s question;
who may witness, and when, is asked elsewhere. The clock is an argument.
"""

import base64
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from federation.trust import suite
from federation.trust.merkle import HASH_SIZE

LOG: Final = 0x01
"""Signature type of a log's key: plain Ed25519 over the note's text (signed-note)."""

WITNESS: Final = 0x04
"""Signature type of a witness's key: Ed25519 with a time (tlog-cosignature v1)."""

MAX_NOTE_BYTES: Final = 64 * 1024
"""Longer notes are refused unread; 16 ML-DSA-44 lines (3.3 KiB each in base64) still fit."""

MAX_SIGNATURES: Final = 16
"""As many as every C2SP verifier must accept; more could only waste our time."""

MAX_SIZE: Final = 2**63 - 1
"""Most leaves in a log: what SQLite's INTEGER holds."""

MAX_TIME: Final = 2**63 - 1
"""Latest time in a cosignature, in POSIX seconds (tlog-cosignature, Format)."""

KEY_ID_BYTES: Final = 4
"""Bytes of a key id; a name for a key, not a proof of it (signed-note, Signatures)."""

_PUBLIC_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_TIME_BYTES: Final = 8
_DASH: Final = "\N{EM DASH} "
_COSIGNATURE_HEADER: Final = "cosignature/v1"
_BODY_LINES: Final = 3
# ASCII digits only: str.isdigit and int() would let other scripts' digits through.
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


class BadCheckpoint(ValueError):
    """A note, checkpoint or key is not what C2SP describes, or is not signed as it should be."""


def _require_name(name: str, what: str) -> None:
    """Hold a key name or origin to signed-note's rule: non-empty, no Unicode spaces, no plus.

    Unprintable characters are refused as well: with bidi marks one origin can look like another.
    """
    if not name:
        raise BadCheckpoint(f"the {what} is empty")
    if any(char.isspace() or char == "+" or not char.isprintable() for char in name):
        raise BadCheckpoint(
            f"the {what} {name!r} contains a space, a plus or an unprintable character"
        )


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log.

    Args:
        origin: Name of the log, a schema-less URL: ``example.a.gov.cn/fednode/log/1``.
        size: How many leaves the log has.
        root: RFC 6962 root over them, 32 bytes.

    Raises:
        BadCheckpoint: The values cannot be written as a checkpoint.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        _require_name(self.origin, "origin")
        if not 0 <= self.size <= MAX_SIZE:
            raise BadCheckpoint(f"a log cannot have {self.size} leaves (0 to 2^63-1)")
        if len(self.root) != HASH_SIZE:
            raise BadCheckpoint(f"a root hash has {HASH_SIZE} bytes, not {len(self.root)}")

    def body(self) -> str:
        """The three lines that are signed, each with its newline (tlog-checkpoint, Note text)."""
        return f"{self.origin}\n{self.size}\n{_to_base64(self.root)}\n"


def parse_body(text: str) -> Checkpoint:
    """Read the text of a checkpoint; ``parse_body(text).body() == text`` whenever it succeeds.

    Raises:
        BadCheckpoint: It is not exactly origin, size and root, in their only spelling.
    """
    if not text.endswith("\n"):
        raise BadCheckpoint("the checkpoint does not end with a newline")
    lines = text[:-1].split("\n")
    if len(lines) != _BODY_LINES:
        raise BadCheckpoint(
            f"a checkpoint has 3 lines (origin, size, root; no extensions), not {len(lines)}"
        )
    origin, size, root = lines
    if not _SIZE.fullmatch(size):
        raise BadCheckpoint(f"the size {size[:32]!r} is not a decimal without leading zeros")
    return Checkpoint(origin, int(size), _from_base64(root, "root hash"))


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key that signs notes, pinned beforehand and never taken from a note.

    Args:
        name: Name on the signature line; for a log, its origin.
        kind: ``LOG`` or ``WITNESS``. One public key must never serve both.
        public_key: Raw Ed25519 public key, 32 bytes.

    Raises:
        BadCheckpoint: The values do not make such a key.
    """

    name: str
    kind: int
    public_key: bytes

    def __post_init__(self) -> None:
        _require_name(self.name, "key name")
        if self.kind not in {LOG, WITNESS}:
            raise BadCheckpoint(f"signature type {self.kind:#04x} is neither log nor witness")
        if len(self.public_key) != _PUBLIC_KEY_BYTES:
            raise BadCheckpoint(
                f"an Ed25519 public key has 32 bytes, not {len(self.public_key)} ({self.name})"
            )

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name, newline, type, public key); SHA-256 in every suite."""
        named = self.name.encode() + b"\n" + bytes([self.kind]) + self.public_key
        return hashlib.sha256(named).digest()[:KEY_ID_BYTES]


def sign_log(checkpoint: Checkpoint, key: NoteKey, private_key: bytes) -> str:
    """Make the note by which a log vouches for its own head.

    The caller must never sign two heads of which one does not extend the other.

    Raises:
        BadCheckpoint: The key is not this log's, or the private key is not the key's.
    """
    _require_kind(key, LOG)
    _require_origin(checkpoint, key)
    text = checkpoint.body()
    return _within_limits(f"{text}\n{_signature_line(key, private_key, b'', text.encode())}")


def cosign(note: str, key: NoteKey, private_key: bytes, at_unix: int) -> str:
    """Append a witness's cosignature to a log's note.

    The caller has verified the note, and that it extends all it has cosigned before: that
    is what a cosignature says (tlog-cosignature, Ed25519 signed message).

    Args:
        note: A checkpoint, signed by its log.
        key: The witness's key.
        private_key: Raw Ed25519 private key, 32 bytes.
        at_unix: The time of cosigning, in POSIX seconds.

    Raises:
        BadCheckpoint: The note is no checkpoint, is full or already bears this key's
            cosignature; the time cannot be written; or the private key is not the key's.
    """
    _require_kind(key, WITNESS)
    if not 0 <= at_unix <= MAX_TIME:
        raise BadCheckpoint(f"{at_unix} is not a POSIX time between 0 and 2^63-1")
    text, signatures = _parse_note(note)
    parse_body(text)
    if any(signature.is_by(key) for signature in signatures):
        raise BadCheckpoint(f"the note already bears a cosignature of {key.name}; use that one")
    if len(signatures) == MAX_SIGNATURES:
        raise BadCheckpoint(f"the note already bears {MAX_SIGNATURES} signatures")
    line = _signature_line(key, private_key, suite.u64(at_unix), _cosigned(text, at_unix))
    return _within_limits(note + line)


def signed_text(note: str, key: NoteKey) -> str:
    """Text of any signed note, checkpoint or not, once a log key's signature is verified.

    Signatures of other keys are ignored, as C2SP demands.

    Raises:
        BadCheckpoint: The note is unparsable, not signed by ``key`` or wrongly signed by it.
    """
    _require_kind(key, LOG)
    text, signatures = _parse_note(note)
    payload = _payload_of(key, signatures, _SIGNATURE_BYTES)
    if not suite.verify(key.public_key, payload, text.encode()):
        raise BadCheckpoint(f"the signature of {key.name} does not fit the note")
    return text


def verify_note(note: str, key: NoteKey) -> Checkpoint:
    """Read a checkpoint once its log's signature is verified.

    Args:
        note: The note, with any number of cosignatures.
        key: The pinned key of the log; its name is the only origin accepted.

    Raises:
        BadCheckpoint: The note is unparsable, not signed by ``key``, wrongly signed by it,
            or the head of another log.
    """
    checkpoint = parse_body(signed_text(note, key))
    _require_origin(checkpoint, key)
    return checkpoint


def cosigned_at(note: str, key: NoteKey) -> int:
    """Time at which a witness cosigned the checkpoint, in POSIX seconds.

    Says nothing about the log's own signature (``verify_note``), nor whether the time is
    plausible.

    Raises:
        BadCheckpoint: The note is no checkpoint, not cosigned by ``key`` or wrongly so.
    """
    _require_kind(key, WITNESS)
    text, signatures = _parse_note(note)
    parse_body(text)
    payload = _payload_of(key, signatures, _TIME_BYTES + _SIGNATURE_BYTES)
    at_unix = int.from_bytes(payload[:_TIME_BYTES], "big")
    if at_unix > MAX_TIME:
        raise BadCheckpoint(f"the cosignature of {key.name} is dated after 2^63-1")
    if not suite.verify(key.public_key, payload[_TIME_BYTES:], _cosigned(text, at_unix)):
        raise BadCheckpoint(f"the cosignature of {key.name} does not fit the checkpoint")
    return at_unix


def _cosigned(text: str, at_unix: int) -> bytes:
    return f"{_COSIGNATURE_HEADER}\ntime {at_unix}\n{text}".encode()


def _signature_line(key: NoteKey, private_key: bytes, stamp: bytes, message: bytes) -> str:
    signature = suite.sign(private_key, message)
    # A note cannot be taken back once a partner has it: a mixed-up key must not get that far.
    if not suite.verify(key.public_key, signature, message):
        raise BadCheckpoint(f"the private key given is not the one of {key.name}")
    return f"{_DASH}{key.name} {_to_base64(key.key_id + stamp + signature)}\n"


def _require_kind(key: NoteKey, kind: int) -> None:
    if key.kind != kind:
        raise BadCheckpoint(f"{key.name} has signature type {key.kind:#04x}, not {kind:#04x}")


def _require_origin(checkpoint: Checkpoint, key: NoteKey) -> None:
    if checkpoint.origin != key.name:
        raise BadCheckpoint(f"{key.name} does not speak for the log {checkpoint.origin}")


@dataclass(frozen=True, slots=True)
class _Signature:
    name: str
    key_id: bytes
    payload: bytes

    def is_by(self, key: NoteKey) -> bool:
        """Tell whether the line claims to be by ``key``: both name and id, never one alone."""
        return self.name == key.name and self.key_id == key.key_id


def _payload_of(key: NoteKey, signatures: list[_Signature], length: int) -> bytes:
    found = [signature.payload for signature in signatures if signature.is_by(key)]
    if not found:
        raise BadCheckpoint(f"the note bears no signature of {key.name} under its pinned key")
    if len(found) > 1:
        raise BadCheckpoint(f"the note bears {len(found)} signatures of {key.name}, not one")
    if len(found[0]) != length:
        raise BadCheckpoint(
            f"the signature of {key.name} has {len(found[0])} bytes after the key id, not {length}"
        )
    return found[0]


def _parse_note(note: str) -> tuple[str, list[_Signature]]:
    """Split a note into its text (with the final newline) and its signatures."""
    _within_limits(note)
    if any(char < " " and char != "\n" for char in note):
        raise BadCheckpoint("the note contains a control character")
    text, blank_line, lines = note.rpartition("\n\n")
    if not blank_line or not text:
        raise BadCheckpoint("the note has no text followed by a blank line")
    if not lines.endswith("\n"):
        raise BadCheckpoint("the note does not end with a signature line and its newline")
    signature_lines = lines[:-1].split("\n")
    if len(signature_lines) > MAX_SIGNATURES:
        raise BadCheckpoint(
            f"the note bears {len(signature_lines)} signatures, more than {MAX_SIGNATURES}"
        )
    return text + "\n", [_parse_signature(line) for line in signature_lines]


def _parse_signature(line: str) -> _Signature:
    if not line.startswith(_DASH):
        raise BadCheckpoint("a signature line does not begin with an em dash and a space")
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not space:
        raise BadCheckpoint("a signature line is not a name, a space and a signature")
    _require_name(name, "key name")
    decoded = _from_base64(encoded, "signature")
    if len(decoded) <= KEY_ID_BYTES:
        raise BadCheckpoint(f"the signature of {name} is no longer than a key id")
    return _Signature(name, decoded[:KEY_ID_BYTES], decoded[KEY_ID_BYTES:])


def _within_limits(note: str) -> str:
    try:
        length = len(note.encode())
    except UnicodeEncodeError as error:
        raise BadCheckpoint("the note is not valid Unicode text") from error
    if length > MAX_NOTE_BYTES:
        raise BadCheckpoint(f"the note has {length} bytes, more than {MAX_NOTE_BYTES}")
    return note


def _to_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(encoded: str, what: str) -> bytes:
    """Decode RFC 4648 §4, refusing every spelling but the one an encoder writes."""
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except ValueError as error:
        raise BadCheckpoint(f"the {what} is not base64") from error
    if _to_base64(decoded) != encoded:
        raise BadCheckpoint(f"the {what} is not in canonical base64")
    return decoded
