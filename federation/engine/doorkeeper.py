"""Who is at the door: the first eight checks of everything that a peer sends.

The order is that of ``proto/README.md``: (1) size, (2) envelope, (3) known sender, (4) key
good now, (5) signature, (6) recipient, (7) the TLS certificate belongs to the sender,
(8) freshness. The negotiator goes on with (9) duplicate, (10) agreement, version, scope and
quota, (11) turn, (12) business. Nothing here changes anything.

Up to (5), and for a foreign certificate, the caller hears one constant sentence.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from federation.engine.acquaintance import NOTHING_NEW, Acquaintance, News, Turn
from federation.engine.identity import SKEW_MS, WORD_LASTS_MS, Identity
from federation.errors import (
    FederationError,
    Malformed,
    NotFresh,
    NotYet,
    Unauthenticated,
    WrongRecipient,
)
from federation.ids import CenterId
from federation.trust.envelope import (
    MAX_BATCH,
    BadEnvelope,
    Envelope,
    Verifier,
    envelope_hash,
)
from federation.trust.keyring import Keyring
from federation.trust.suite import Suite, UnknownSuite, suite
from federation.wire.envelopes import MAX_CALL_BYTES, Statement, decode_statement
from federation.wire.questions import TYPES, Greeting, decode


@dataclass(frozen=True, slots=True)
class Visitor:
    """A statement whose sender is certain.

    Args:
        envelope: As received.
        suite: The suite of the key that signed it.
        hash: The envelope's leaf hash.
        statement: What it says.
        problem: Why it may not come in, to be told in a signed refusal; None if it may.
            A problem of freshness does not matter if the word was heard before.
    """

    envelope: Envelope
    suite: Suite
    hash: bytes
    statement: Statement
    problem: FederationError | None


class Doorkeeper:
    """Checks envelopes against the pinned peers."""

    def __init__(self, identity: Identity, keyring: Keyring) -> None:
        self._identity = identity
        self._keyring = keyring
        self._acquaintance = Acquaintance(keyring)
        self._verifier = Verifier()

    def check_size(self, raw: bytes) -> None:
        """(1) Size. Raises Unauthenticated."""
        if len(raw) > MAX_CALL_BYTES:
            raise Unauthenticated("oversized")

    def admit_all(
        self, envelopes: Sequence[Envelope], certificate: bytes, now_ms: int
    ) -> list[Visitor]:
        """Check the envelopes of one call.

        Args:
            envelopes: 1 to 64.
            certificate: The TLS certificate (DER) that the caller showed.
            now_ms: Our clock.

        Raises:
            Unauthenticated: Any of them cannot be tied to the caller, or they are not all of
                one sender and one suite.
        """
        if not 1 <= len(envelopes) <= MAX_BATCH:
            raise Unauthenticated("unparsable")
        visitors = [self.admit(envelope, certificate, now_ms) for envelope in envelopes]
        if len({(each.statement.sender, each.suite.suite_id) for each in visitors}) > 1:
            raise Unauthenticated("mixed_call")
        return visitors

    def admit(self, envelope: Envelope, certificate: bytes | None, now_ms: int) -> Visitor:
        """Check one envelope. ``certificate`` is None for what we fetched ourselves.

        Raises:
            Unauthenticated: It cannot be tied to a known center, or not to the caller.
        """
        statement = _statement(envelope)
        return self._visitor(envelope, statement, self._keyring, certificate, now_ms)

    def admit_greeting(
        self, envelope: Envelope, certificate: bytes, now_ms: int
    ) -> tuple[Visitor, News]:
        """Check a greeting, under the newest descriptor that it brings. Raises as ``admit``."""
        statement = _statement(envelope)
        news, ring = self._brought(envelope, statement)
        return self._visitor(envelope, statement, ring, certificate, now_ms), news

    def proof(self, envelope: Envelope) -> tuple[CenterId, News]:
        """What the descriptors of a greeting prove that is not verified itself.

        A root's signatures prove by themselves that there are two nodes, or that we are too
        far behind; whoever brought them.

        Raises:
            Unauthenticated: They prove neither.
        """
        statement = _statement(envelope)
        news, _ = self._brought(envelope, statement)
        if news.turn not in {Turn.TWIN, Turn.GAP}:
            raise Unauthenticated("proves_nothing")
        return CenterId(statement.sender), replace(news, links=())

    def _brought(self, envelope: Envelope, statement: Statement) -> tuple[News, Keyring]:
        """What a greeting's descriptors mean, and the ring that it is verified with."""
        peer = CenterId(statement.sender)
        if envelope.payload_type != TYPES[Greeting] or peer not in self._keyring.peers:
            return NOTHING_NEW, self._keyring
        try:
            greeting = decode(envelope.payload_type, statement.body)
        except Malformed:  # told later, in a signed refusal, if it was signed at all
            return NOTHING_NEW, self._keyring
        news = self._acquaintance.compare(peer, greeting.descriptors)
        if news.turn is not Turn.NEWER:
            return news, self._keyring
        return news, Keyring([news.links[-1].descriptor])

    def _visitor(
        self,
        envelope: Envelope,
        statement: Statement,
        ring: Keyring,
        certificate: bytes | None,
        now_ms: int,
    ) -> Visitor:
        spoken, leaf = self._authenticate(envelope, statement, ring, now_ms)
        problem: FederationError | None = None
        if statement.recipient != self._identity.center:  # (6)
            problem = WrongRecipient(
                f"the statement is for {statement.recipient[:40]}, this is {self._identity.center}"
            )
        if certificate is not None:  # (7)
            pinned = self._keyring.peers[CenterId(statement.sender)].tls_certificates
            if certificate not in pinned:
                raise Unauthenticated("wrong_certificate")
        if problem is None:  # (8)
            problem = _stale(statement, now_ms)
        return Visitor(envelope, spoken, leaf, statement, problem)

    def receipts(
        self,
        envelopes: Sequence[Envelope],
        peer: CenterId,
        suite_id: str,
        hashes: Sequence[bytes],
        now_ms: int,
        ring: Keyring | None = None,
    ) -> list[Statement]:
        """Check the receipts of one of our own calls.

        Raises:
            Unauthenticated: A receipt is missing, not by the peer, not for us, or not for
                the word in its place, or of another suite. Then nothing counts.
        """
        if len(envelopes) != len(hashes):
            raise Unauthenticated("unparsable")
        checked = []
        for envelope, word_hash in zip(envelopes, hashes, strict=True):
            statement = _statement(envelope)
            spoken, _ = self._authenticate(envelope, statement, ring or self._keyring, now_ms)
            if (
                statement.sender != peer
                or spoken.suite_id != suite_id
                or statement.recipient != self._identity.center
                or statement.answers_hash != word_hash
            ):
                raise Unauthenticated("bad_receipt")
            checked.append(statement)
        return checked

    def answer(
        self, envelope: Envelope, peer: CenterId, suite_id: str, asked: Envelope, now_ms: int
    ) -> Statement:
        """Check the answer to one question of ours. Raises Unauthenticated."""
        wanted = envelope_hash(suite(suite_id), asked.payload_type, asked.payload)
        (statement,) = self.receipts([envelope], peer, suite_id, [wanted], now_ms)
        return statement

    def greeting(
        self, envelope: Envelope, peer: CenterId, suite_id: str, asked: Envelope, now_ms: int
    ) -> tuple[Statement, News]:
        """Check the answer to our greeting, under what it brings. Raises Unauthenticated."""
        wanted = envelope_hash(suite(suite_id), asked.payload_type, asked.payload)
        news, ring = self._brought(envelope, _statement(envelope))
        (statement,) = self.receipts([envelope], peer, suite_id, [wanted], now_ms, ring)
        return statement, news

    def _authenticate(
        self, envelope: Envelope, statement: Statement, ring: Keyring, now_ms: int
    ) -> tuple[Suite, bytes]:
        key = ring.message_key(statement.sender, envelope.key_id, now_ms)  # (3), (4)
        try:
            # A peer may speak more suites than we do, and we could verify them. But there is no
            # log of ours for what is said in them, and no key to answer with.
            spoken = self._identity.face(key.suite).suite
        except UnknownSuite as error:
            raise Unauthenticated("foreign_suite") from error
        try:
            leaf = self._verifier.check(spoken, envelope, key.key)  # (5)
        except BadEnvelope as error:
            raise Unauthenticated("bad_signature") from error
        return spoken, leaf


def _statement(envelope: Envelope) -> Statement:
    try:
        return decode_statement(envelope.payload)  # (2)
    except Malformed as error:
        raise Unauthenticated("unparsable") from error


def _stale(statement: Statement, now_ms: int) -> NotFresh | None:
    if statement.sent_at_ms > now_ms + SKEW_MS:
        ahead = statement.sent_at_ms - now_ms
        too_far = NotFresh if ahead > WORD_LASTS_MS else NotYet
        return too_far(
            f"said {ahead} ms in the future: check both clocks", clause="freshness ±120 s"
        )
    if statement.expires_at_ms < now_ms - SKEW_MS:
        return NotFresh("the statement has expired", clause="expires_at_ms")
    return None
