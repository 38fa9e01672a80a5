"""Who we are when we speak: our id, our published keys, and how our statements are made.

An identity has one face for each suite that the center speaks. It is the one thing in the
engine that changes while a node runs: ``renew`` puts new keys in place between two calls.

A peer knows a new key only once it has taken the descriptor that publishes it, which its
greeting tells (``learned``). Until then we sign for that peer with the newest key that it
knows, so that a rotation costs no word and no alarm.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from typing_extensions import override

from federation.ids import CenterId
from federation.trust.envelope import Envelope
from federation.trust.keys import Descriptor, Purpose, common_suite
from federation.trust.secrets import Face, SigningKey
from federation.trust.suite import UnknownSuite
from federation.wire.envelopes import Statement, encode_statement
from federation.wire.questions import Greeting, encode
from federation.wire.rules import MAX_SHOWN_DESCRIPTORS
from federation.wire.words import read_signed_descriptor

WORD_LASTS_MS: Final = 30 * 86_400_000  # a peer may be away for a month; replay is stopped by ids
ASK_LASTS_MS: Final = 60_000  # greetings and questions are about now
SKEW_MS: Final = 120_000  # two clocks of well-kept servers; federation.md §7.5


class Identity:
    """A node's own keys and descriptors.

    Args:
        chain: Our signed descriptors as bytes, oldest first; the last one is current.
        descriptor: The current one.
        faces: Our keys, by suite: those that the descriptor publishes.
    """

    def __init__(
        self, chain: Sequence[bytes], descriptor: Descriptor, faces: Mapping[str, Face]
    ) -> None:
        self._chain = tuple(chain)
        self._descriptor = descriptor
        self._faces = dict(faces)
        self._taken: dict[CenterId, Descriptor] = {}
        self._said_at_ms: dict[CenterId, int] = {}

    @override
    def __repr__(self) -> str:
        return f"Identity({self.center}, …)"

    def renew(
        self, chain: Sequence[bytes], descriptor: Descriptor, faces: Mapping[str, Face]
    ) -> None:
        """Speak with other keys from now on.

        Raises:
            ValueError: The descriptor is of another center, or not newer; our own mistake.
        """
        if descriptor.center_id != self.center or descriptor.sequence <= self._descriptor.sequence:
            raise ValueError("only a newer descriptor of the same center can renew an identity")
        self._chain, self._descriptor, self._faces = tuple(chain), descriptor, dict(faces)

    def learned(self, peer: CenterId, sequence: int, said_at_ms: int = 0) -> bool:
        """A peer says which descriptor of ours it has taken; answers whether that is news.

        A number that we never published says nothing, and what was known before stands. So does
        it against a greeting that was made earlier and came in later.

        Args:
            peer: Who says it.
            sequence: The descriptor's number.
            said_at_ms: When, by its clock.
        """
        known, last_ms = self.knows(peer), self._said_at_ms.get(peer, 0)
        if not 1 <= sequence <= len(self._chain) or sequence == known:
            return False
        if said_at_ms < last_ms or (said_at_ms == last_ms and sequence < known):
            return False
        self._said_at_ms[peer] = said_at_ms
        self._taken[peer] = read_signed_descriptor(self._chain[sequence - 1])
        return True

    def knows(self, peer: CenterId) -> int:
        """The number of the descriptor of ours that a peer has taken; 0 if we never heard."""
        taken = self._taken.get(peer)
        return 0 if taken is None else taken.sequence

    def taken_by(self, peer: CenterId) -> Descriptor | None:
        """The descriptor of ours that a peer has taken; None if we never heard."""
        return self._taken.get(peer)

    def shown_to(self, peer: CenterId) -> tuple[bytes, ...]:
        """The descriptors of a greeting: the newest, or those that a peer far behind needs next."""
        known = self.knows(peer)
        newest = max(0, len(self._chain) - MAX_SHOWN_DESCRIPTORS)
        at = newest if not known else min(newest, known - 1)
        return self._chain[at : at + MAX_SHOWN_DESCRIPTORS]

    def key_for(self, peer: CenterId, suite_id: str, purpose: Purpose, now_ms: int) -> SigningKey:
        """The newest valid key of ours that a peer knows.

        Of a peer that never told, the oldest is taken: most probably it has that one. Where
        a peer knows none, the newest: its greeting brings what verifies it.

        Raises:
            UnknownSuite, NoKey: There is none.
        """
        keys = self.face(suite_id).all_signing(purpose, now_ms)
        taken = self._taken.get(peer)
        if taken is None:
            return keys[-1]
        known = {key.id for key in taken.keys}
        return next((key for key in keys if key.id in known), keys[0])

    def greet(
        self,
        peer: CenterId,
        suite_id: str,
        message_id: bytes,
        greeting: Greeting,
        now_ms: int,
        *,
        answers: bytes = b"",
    ) -> Envelope:
        """A greeting, signed with the key that counts by the newest descriptor that it shows.

        So it can be verified by whoever takes what it shows. A peer far behind is shown
        descriptors by which a key counts that we have revoked since; nothing but a greeting
        is signed with such a key, and what it brings is signed by the root.

        Raises:
            UnknownSuite, NoKey: There is no such key.
        """
        face = self.face(suite_id)
        key = None
        if greeting.descriptors[-1:] != self._chain[-1:]:
            last = read_signed_descriptor(greeting.descriptors[-1])
            key = face.signing_by(last, now_ms)
        kind, body = encode(greeting)
        payload = self._payload(peer, message_id, body, now_ms, answers)
        (envelope,) = face.sign([(kind, payload)], now_ms, key)
        return envelope

    def sign(
        self, peer: CenterId, suite_id: str, items: Sequence[tuple[str, bytes]], now_ms: int
    ) -> list[Envelope]:
        """Sign (payload type, payload) pairs for a peer. Raises UnknownSuite, NoKey."""
        key = self.key_for(peer, suite_id, Purpose.MESSAGE, now_ms)
        return self.face(suite_id).sign(items, now_ms, key)

    @property
    def center(self) -> CenterId:
        """Our center id."""
        return CenterId(self._descriptor.center_id)

    @property
    def descriptor(self) -> Descriptor:
        """What we publish."""
        return self._descriptor

    @property
    def chain(self) -> tuple[bytes, ...]:
        """Our signed descriptors, oldest first."""
        return self._chain

    @property
    def signed_descriptor(self) -> bytes:
        """The current one."""
        return self._chain[-1]

    @property
    def suites(self) -> tuple[str, ...]:
        """The suites that we speak, the preferred one first."""
        return tuple(each for each in self._descriptor.suites if each in self._faces)

    def face(self, suite_id: str) -> Face:
        """How we look under agreements of a suite. Raises UnknownSuite."""
        try:
            return self._faces[suite_id]
        except KeyError as error:
            raise UnknownSuite(f"this center has no keys for {suite_id[:16]!r}") from error

    def suite_with(self, peer: Descriptor) -> str:
        """The suite of what we say to a peer under no agreement. Raises UnknownSuite."""
        found = common_suite(self.suites, peer.suites)
        if found is None:
            raise UnknownSuite(
                f"{peer.center_id} speaks {', '.join(peer.suites)}, this center "
                f"{', '.join(self.suites)}: no suite in common"
            )
        return found

    def message_key(self, key_id: bytes) -> tuple[str, bytes] | None:
        """The suite and raw public key of a message key of our own, past or present."""
        for key in self._descriptor.keys:
            if key.purpose is Purpose.MESSAGE and key.id == key_id:
                return key.suite, key.key
        return None

    def statement(
        self,
        suite_id: str,
        peer: str,
        message_id: bytes,
        value: object,
        now_ms: int,
        *,
        answers: bytes = b"",
    ) -> Envelope:
        """A signed statement outside conversations: a greeting, a question or an answer."""
        kind, body = encode(value)
        return self.stated(suite_id, peer, message_id, kind, body, now_ms, answers=answers)

    def stated(
        self,
        suite_id: str,
        peer: str,
        message_id: bytes,
        kind: str,
        body: bytes,
        now_ms: int,
        *,
        answers: bytes = b"",
    ) -> Envelope:
        """The same with a body that is bytes already."""
        payload = self._payload(peer, message_id, body, now_ms, answers)
        (envelope,) = self.sign(CenterId(peer), suite_id, [(kind, payload)], now_ms)
        return envelope

    def _payload(
        self, peer: str, message_id: bytes, body: bytes, now_ms: int, answers: bytes
    ) -> bytes:
        return encode_statement(
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
