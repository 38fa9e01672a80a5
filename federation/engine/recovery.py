"""RECOVERING: a node that runs on an old copy of its database gets its own words back.

That words are lost shows in three ways: ``lianping restore`` says so; a peer returns our own
signature on a log that we do not have; or a peer's greeting claims more words of ours than we have
said, and the peer shows one when it is asked. A claim alone stops no work but that with the
claimant: else one lying partner could stop a center.

Then nothing new is said, heard or let lapse, and every peer is asked for what the two said to each
other (``exchange``). When all have answered, or the operator goes on without one, everything takes
its place in one transaction (``replay``). A log whose lost part a peer had cosigned goes on only
in a new epoch (``epochs``), which the operator announces with the root key; until then the node
waits. A peer that was left out gives its share later: until then nothing is said to it.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

from federation.engine.exchange import Back, NotOurs, check, read
from federation.engine.floor import Floor
from federation.engine.negotiator import Negotiator
from federation.engine.outbox import AnswerRefused
from federation.engine.replay import Gap, Replay
from federation.ids import CenterId
from federation.ports import Asked, Asking, GivenBack, Ledger, Unreachable
from federation.wire.questions import OwnWordsAnswer, OwnWordsQuestion

L = TypeVar("L", bound=Ledger)

PAGES_AT_ONCE: Final = 256  # 16,384 words a round; the rest with the next
MAX_UNANSWERED: Final = 2_048
"""Words without our receipt that are kept of one peer. We may have heard those of the few calls
that were under way when we stopped; the rest only waits there, and comes as any word."""
Ask = Callable[[CenterId, object], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Standing:
    """How a recovery stands; empty when there is none.

    Args:
        recovering: Whether the node takes no new work at all.
        waited: The peers whose answers are awaited.
        without: The peers that were left out.
        epoch_needed: Whether the logs may go on in a new epoch only.
        reason: How the loss was found.
        since_ms: When.
    """

    recovering: bool = False
    waited: tuple[CenterId, ...] = ()
    without: tuple[CenterId, ...] = ()
    epoch_needed: bool = False
    reason: str = ""
    since_ms: int = 0


WHOLE: Final = Standing()


@dataclass(frozen=True, slots=True)
class Restored:
    """What a recovery brought: told to people in the transaction that ends it.

    Args:
        peers: Whose share is here again.
        words: How many words took their places again.
        gaps: Those that stand, but whose meaning inside could not be restored.
        short: Peers that say they heard more of our words than they gave back.
    """

    peers: tuple[CenterId, ...]
    words: int
    gaps: Sequence[Gap]
    short: tuple[CenterId, ...]

    @property
    def gaps_by_conversation(self) -> list[Gap]:
        """Those of one conversation together."""
        return sorted(self.gaps, key=lambda gap: gap.conversation.id)


def standing(ledger: Ledger, epoch: int) -> Standing:
    """How the recovery stands in the database.

    Args:
        ledger: Any transaction.
        epoch: Our logs' present epoch.
    """
    rows = [row for row in ledger.asked() if row.state is not Asking.DENIED]
    if not rows:
        return WHOLE
    whole = [row for row in rows if row.state in {Asking.WAITED, Asking.ANSWERED}]
    first = min(whole or rows, key=lambda row: row.since_ms)
    return Standing(
        recovering=bool(whole),
        waited=tuple(row.peer for row in rows if row.state in {Asking.WAITED, Asking.SUSPECT}),
        without=tuple(row.peer for row in rows if row.state is Asking.WITHOUT),
        epoch_needed=bool(whole) and bool(ledger.beyond(epoch)),
        reason=first.reason,
        since_ms=first.since_ms,
    )


class Recovery(Generic[L]):
    """Asks for what was lost, and puts it back.

    Args:
        negotiator: The database, and who we are.
        ask: Asks a peer one question: the outbox's.
        doubt: Told what a peer gave that is not what was said, and that it was refused.
        restored: Told what came of it, in the transaction that ends it.
        together: Awaits several at once: ``asyncio.gather``.
    """

    def __init__(
        self,
        *,
        negotiator: Negotiator[L],
        ask: Ask,
        doubt: Callable[[Floor[L], CenterId, str], None],
        restored: Callable[[Floor[L], Restored], None],
        together: Callable[..., Awaitable[object]],
    ) -> None:
        self._negotiator = negotiator
        self._ask = ask
        self._doubt = doubt
        self._restored = restored
        self._together = together
        self._missed: dict[CenterId, str] = {}
        self._unanswered: dict[CenterId, int] = {}

    @property
    def missed(self) -> dict[CenterId, str]:
        """Why the last question to a peer had no answer."""
        return dict(self._missed)

    async def standing(self) -> Standing:
        """How it stands."""
        return await self._negotiator.transact(self._standing)

    async def round(self) -> Standing:
        """Ask whoever has not answered, and end the recovery if all have; answers how it stands.

        Never raises for what a peer or the network does.
        """
        rows = await self._negotiator.transact(lambda floor: list(floor.ledger.asked()))
        if not rows:
            return WHOLE
        await self._together(*(self._try(row) for row in rows))  # a slow one holds nobody up
        return await self._negotiator.transact(self._finish)

    async def _try(self, row: Asked) -> None:
        if row.state in {Asking.ANSWERED, Asking.DENIED}:
            return
        try:
            await self._fetch(row.peer)
        except (Unreachable, AnswerRefused) as error:
            self._missed[row.peer] = str(error)
        else:
            self._missed.pop(row.peer, None)

    async def go_on_without(self, peer: CenterId) -> bool:
        """The operator waits for a peer no longer; False if nobody waited for it.

        A round that still waits for its answer need not end first.
        """

        def leave(floor: Floor[L]) -> bool:
            row = _row(floor, peer)
            if row is None or row.state is not Asking.WAITED:
                return False
            floor.ledger.put_asked(replace(row, state=Asking.WITHOUT))
            self._finish(floor)
            return True

        return await self._negotiator.transact(leave)

    def _standing(self, floor: Floor[L]) -> Standing:
        return standing(floor.ledger, floor.identity.descriptor.log_epoch)

    async def _fetch(self, peer: CenterId) -> None:
        """Fetch page after page. Raises Unreachable, AnswerRefused."""
        for _ in range(PAGES_AT_ONCE):
            row = await self._negotiator.transact(lambda floor: _row(floor, peer))
            if row is None or row.state in {Asking.ANSWERED, Asking.DENIED}:
                return
            question = OwnWordsQuestion(row.heard_to, row.said_to, row.asked_from_ms)
            answer = await self._ask(peer, question)
            if not isinstance(answer, OwnWordsAnswer):
                raise Unreachable(f"{peer} answered with something else")
            await self._negotiator.transact(
                lambda floor, answer=answer: self._take(floor, peer, answer)  # type: ignore[misc]
            )
            further = answer.heard_to > row.heard_to or answer.said_to > row.said_to
            if answer.more and not further:
                raise Unreachable(f"{peer} gives back a page that leads no further")

    def _take(self, floor: Floor[L], peer: CenterId, answer: OwnWordsAnswer) -> None:
        """Keep a page of what a peer gave back, as far as it holds."""
        row = _row(floor, peer)
        if row is None:
            return
        lost = 0
        for exchange in answer.exchanges:
            try:
                kept, back = check(floor, self._negotiator.doorkeeper, peer, exchange)
            except NotOurs as error:
                self._doubt(floor, peer, str(error))
                continue
            here, receipted = _here(floor, back)
            if not receipted and self._has_room(kept):
                floor.ledger.put_back(kept)
            lost += not here and bool(
                kept.receipt
            )  # our own signature is on it, under the word or under its receipt
        if lost and row.state is Asking.SUSPECT:
            why = f"{peer} showed words with our signature that are not here"
            floor.ledger.lost(floor.keyring.peers, why, floor.now_ms)
        self._negotiator.witness.take_back(floor, peer, answer.yours, answer.mine)
        row = replace(
            _row(floor, peer) or row,  # words or heads may have proven a loss
            heard_to=max(row.heard_to, answer.heard_to),
            said_to=max(row.said_to, answer.said_to),
            words_heard=max(row.words_heard, answer.words_heard),
        )
        if not answer.more:
            row = self._answered(floor, row)
        floor.ledger.put_asked(row)

    def _has_room(self, kept: GivenBack) -> bool:
        """Whether a word is kept until all have answered; those that we receipted all are."""
        if kept.receipt:
            return True
        count = self._unanswered.get(kept.peer, 0)
        self._unanswered[kept.peer] = count + 1
        return count < MAX_UNANSWERED

    def _answered(self, floor: Floor[L], row: Asked) -> Asked:
        """All pages since some time are here: look whether they are all that is missing."""
        self._unanswered.pop(row.peer, None)
        if row.asked_from_ms and self._short(floor, row):
            return replace(row, asked_from_ms=0, heard_to=0, said_to=0)  # it was lost earlier
        if row.state is Asking.SUSPECT:
            return replace(row, state=Asking.DENIED)
        return replace(row, state=Asking.ANSWERED)

    def _short(self, floor: Floor[L], row: Asked) -> bool:
        """Whether a peer heard more of our words than are here or came back."""
        said, _ = floor.ledger.counts(row.peer)
        me = floor.identity.center
        back = [read(each, me) for each in floor.ledger.given_back({row.peer})]
        fresh = sum(each.ours and not floor.ledger.has_said(each.hash)[0] for each in back)
        return row.words_heard > said + fresh

    def _finish(self, floor: Floor[L]) -> Standing:
        """Put everything in its place if all have answered."""
        rows = floor.ledger.asked()
        done = [row for row in rows if row.state is Asking.ANSWERED]
        now = self._standing(floor)
        if not done or any(row.state is Asking.WAITED for row in rows) or now.epoch_needed:
            return now
        peers = tuple(row.peer for row in done)
        short = tuple(row.peer for row in done if self._short(floor, row))
        me = floor.identity.center
        backs = [read(each, me) for each in floor.ledger.given_back(peers)]
        floor.ledger.recovered(peers)
        for row in done:
            if row.peer in short:  # it was asked for all, and did not show what it claims
                floor.ledger.suspect(row.peer, row.words_heard, floor.now_ms)
                floor.ledger.put_asked(replace(row, state=Asking.DENIED))
        replay = Replay.over(floor)
        words = replay.run(backs)
        floor.woken |= replay.woken
        self._restored(floor, Restored(peers, words, tuple(replay.gaps), short))
        return self._standing(floor)


def _row(floor: Floor[L], peer: CenterId) -> Asked | None:
    return next((row for row in floor.ledger.asked() if row.peer == peer), None)


def _here(floor: Floor[L], back: Back) -> tuple[bool, bool]:
    """Whether a word is here, and whether with its receipt."""
    if back.ours:
        return floor.ledger.has_said(back.hash)
    here = floor.ledger.receipt(back.peer, back.statement.message_id) is not None
    return here, here
