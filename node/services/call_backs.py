"""A regulator's side of call-backs (回访抽查): chooses, asks for records, calls, and states.

Told what a pool's owner reported, this node chooses by a keyed hash that no center can foretell
and no officer can bend, asks the owner for the records of those calls, and examines them by
itself. What proves nothing is said at once, to both centers. With what proves something, one
officer calls the expert and says what was found; another one confirms, and it is said. Names and
telephones are sealed in the database and shown to officers alone. The center's side is
``call_records``; the rules are ``proto/README.md``, Call-backs.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from federation.engine.inside import Said
from federation.errors import Malformed
from federation.evidence import call_back
from federation.evidence.call_back import Claim, Produced, Proven, RecordRefuted
from federation.ids import OPAQUE_ID_BYTES, CenterId
from federation.protocol import oversight as words
from federation.protocol.conversation import Conversation
from federation.protocol.draw import Report, Response
from federation.protocol.oversight import (
    AskRecords,
    FaultRecord,
    Finding,
    ProduceRecords,
    StateCallBack,
    SubmitReports,
    Wrong,
)
from federation.trust.suite import CannotOpen, suite
from federation.wire.envelopes import decode_statement
from federation.wire.words import decode_word
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.officers import Officers, check_grounds
from node.services.oversight_deciding import OFFICER
from node.services.oversight_evidence import Told, told_of
from node.services.speech import well_formed
from node.services.todos import BY_SYSTEM
from node.store import call_backs, todos, transcripts
from node.store.call_backs import CallBackRow, State
from node.store.cipher import ColumnCipher

CALL: Final = "call_back"
"""Asks an officer to call an expert."""
CONFIRM: Final = "call_back_confirm"
"""Asks another officer to confirm what was found."""
RECORD_FAULT: Final = "call_record_fault"
"""Tells the officers that a record proves nothing, or is not there."""
PERCENT: Final = 10
"""A share with which of thirty invented answers at least one is checked in 96 of 100 cases."""
AWAY_MS: Final = 600_000
"""The alarm of a node that runs rings within half a minute of a deadline: who finds one passed by
so much was away itself, and what the owner said meanwhile is still on its way."""
_PLACE: Final = "call_back.choice"  # what the key of the choice is derived for


@dataclass(frozen=True, slots=True)
class Call:
    """Whom to call about what; for officers alone.

    Args:
        uid: The expert's number in the pool.
        name: The expert's name.
        phone: The telephone that the record names.
        answer: What the record says.
        keys: What was pressed.
        placed_ms: When the call was placed.
        text: What was read out.
    """

    uid: str = field(repr=False)
    name: str = field(repr=False)
    phone: str = field(repr=False)
    answer: str
    keys: str
    placed_ms: int
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallBackPolicy:
    """A regulator's own rules.

    Args:
        percent: How many of a hundred invitations are called back; 0 for none.
        registered: By suite, the keys of gateways in the regulator's register; of a suite that is
            missing, what was announced with the pool counts.
    """

    percent: int = PERCENT
    registered: Mapping[str, frozenset[bytes]] = field(default_factory=dict)

    def counted(self, suite_id: str, announced: bytes) -> bytes:
        """The announced key, if records signed with it count; else none."""
        register = self.registered.get(suite_id)
        return announced if register is None or announced in register else b""


USUAL: Final = CallBackPolicy()


class CallBacks:
    """The regulator's side.

    Args:
        officers: Their pseudonyms.
        cipher: For records; has the key from which that of the choice comes: a restored node
            chooses as before.
        policy: Which invitations are called back, and which gateways count.
    """

    def __init__(
        self, officers: Officers, cipher: ColumnCipher, policy: CallBackPolicy = USUAL
    ) -> None:
        self._officers = officers
        self._cipher = cipher
        self._key = cipher.blind(_PLACE, "")
        self._policy = policy

    def admit(
        self, desk: Desk, conversation: Conversation, word: SubmitReports | ProduceRecords
    ) -> None:
        """Refuse what proves nothing. Raises Malformed."""
        if isinstance(word, SubmitReports):
            told_of(desk, conversation, word)
            return
        asked = call_backs.asked_in(desk.ledger.connection, conversation.id)
        if any(row.draw != word.draw_id for row in asked):
            raise Malformed("the records are of another draw", clause="draw_id")

    def heard(self, desk: Desk, spoken: Said) -> None:
        """Choose of what was reported; examine what was produced."""
        word, conversation = spoken.word, spoken.conversation
        if isinstance(word, SubmitReports):
            self._choose(desk, word, told_of(desk, conversation, word))
        else:
            assert isinstance(word, ProduceRecords), "the dispatcher hands nothing else"
            self._examine(desk, conversation, word)

    def _choose(self, desk: Desk, word: SubmitReports, told: Told) -> None:
        """Ask for the records that our choice falls on and that were not asked for before."""
        if not self._policy.percent:
            return
        digests = suite(told.opening.suite_id)
        value = call_back.choosing_value(digests, self._key, word.draw_id)
        known = {row.entry for row in call_backs.of_draw(desk.ledger.connection, word.draw_id)}
        first: dict[bytes, Report] = {}
        for report in told.reports:
            first.setdefault(report.entry, report)
        chosen = [
            report
            for entry, report in sorted(first.items())
            if entry not in known
            and call_back.is_chosen(digests, value, self._policy.percent, entry)
        ]
        for at in range(0, len(chosen), words.MAX_RECORDS):
            part = chosen[at : at + words.MAX_RECORDS]
            entries = tuple(report.entry for report in part)
            asking = AskRecords(word.draw_id, value, self._policy.percent, entries, word.ending)
            spoken = desk.open(told.owner, None, asking, suite_id=digests.suite_id)
            for report in part:
                row = CallBackRow(
                    # Not by the time: officers type its first digits.
                    id=digests.tagged("call-back-id", word.draw_id, report.entry)[:OPAQUE_ID_BYTES],
                    conversation=spoken.conversation.id,
                    draw=word.draw_id,
                    entry=report.entry,
                    owner=told.owner,
                    sealer=told.sealer,
                    suite=digests.suite_id,
                    pool=told.announced.pool,
                    epoch=told.announced.epoch,
                    response=report.response.name,
                    evidence=report.evidence,
                    gateway_key=self._policy.counted(digests.suite_id, told.announced.gateway_key),
                    asked_at_ms=desk.now_ms,
                )
                call_backs.add(desk.ledger.connection, row)
        self._compare(desk, word.draw_id, told)

    def _compare(self, desk: Desk, draw: bytes, told: Told) -> None:
        """Nobody is invited twice in a draw: who has signed two answers of one call has lied."""
        key = self._policy.counted(told.opening.suite_id, told.announced.gateway_key)
        for row in call_backs.of_draw(desk.ledger.connection, draw):
            reports = [report for report in told.reports if report.entry == row.entry]
            said = {(report.response.name, report.evidence) for report in reports}
            if said - {(row.response, row.evidence)}:
                self._fault(desk, row, Wrong.OTHER_RECORD)
            elif reports and key and row.gateway_key and key != row.gateway_key:
                self._fault(desk, row, Wrong.NOT_SIGNED)

    def _examine(self, desk: Desk, conversation: Conversation, word: ProduceRecords) -> None:
        produced = self._opened(desk, conversation, word)
        chosen = suite(conversation.suite)
        for row in call_backs.asked_in(desk.ledger.connection, conversation.id):
            try:
                proven = call_back.examine(chosen, _claim(row), produced.get(row.entry))
            except RecordRefuted as error:
                self._fault(desk, row, error.wrong)
                continue
            call_backs.set_call(desk.ledger.connection, self._cipher, row.id, _written(proven))
            self._call_first(desk, row)

    def _opened(
        self, desk: Desk, conversation: Conversation, word: ProduceRecords
    ) -> dict[bytes, Produced]:
        """What was produced by entry; nothing, if it does not open or cannot be read."""
        info = call_back.records_info(suite(conversation.suite), word.draw_id)
        try:
            raw = desk.identity.face(conversation.suite).unseal(info, word.sealed)
            return {one.entry: one for one in call_back.decode(raw)}
        except (CannotOpen, Malformed):
            return {}

    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        """The owner has not produced in time what it was asked for, or we were not there for it."""
        assert before.deadline_ms is not None, "what lapses had a deadline"
        if desk.now_ms < before.deadline_ms + AWAY_MS:
            self._missing(desk, after)
        else:
            self._ask_again(desk, after)

    def _ask_again(self, desk: Desk, conversation: Conversation) -> None:
        """The same question, with as much time as ever: nobody is blamed for our absence."""
        connection = desk.ledger.connection
        (asked, *_) = transcripts.of_conversation(connection, conversation.id)
        word = decode_word(asked.payload_type, decode_statement(asked.payload).body)
        spoken = desk.open(conversation.peer, None, word, suite_id=conversation.suite)
        call_backs.ask_again(connection, conversation.id, spoken.conversation.id, desk.now_ms)

    def refused(self, desk: Desk, conversation: Conversation) -> bool:
        """The owner would not take our question: that, too, is not producing.

        Answers whether it was one.
        """
        self._missing(desk, conversation)
        return bool(call_backs.asked_in(desk.ledger.connection, conversation.id))

    def _missing(self, desk: Desk, conversation: Conversation) -> None:
        for row in call_backs.asked_in(desk.ledger.connection, conversation.id):
            self._fault(desk, row, Wrong.NOT_PRODUCED)

    def _fault(self, desk: Desk, row: CallBackRow, wrong: Wrong) -> None:
        """Say it to both centers, once: what is wrong first, stays."""
        if row.wrong is not None:
            return
        call_backs.set_wrong(desk.ledger.connection, row.id, wrong.name)
        self._state(desk, row, FaultRecord(row.draw, row.entry, wrong))
        todos.add(
            desk.ledger.connection,
            role=OFFICER,
            kind=RECORD_FAULT,
            subject=row.id,
            zh=f"{row.owner}的通话回执未通过抽查({wrong.name}):抽取{row.draw.hex()};已告知双方"
            "中心,请调查(lianping regulator call-backs list)",
            en=f"a record of a call of {row.owner} did not pass ({wrong.name}): draw "
            f"{row.draw.hex()}; both centers were told, investigate (lianping regulator "
            "call-backs list)",
            now_ms=desk.now_ms,
        )

    def _state(self, desk: Desk, row: CallBackRow, word: FaultRecord | StateCallBack) -> None:
        for center in (row.owner, row.sealer):
            desk.open(CenterId(center), None, word, suite_id=row.suite)

    # Officers

    def everything(self, desk: Desk) -> list[CallBackRow]:
        """All call-backs, what officers still have to do first."""
        return call_backs.everything(desk.ledger.connection)

    def call(self, desk: Desk, identifier: bytes) -> tuple[CallBackRow, Call | None]:
        """One of them, and whom to call; None where no good record is kept.

        Raises:
            NotFound: There is no such call-back.
        """
        row = self._find(desk, identifier)
        kept = call_backs.call_of(self._cipher, row)
        return row, None if kept is None else Call(**json.loads(kept))

    def propose(
        self, desk: Desk, identifier: bytes, finding: Finding, grounds: str, by: str
    ) -> None:
        """One officer has called, and says what was found.

        Raises:
            NotFound: There is no such call-back.
            Conflicting: No record was produced, or something was proposed or stated before.
            Invalid: The grounds are empty, too long, or not one line.
        """
        row = self._find(desk, identifier)
        if row.state is not State.PRODUCED:
            raise Conflicting(*_NOT_NOW[row.state])
        check_grounds(grounds)
        well_formed(words.DenyRequest(grounds))  # a text of people, as words have them
        call_backs.propose(desk.ledger.connection, row.id, finding.name, grounds, by)
        _done(desk, row.id, BY_SYSTEM)
        _call(
            desk, CONFIRM, row,
            f"对{row.owner}一次邀请的回访结果({finding.name})待另一名监管人员确认",
            f"what an officer found of an invitation of {row.owner} ({finding.name}) waits for "
            "another officer",
        )  # fmt: skip

    def withdraw(self, desk: Desk, identifier: bytes) -> None:
        """An officer has thought again, or does not agree: it begins anew.

        Raises:
            NotFound: There is no such call-back.
            Conflicting: Nothing is proposed.
        """
        row = self._find(desk, identifier)
        if row.state is not State.PROPOSED:
            raise Conflicting("没有待确认的回访结果", "nothing is proposed that could be withdrawn")
        call_backs.withdraw(desk.ledger.connection, row.id)
        _done(desk, row.id, BY_SYSTEM)
        self._call_first(desk, row)

    def confirm(self, desk: Desk, identifier: bytes, by: str) -> None:
        """Another officer agrees, and both centers are told.

        Raises:
            NotFound: There is no such call-back.
            SamePerson: It is the officer who proposed it.
            Conflicting: Nothing is proposed.
        """
        row = self._find(desk, identifier)
        if row.state is not State.PROPOSED:
            raise Conflicting(*_NOTHING[row.state])
        officers = self._officers.two(suite(row.suite), row.proposed_by, by)
        assert row.finding is not None, "an officer proposed it"
        finding = Finding[row.finding]
        self._state(desk, row, StateCallBack(row.draw, row.entry, finding, officers))
        # Whom it was about is needed for an investigation, and for nothing else.
        call_backs.decide(
            desk.ledger.connection,
            row.id,
            by=by,
            now_ms=desk.now_ms,
            forget=finding is not Finding.MISMATCH,
        )
        _done(desk, row.id, by)

    def _call_first(self, desk: Desk, row: CallBackRow) -> None:
        _call(
            desk, CALL, row,
            f"{row.owner}的一次邀请被抽中回访,请一名监管人员致电专家"
            f"(lianping regulator call-backs show {row.id.hex()})",
            f"an invitation of {row.owner} was chosen: one officer calls the expert back "
            f"(lianping regulator call-backs show {row.id.hex()})",
        )  # fmt: skip

    def _find(self, desk: Desk, identifier: bytes) -> CallBackRow:
        row = call_backs.get(desk.ledger.connection, identifier)
        if row is None:
            raise NotFound("没有这项回访", "there is no such call-back")
        return row


_NOT_NOW: Final = {
    State.ASKED: ("专家库所属方尚未提交回执", "the owner of the pool has not produced it yet"),
    State.FAULTY: (
        "没有可核对的回执,违规已告知双方中心",
        "there is no good record; both centers were told of the fault",
    ),
    State.PROPOSED: (
        "已有监管人员提出结果,请由另一名确认,或先撤回",
        "an officer has said what was found: another one confirms it, or it is withdrawn",
    ),
    State.DECIDED: ("已经办结", "it is stated already"),
}
_NOTHING: Final = {
    **_NOT_NOW,
    State.PRODUCED: (
        "尚无结果可确认,请先由一名监管人员回访",
        "nothing is proposed yet: one officer calls, then another one confirms",
    ),
}


def _claim(row: CallBackRow) -> Claim:
    return Claim(
        draw=row.draw,
        entry=row.entry,
        response=Response[row.response],
        evidence=row.evidence,
        gateway_key=row.gateway_key,
        pool=row.pool,
        epoch=row.epoch,
    )


def _written(proven: Proven) -> str:
    record = proven.record
    told = {
        "uid": proven.uid,
        "name": proven.name,
        "phone": record.phone,
        "answer": record.answer,
        "keys": record.keys,
        "placed_ms": record.placed_ms,
        "text": record.text,
    }
    return json.dumps(told, ensure_ascii=False)


def _call(desk: Desk, kind: str, row: CallBackRow, zh: str, en: str) -> None:
    todos.add(
        desk.ledger.connection,
        role=OFFICER,
        kind=kind,
        subject=row.id,
        zh=zh,
        en=en,
        now_ms=desk.now_ms,
    )


def _done(desk: Desk, identifier: bytes, by: str) -> None:
    for kind in (CALL, CONFIRM):
        todos.done(desk.ledger.connection, kind=kind, subject=identifier, by=by, now_ms=desk.now_ms)
