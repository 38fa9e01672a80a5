"""Checkpoints: what a log says about itself, and what a witness says about a log.

The text formats are C2SP's, so that any transparency tool can read them: signed-note
v1.0.0, tlog-checkpoint v1.0.0 and the Ed25519 form of tlog-cosignature v1
(``draw-and-evidence.md`` §2.1-2.2). Under ``gm-1`` the texts are the same and the
signatures are of a type of our own (0xff and a name, as signed-note provides). Stricter
than C2SP in four points, because our logs never need the freedom: no extension lines, no
spaces or plus signs in an origin, a log's key bears the log's origin as its name, and no
key signs the same note twice.

While a key is being replaced a log has two good keys and may sign with both; so keys are
given as sequences, and the answer says which of them fitted. Whether a checkpoint extends
the one before it is ``federation.trust.merkle``'s question; who may witness, and when, is
asked elsewhere. The clock is an argument.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from federation.trust.errors import BadKey
from federation.trust.merkle import HASH_SIZE
from federation.trust.suite import Suite, u64


class NoteKind(Enum):
    """What a key signs; one public key must never serve both."""

    LOG = "log"
    """Plain signatures over a note's text (signed-note)."""

    WITNESS = "witness"
    """Signatures with a time (tlog-cosignature v1)."""


LOG: Final = NoteKind.LOG
WITNESS: Final = NoteKind.WITNESS

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

_TIME_BYTES: Final = 8
_DASH: Final = "\N{EM DASH} "
_BODY_LINES: Final = 3
# ASCII digits only: str.isdigit and int() would let other scripts' digits through.
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,18}")
_CONTROL: Final = re.compile(r"[\x00-\x09\x0b-\x1f]")  # all but the newline

Signer = Callable[[bytes], bytes]
"""Signs a message with one key; the key may lie in hardware."""


class BadCheckpoint(ValueError):
    """A note, checkpoint or key is not what C2SP describes, or is not signed as it should be."""


