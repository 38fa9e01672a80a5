"""What a center asks of the regulator (监督部门) that its agreement names, and what comes back.

Asked are: leave to draw again after a draw came to nothing; the sealer's value, where the sealer
is silent; who of a list works for a bidder. What is shown is what was signed, so that the
regulator need not believe us. Its answer is kept as it was signed: the next ``Open`` and
``Rescue`` show it to the other center, and dossiers show it to everybody.
"""

from collections.abc import Callable
from typing import Final

from federation.engine.inside import Said
from federation.errors import Conflict, Malformed, OutOfTurn, Refused
from federation.ids import CenterId, ConversationId
from federation.lottery import ranking
from federation.protocol import draw as draw_words
from federation.protocol import oversight as words
from federation.protocol.conversation import REFUSED, Conversation, Word
from federation.protocol.draw import OWNER, Commit, Open
from federation.protocol.oversight import (
    AskPermit,
    AskUnseal,
    DenyRequest,
    Permit,
    Recuse,
    StateAct,
    SubmitBidders,
    SubmitEmployers,
    SubmitReports,
    Unseal,
)
from federation.trust.errors import UnknownSuite
from federation.wire.envelopes import Receipt, decode_envelope
from node.services.draw_files import word_in
from node.services.errors import Conflicting, NotFound
from node.services.house import Desk
from node.services.officers import check_grounds
from node.services.outside_values import envelope_of
from node.services.reasons import refusal
from node.services.speech import well_formed
from node.services.todos import BY_SYSTEM
from node.store import agreements, draws, oversight, todos
from node.store.draws import DrawRow
from node.store.oversight import Asked

ANSWERED: Final = "oversight_answered"
"""Tells the staff what the regulator has decided."""
UNANSWERED: Final = "oversight_unanswered"
"""Tells the staff that the regulator has not answered in time, or could not take the question."""
ACT: Final = "oversight_act"
"""Tells the operator that officers have opened something of ours."""

ASKS: Final = (AskPermit, AskUnseal, SubmitBidders, SubmitEmployers, SubmitReports)
Told = Callable[[Desk, bytes, Word], None]
"""Told of an answer: the floor, the draw, the word."""


def nobody(desk: Desk, draw: bytes, word: Word) -> None:
    """Nobody else is told."""
    del desk, draw, word


