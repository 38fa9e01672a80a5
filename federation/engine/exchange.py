"""Words with their receipts, as peers give them back to a center that has lost them.

Both halves: what we give to a peer, and how we read what a peer gives to us. A peer's word is
believed under the peer's own key, as ever; a word or receipt of ours only under our own, so that
nobody can put a promise into our mouth. What a revoked key of ours signed is not taken back: who
has stolen the key could have made it since, and no log of ours says when.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final, TypeVar

from federation.engine.doorkeeper import Doorkeeper
from federation.engine.floor import Floor
from federation.engine.identity import Identity
from federation.errors import Malformed, Unauthenticated, WrongRecipient
from federation.ids import CenterId
from federation.ports import GivenBack, Ledger
from federation.protocol.conversation import Word
from federation.trust.envelope import BadEnvelope, Envelope, Verifier
from federation.trust.suite import suite
from federation.wire.envelopes import (
    RECEIPT_TYPE,
    Outcome,
    Receipt,
    Statement,
    decode_envelope,
    decode_receipt,
    decode_statement,
    encode_envelope,
)
from federation.wire.questions import Exchange, OwnWordsAnswer, OwnWordsQuestion
from federation.wire.rules import MAX_EXCHANGES, MAX_NOTES
from federation.wire.words import decode_word

L = TypeVar("L", bound=Ledger)

MAX_PAGE_BYTES: Final = 600 * 1024  # with signatures and notes still below a call's 1 MiB


class NotOurs(Exception):
    """What was given back is not what was said; the text says why."""


@dataclass(frozen=True, slots=True)
class Back:
    """One word that came back, read.

    Args:
        ours: Whether we had said it; else we had heard it.
        peer: The other center.
        statement: What it states.
        envelope: The word's.
        hash: Its envelope hash.
        suite: Its suite.
        word: What it says.
        receipt: What was answered to it.
        answer: The receipt's envelope; None if the peer never got one.
        at_ms: When we had said or heard it, by our own clock.
    """

    ours: bool
    peer: CenterId
    statement: Statement
    envelope: Envelope = field(repr=False)
    hash: bytes
    suite: str
    word: Word = field(repr=False)
    receipt: Receipt
    answer: Envelope | None = field(repr=False)
    at_ms: int

    @property
    def accepted(self) -> bool:
        """Whether the hearer accepted it."""
        return self.receipt.outcome is not Outcome.REFUSED


def give_back(floor: Floor[L], peer: CenterId, question: OwnWordsQuestion) -> OwnWordsAnswer:
    """Answer a peer that has lost words: one page of what the two of us said and receipted."""
    ledger, spoken = floor.ledger, floor.identity.suites
    theirs = ledger.heard_from(peer, question.heard_after, question.since_ms, MAX_EXCHANGES + 1)
    ours = ledger.said_to(peer, question.said_after, question.since_ms, MAX_EXCHANGES + 1)
    rows: list[tuple[int, int, str, str, bytes, bytes]] = [
        *((0, place, suite_id, RECEIPT_TYPE, payload, envelope)
          for place, envelope, payload, suite_id in theirs),
        *((1, number, suite_id, kind, payload, receipt)
          for number, kind, payload, receipt, suite_id in ours),
    ]  # fmt: skip
    page: list[tuple[int, int, str, str, bytes, bytes]] = []
    total, more = 0, False
    for row in rows:
        total += len(row[4]) + len(row[5])
        if len(page) == MAX_EXCHANGES or (page and total > MAX_PAGE_BYTES):
            more = True
            break
        page.append(row)
    known = [row for row in page if row[2] in spoken]
    exchanges = []
    for suite_id, run in groupby(known, key=lambda row: row[2]):
        batch = list(run)
        # What we sign, we sign anew: the key of then may be revoked, what it said is the same.
        fresh = floor.identity.sign(
            peer, suite_id, [(row[3], row[4]) for row in batch], floor.now_ms
        )
        for row, envelope in zip(batch, fresh, strict=True):
            signed = encode_envelope(envelope)
            exchanges.append(Exchange(signed, row[5]) if row[0] else Exchange(row[5], signed))
    return OwnWordsAnswer(
        exchanges=tuple(exchanges),
        heard_to=max((row[1] for row in page if not row[0]), default=question.heard_after),
        said_to=max((row[1] for row in page if row[0]), default=question.said_after),
        more=more,
        words_heard=ledger.counts(peer)[1],
        yours=tuple(_theirs(floor, peer))[-MAX_NOTES:],
        mine=tuple(_ours(floor, peer)),
    )


def _theirs(floor: Floor[L], peer: CenterId) -> Iterator[str]:
    yield from floor.ledger.former_notes(peer)
    for suite_id in floor.identity.suites:
        seen = floor.ledger.witnessed(peer, suite_id)
        if seen is not None and seen[2]:
            yield seen[2]


def _ours(floor: Floor[L], peer: CenterId) -> Iterator[str]:
    for suite_id in floor.identity.suites:
        cosigned = floor.ledger.cosigned(peer, suite_id)
        if cosigned is not None:
            yield cosigned[1]


def check(
    floor: Floor[L], doorkeeper: Doorkeeper, peer: CenterId, exchange: Exchange
) -> tuple[GivenBack, Back]:
    """Verify one exchange that a peer gave back; answers it as it is kept, and read.

    Raises:
        NotOurs: The word or the receipt is not by whom it says, or not for the other.
    """
    identity = floor.identity
    try:
        envelope = decode_envelope(exchange.word)
        statement = decode_statement(envelope.payload)
        if not exchange.receipt:
            return _unanswered(floor, doorkeeper, peer, exchange)
        receipt = decode_envelope(exchange.receipt)
        if statement.sender == identity.center:
            suite_id, leaf = _own(identity, envelope)
            (answer,) = doorkeeper.receipts([receipt], peer, suite_id, [leaf], floor.now_ms)
            between = (statement.recipient, answer.sender, answer.recipient)
            wanted = (peer, peer, identity.center)
        else:
            visitor = doorkeeper.admit(envelope, None, floor.now_ms)

            if isinstance(visitor.problem, WrongRecipient):
                raise NotOurs("the word is for another center")
            suite_id, leaf = visitor.suite.suite_id, visitor.hash
            _own(identity, receipt)
            answer = decode_statement(receipt.payload)
            between = (statement.sender, answer.recipient, answer.sender)
            wanted = (peer, peer, identity.center)
            told = decode_receipt(answer.body)
            if not _had_place(statement, told):
                return _unanswered(floor, doorkeeper, peer, exchange)
        if between != wanted or answer.answers_hash != leaf or receipt.payload_type != RECEIPT_TYPE:
            raise NotOurs("the receipt is for another word, or not between us two")
        row = GivenBack(leaf, peer, suite_id, exchange.word, exchange.receipt)
        return row, read(row, identity.center)
    except Unauthenticated as error:
        raise NotOurs(f"it cannot be tied to {peer}: {error.cause}") from error
    except (Malformed, BadEnvelope) as error:
        raise NotOurs(f"it cannot be read: {error}") from error


def _had_place(statement: Statement, receipt: Receipt) -> bool:
    """Whether a word that we receipted counts as heard, and not another one in its place.

    GAP and STALE, and refusals of words with no place in any conversation, are signed by us as
    well, and we keep nothing of those words: they prove no loss, and come back as nothing.
    """
    if receipt.outcome is Outcome.REFUSED:
        return receipt.heard_revision == statement.revision
    return receipt.outcome is Outcome.ACCEPTED


def _unanswered(
    floor: Floor[L], doorkeeper: Doorkeeper, peer: CenterId, exchange: Exchange
) -> tuple[GivenBack, Back]:
    """A peer's word that it has no receipt for; we may have heard it. Raises as ``check``."""
    visitor = doorkeeper.admit(decode_envelope(exchange.word), None, floor.now_ms)
    if isinstance(visitor.problem, WrongRecipient) or visitor.statement.sender != peer:
        raise NotOurs("the word is not the peer's for us")
    row = GivenBack(visitor.hash, peer, visitor.suite.suite_id, exchange.word, b"")
    return row, read(row, floor.identity.center)


