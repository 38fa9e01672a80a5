"""A center's side of call-backs: tells what was reported, produces records, hears what was found.

The sealer of a draw that is over tells the regulator of its agreement which answers the owner
reported; the owner's node answers by itself when it is asked for records. They name people, and
go sealed. What the regulator states is kept and told to people by counts and handles. The rules
are ``proto/README.md``, Call-backs; the regulator's side is ``call_backs``.
"""

from collections.abc import Mapping
from typing import Final

from federation.engine.inside import Said
from federation.errors import Conflict, Malformed, Overtaken, Refused
from federation.evidence import call_back
from federation.evidence.call_back import ANSWERS, Produced
from federation.ids import ConversationId
from federation.lottery.pool import IDENTITY
from federation.protocol import draw as draw_words
from federation.protocol import oversight as words
from federation.protocol.conversation import REFUSED, Conversation
from federation.protocol.draw import OWNER, Close, Conclude, Fault, Open, Report, Response
from federation.protocol.oversight import (
    AskRecords,
    FaultRecord,
    Finding,
    ProduceRecords,
    StateCallBack,
    SubmitReports,
)
from federation.protocol.peering import AnnouncePool
from federation.trust.errors import UnknownSuite
from federation.trust.keys import PublicKey, Purpose
from federation.wire.envelopes import decode_statement
from federation.wire.words import PAYLOAD_TYPES, decode_word
from node.services.accounts import Role
from node.services.draw_files import DrawFiles
from node.services.errors import Conflicting
from node.services.house import Desk
from node.services.outside_values import as_signed, envelope_of
from node.services.oversight_asking import regulator_of
from node.services.oversight_evidence import ended
from node.store import agreements, call_backs, draws, invited, pools, todos, transcripts
from node.store.call_backs import Checked
from node.store.cipher import ColumnCipher
from node.store.draws import DrawRow
from node.store.transcripts import Line

FOUND: Final = "call_back_fault"
"""Tells the supervisors that a record or an expert says otherwise than was reported."""
HARMLESS: Final = frozenset({Finding.MATCH.name, Finding.UNREACHED.name})
"""Outcomes that accuse nobody."""
OVER: Final = draw_words.DRAW.over | {REFUSED}

Stated = FaultRecord | StateCallBack