class Asking:
    """The center's side of kind ``oversight``.

    Args:
        recused: Told of every ``Recuse``.
        unsealed: Told of every ``Unseal``, and of what was denied in its place.
    """

    def __init__(self, recused: Told = nobody, unsealed: Told = nobody) -> None:
        self._recused = recused
        self._unsealed = unsealed

    def ask_permit(self, desk: Desk, draw: bytes, reason: str) -> bytes:
        """Ask for leave to draw again after a draw came to nothing. Answers the request's id.

        Raises:
            NotFound: There is no such draw.
            Conflicting: It did not come to nothing, needs no permit, was asked for before, or the
                regulator is no peer of ours.
            Invalid: A reason that no peer could read.
        """
        row = _draw(desk, draw)
        if row.phase not in {draw_words.VOID, REFUSED}:
            raise Conflicting(
                "这次抽取没有作废,不能申请重新抽取",
                f"the draw did not come to nothing ({row.phase}): there is nothing to draw again",
            )
        try:
            opening = envelope_of(desk, draw, Open)
        except LookupError as error:
            raise Conflicting(
                "这次抽取未曾启动,无须准许,可以直接重新开始抽取",
                "the draw was never opened: start it anew, no leave is needed",
            ) from error
        word = AskPermit(draw, opening, reason)
        return self._ask(desk, row, word)

    def ask_unseal(self, desk: Desk, draw: bytes, reason: str) -> bytes:
        """Ask to open the silent sealer's escrow. Answers the request's id.

        Raises as ``ask_permit``; and Conflicting if the pool is not ours, or the draw is at a
        step that does not wait for the sealer's value.
        """
        row = _draw(desk, draw)
        if row.role != OWNER:
            raise Conflicting(
                "只有专家库所属方可以申请启封对方的托管值",
                "only the owner of the pool asks to open the sealer's escrow",
            )
        if row.phase not in {draw_words.WALKING, draw_words.SEALED}:
            raise Conflicting(
                "抽取不在等待封存方的阶段,不能申请启封",
                f"the draw does not wait for the sealer's value in {row.phase}",
            )
        commit = envelope_of(desk, draw, Commit, by=row.peer)
        shown = word_in(commit, row.peer)
        assert isinstance(shown, Commit), "it was looked up by its type"
        if not shown.escrow:
            raise Conflicting(
                "封存方没有托管随机数,无法启封", "the sealer gave nothing into escrow"
            )
        word = AskUnseal(draw, envelope_of(desk, draw, Open), commit, reason)
        return self._ask(desk, row, word)

    def _ask(self, desk: Desk, row: DrawRow, word: AskPermit | AskUnseal) -> bytes:
        check_grounds(word.reason)
        for earlier in oversight.asked_about(desk.ledger.connection, row.id):
            if earlier.word == type(word).__name__ and (
                earlier.phase in {words.ASKED, words.UNSEALING}
                or earlier.answer in {Permit.__name__, Unseal.__name__}
            ):
                raise Conflicting(
                    f"已就这次抽取提出申请({earlier.conversation.hex()}),请等待答复或查看结果",
                    f"this was asked before ({earlier.conversation.hex()}): wait for the answer, "
                    "or read it",
                )
        suite_id = desk.suite_of(ConversationId(row.id)).suite_id
        to = regulator_of(desk, row)
        try:
            spoken = desk.open(to, None, well_formed(word), suite_id=suite_id)
        except UnknownSuite as error:
            raise Conflicting(
                f"监管节点{to}不支持密码套件{suite_id}", f"the regulator {to}: {error}"
            ) from error
        return spoken.conversation.id

    def everything(self, desk: Desk) -> list[Asked]:
        """All that we asked, and what was answered; the newest first."""
        return oversight.everything_asked(desk.ledger.connection)

    def admit(self, desk: Desk, conversation: Conversation, word: Word) -> None:
        """Refuse an answer that is not to what we asked."""
        if isinstance(word, StateAct):
            if conversation.peer not in regulators(desk):
                raise Refused("no agreement of ours names you as its regulator", clause="regulator")
            _check_two(word.officers)
            return
        asked = oversight.asked(desk.ledger.connection, conversation.id)
        assert asked is not None, "kept when it was said"
        if not isinstance(word, (_ANSWER_TO[asked.word], DenyRequest)):
            raise OutOfTurn(f"{word.case} is no answer to {asked.word}")  # the table forgets, late
        if isinstance(word, Permit | Unseal | Recuse) and word.draw_id != asked.draw:
            raise Malformed("the answer is about another draw", clause="draw_id")
        if isinstance(word, Permit | Unseal):
            _check_two(word.officers)
        if isinstance(word, Permit):
            _check_opening(desk, word)
        if isinstance(word, Unseal):
            _check_value(desk, word)

    def said(self, desk: Desk, spoken: Said) -> None:
        """Keep what we asked."""
        word = spoken.word
        assert isinstance(word, ASKS), "a center says nothing else"
        oversight.add_asked(
            desk.ledger.connection,
            conversation=spoken.conversation.id,
            word=type(word).__name__,
            draw=None if isinstance(word, SubmitBidders) else word.draw_id,
            now_ms=desk.now_ms,
        )

    def heard(self, desk: Desk, spoken: Said) -> None:
        """Keep the answer as it was signed, tell the people, and whoever goes on from it."""
        word, conversation = spoken.word, spoken.conversation
        if isinstance(word, StateAct):
            _tell_of_act(desk, conversation, word)
            return
        oversight.set_answer(desk.ledger.connection, conversation.id, type(word).__name__)
        asked = oversight.asked(desk.ledger.connection, conversation.id)
        assert asked is not None, "kept when it was said"
        _settle(desk, conversation.id)
        zh, en = _ANSWERS[type(word)]
        _leave(desk, ANSWERED, conversation, zh, en)
        if isinstance(word, Recuse):
            self._recused(desk, word.draw_id, word)
        elif isinstance(word, Unseal):
            self._unsealed(desk, word.draw_id, word)
        elif asked.word == AskUnseal.__name__ and asked.draw is not None:
            self._unsealed(desk, asked.draw, word)

    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        """The regulator's node did not take the question."""
        zh, en = refusal(receipt)
        _leave(
            desk, UNANSWERED, conversation,
            f"监管节点没有受理申请:{zh}", f"the regulator's node did not take the question ({en})",
        )  # fmt: skip

    def lapsed(self, desk: Desk, after: Conversation) -> None:
        """Its officers have not answered in time; an answer that comes late still counts."""
        _leave(
            desk, UNANSWERED, after,
            "监管部门未在期限内答复,请电话联系;迟到的答复仍然有效",
            "the regulator has not answered in time: call it; a late answer still counts",
        )  # fmt: skip


