"""What two officers (监管人员) of a regulator decide: permits, and escrows that are opened.

A request waits until one officer proposes what to answer, with grounds, and another one confirms
it; only then the word is said. Who has changed his mind, or does not agree, withdraws the
proposal, and it begins anew. An escrow is opened in memory in the moment of the second yes; one
that does not hold what the sealer committed to is told, and kept as proof against the sealer.
"""

from enum import StrEnum
from typing import Final

from federation.engine.inside import Said
from federation.errors import Conflict, FederationError
from federation.ids import ConversationId
from federation.lottery import ranking
from federation.lottery.escrow import FalseEscrow, open_escrow
from federation.protocol import oversight as words
from federation.protocol.conversation import REFUSED, Conversation, Word
from federation.protocol.oversight import AskPermit, AskUnseal, DenyRequest, Permit, Unseal
from federation.wire.envelopes import decode_envelope
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.officers import Officers, check_grounds
from node.services.oversight_evidence import escrow_of, opening_of
from node.services.speech import well_formed
from node.services.todos import BY_SYSTEM
from node.store import oversight, todos
from node.store.oversight import RequestRow, State

DECIDE: Final = "oversight_decide"
"""Asks an officer to propose an answer."""
CONFIRM: Final = "oversight_confirm"
"""Asks another officer to confirm it."""
FALSE_ESCROW: Final = "false_escrow"
"""Tells the officers that a sealer has deceived the draw."""
OFFICER: Final = "officer"  # whose to-dos these are

_WAITING: Final = frozenset({words.ASKED, words.UNSEALING, words.UNANSWERED})


class Decision(StrEnum):
    """What an officer proposes."""

    GRANT = "GRANT"
    DENY = "DENY"


