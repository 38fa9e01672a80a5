"""Plays a conversation again on the table that both centers ran it on.

From both ends, each in the order of that end's own log: what a center said must have been
its turn by its own books, what it heard must have led where its signed receipt says.
"""

from collections.abc import Sequence
from dataclasses import replace

from federation.errors import OutOfTurn
from federation.evidence.case import Refuted, Step, Told
from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol import conversation as machine
from federation.protocol.conversation import EITHER, Conversation, Phase, Table


class Replay:
    """One conversation, seen from one end.

    Args:
        table: Its table.
        center: Whose end.
        words: All its words.
    """

    def __init__(self, table: Table, center: str, suite_id: str, words: Sequence[Told]) -> None:
        self._table = table
        self._center = center
        self._suite_id = suite_id
        self._words = sorted(words, key=lambda told: told.index(center))

    def run(self) -> Phase:
        """Answers the phase at the end."""
        first = self._words[0]
        speaker = first.word.speaker if first.word.speaker != EITHER else self._table.roles[0]
        ours = first.sender == self._center
        now = Conversation(
            id=ConversationId(first.statement.conversation_id),
            kind=first.kind,
            role=speaker if ours else self._table.other(speaker),
            peer=CenterId(first.hearer if ours else first.sender),
            agreement=AgreementId(first.statement.agreement_id) or None,
            suite=self._suite_id,
            phase=self._table.start,
        )
        for told in self._words:
            now = self._said(now, told) if told.sender == self._center else self._heard(now, told)
        return now.phase

    def _said(self, before: Conversation, told: Told) -> Conversation:
        statement = told.statement
        after = self._step(before, told, ours=True)
        if (statement.revision, statement.previous_hash, statement.answers_hash) != (
            after.said,
            before.said_hash,
            before.heard_hash,
        ):
            raise _broken(told)
        return replace(after, said_hash=told.hash)

    def _heard(self, before: Conversation, told: Told) -> Conversation:
        after = self._step(before, told, ours=False)
        if (told.statement.revision, told.statement.previous_hash) != (
            after.heard,
            before.heard_hash,
        ):
            raise _broken(told)
        return replace(after, heard_hash=told.hash)

    def _step(self, before: Conversation, told: Told, *, ours: bool) -> Conversation:
        at_ms = told.at_ms(self._center)
        # Silence is no word: a deadline may have passed before this one, on this end's clock.
        problem = ""
        for start in (before, machine.expire(self._table, before, at_ms)):
            try:
                advance = machine.say if ours else machine.hear
                after = advance(self._table, start, told.word, at_ms)
            except OutOfTurn as error:
                problem = error.detail
                continue
            if ours or after.phase == told.receipt.phase:
                return after
            problem = f"the receipt says {told.receipt.phase[:32]}, the table {after.phase}"
        raise Refuted(Step.CONVERSATIONS, told.where, f"不应在此时发出 ({problem})", problem)


def _broken(told: Told) -> Refuted:
    return Refuted(
        Step.CONVERSATIONS,
        told.where,
        "消息链断裂: 序号或前一消息的摘要不符",
        "the chain is broken: revision, previous_hash or answers_hash does not fit",
    )
