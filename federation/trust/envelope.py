"""What exactly is signed, and how to check it.

An envelope carries the exact bytes of a statement. One signature covers a batch of 1 to
64 envelopes: it is over the DSSE pre-authentication encoding (PAE) of the RFC 6962 root,
whose leaves are the PAE of each envelope's payload type and payload. Each envelope carries
its place and its audit path, so each stands alone and can be handed on.

The envelope's hash is its leaf hash. It does not depend on the batch, so a re-signed
envelope is still the same word. What is signed names the suite, so no signature of one suite
can be passed off as another's. Nothing here parses a payload: see ``federation.wire``.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from federation.trust import merkle
from federation.trust.suite import Digests, Suite

MAX_BATCH: Final = 64  # the path stays within 6 hashes; a call within 1 MiB
KEY_ID_BYTES: Final = 16
MAX_REMEMBERED: Final = 4_096  # roots whose signature was good; 200 bytes each

Signer = Callable[[bytes], bytes]


class BadEnvelope(Exception):
    """The envelope's signature does not fit its bytes."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """Exact bytes, their type, and the signature of the batch they were signed in."""

    payload: bytes
    payload_type: str
    key_id: bytes
    signature: bytes
    index: int
    size: int
    path: tuple[bytes, ...]


def batch_type(suite_id: str) -> str:
    """The payload type that a batch's signature covers: it names the suite."""
    return f"application/vnd.lianping.v1.{suite_id}.batch"


def pae(payload_type: str, payload: bytes) -> bytes:
    """The DSSE pre-authentication encoding, v1."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def envelope_hash(digests: Digests, payload_type: str, payload: bytes) -> bytes:
    """The RFC 6962 leaf hash by which a word is known in logs and receipts, 32 bytes."""
    return merkle.leaf_hash(digests, pae(payload_type, payload))


def key_id(digests: Digests, public_key: bytes) -> bytes:
    """The first 16 bytes of the key's digest: a new key can never hide under an old id."""
    return digests.hash(public_key)[:KEY_ID_BYTES]


def sign_batch(
    digests: Digests, items: Sequence[tuple[str, bytes]], signer: Signer, signer_key_id: bytes
) -> list[Envelope]:
    """Sign 1 to 64 (payload type, payload) pairs with one signature.

    Raises:
        ValueError: None or too many items; our own mistake.
    """
    if not 1 <= len(items) <= MAX_BATCH:
        raise ValueError(f"a batch has 1 to {MAX_BATCH} envelopes, not {len(items)}")
    leaves = [envelope_hash(digests, kind, payload) for kind, payload in items]
    signature = signer(pae(batch_type(digests.suite_id), merkle.root(digests, leaves)))
    paths = merkle.audit_paths(digests, leaves)
    return [
        Envelope(payload, kind, signer_key_id, signature, index, len(items), path)
        for index, ((kind, payload), path) in enumerate(zip(items, paths, strict=True))
    ]


def sign_alone(payload_type: str, payload: bytes, signer: Signer) -> bytes:
    """A detached DSSE signature over one document, for what is signed outside envelopes."""
    return signer(pae(payload_type, payload))


def verify_alone(
    suite: Suite, payload_type: str, payload: bytes, public_key: bytes, signature: bytes
) -> bool:
    """Check what ``sign_alone`` made."""
    return suite.verify(public_key, signature, pae(payload_type, payload))


class Verifier:
    """Checks envelopes, and each batch signature only once.

    That a signature over a root is by a key is a fact that does not age, so it may be
    remembered; whether the key is good now is the caller's question.
    """

    def __init__(self) -> None:
        self._good: OrderedDict[tuple[str, bytes, bytes, bytes], None] = OrderedDict()

    def check(self, suite: Suite, envelope: Envelope, public_key: bytes) -> bytes:
        """Check one envelope under the suite that its key is for; answers its hash (32 bytes).

        Raises:
            BadEnvelope: The place, the path or the signature does not fit.
        """
        leaf = envelope_hash(suite, envelope.payload_type, envelope.payload)
        if not 1 <= envelope.size <= MAX_BATCH:
            raise BadEnvelope(f"a batch of {envelope.size}")
        try:
            root = merkle.root_from_path(suite, leaf, envelope.index, envelope.size, envelope.path)
        except ValueError as error:
            raise BadEnvelope(str(error)) from error
        fact = (suite.suite_id, public_key, root, envelope.signature)
        if fact in self._good:
            self._good.move_to_end(fact)
            return leaf
        if not suite.verify(public_key, envelope.signature, pae(batch_type(suite.suite_id), root)):
            raise BadEnvelope("the signature is not by this key over these bytes")
        self._good[fact] = None
        if len(self._good) > MAX_REMEMBERED:
            self._good.popitem(last=False)
        return leaf
