"""Words that somebody else said to somebody else, as they are shown to us inside a word.

A signature does not care who brings it: an outside contributor's pledge comes by the pool's
owner, a regulator's permit by whom it permits. Here: whether such an envelope is whose it
must be, and what it says. Not here: what it proves; that is for whoever it is shown to.
Freshness is not asked for: what is shown is kept, and shown again years later.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

from federation.engine.doorkeeper import Doorkeeper
from federation.engine.identity import Identity
from federation.errors import Malformed, Unauthenticated
from federation.protocol.conversation import Word
from federation.trust.envelope import Envelope, envelope_hash
from federation.trust.keyring import Keyring
from federation.wire.envelopes import Statement, decode_envelope, decode_statement
from federation.wire.words import decode_word

W = TypeVar("W", bound=Word)


@dataclass(frozen=True, slots=True)
class Shown(Generic[W]):
    """A word that was shown, verified.

    Args:
        word: What it says.
        statement: To whom, when, in which conversation.
        envelope: As it was signed.
        hash: Of the envelope under its suite: where both logs of its conversation have it.
        suite_id: The suite.
    """

    word: W
    statement: Statement
    envelope: Envelope
    hash: bytes
    suite_id: str


def unverified(raw: bytes) -> tuple[Statement, Word]:
    """What an envelope says, whoever has signed it: for those that were verified before.

    Raises:
        Malformed: It cannot be read, or is no word.
    """
    try:
        envelope = decode_envelope(raw)
    except Unauthenticated as error:
        raise Malformed(f"an envelope that is shown cannot be read: {error}") from error
    statement = decode_statement(envelope.payload)
    return statement, decode_word(envelope.payload_type, statement.body)


def shown(
    identity: Identity, keyring: Keyring, raw: bytes, kind: type[W], by: str, now_ms: int
) -> Shown[W]:
    """Read an envelope that is shown inside a word.

    Args:
        identity: Who we are: the suites that we can verify.
        keyring: Our peers; ``by`` must be one.
        raw: A serialised SignedEnvelope.
        kind: Which word it has to be.
        by: The center that must have said it.
        now_ms: Our clock; keys that were withdrawn since prove nothing.

    Raises:
        Malformed: It is not that word, or not signed by that center. The detail names which.
    """
    name = kind.__name__
    try:
        envelope = decode_envelope(raw)
        visitor = Doorkeeper(identity, keyring).admit(envelope, None, now_ms)
    except Unauthenticated as error:
        raise Malformed(f"the {name} that is shown cannot be verified: {error}") from error
    statement = visitor.statement
    if statement.sender != by:
        raise Malformed(f"the {name} that is shown is said by {statement.sender}, not by {by}")
    word = decode_word(envelope.payload_type, statement.body)
    if not isinstance(word, kind):
        raise Malformed(f"{word.case} is shown in place of {name}")
    leaf = envelope_hash(visitor.suite, envelope.payload_type, envelope.payload)
    return Shown(word, statement, envelope, leaf, visitor.suite.suite_id)