class Deciding:
    """Requests of centers that two officers decide.

    Args:
        officers: Their pseudonyms.
    """

    def __init__(self, officers: Officers) -> None:
        self._officers = officers

    def admit(self, desk: Desk, conversation: Conversation, word: AskPermit | AskUnseal) -> None:
        """Refuse what shows nothing, and what was asked before."""
        if isinstance(word, AskUnseal):
            escrow_of(desk, conversation, word)
        else:
            opening_of(desk, conversation, word)
        for row in oversight.requests_about(desk.ledger.connection, word.draw_id):
            same = (row.word, row.peer) == (type(word).__name__, conversation.peer)
            if same and _stands(desk, row):  # the other center may need an answer of its own
                raise Conflict("this was asked before, and is open or granted", clause="draw_id")

    def heard(self, desk: Desk, spoken: Said) -> None:
        """Keep the request, and call an officer."""
        word, conversation = spoken.word, spoken.conversation
        assert isinstance(word, AskPermit | AskUnseal), "the dispatcher hands nothing else here"
        row = RequestRow(
            id=conversation.id,
            word=type(word).__name__,
            peer=conversation.peer,
            suite=conversation.suite,
            subject=word.draw_id,
            body=encode_word(word),
            reason=word.reason,
            asked_at_ms=desk.now_ms,
            state=State.OPEN,
        )
        oversight.add_request(desk.ledger.connection, row)
        call_first(desk, row)

    def said(self, desk: Desk, spoken: Said) -> None:
        """An answer that we had lost with an old database comes back: it was decided then.

        Who the officers were is in the word, as pseudonyms; their accounts are lost.
        """
        row = oversight.request(desk.ledger.connection, spoken.conversation.id)
        if row is None or row.state is not State.OPEN:
            return  # of a comparison, or just being confirmed
        decision = Decision.DENY if isinstance(spoken.word, DenyRequest) else Decision.GRANT
        oversight.propose(desk.ledger.connection, row.id, decision.value, "", BY_SYSTEM)
        oversight.decide(desk.ledger.connection, row.id, by=BY_SYSTEM, now_ms=desk.now_ms)
        done(desk, row.id, BY_SYSTEM)

    def propose(
        self, desk: Desk, request: bytes, decision: Decision, grounds: str, by: str
    ) -> None:
        """One officer says what should be answered, and why.

        Raises:
            NotFound: There is no such request.
            Conflicting: It was proposed or decided before, or nobody waits for it any more.
            Invalid: The grounds are empty, too long, or not one line.
        """
        row = find(desk, request)
        if row.state is not State.OPEN:
            raise Conflicting(*_OTHERWISE[row.state])
        _check_waited_for(desk, row)
        check_grounds(grounds)
        well_formed(DenyRequest(grounds))
        oversight.propose(desk.ledger.connection, row.id, decision.value, grounds, by)
        call_second(desk, row, decision.value)

    def withdraw(self, desk: Desk, request: bytes) -> None:
        """An officer has changed his mind, or does not agree: it begins anew.

        Raises:
            NotFound: There is no such request.
            Conflicting: Nothing is proposed.
        """
        row = find(desk, request)
        if row.state is not State.PROPOSED:
            raise Conflicting("没有待确认的意见", "nothing is proposed that could be withdrawn")
        oversight.withdraw(desk.ledger.connection, row.id)
        done(desk, row.id, BY_SYSTEM)
        call_first(desk, row)

    def confirm(self, desk: Desk, request: bytes, by: str) -> RequestRow:
        """Another officer agrees, and the answer is said. Answers how it stands now.

        Raises:
            NotFound: There is no such request.
            SamePerson: It is the officer who proposed it.
            Conflicting: Nothing is proposed, or nobody waits for it any more.
        """
        row = find(desk, request)
        if row.state is not State.PROPOSED:
            raise Conflicting(*_NOT_YET[row.state])
        _check_waited_for(desk, row)
        digests = desk.suite_of(ConversationId(row.id))
        officers = self._officers.two(digests, row.proposed_by, by)
        answer, wrong = self._answer(desk, row, officers)
        desk.say(ConversationId(row.id), answer)
        oversight.decide(
            desk.ledger.connection, row.id, by=by, now_ms=desk.now_ms, false_escrow=wrong
        )
        done(desk, row.id, by)
        if wrong is not None:
            _tell_of_false_escrow(desk, row)
        return find(desk, request)

    def _answer(
        self, desk: Desk, row: RequestRow, officers: tuple[bytes, bytes]
    ) -> tuple[Word, str | None]:
        """The word that is said, and what is wrong with an escrow that was opened for it."""
        assert row.grounds is not None, "an officer gave them"
        if row.decision == Decision.DENY:
            return DenyRequest(row.grounds), None
        asked = asks(row)
        assert asked is not None, "nothing else is decided here"
        if isinstance(asked, AskPermit):
            shown = decode_envelope(asked.opening).payload  # as it was verified when it was asked
            bound = ranking.open_hash(desk.suite_of(ConversationId(row.id)), shown)
            return Permit(asked.draw_id, officers, bound), None
        try:
            value = _opened(desk, row, asked)
        except FalseEscrow as error:
            return DenyRequest(f"false escrow of the sealer: {error}"), str(error)
        return Unseal(asked.draw_id, value, officers), None


def find(desk: Desk, request: bytes) -> RequestRow:
    """One request. Raises NotFound."""
    row = oversight.request(desk.ledger.connection, request)
    if row is None:
        raise NotFound("没有这项申请", "there is no such request")
    return row


def asks(row: RequestRow) -> AskPermit | AskUnseal | None:
    """What a center asks; None for an act of the officers' own accord."""
    kinds = {each.__name__: each for each in (AskPermit, AskUnseal)}
    if row.word not in kinds:
        return None
    word = decode_word(PAYLOAD_TYPES[kinds[row.word]], row.body)
    assert isinstance(word, AskPermit | AskUnseal), "stored as what it is"
    return word


def call_first(desk: Desk, row: RequestRow) -> None:
    """Leave the to-do of whoever proposes."""
    zh, en = TITLES[row.word]
    _call(desk, DECIDE, row, f"{row.peer}{zh},请一名监管人员提出意见",
          f"{row.peer} {en}: one officer proposes an answer")  # fmt: skip