def _require_name(name: str, what: str) -> None:
    """Hold a key name or origin to signed-note's rule: non-empty, no Unicode spaces, no plus.

    Unprintable characters are refused as well: with bidi marks one origin can look like another.
    """
    if not name:
        raise BadCheckpoint(f"the {what} is empty")
    # The blank is the only space that isprintable lets through. A name is read with every word
    # that a peer sends, so this is no place for a loop over its characters.
    if " " in name or "+" in name or not name.isprintable():
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
        suite: How it signs, and with which signature type.
        name: Name on the signature line; for a log, its origin.
        kind: ``LOG`` or ``WITNESS``.
        public_key: Raw public key of the suite.

    Raises:
        BadCheckpoint: The values do not make such a key.
    """

    suite: Suite
    name: str
    kind: NoteKind
    public_key: bytes

    def __post_init__(self) -> None:
        _require_name(self.name, "key name")
        try:
            self.suite.check_key(self.public_key)
        except BadKey as error:
            raise BadCheckpoint(f"the key of {self.name}: {error}") from error

    @property
    def type(self) -> bytes:
        """The signature type, as it enters the key id."""
        return self.suite.note_log_type if self.kind is LOG else self.suite.note_witness_type

    @property
    def key_id(self) -> bytes:
        """First 4 bytes of SHA-256(name, newline, type, public key); SHA-256 in every suite."""
        named = self.name.encode() + b"\n" + self.type + self.public_key
        return hashlib.sha256(named).digest()[:KEY_ID_BYTES]


def sign_log(checkpoint: Checkpoint, key: NoteKey, signer: Signer) -> str:
    """Make the note by which a log vouches for its own head.

    The caller must never sign two heads of which one does not extend the other.

    Raises:
        BadCheckpoint: The key is not this log's, or ``signer`` does not sign with it.
    """
    _require_kind(key, LOG)
    _require_origin(checkpoint, key)
    text = checkpoint.body()
    return _within_limits(f"{text}\n{_signature_line(key, signer, b'', text.encode())}")


def sign_log_again(note: str, key: NoteKey, signer: Signer) -> str:
    """Append the signature of the log's other key, while one replaces the other.

    The caller has made the note itself with ``sign_log``.

    Raises:
        BadCheckpoint: The note is no checkpoint of this log, is full or already bears this
            key's signature; or ``signer`` does not sign with it.
    """
    _require_kind(key, LOG)
    text = _room_on(note, key)
    _require_origin(parse_body(text), key)
    return _within_limits(note + _signature_line(key, signer, b"", text.encode()))


def cosign(note: str, key: NoteKey, signer: Signer, at_unix: int) -> str:
    """Append a witness's cosignature to a log's note.

    The caller has verified the note, and that it extends all it has cosigned before: that
    is what a cosignature says (tlog-cosignature, Ed25519 signed message).

    Args:
        note: A checkpoint, signed by its log.
        key: The witness's key.
        signer: Signs with it; may ask hardware.
        at_unix: The time of cosigning, in POSIX seconds.

    Raises:
        BadCheckpoint: The note is no checkpoint, is full or already bears this key's
            cosignature; the time cannot be written; or ``signer`` does not sign with the key.
    """
    _require_kind(key, WITNESS)
    if not 0 <= at_unix <= MAX_TIME:
        raise BadCheckpoint(f"{at_unix} is not a POSIX time between 0 and 2^63-1")
    text = _room_on(note, key)
    parse_body(text)
    line = _signature_line(key, signer, u64(at_unix), _cosigned(key, text, at_unix))
    return _within_limits(note + line)


def signed_only_by(note: str, keys: Sequence[NoteKey]) -> str:
    """The note with those of its signature lines that claim to be by ``keys``, and no others.

    Raises:
        BadCheckpoint: The note is unparsable, or bears no such line.
    """
    text, signatures = _parse_note(note)
    kept = [each for each in signatures if any(each.is_by(key) for key in keys)]
    if not kept:
        raise BadCheckpoint("the note bears no signature under a pinned key")
    lines = (f"{_DASH}{each.name} {_to_base64(each.key_id + each.payload)}\n" for each in kept)
    return f"{text}\n{''.join(lines)}"


def signed_text(note: str, keys: Sequence[NoteKey]) -> tuple[str, NoteKey]:
    """Text of any signed note, checkpoint or not, once a log key's signature is verified.

    Signatures of other keys are ignored, as C2SP demands; but where several of ``keys``
    have signed, every one of their signatures must be good.

    Returns:
        The text, and the first of ``keys`` that signed it.

    Raises:
        BadCheckpoint: The note is unparsable, signed by none of ``keys`` or wrongly by one.
    """
    text, signatures = _parse_note(note)
    fitted: list[NoteKey] = []
    for key, payload in _claimed(keys, LOG, signatures, stamp_bytes=0):
        if not key.suite.verify(key.public_key, payload, text.encode()):
            raise BadCheckpoint(f"the signature of {key.name} does not fit the note")
        fitted.append(key)
    return text, fitted[0]


def verify_note(note: str, keys: Sequence[NoteKey]) -> tuple[Checkpoint, NoteKey]:
    """Read a checkpoint once its log's signature is verified.

    Args:
        note: The note, with any number of cosignatures.
        keys: The pinned keys of the log, preferred first; their name is the only origin
            accepted.

    Returns:
        The checkpoint, and the first of ``keys`` that signed it.

    Raises:
        BadCheckpoint: The note is unparsable, signed by none of ``keys``, wrongly signed by
            one, or the head of another log.
    """
    text, key = signed_text(note, keys)
    checkpoint = parse_body(text)
    _require_origin(checkpoint, key)
    return checkpoint, key


def cosigned_at(note: str, keys: Sequence[NoteKey]) -> tuple[int, NoteKey]:
    """Time at which a witness cosigned the checkpoint, in POSIX seconds.

    Says nothing about the log's own signature (``verify_note``), nor whether the time is
    plausible.

    Returns:
        The time, and the first of ``keys`` that cosigned.

    Raises:
        BadCheckpoint: The note is no checkpoint, cosigned by none of ``keys`` or wrongly so.
    """
    text, signatures = _parse_note(note)
    parse_body(text)
    fitted: list[tuple[int, NoteKey]] = []
    for key, payload in _claimed(keys, WITNESS, signatures, stamp_bytes=_TIME_BYTES):
        at_unix = int.from_bytes(payload[:_TIME_BYTES], "big")
        if at_unix > MAX_TIME:
            raise BadCheckpoint(f"the cosignature of {key.name} is dated after 2^63-1")
        message = _cosigned(key, text, at_unix)
        if not key.suite.verify(key.public_key, payload[_TIME_BYTES:], message):
            raise BadCheckpoint(f"the cosignature of {key.name} does not fit the checkpoint")
        fitted.append((at_unix, key))
    return fitted[0]


def _cosigned(key: NoteKey, text: str, at_unix: int) -> bytes:
    return f"{key.suite.cosignature_header}\ntime {at_unix}\n{text}".encode()


def _signature_line(key: NoteKey, signer: Signer, stamp: bytes, message: bytes) -> str:
    signature = signer(message)
    # A note cannot be taken back once a partner has it: a mixed-up key must not get that far.
    if not key.suite.verify(key.public_key, signature, message):
        raise BadCheckpoint(f"the signer given does not sign with the key of {key.name}")
    return f"{_DASH}{key.name} {_to_base64(key.key_id + stamp + signature)}\n"


def _require_kind(key: NoteKey, kind: NoteKind) -> None:
    if key.kind is not kind:
        raise BadCheckpoint(f"{key.name} is the key of a {key.kind.value}, not of a {kind.value}")


def _require_origin(checkpoint: Checkpoint, key: NoteKey) -> None:
    if checkpoint.origin != key.name:
        raise BadCheckpoint(f"{key.name} does not speak for the log {checkpoint.origin}")


def _room_on(note: str, key: NoteKey) -> str:
    """Text of a note that can take a signature of ``key``."""
    text, signatures = _parse_note(note)
    if any(signature.is_by(key) for signature in signatures):
        raise BadCheckpoint(f"the note already bears a signature of {key.name}; use that one")
    if len(signatures) == MAX_SIGNATURES:
        raise BadCheckpoint(f"the note already bears {MAX_SIGNATURES} signatures")
    return text


@dataclass(frozen=True, slots=True)
class _Signature:
    name: str
    key_id: bytes
    payload: bytes

    def is_by(self, key: NoteKey) -> bool:
        """Tell whether the line claims to be by ``key``: both name and id, never one alone."""
        return self.name == key.name and self.key_id == key.key_id


def _claimed(
    keys: Sequence[NoteKey], kind: NoteKind, signatures: list[_Signature], *, stamp_bytes: int
) -> list[tuple[NoteKey, bytes]]:
    """Each of ``keys`` that is on the note, with the bytes after its key id; at least one."""
    found = [(key, _payload_of(key, kind, signatures, stamp_bytes)) for key in keys]
    claimed = [(key, payload) for key, payload in found if payload is not None]
    if not claimed:
        names = ", ".join(dict.fromkeys(key.name for key in keys)) or "anybody pinned"
        raise BadCheckpoint(f"the note bears no signature of {names} under a pinned key")
    return claimed


def _payload_of(
    key: NoteKey, kind: NoteKind, signatures: list[_Signature], stamp_bytes: int
) -> bytes | None:
    _require_kind(key, kind)
    found = [signature.payload for signature in signatures if signature.is_by(key)]
    if len(found) > 1:
        raise BadCheckpoint(f"the note bears {len(found)} signatures of {key.name}, not one")
    longest = stamp_bytes + key.suite.max_signature_bytes
    if found and not stamp_bytes < len(found[0]) <= longest:
        raise BadCheckpoint(
            f"the signature of {key.name} has {len(found[0])} bytes after the key id,"
            f" not {stamp_bytes + 1} to {longest}"
        )
    return found[0] if found else None


def _parse_note(note: str) -> tuple[str, list[_Signature]]:
    """Split a note into its text (with the final newline) and its signatures."""
    _within_limits(note)
    if _CONTROL.search(note):
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
