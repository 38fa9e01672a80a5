"""The daily statement of usage (用量对账): both sides count, one states, the other answers.

The sub states, because what counts is what it has accepted: when the day is over by its own
clock, its count is final. The host counts by the receipts that it holds, so it reads the same
moments off the same bytes; see ``node.store.usage`` for what counts. Where the two differ, a
dispute is open on both sides until our people settle it, each side for itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Final

from typing_extensions import override

from federation.engine.identity import SKEW_MS
from federation.engine.inside import Said
from federation.errors import Conflict, Malformed, NoAgreement, Refused, TooEarly, TooLate
from federation.ids import AgreementId, CenterId
from federation.protocol import booking
from federation.protocol.conversation import Conversation, Word
from federation.protocol.peering import (
    DISPUTED,
    MAX_USAGE_WORDS,
    UNANSWERED,
    AgreeUsage,
    DisputeUsage,
    Stage,
    StateUsage,
    Usage,
    UsedWord,
)
from federation.wire.envelopes import Receipt, Statement
from node.domain.workday import DAY_MS, midnight_ms, shanghai_date
from node.services.errands import Handler, Result
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk, Reaction
from node.services.reasons import refusal
from node.services.todos import BY_SYSTEM, SETTLE_USAGE
from node.store import agreements, errands, todos
from node.store import usage as store
from node.store.usage import Used

STATE: Final = "state_usage"
"""The errand by which a sub states a day."""
EXPECT: Final = "expect_usage"
"""The errand by which a host looks whether a sub has stated what it should have."""
MISSING: Final = "usage_missing"
"""The to-do that tells that a partner does not state or does not answer."""

GRACE_MS: Final = 5 * 60_000
"""How long after midnight a day is stated: a clock that is set back a little changes nothing."""
EXPECTED_MS: Final = DAY_MS
"""How long after that a host waits before its people call: a node may be away for a day."""
FORGOTTEN_MS: Final = 40 * DAY_MS  # older words have expired; so has what could be said of them
MAX_ROWS: Final = 1_000
MAX_NOTE_CHARS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Evidence:
    """A word that only one side counted.

    Args:
        word: Booking, stage, envelope hash.
        ours: Whether only we counted it; else only the other side.
        log_index: Where the word stands in our evidence log; None if we never met it.
    """

    word: UsedWord
    ours: bool
    log_index: int | None


@dataclass(frozen=True, slots=True)
class Dispute:
    """A statement that the two sides do not agree on, with both counts and their evidence."""

    statement: store.Statement
    ours: Usage
    theirs: Usage
    evidence: tuple[Evidence, ...]


def has_accepted(desk: Desk, conversation: Conversation) -> None:
    """As a sub: a word that may count was accepted now; see that the day will be stated."""
    assert conversation.agreement is not None, "a booking is under an agreement"
    day = shanghai_date(desk.now_ms)
    _leave(desk, STATE, conversation, day, midnight_ms(day) + DAY_MS + GRACE_MS)


def has_said(desk: Desk, conversation: Conversation) -> None:
    """As a host: a word that may count was said now; see that the sub will state it."""
    day = shanghai_date(desk.now_ms)
    _leave(desk, EXPECT, conversation, day, midnight_ms(day) + DAY_MS + GRACE_MS + EXPECTED_MS)


def _leave(desk: Desk, kind: str, conversation: Conversation, day: date, at_ms: int) -> None:
    assert conversation.agreement is not None, "a booking is under an agreement"
    agreement = conversation.agreement.hex()
    errands.add(
        desk.ledger.connection,
        kind=kind,
        key=f"{kind}:{agreement}:{conversation.role}:{day.isoformat()}",
        argument={"agreement": agreement, "peer": conversation.peer, "day": day.isoformat()},
        not_before_ms=at_ms,
    )


class UsageStatements(Reaction):
    """States, answers and disputes; hands all other words of peering on.

    Args:
        peering: What other words of the kind mean.
    """

    def __init__(self, peering: Reaction) -> None:
        self._peering = peering

    # What people see and do

    def statements(self, desk: Desk) -> list[store.Statement]:
        """Statements of both sides, the newest day first."""
        return store.every(desk.ledger.connection, MAX_ROWS)

    def disputes(self, desk: Desk) -> list[Dispute]:
        """Disputes with their evidence, open ones first."""
        found = store.disputed(desk.ledger.connection, MAX_ROWS)
        return [self._dispute(desk, each) for each in found]

    def resolve(self, desk: Desk, conversation: bytes, note: str, by: str) -> None:
        """Settle a dispute for this center; the other side settles its own.

        Raises:
            NotFound: No such dispute.
            Conflicting: It is settled already.
            Invalid: No note, or one that is too long.
        """
        found = store.get(desk.ledger.connection, conversation)
        if found is None or found.phase != DISPUTED:
            raise NotFound("没有这项用量争议", "there is no such dispute")
        if found.resolved_at_ms is not None:
            raise Conflicting("该争议已处理", "this dispute is settled already")
        note = note.strip()
        if not 0 < len(note) <= MAX_NOTE_CHARS:
            raise Invalid(
                f"请填写处理结果,不超过{MAX_NOTE_CHARS}字",
                f"say how it was settled, in at most {MAX_NOTE_CHARS} characters",
            )
        connection = desk.ledger.connection
        store.set_resolved(connection, conversation, by=by, note=note, now_ms=desk.now_ms)
        for kind in SETTLE_USAGE:
            todos.done(connection, kind=kind, subject=conversation, by=by, now_ms=desk.now_ms)

    def _dispute(self, desk: Desk, found: store.Statement) -> Dispute:
        assert found.answered is not None, "a dispute is an answer"
        ours, theirs = found.stated, found.answered
        if found.stated_by != desk.identity.center:
            ours, theirs = theirs, ours
        evidence = [
            Evidence(word, is_ours, store.log_index(desk.ledger.connection, word.word))
            for words, other, is_ours in (
                (ours.words, theirs.words, True),
                (theirs.words, ours.words, False),
            )
            for word in sorted(set(words) - set(other))
        ]
        return Dispute(found, ours, theirs, tuple(evidence))

    # Errands

    def handlers(self) -> Mapping[str, Handler]:
        """How our errands are run."""
        return {STATE: self._state, EXPECT: self._expect}

    async def _state(self, key: str, argument: dict[str, Any]) -> Result:
        del key
        agreement, peer, day = _named(argument)

        def state(desk: Desk) -> None:
            connection = desk.ledger.connection
            if store.of_day(connection, agreement, desk.identity.center, day.isoformat()):
                return
            used = store.accepted_by_us(connection, agreement, peer, *_bounds(day))
            row = agreements.get(connection, agreement)
            if used and row is not None:
                word = StateUsage(agreement, day.isoformat(), _usage(used))
                desk.open(peer, None, word, suite_id=row.terms.suite)

        return state

    async def _expect(self, key: str, argument: dict[str, Any]) -> Result:
        del key
        agreement, peer, day = _named(argument)

        def expect(desk: Desk) -> None:
            connection = desk.ledger.connection
            _, until_ms = _bounds(day)
            used = store.accepted_by_peer(
                connection, agreement, peer, until_ms - FORGOTTEN_MS, until_ms
            )
            missing = sorted(
                when
                for when in {shanghai_date(each.at_ms) for each in used}
                if store.of_day(connection, agreement, peer, when.isoformat()) is None
            )
            if missing:
                _call(
                    desk,
                    agreement[:16],
                    f"副场{peer}未按时报送{missing[0].isoformat()}起的用量,请联系对方中心",
                    f"sub {peer} has not stated its usage since {missing[0].isoformat()}; call it",
                )
            if store.pending(connection, agreement, peer):
                tomorrow = day + timedelta(days=1)
                errands.add(
                    connection,
                    kind=EXPECT,
                    key=f"{EXPECT}:{agreement.hex()}:{booking.HOST}:{tomorrow.isoformat()}",
                    argument={**argument, "day": tomorrow.isoformat()},
                    not_before_ms=until_ms + DAY_MS + GRACE_MS + EXPECTED_MS,
                )

        return expect

    # Reactions

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        """Refuse counts that contradict themselves, and answers that do not answer."""
        match word:
            case StateUsage():
                _admit_statement(desk, conversation, word, statement)
            case AgreeUsage(usage):
                if usage != _stated(desk, conversation).stated:
                    raise Malformed("these are not the counts that were stated; dispute them")
            case DisputeUsage(usage):
                _check_sound(usage)
                if usage == _stated(desk, conversation).stated:
                    raise Malformed("these are the counts that were stated; agree to them")
            case _:
                self._peering.admit(desk, conversation, word, statement)

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        """Keep our own word."""
        match spoken.word:
            case StateUsage() as word:
                us = desk.identity.center
                store.add(desk.ledger.connection, spoken.conversation, us, word, desk.now_ms)
            case AgreeUsage() | DisputeUsage() as word:
                self._answered(desk, spoken.conversation, word)
            case _:
                self._peering.said(desk, spoken)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        """Keep the other side's word; answer a statement at once."""
        conversation = spoken.conversation
        match spoken.word:
            case StateUsage() as word:
                store.add(
                    desk.ledger.connection, conversation, conversation.peer, word, desk.now_ms
                )
                todos.done(
                    desk.ledger.connection,
                    kind=MISSING,
                    subject=word.agreement_digest[:16],
                    by=BY_SYSTEM,
                    now_ms=desk.now_ms,
                )
                self._answer(desk, conversation, word)
            case AgreeUsage() | DisputeUsage() as word:
                self._answered(desk, conversation, word)
            case _:
                self._peering.heard(desk, spoken)

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """The other side refused a statement or an answer: people must call."""
        if store.get(desk.ledger.connection, conversation.id) is None:
            self._peering.refused(desk, conversation, receipt)
            return
        zh, en = refusal(receipt)
        _call(
            desk,
            conversation.id,
            f"{conversation.peer}拒绝了用量对账:{zh},请联系对方中心",
            f"{conversation.peer} refused a word of the statement of usage: {en}; call it",
        )

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """The host did not answer in time."""
        if store.get(desk.ledger.connection, after.id) is None:
            self._peering.lapsed(desk, before, after)
        elif after.phase == UNANSWERED:
            _call(
                desk,
                after.id,
                f"主场{after.peer}逾期未核对用量,请联系对方中心",
                f"host {after.peer} has not answered a statement of usage in time; call it",
            )

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """Statements do not wait for cosignatures."""
        self._peering.cosigned(desk, peer, suite_id, size)

    def _answer(self, desk: Desk, conversation: Conversation, word: StateUsage) -> None:
        ours = _usage(_counted_as_host(desk, conversation.peer, word))
        if ours == word.usage:
            desk.say(conversation.id, AgreeUsage(ours))
            return
        only_ours = len(set(ours.words) - set(word.usage.words))
        only_theirs = len(set(word.usage.words) - set(ours.words))
        reason = f"{only_ours} words only the host counted, {only_theirs} only the sub"
        desk.say(conversation.id, DisputeUsage(ours, reason))

    def _answered(
        self, desk: Desk, conversation: Conversation, word: AgreeUsage | DisputeUsage
    ) -> None:
        connection = desk.ledger.connection
        store.set_answer(connection, conversation.id, word)
        todos.done(
            connection, kind=MISSING, subject=conversation.id, by=BY_SYSTEM, now_ms=desk.now_ms
        )
        if isinstance(word, DisputeUsage):
            day = _stated(desk, conversation).day
            for role, kind in zip(("staff", "operator"), SETTLE_USAGE, strict=True):
                todos.add(
                    connection,
                    role=role,
                    kind=kind,
                    subject=conversation.id,
                    zh=f"与{conversation.peer}的{day}用量不一致,请核对双方证据并处理",
                    en=f"usage of {day} with {conversation.peer} is disputed; compare both "
                    "counts and settle it",
                    now_ms=desk.now_ms,
                )