_ANSWER_TO: Final[dict[str, type[Word]]] = {
    AskPermit.__name__: Permit,
    AskUnseal.__name__: Unseal,
    SubmitBidders.__name__: DenyRequest,
    SubmitEmployers.__name__: Recuse,
    SubmitReports.__name__: DenyRequest,
}

_ANSWERS: Final[dict[type[Word], tuple[str, str]]] = {
    Permit: (
        "监管部门已准许重新抽取,可以重新开始抽取",
        "the regulator permits another draw: start it",
    ),
    Unseal: (
        "监管部门已启封封存方托管的随机数,抽取将继续",
        "the regulator has opened the sealer's escrow: the draw goes on",
    ),
    Recuse: (
        "监管部门已比对投标人与专家工作单位,结果见该次抽取",
        "the regulator has compared bidders and employers: see the draw",
    ),
    DenyRequest: (
        "监管部门未准许申请,理由见 GET /api/oversight/asked",
        "the regulator denies the request; why: GET /api/oversight/asked",
    ),
}


def regulators(desk: Desk) -> set[CenterId]:
    """Whom our agreements, signed and not ended, name as their regulator."""
    named = {row.terms.regulator for row in agreements.active(desk.ledger.connection)}
    return {CenterId(each) for each in named if each}


def regulator_of(desk: Desk, row: DrawRow) -> CenterId:
    """The regulator of a draw's agreement. Raises Conflicting: it names none, or no peer."""
    stored = agreements.get(desk.ledger.connection, row.agreement)
    named = stored.terms.regulator if stored is not None else ""
    if not named:
        raise Conflicting(
            "协议没有约定监管节点,此事无须也无从申请",
            "the agreement names no regulator: nothing is asked of one",
        )
    if named not in desk.keyring.peers:
        raise Conflicting(
            f"监管节点{named}尚未登记为伙伴,请先互换邀请文件",
            f"the regulator {named} is no peer of ours yet: join it first (lianping peer invite)",
        )
    return CenterId(named)


def _draw(desk: Desk, draw: bytes) -> DrawRow:
    row = draws.get(desk.ledger.connection, draw)
    if row is None:
        raise NotFound("没有这次抽取", "there is no such draw")
    return row


def _check_two(officers: tuple[bytes, ...]) -> None:
    if len(set(officers)) < words.MIN_OFFICERS:
        raise Malformed("it takes two different officers", clause="officers")


def _check_value(desk: Desk, word: Unseal) -> None:
    """Is this what the sealer committed to?"""
    row = draws.get(desk.ledger.connection, word.draw_id)
    if row is None:
        raise Conflict("there is no such draw here", clause="draw_id")
    digests = desk.suite_of(ConversationId(row.id))
    sealed = word_in(envelope_of(desk, row.id, Commit, by=row.peer), row.peer)
    assert isinstance(sealed, Commit), "it was looked up by its type"
    if (
        ranking.commitment(digests, _open_hash(desk, row.id), row.peer, word.value)
        != sealed.commitment
    ):
        raise Malformed("the value does not open the sealer's commitment", clause="V7")


def _check_opening(desk: Desk, word: Permit) -> None:
    """Is it for the opening that we have shown?"""
    if word.open_hash != _open_hash(desk, word.draw_id):
        raise Malformed("the permit is for another opening of that draw", clause="open_hash")


def _open_hash(desk: Desk, draw: bytes) -> bytes:
    """O of a draw that was opened here."""
    digests = desk.suite_of(ConversationId(draw))
    return ranking.open_hash(digests, decode_envelope(envelope_of(desk, draw, Open)).payload)


def _settle(desk: Desk, conversation: bytes) -> None:
    todos.done(
        desk.ledger.connection,
        kind=UNANSWERED,
        subject=conversation,
        by=BY_SYSTEM,
        now_ms=desk.now_ms,
    )


def _leave(desk: Desk, kind: str, conversation: Conversation, zh: str, en: str) -> None:
    todos.add(
        desk.ledger.connection,
        role="staff",
        kind=kind,
        subject=conversation.id,
        zh=zh,
        en=en,
        now_ms=desk.now_ms,
    )


def _tell_of_act(desk: Desk, conversation: Conversation, word: StateAct) -> None:
    todos.add(
        desk.ledger.connection,
        role="operator",
        kind=ACT,
        subject=conversation.id,
        zh=f"监管节点{conversation.peer}的两名监管人员已办理:{word.act.name}(对象{word.subject.hex()})",
        en=f"two officers of the regulator {conversation.peer} have done {word.act.name} on "
        f"{word.subject.hex()}",
        now_ms=desk.now_ms,
    )
