"""Who we are when we speak: our id, our keys, and how our statements are made."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from federation.ids import CenterId
from federation.trust.envelope import Envelope, Signer, key_id, sign_batch
from federation.trust.keys import Descriptor, SecretKeys
from federation.trust.suite import INTL_1, Digests
from federation.wire.envelopes import Statement, encode_statement
from federation.wire.questions import encode

WORD_LASTS_MS: Final = 30 * 86_400_000  # a peer may be away for a month; replay is stopped by ids
ASK_LASTS_MS: Final = 60_000  # greetings and questions are about now
SKEW_MS: Final = 120_000  # two clocks of well-kept servers; federation.md §7.5


@dataclass(frozen=True, slots=True)
class Identity:
    """A node's own keys and descriptor.

    Args:
        descriptor: Our own, current.
        signed_descriptor: The same as bytes with the root key's signature.
        secrets: The private halves.
        digests: The hashing of our suite.
    """

    descriptor: Descriptor
    signed_descriptor: bytes
    secrets: SecretKeys
    digests: Digests = INTL_1
    _signer: Signer = field(init=False, repr=False, compare=False)
    _key_id: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Expanded once: every receipt of every call is signed with it.
        object.__setattr__(self, "_signer", self.secrets.signer)
        object.__setattr__(self, "_key_id", key_id(self.digests, self.descriptor.message_key))

    @property
    def center(self) -> CenterId:
        """Our center id."""
        return CenterId(self.descriptor.center_id)

    def sign(self, items: Sequence[tuple[str, bytes]]) -> list[Envelope]:
        """Sign (payload type, payload) pairs as one batch."""
        return sign_batch(
            self.digests,
            items,
            self._signer,
            self._key_id,
        )

    def statement(
        self, peer: str, message_id: bytes, value: object, now_ms: int, *, answers: bytes = b""
    ) -> Envelope:
        """A signed statement outside conversations: a greeting, a question or an answer."""
        kind, body = encode(value)
        return self.stated(peer, message_id, kind, body, now_ms, answers=answers)

    def stated(
        self,
        peer: str,
        message_id: bytes,
        kind: str,
        body: bytes,
        now_ms: int,
        *,
        answers: bytes = b"",
    ) -> Envelope:
        """The same with a body that is bytes already."""
        payload = encode_statement(
            Statement(
                sender=self.center,
                recipient=peer,
                message_id=message_id,
                conversation_id=b"",
                revision=0,
                previous_hash=b"",
                answers_hash=answers,
                sent_at_ms=now_ms,
                expires_at_ms=now_ms + ASK_LASTS_MS,
                agreement_id=b"",
                log_size=0,
                log_root=b"",
                body=body,
            )
        )
        (envelope,) = self.sign([(kind, payload)])
        return envelope