def _counted_as_host(desk: Desk, peer: CenterId, word: StateUsage) -> list[Used]:
    """What we count: by our receipts; a word whose receipt was lost, as the sub states it."""
    connection, agreement = desk.ledger.connection, word.agreement_digest
    day = date.fromisoformat(word.day)
    used = store.accepted_by_peer(connection, agreement, peer, *_bounds(day))
    stated = set(word.usage.words)
    used += [one for one in store.pending(connection, agreement, peer) if one.word in stated]
    return sorted(used, key=lambda one: one.word)


def _usage(used: Sequence[Used]) -> Usage:
    confirmed = [one.hold for one in used if one.word.stage is Stage.CONFIRMED]
    return Usage(
        bookings_held=sum(one.word.stage is Stage.HELD for one in used),
        bookings_confirmed=len(confirmed),
        bookings_completed=sum(one.word.stage is Stage.COMPLETED for one in used),
        seats=sum(hold.seats for hold in confirmed),
        experts=sum(need.count for hold in confirmed for need in hold.experts),
        words=tuple(one.word for one in used)[:MAX_USAGE_WORDS],
    )


def _check_sound(usage: Usage) -> None:
    counts = (usage.bookings_held, usage.bookings_confirmed, usage.bookings_completed)
    listed = tuple(sum(word.stage is stage for word in usage.words) for stage in Stage)
    if list(usage.words) != sorted(set(usage.words)):
        raise Malformed("words must be different and ascending")
    if counts != listed and (len(usage.words) < MAX_USAGE_WORDS or sum(counts) < sum(listed)):
        raise Malformed(f"the counts are {counts}, of the words they are {listed}")