def _own(identity: Identity, envelope: Envelope) -> tuple[str, bytes]:
    """The suite and the hash of what one of our own keys signed. Raises NotOurs, BadEnvelope."""
    key = identity.message_key(envelope.key_id)
    if key is None:
        raise NotOurs("no key of ours signed it")
    if identity.descriptor.revocation(envelope.key_id) is not None:
        raise NotOurs("a key of ours signed it that was revoked since")
    suite_id, public = key
    return suite_id, Verifier().check(suite(suite_id), envelope, public)


def read(row: GivenBack, me: CenterId) -> Back:
    """Read what was verified when it came. Raises Malformed."""
    envelope = decode_envelope(row.word)
    statement = decode_statement(envelope.payload)
    ours = statement.sender == me
    answer = decode_envelope(row.receipt) if row.receipt else None
    said = statement if answer is None else decode_statement(answer.payload)
    return Back(
        ours=ours,
        peer=row.peer,
        statement=statement,
        envelope=envelope,
        hash=row.hash,
        suite=row.suite,
        word=decode_word(envelope.payload_type, statement.body),
        receipt=Receipt(Outcome.ACCEPTED) if answer is None else decode_receipt(said.body),
        answer=answer,
        at_ms=statement.sent_at_ms if ours else said.sent_at_ms,
    )


def in_order(backs: Sequence[Back]) -> list[Back]:
    """One conversation's words in the order in which we had said and heard them.

    Each word of ours names the last one that we had heard before it, so nothing is guessed.
    """
    said = sorted((each for each in backs if each.ours), key=lambda each: each.statement.revision)
    heard = _proven(said, [each for each in backs if not each.ours])
    ordered: list[Back] = []
    for own in said:
        answered = own.statement.answers_hash
        places = [at for at, each in enumerate(heard) if each.hash == answered]
        cut = places[0] + 1 if places else 0
        ordered += [*heard[:cut], own]
        heard = heard[cut:]
    return _timed(ordered + heard)


def _proven(said: Sequence[Back], heard: Sequence[Back]) -> list[Back]:
    """What we had heard by our own signature, in order: the rest comes as any word.

    Without a receipt of ours a word counts if one of ours answers it, or if a word that counts
    follows it: we had not heard that one after another. A peer may have said two words under one
    revision, and could else choose now which of them it was.
    """
    names = {own.statement.answers_hash for own in said}
    proven = []
    for each in sorted(heard, key=lambda each: each.statement.revision, reverse=True):
        if each.answer is not None or each.hash in names:
            names.add(each.statement.previous_hash)
            proven.append(each)
    return proven[::-1]


def _timed(ordered: Sequence[Back]) -> list[Back]:
    """What has no receipt any more was heard before what followed it."""
    timed: list[Back] = []
    for back in reversed(ordered):
        if back.answer is None and timed:
            back = replace(back, at_ms=timed[-1].at_ms)  # noqa: PLW2901
        timed.append(back)
    return timed[::-1]
