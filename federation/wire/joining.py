"""The two papers by which centers come to know each other, and what is read aloud of them.

An ``Invitation`` says who we are and holds a secret; an ``Acceptance`` answers it and proves
that its maker had the file. Each is signed by its maker's message key. That the key is the
right center's is not in the files: two people compare the papers' fingerprints on the phone.
What a node does with them is ``node.services.joining``; how they look as files is
``node.services.armour``.
"""

from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError
from lianping.federation.v1 import joining_pb2

from federation.errors import Malformed
from federation.trust.envelope import pae
from federation.trust.suite import Digests, Suite, UnknownSuite, suite
from federation.wire.codec import Codec

FINGERPRINT_DIGITS: Final = 20
"""66 bits. Who swaps a paper must find another with the same digits while the invitation is
open: 7e19 digests within a month at the most, 3e13 a second, for one pair of centers. There
is nothing to prepare, as every paper holds 32 bytes that nobody can foretell. Digits, not
words: they are read alike in every language and dialect, and a mistake is heard."""
GROUP_DIGITS: Final = 4  # as bank cards and reservations are read
_CHINESE: Final = str.maketrans("0123456789", "〇一二三四五六七八九")


@dataclass(frozen=True, slots=True)
class Invitation:
    """Deal with us: for one other center, once."""

    protocol: int
    invitation_id: bytes
    descriptors: tuple[bytes, ...]
    meant_for: str
    made_at_ms: int
    expires_at_ms: int
    secret: bytes


@dataclass(frozen=True, slots=True)
class Acceptance:
    """We do: the answer to one invitation."""

    protocol: int
    invitation_id: bytes
    invitation_digest: bytes
    descriptors: tuple[bytes, ...]
    nonce: bytes


@dataclass(frozen=True, slots=True)
class SignedPaper:
    """A paper's exact bytes, and who signed them. ``proof`` is an acceptance's only."""

    paper: bytes
    suite: Suite
    key_id: bytes
    signature: bytes
    proof: bytes = b""

    @property
    def digest(self) -> bytes:
        """What an acceptance names an invitation by, 32 bytes."""
        return self.suite.tagged("joining/paper", self.paper)

    def is_by(self, kind: str, public_key: bytes) -> bool:
        """Whether this key signed it as a paper of this type."""
        return self.suite.verify(public_key, self.signature, pae(kind, self.paper))

    def fingerprint(self, center: str) -> str:
        """What is read aloud for the center that made the paper: digits, in groups."""
        digest = self.suite.tagged("joining/fingerprint", center.encode(), self.paper)
        number = int.from_bytes(digest) % 10**FINGERPRINT_DIGITS
        return grouped(f"{number:0{FINGERPRINT_DIGITS}}")


def invitation_type(suite_id: str) -> str:
    """The payload type that an invitation's signature covers: it names the suite."""
    return f"application/vnd.lianping.v1.{suite_id}.invitation+protobuf"


def acceptance_type(suite_id: str) -> str:
    """The payload type that an acceptance's signature covers: it names the suite."""
    return f"application/vnd.lianping.v1.{suite_id}.acceptance+protobuf"


INVITATION: Final = Codec(Invitation, joining_pb2.Invitation)
ACCEPTANCE: Final = Codec(Acceptance, joining_pb2.Acceptance)


def answer_key(digests: Digests, secret: bytes) -> bytes:
    """What the inviter keeps of the secret: enough to check a proof, not the secret."""
    return digests.tagged("joining/answer-key", secret)


def proof_of(digests: Digests, key: bytes, paper: bytes) -> bytes:
    """The proof that whoever made ``paper`` had the secret, 32 bytes."""
    return digests.mac(key, "joining/proof", paper)


def encode_signed(signed: SignedPaper) -> bytes:
    """A SignedPaper message."""
    return joining_pb2.SignedPaper(
        paper=signed.paper,
        suite=signed.suite.suite_id,
        key_id=signed.key_id,
        signature=signed.signature,
        proof=signed.proof,
    ).SerializeToString(deterministic=True)


def decode_signed(raw: bytes) -> SignedPaper:
    """A SignedPaper message; nothing is verified.

    Raises:
        Malformed: It is none, or of a suite that we do not know.
    """
    message = joining_pb2.SignedPaper()
    try:
        message.ParseFromString(raw)
        known = suite(message.suite)
    except DecodeError as error:
        raise Malformed("not a signed paper") from error
    except UnknownSuite as error:
        raise Malformed(str(error)) from error
    return SignedPaper(message.paper, known, message.key_id, message.signature, message.proof)


def grouped(digits: str) -> str:
    """Digits in groups, as they are shown."""
    return " ".join(digits[at : at + GROUP_DIGITS] for at in range(0, len(digits), GROUP_DIGITS))


def in_chinese(fingerprint: str) -> str:
    """The same digits in Chinese."""
    return fingerprint.translate(_CHINESE)


def normal(text: str) -> str:
    """A fingerprint as somebody typed it, grouped as ours; what is no digit is dropped."""
    found = "".join(
        character for character in text if character.isdecimal() and character.isascii()
    )
    return grouped(found)