def call_second(desk: Desk, row: RequestRow, decision: str) -> None:
    """Leave the to-do of whoever confirms, in place of the first one's."""
    done(desk, row.id, BY_SYSTEM)
    zh, en = TITLES[row.word]
    said = "准许" if decision == Decision.GRANT else "不准许"
    _call(desk, CONFIRM, row, f"{row.peer}{zh}:已有监管人员提出“{said}”,请另一名确认",
          f"{row.peer} {en}: {decision} is proposed, another officer confirms")  # fmt: skip


def done(desk: Desk, request: bytes, by: str) -> None:
    """Close both officers' to-dos."""
    for kind in (DECIDE, CONFIRM):
        todos.done(desk.ledger.connection, kind=kind, subject=request, by=by, now_ms=desk.now_ms)


TITLES: Final = {
    "AskPermit": ("申请准许重新抽取", "asks for leave to draw again"),
    "AskUnseal": ("申请启封托管的随机数", "asks to open an escrow"),
    "StateAct": ("的专家库审计文件待启封", "has a pool's audit file that is to be opened"),
}
"""What each request is, after the name of the center."""

_OTHERWISE: Final = {
    State.PROPOSED: (
        "已有监管人员提出意见,请由另一名确认,或先撤回",
        "an officer has proposed an answer: another one confirms it, or it is withdrawn",
    ),
    State.DECIDED: ("已经办结", "it is decided already"),
}
_NOT_YET: Final = {
    State.OPEN: (
        "尚无意见可确认,请先由一名监管人员提出",
        "nothing is proposed yet: one officer proposes, then another one confirms",
    ),
    State.DECIDED: ("已经办结", "it is decided already"),
}


def _opened(desk: Desk, row: RequestRow, asked: AskUnseal) -> bytes:
    conversation = desk.ledger.conversation(ConversationId(row.id))
    assert conversation is not None, "the request is one"
    try:
        opening = opening_of(desk, conversation, asked)
        commit = escrow_of(desk, conversation, asked)
    except FederationError as error:  # a key of the sealer was revoked since
        raise Conflicting(
            "所附证据现在无法核验(签名密钥可能已撤销),请与双方中心核实",
            f"what was shown cannot be verified any more: {error}",
        ) from error
    digests = desk.suite_of(conversation.id)
    return open_escrow(
        digests,
        desk.identity.face(row.suite).unseal,
        ranking.open_hash(digests, opening.envelope.payload),
        opening.statement.sender,
        commit.word.commitment,
        commit.word.escrow,
    )


def _stands(desk: Desk, row: RequestRow) -> bool:
    """Whether a request is open, or was granted; one that was denied may be asked anew."""
    known = desk.ledger.conversation(ConversationId(row.id))
    return known is not None and known.phase not in {words.DENIED, words.UNANSWERED, REFUSED}


def _check_waited_for(desk: Desk, row: RequestRow) -> None:
    known = desk.ledger.conversation(ConversationId(row.id))
    if known is None or known.phase not in _WAITING:
        raise Conflicting(
            "申请已经结束,无须再办", "the request is over: nobody waits for an answer"
        )


def _call(desk: Desk, kind: str, row: RequestRow, zh: str, en: str) -> None:
    todos.add(
        desk.ledger.connection,
        role=OFFICER,
        kind=kind,
        subject=row.id,
        zh=zh,
        en=en,
        now_ms=desk.now_ms,
    )


def _tell_of_false_escrow(desk: Desk, row: RequestRow) -> None:
    todos.add(
        desk.ledger.connection,
        role=OFFICER,
        kind=FALSE_ESCROW,
        subject=row.id,
        zh=f"抽取{row.subject.hex()}的封存方所托管的不是其承诺的随机数;证据已留存,请调查",
        en=f"the sealer of draw {row.subject.hex()} gave something else into escrow than it "
        "committed to; the proof is kept: investigate",
        now_ms=desk.now_ms,
    )
