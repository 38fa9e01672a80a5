"""The lottery of sub-venues (随机挑选, 盲选): what its words mean for this center.

As the **host** it invites every partner whose agreement covers the request, draws, and has
the first by rank booked; who declines is followed by the next, never by whom somebody likes.
As a **candidate** its node answers by itself: from the agreement and from the calendar. Its
staff are asked when the Hold comes. Every check of fairness is ``federation.lottery.selection``.

Everything that follows from a word is said in the same transaction. What staff of the host
may see of a blind lottery is ``node.services.veil``.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol, TypeVar

from typing_extensions import override

from federation.engine.inside import Said
from federation.ids import AgreementId, CenterId, ConversationId
from federation.lottery import selection as rules
from federation.protocol import booking
from federation.protocol import selection as words
from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import ExpertNeed, Hold
from federation.protocol.conversation import REFUSED, Conversation, Word
from federation.protocol.selection import (
    HOST,
    MAX_ATTEMPTS,
    MAX_CANDIDATES,
    MIN_CANDIDATES,
    SUB,
    Abandon,
    Disclose,
    Enter,
    Entrant,
    Gather,
    Invite,
    Place,
    Rank,
)
from federation.trust.suite import suite
from federation.wire.envelopes import Receipt, Statement
from node.domain.project import BookingRequest
from node.services.booking_terms import (
    KIND_CODES,
    Tested,
)
from node.services.candidate import Candidate, admit_invite, check_drawn
from node.services.errors import Conflicting, Invalid, UseCaseError
from node.services.house import Desk, Reaction
from node.services.lottery import Lottery
from node.services.projects import found_project
from node.services.reasons import reason_zh
from node.services.selection_files import (
    Values,
    bound_to,
    candidacy_row,
    enrol,
    fair,
    heard_word,
    selection_row,
)
from node.services.selection_view import SelectionStatus, of_project
from node.services.todos import BY_SYSTEM
from node.services.venues import Venues
from node.store import bookings, bundles, selections, todos
from node.store.cipher import ColumnCipher
from node.store.projects import ProjectRow
from node.store.selections import Candidacy, Progress, SelectionRow

W = TypeVar("W", bound=Word)

ENDED: Final = "selection_ended"
"""The to-do by which the agency learns that a lottery came to nothing."""

CONTESTED: Final = "selection_contested"
"""The to-do by which the host's staff learns that a candidate refused the outcome."""

_LIVE: Final = frozenset({Progress.INVITING, Progress.GATHERING})
_NO_SEATS: Final = "no such seats are free in that window"


class Booker(Protocol):
    """What a lottery needs of booking; see ``node.services.bundling``."""

    def able(
        self, desk: Desk, row: ProjectRow, request: BookingRequest, sub: CenterId
    ) -> tuple[AgreementId, AgreementTerms]:
        """The agreement under which a center could take any place. Raises UseCaseError."""

    def book_drawn(
        self, desk: Desk, project_id: bytes, drawn: Sequence[CenterId], selection_id: bytes, by: str
    ) -> bytes:
        """Book those that were drawn. Raises UseCaseError."""