def _admit_statement(
    desk: Desk, conversation: Conversation, word: StateUsage, statement: Statement
) -> None:
    row = agreements.get(desk.ledger.connection, word.agreement_digest)
    signed = desk.ledger.agreement(AgreementId(word.agreement_digest)) is not None
    if row is None or row.peer != conversation.peer or not signed:
        raise NoAgreement("this is no agreement that the two of us signed", clause="parties")
    if row.terms.suite != conversation.suite:
        raise Refused(
            f"the agreement is under {row.terms.suite}, the statement of its usage under "
            f"{conversation.suite}; nothing falls back",
            clause="suite",
        )
    _, until_ms = _bounds(date.fromisoformat(word.day))
    if statement.sent_at_ms < until_ms - SKEW_MS:
        raise TooEarly("the day is not over", alternative=f"at_ms>={until_ms}")
    if statement.sent_at_ms > until_ms + FORGOTTEN_MS:
        raise TooLate("nobody can count a day so long ago; let people settle it")
    if store.of_day(desk.ledger.connection, word.agreement_digest, conversation.peer, word.day):
        raise Conflict("you have stated that day before")
    _check_sound(word.usage)


def _stated(desk: Desk, conversation: Conversation) -> store.Statement:
    found = store.get(desk.ledger.connection, conversation.id)
    assert found is not None, "an answer follows a statement"
    return found


def _named(argument: dict[str, Any]) -> tuple[AgreementId, CenterId, date]:
    agreement = AgreementId(bytes.fromhex(argument["agreement"]))
    return agreement, CenterId(argument["peer"]), date.fromisoformat(argument["day"])


def _bounds(day: date) -> tuple[int, int]:
    begins_ms = midnight_ms(day)
    return begins_ms, begins_ms + DAY_MS


def _call(desk: Desk, subject: bytes, zh: str, en: str) -> None:
    todos.add(
        desk.ledger.connection,
        role="operator",
        kind=MISSING,
        subject=subject,
        zh=zh,
        en=en,
        now_ms=desk.now_ms,
    )