class CallRecords:
    """The center's side.

    Args:
        cipher: For records and the secrets of pools.
    """

    def __init__(self, cipher: ColumnCipher) -> None:
        self._cipher = cipher
        self._files = DrawFiles(cipher)

    def tell(self, desk: Desk, draw: bytes) -> None:
        """A draw is over: tell the regulator what was reported, if that is for us to do."""
        row = draws.get(desk.ledger.connection, draw)
        if row is None or not self._is_ours_to_tell(desk, row):
            return
        answers = answered(desk, row)
        try:
            regulator = regulator_of(desk, row)
        except Conflicting:
            return  # the agreement names none, or nobody has joined it
        if not answers:
            return
        suite_id = desk.suite_of(ConversationId(draw)).suite_id
        owner = self._files.owner(desk, row)
        sealer = row.peer if row.role == OWNER else desk.identity.center
        announced = dict(
            pools.announced_to(desk.ledger.connection, owner, suite_id, row.pool, row.epoch)
        )
        opening = envelope_of(desk, draw, Open)
        announcement = envelope_of(desk, announced[sealer], AnnouncePool, by=owner)
        ending = _ending(desk, draw)
        shown = [as_signed(desk, draw, line) for line, _ in answers.values()]
        for at in range(0, len(shown), words.MAX_REPORTS):
            part = tuple(shown[at : at + words.MAX_REPORTS])
            word = SubmitReports(draw, opening, announcement, part, ending)
            try:
                desk.open(regulator, None, word, suite_id=suite_id)
            except UnknownSuite:
                return  # it could read none of it

    def _is_ours_to_tell(self, desk: Desk, row: DrawRow) -> bool:
        """The sealer is not who may have lied; an owner that went on alone tells of itself."""
        if row.role != OWNER:
            return True
        walk = self._files.view(desk, row).walk
        return walk is not None and walk.rescued

    def admit(self, desk: Desk, conversation: Conversation, word: AskRecords | Stated) -> None:
        """Refuse what is not for this regulator to ask or to state.

        Raises:
            Conflict: There is no such draw, or it was stated before, or chosen otherwise.
            Refused: The draw's agreement does not name the speaker.
            Overtaken: The draw is not over, or no key to seal to is valid, as is known here.
            Malformed: An entry that was not chosen, or of which nothing was reported.
        """
        row = draws.get(desk.ledger.connection, word.draw_id)
        if row is None:
            raise Conflict("there is no such draw here", clause="draw_id")
        stored = agreements.get(desk.ledger.connection, row.agreement)
        if stored is None or stored.terms.regulator != conversation.peer:
            raise Refused("the draw's agreement does not name you", clause="regulator")
        if isinstance(word, AskRecords):
            self._admit_asked(desk, conversation, row, word)
            return
        if word.entry not in answered(desk, row):
            raise Malformed("no answer was reported of this entry", clause="entry")
        if isinstance(word, StateCallBack) and len(set(word.officers)) < words.MIN_OFFICERS:
            raise Malformed("it takes two different officers", clause="officers")
        said = {(each.entry, each.word) for each in _checked(desk, row)}
        if (word.entry, type(word).__name__) in said:
            raise Conflict("this was stated before", clause="entry")

    def _admit_asked(
        self, desk: Desk, conversation: Conversation, row: DrawRow, word: AskRecords
    ) -> None:
        if row.role != OWNER:
            raise Conflict("the draw is not from our pool", clause="draw_id")
        digests = desk.suite_of(ConversationId(row.id))
        if row.phase not in OVER:
            both = (row.peer, desk.identity.center)
            try:  # its end may be on the way to us
                ended(desk, word.ending, row.id, both, digests.suite_id)
            except Malformed as error:
                raise Overtaken(f"the draw is not over: {error.detail}", clause="ending") from error
        if len(set(word.entries)) < len(word.entries):
            raise Malformed("an entry is named twice", clause="entries")
        known = answered(desk, row)
        for entry in word.entries:
            if entry not in known:
                raise Malformed("no answer was reported of an entry", clause="entries")
            if not call_back.is_chosen(digests, word.value, word.percent, entry):
                raise Malformed("an entry is not chosen by this value", clause="value")
        if call_backs.choice(desk.ledger.connection, row.id) not in {None, word.value}:
            raise Conflict("another value was shown for this draw", clause="value")
        if _box(desk, conversation) is None:
            raise Overtaken("no key of yours to seal to is valid, as far as is known here")

    def heard(self, desk: Desk, spoken: Said) -> None:
        """Produce what was asked for; keep what was found, and tell people of what is wrong."""
        word, conversation = spoken.word, spoken.conversation
        if isinstance(word, AskRecords):
            call_backs.set_choice(desk.ledger.connection, word.draw_id, word.value)
            desk.say(conversation.id, self._produced(desk, conversation, word))
            return
        assert isinstance(word, FaultRecord | StateCallBack), "the dispatcher hands nothing else"
        outcome = word.wrong.name if isinstance(word, FaultRecord) else word.finding.name
        row = Checked(
            conversation=conversation.id,
            draw=word.draw_id,
            entry=word.entry,
            word=type(word).__name__,
            outcome=outcome,
            at_ms=desk.now_ms,
        )
        call_backs.add_checked(desk.ledger.connection, row)
        if outcome not in HARMLESS:
            self._tell_people(desk, row)

    def _produced(self, desk: Desk, conversation: Conversation, word: AskRecords) -> ProduceRecords:
        connection = desk.ledger.connection
        row = self._files.row(desk, word.draw_id)
        chosen = desk.suite_of(conversation.id)
        opening = self._files.view(desk, row).opening
        assert opening is not None, "an answer was reported, so it was opened"
        pool = self._files.own_pool(desk, row)
        asked = draws.invitations(connection, row.id)
        found = []
        for entry in word.entries:
            one = invited.one(connection, self._cipher, row.id, entry)
            if one is None or not one.record:
                continue  # left out: the regulator says that it is missing
            digests, (opened,) = pool.open(entry, (IDENTITY,))
            specialty = opening.slots[asked[entry].slot].specialty
            found.append(Produced(entry, one.record, specialty, digests, opened.salt, opened.value))
        key = _box(desk, conversation)
        assert key is not None, "else the question was left for later"
        info = call_back.records_info(chosen, row.id)
        return ProduceRecords(row.id, chosen.seal(key.key, info, call_back.encode(found)))

    def _tell_people(self, desk: Desk, checked: Checked) -> None:
        row = self._files.row(desk, checked.draw)
        owner = self._files.owner(desk, row)
        zh, en = TITLES[checked.outcome]
        todos.add(
            desk.ledger.connection,
            role=Role.SUPERVISOR.value,
            kind=FOUND,
            subject=checked.conversation,
            zh=f"监管部门抽查:{owner}在抽取{checked.draw.hex()}中的一次邀请(条目"
            f"{checked.entry.hex()[:16]}),{zh};请调查",
            en=f"the regulator has checked an invitation of {owner} in draw {checked.draw.hex()} "
            f"(entry {checked.entry.hex()[:16]}): {en}; investigate",
            now_ms=desk.now_ms,
        )