class Selections(Reaction, Lottery):
    """Holds lotteries, and takes part in those of partners.

    Args:
        cipher: Seals our random values.
        venues: Our seats.
        partners: With whom an agreement is in force.
        tested: Whether the joint test that it demands was passed.
        booker: Books what was drawn.
    """

    def __init__(
        self,
        *,
        cipher: ColumnCipher,
        venues: Venues,
        partners: Callable[[Desk], Sequence[CenterId]],
        tested: Tested,
        booker: Booker,
    ) -> None:
        self._values = Values(cipher)
        self._candidate = Candidate(values=self._values, venues=venues, tested=tested)
        self._partners = partners
        self._booker = booker

    # What booking asks for

    @override
    def begin(self, desk: Desk, row: ProjectRow, request: BookingRequest, by: str) -> bytes:
        self.make_way(desk, row.id)
        suite_id, candidates = self._candidates(desk, row, request)
        fresh = SelectionRow(
            id=desk.new_id(),
            project=row.id,
            mode=request.mode.name,
            suite=suite_id,
            attempt=1,
            sealed_value=b"",
            progress=Progress.INVITING,
            asked_by=by,
        )
        held = self._values.renewed(desk, fresh)
        selections.add(desk.ledger.connection, held, desk.now_ms)
        self._invite(desk, held, row, request, candidates)
        return held.id

    @override
    def make_way(self, desk: Desk, project_id: bytes) -> None:
        connection = desk.ledger.connection
        earlier = selections.of_project(connection, project_id)
        for row in earlier:
            todos.done(connection, kind=ENDED, subject=row.id, by=BY_SYSTEM, now_ms=desk.now_ms)
        if any(row.progress in _LIVE for row in earlier):
            raise Conflicting(
                "该项目的副场抽取正在进行", "a lottery of sub-venues is under way for the project"
            )

    @override
    def follow(self, desk: Desk, selection_id: bytes, lost: Sequence[CenterId]) -> bool:
        row = selection_row(desk, selection_id)
        row = replace(row, declined=(*row.declined, *lost))
        selections.put(desk.ledger.connection, row)
        return self._book(desk, row)

    @override
    def check_stand_in(self, desk: Desk, selection_id: bytes, sub: CenterId) -> None:
        held = selections.get(desk.ledger.connection, selection_id) if selection_id else None
        if held is None:
            return
        if held.mode == booking.SelectionMode.BLIND.name:
            raise Invalid(
                "盲选产生的副场不能指名替换,请取消后重新抽取",
                "nobody names who takes the place of a sub-venue drawn blindly; cancel, draw anew",
            )
        request = _request(desk, held)
        left = [each for each in held.ranked if each not in held.declined]
        asked = _stand_ins(desk, held.project, selection_id)
        if [sub] != [each for each in left[request.sub_count :] if each not in asked][:1]:
            raise Invalid(
                "抽取产生的副场只能由下一顺位替换",
                "only the next by rank takes the place of a sub-venue that was drawn",
            )

    @override
    def check_drawn(self, desk: Desk, peer: CenterId, hold: Hold) -> None:
        check_drawn(desk, peer, hold)

    # What people see

    def of_project(self, desk: Desk, project_id: bytes) -> list[SelectionStatus]:
        """The lotteries of a project, oldest first."""
        return of_project(desk, project_id)

    # What words mean

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        if isinstance(word, Invite):
            admit_invite(desk, conversation, word)
        elif isinstance(word, Gather):
            row = candidacy_row(desk, conversation.id)
            with fair():
                rules.check_gather(
                    row.invite, desk.identity.center, self._values.enter(desk, row), word
                )
        elif isinstance(word, Disclose):
            if conversation.phase != words.GATHERED:
                return  # it crossed an Abandon
            row = candidacy_row(desk, conversation.id)
            assert row.commitment is not None, "it entered before the list was closed"
            digests, bound = bound_to(desk, conversation.id)
            with fair():
                rules.check_disclosure(
                    digests, bound, conversation.peer, Enter(row.commitment), word
                )
        elif isinstance(word, Rank):
            row = candidacy_row(desk, conversation.id)
            gather = heard_word(desk, conversation.id, Gather)
            digests, bound = bound_to(desk, conversation.id)
            with fair():
                rules.check_rank(digests, bound, conversation.peer, row.invite, gather, word)

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        if isinstance(spoken.word, Invite):
            enrol(desk, spoken, HOST, None)

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        word, conversation = spoken.word, spoken.conversation
        connection = desk.ledger.connection
        if isinstance(word, Invite):
            sealed = self._values.seal(conversation.id, desk.new_secret())
            enrol(desk, spoken, SUB, sealed)
            self._candidate.answer(desk, candidacy_row(desk, conversation.id))
        elif isinstance(word, Gather) and conversation.phase == words.GATHERED:
            row = candidacy_row(desk, conversation.id)
            desk.say(conversation.id, Disclose(self._values.own(row)))
        elif conversation.role == HOST:
            if isinstance(word, Enter) and conversation.phase == words.ENTERED:
                selections.set_commitment(connection, conversation.id, word.commitment)
            elif isinstance(word, Disclose) and conversation.phase == words.DISCLOSED:
                selections.set_value(connection, conversation.id, word.value)
            self._go_on(desk, conversation.id)

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        if conversation.role != HOST:
            return
        held = selection_row(desk, candidacy_row(desk, conversation.id).selection)
        if held.progress not in _LIVE:
            # Not named here: whoever refuses its rank may be the one whom nobody may know.
            todos.add(
                desk.ledger.connection,
                role="staff",
                kind=CONTESTED,
                subject=held.id,
                zh=f"有候选副场不认可抽取结果:{reason_zh(receipt.reason)},请联系监督部门",
                en=f"a candidate contests the draw of sub-venues: {receipt.detail}",
                now_ms=desk.now_ms,
            )
        self._go_on(desk, conversation.id)

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        peer, phase = before.peer, before.phase
        desk.say(
            before.id, Abandon(phase, (peer,), f"{peer} did not do its part in {phase} in time")
        )
        if before.role == HOST:
            self._go_on(desk, before.id)

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        return

    # The host

    def _candidates(
        self,
        desk: Desk,
        row: ProjectRow,
        request: BookingRequest,
        left_out: Sequence[CenterId] = (),
        suite_id: str = "",
    ) -> tuple[str, dict[CenterId, AgreementId]]:
        """All who could take any place, under the suite that most of them share."""
        found: dict[str, dict[CenterId, AgreementId]] = defaultdict(dict)
        reasons = []
        for peer in self._partners(desk):
            if peer in left_out or desk.ledger.doubtful(peer):
                continue
            try:
                agreement, terms = self._booker.able(desk, row, request, peer)
            except UseCaseError as error:
                reasons.append(f"{error.zh} · {error.en}")
            else:
                found[terms.suite][peer] = agreement
        if suite_id:
            return suite_id, found[suite_id]
        chosen = min(found, key=lambda each: (-len(found[each]), each), default="")
        candidates = found[chosen] if chosen else {}
        needed = max(MIN_CANDIDATES, request.sub_count)
        if not needed <= len(candidates) <= MAX_CANDIDATES:
            raise Invalid(
                f"符合条件的副场有{len(candidates)}家,抽取需{needed}至{MAX_CANDIDATES}家",
                f"{len(candidates)} centers could be drawn; a lottery needs {needed} to "
                f"{MAX_CANDIDATES}",
                detail=reasons,
            )
        return chosen, candidates

    def _invite(
        self,
        desk: Desk,
        held: SelectionRow,
        row: ProjectRow,
        request: BookingRequest,
        candidates: Mapping[CenterId, AgreementId],
    ) -> None:
        digests = suite(held.suite)
        bound = rules.host_bound(digests, held.id, held.attempt)
        us = desk.identity.center
        invite = Invite(
            selection_id=held.id,
            attempt=held.attempt,
            candidates=tuple(sorted(candidates)),
            selection=booking.SelectionMode[request.mode.name],
            start_ms=request.window.start_ms,
            end_ms=request.window.end_ms,
            project_kind=KIND_CODES[row.project.kind],
            places=tuple(
                Place(
                    seats=sub.venue.seats,
                    equipment=tuple(sorted(sub.venue.equipment)),
                    overnight=sub.venue.overnight,
                    experts=tuple(ExpertNeed(slot.specialty, slot.count) for slot in sub.slots),
                )
                for sub in request.subs
            ),
            commitment=rules.commitment(digests, bound, us, self._values.host(held)),
        )
        for peer in invite.candidates:
            desk.open(CenterId(peer), candidates[CenterId(peer)], invite)

    def _go_on(self, desk: Desk, conversation: ConversationId) -> None:
        """Something came, or did not come, from a candidate: do what can be done now."""
        changed = candidacy_row(desk, conversation)
        held = selection_row(desk, changed.selection)
        if changed.attempt != held.attempt or held.progress not in _LIVE:
            return
        rows = selections.of_attempt(desk.ledger.connection, held.id, held.attempt)
        if held.progress is Progress.INVITING:
            if all(row.phase != words.INVITED for row in rows):
                self._gather(desk, held, rows)
            return
        entrants = [row for row in rows if row.commitment is not None]
        gone = [row.peer for row in entrants if row.phase not in _IN]
        if gone:
            self._again(desk, held, rows, gone[0])
        elif all(row.phase == words.DISCLOSED for row in entrants):
            self._rank(desk, held, rows)

    def _gather(self, desk: Desk, held: SelectionRow, rows: Sequence[Candidacy]) -> None:
        """The list is closed: who has entered is in, everybody else is absent."""
        entered = [row for row in rows if row.phase == words.ENTERED]
        request = _request(desk, held)
        if len(entered) < request.sub_count:
            for row in entered:
                desk.say(row.conversation, Abandon(row.phase, (), "too few candidates entered"))
            self._end(
                desk,
                held,
                f"仅{len(entered)}家候选副场可承接,少于所需{request.sub_count}家",
                f"{len(entered)} candidates entered, {request.sub_count} are needed",
            )
            return
        gather = Gather(
            entrants=tuple(Entrant(row.peer, row.commitment or b"") for row in entered),
            absent=tuple(row.peer for row in rows if row.phase != words.ENTERED),
        )
        connection = desk.ledger.connection
        selections.put(connection, replace(held, progress=Progress.GATHERING))
        for row in rows:
            if row.phase != words.ENTERED:
                selections.set_commitment(connection, row.conversation, None)
        for row in entered:
            desk.say(row.conversation, gather)

    def _rank(self, desk: Desk, held: SelectionRow, rows: Sequence[Candidacy]) -> None:
        """All values are here, and ours comes last: the order is what it is."""
        entered = [row for row in rows if row.phase == words.DISCLOSED]
        gather = Gather(
            entrants=tuple(Entrant(row.peer, row.commitment or b"") for row in entered),
            absent=tuple(row.peer for row in rows if row.phase != words.DISCLOSED),
        )
        values = tuple(row.value or b"" for row in entered)
        ours = self._values.host(held)
        digests, bound = bound_to(desk, entered[0].conversation)
        order = rules.order(digests, bound, entered[0].invite, gather, (ours, *values))
        for row in entered:
            desk.say(row.conversation, Rank(ours, values, order))
        ranked = tuple(map(CenterId, order))
        drawn = replace(held, progress=Progress.DRAWN, ranked=ranked)
        selections.put(desk.ledger.connection, drawn)
        self._book(desk, drawn)

    def _again(
        self, desk: Desk, held: SelectionRow, rows: Sequence[Candidacy], at_fault: CenterId
    ) -> None:
        """A value will not come: this attempt is void, the next one goes without its owner."""
        for row in rows:
            if row.phase in _IN:
                said = Abandon(row.phase, (at_fault,), "a value is missing; the attempt is void")
                desk.say(row.conversation, said)
        project = found_project(desk, held.project)
        request = _request(desk, held)
        invited = [CenterId(each) for each in rows[0].invite.candidates]
        strangers = [each for each in self._partners(desk) if each not in invited]
        # Of a refused conversation no dossier can show how the attempt ended.
        refused = [row.peer for row in rows if row.phase == REFUSED]
        left_out = [at_fault, *refused, *strangers]
        _, candidates = self._candidates(desk, project, request, left_out, held.suite)
        needed = max(MIN_CANDIDATES, request.sub_count)
        if held.attempt == MAX_ATTEMPTS or len(candidates) < needed:
            self._end(
                desk,
                held,
                f"第{held.attempt}次抽取因候选方未公开随机值而作废,不再重抽",
                f"attempt {held.attempt} is void as a candidate kept its value; there is no other",
            )
            return
        following = self._values.renewed(
            desk, replace(held, attempt=held.attempt + 1, progress=Progress.INVITING)
        )
        selections.put(desk.ledger.connection, following)
        self._invite(desk, following, project, request, candidates)

    def _book(self, desk: Desk, held: SelectionRow) -> bool:
        """Book the first by rank who have not declined; answers whether they are asked."""
        request = _request(desk, held)
        drawn = rules.following(held.ranked, request.sub_count, held.declined)
        if not drawn:
            self._end(desk, held, "按顺位已无可递补的副场", "nobody is left by rank")
            return False
        chosen = tuple(map(CenterId, drawn))
        try:
            self._booker.book_drawn(desk, held.project, chosen, held.id, held.asked_by)
        except UseCaseError as error:
            blind = held.mode == booking.SelectionMode.BLIND.name
            # What an agreement does not cover would tell whose agreement it is.
            zh, en = ("抽中的副场无法预约", "what was drawn cannot be booked")
            self._end(desk, held, zh if blind else error.zh, en if blind else error.en)
            return False
        return True

    def _end(self, desk: Desk, held: SelectionRow, zh: str, en: str) -> None:
        connection = desk.ledger.connection
        row = selections.get(connection, held.id) or held
        selections.put(connection, replace(row, progress=Progress.ENDED, note=f"{zh} · {en}"))
        code = found_project(desk, held.project).project.code
        todos.add(
            connection,
            role="agency",
            kind=ENDED,
            subject=held.id,
            zh=f"项目{code}的副场抽取未成功:{zh},请重新安排",
            en=f"project {code}: no sub-venue was drawn ({en}); plan anew",
            now_ms=desk.now_ms,
        )


_IN: Final = frozenset({words.ENTERED, words.GATHERED, words.DISCLOSED})


def _request(desk: Desk, held: SelectionRow) -> BookingRequest:
    plan = found_project(desk, held.project).plan
    assert plan is not None, "a lottery is held for a plan"
    return plan


def _stand_ins(desk: Desk, project: bytes, selection_id: bytes) -> set[CenterId]:
    """Who was asked already to take the place of one that this lottery drew."""
    connection = desk.ledger.connection
    legs = bookings.of_project(connection, project)
    drawn = {leg.bundle for leg in legs if leg.hold.selection_id == selection_id}
    joined = {
        row.bundle.id for row in bundles.of_project(connection, project) if row.joins in drawn
    }
    return {leg.peer for leg in legs if leg.bundle in joined}