TITLES: Final[Mapping[str, tuple[str, str]]] = {
    Finding.MATCH.name: ("与报告相符", "as reported"),
    Finding.MISMATCH.name: (
        "回访专家的说法与报告不符",
        "the expert says otherwise than was reported",
    ),
    Finding.UNREACHED.name: ("回访未接通", "the expert was not reached"),
    words.Wrong.NOT_PRODUCED.name: (
        "通话回执逾期未提交",
        "the record of the call was not produced in time",
    ),
    words.Wrong.OTHER_RECORD.name: (
        "通话回执不是所报告的那一份",
        "the record is another one than was reported",
    ),
    words.Wrong.NOT_SIGNED.name: (
        "通话回执不是事先公布的网关密钥所签",
        "the record is not signed with the gateway's key that was announced",
    ),
    words.Wrong.OTHER_CALL.name: ("通话回执属于另一次邀请", "the record is of another call"),
    words.Wrong.OTHER_ANSWER.name: (
        "通话回执的答复与报告不同",
        "the record has another answer than was reported",
    ),
    words.Wrong.OTHER_PERSON.name: (
        "所示的被通知人不是所抽中的专家",
        "it was produced with somebody else than was drawn",
    ),
}
"""What each outcome is called."""


def _box(desk: Desk, conversation: Conversation) -> PublicKey | None:
    """The key that records are sealed to; None while a new one of the regulator is on its way."""
    regulator = desk.keyring.peers[conversation.peer]
    return regulator.key_for(Purpose.SEALING, conversation.suite, desk.now_ms)


def answered(desk: Desk, row: DrawRow) -> dict[bytes, tuple[Line, Response]]:
    """By entry, what the owner first reported that was answered on the telephone."""
    found: dict[bytes, tuple[Line, Response]] = {}
    for line in transcripts.of_conversation(desk.ledger.connection, row.id):
        if line.payload_type != _REPORT or line.ours is not (row.role == OWNER):
            continue
        word = decode_word(line.payload_type, decode_statement(line.payload).body)
        assert isinstance(word, Report), "the payload type says so"
        if word.response in ANSWERS:
            found.setdefault(word.entry, (line, word.response))
    return found


def _ending(desk: Desk, draw: bytes) -> bytes:
    """The word that ended a draw, as it was signed. Raises LookupError."""
    lines = transcripts.of_conversation(desk.ledger.connection, draw)
    found = [line for line in lines if line.payload_type in _ENDINGS]
    if not found:
        raise LookupError(f"draw {draw.hex()} has not ended")
    return as_signed(desk, draw, found[-1])


_ENDINGS: Final = {PAYLOAD_TYPES[each] for each in (Close, Conclude, Fault)}
_REPORT: Final = PAYLOAD_TYPES[Report]


def _checked(desk: Desk, row: DrawRow) -> list[Checked]:
    return call_backs.checked(desk.ledger.connection, row.id)
