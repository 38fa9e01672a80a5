"""What the words of a session mean for this center: refusing, keeping, saying what follows.

Both sides read the same words by their own books: a host admits only experts whom its own
draws know, a sub starts only with a committee that holds its experts and keeps to the law.
"""

from typing_extensions import override

from federation.engine.identity import SKEW_MS
from federation.engine.inside import Said
from federation.errors import (
    Conflict,
    Malformed,
    OutOfScope,
    OutOfTurn,
    Overtaken,
    Refused,
    TooEarly,
    TooLate,
)
from federation.ids import CenterId
from federation.protocol import booking as legs
from federation.protocol import execution
from federation.protocol import session as words
from federation.protocol.conversation import Conversation, Word
from federation.protocol.session import (
    Ballot,
    CheckIn,
    Convene,
    Elect,
    Finish,
    HandOver,
    Present,
    Ready,
    Receive,
    Replace,
    Resume,
    SignReport,
    Start,
    Suspend,
)
from federation.wire.envelopes import Receipt, Statement
from node.domain.committee import CommitteeRefused
from node.domain.evaluation import check_in_opens_ms
from node.services import session_replacing as replacing
from node.services import session_view as view
from node.services.house import Desk, Reaction
from node.services.session_archive import SessionArchive
from node.services.session_view import Draws
from node.store import bookings, sessions
from node.store.sessions import Capacity, Member, SessionRow


class SessionWords(Reaction):
    """Hears the words of sessions.

    Args:
        draws: The draws under the bookings.
        archive: Rooms, recordings and hand-overs.
    """

    def __init__(self, *, draws: Draws, archive: SessionArchive) -> None:
        self._draws = draws
        self.archive = archive

    # Refusing

    @override
    def admit(
        self, desk: Desk, conversation: Conversation, word: Word, statement: Statement
    ) -> None:
        if isinstance(word, Convene):
            self._admit_convene(desk, conversation, word)
            return
        row = sessions.get(desk.ledger.connection, conversation.id)
        if row is None:
            raise OutOfTurn("there is no such session")
        if row.superseded:
            raise Conflict("the session was ended or called anew; use the new one")
        if isinstance(word, CheckIn):
            self._admit_check_in(desk, row, word, statement)
        elif isinstance(word, Ready):
            self._admit_ready(desk, row, word)
        elif isinstance(word, Start):
            self._admit_start(desk, row, word, statement)
        elif isinstance(word, Resume):
            _admit_resume(desk, row, statement)
        elif isinstance(word, Replace):
            replacing.admit(desk, self._draws, row, word)
        elif isinstance(word, HandOver | Receive):
            self._admit_archive(desk, row, word)
        else:
            _admit_evaluation(desk, row, word)

    def _admit_archive(self, desk: Desk, row: SessionRow, word: HandOver | Receive) -> None:
        if isinstance(word, Receive):
            self.archive.admit_receive(row, word)
            return
        self.archive.admit_hand_over(word)
        execution.check_retention(view.terms(desk, row), word.items)

    def _admit_convene(self, desk: Desk, conversation: Conversation, word: Convene) -> None:
        connection, me = desk.ledger.connection, desk.identity.center
        leg = bookings.get(connection, word.booking_id)
        if leg is None or leg.peer != conversation.peer or leg.role != legs.SUB:
            raise Refused("there is no booking of yours by this id")
        if leg.phase != legs.CONFIRMED:
            raise Conflict(f"the booking is {leg.phase}; only a confirmed one can be convened")
        if leg.agreement != conversation.agreement:
            raise OutOfScope("the session is under another agreement than its booking")
        if (word.start_ms, word.end_ms) != (leg.start_ms, leg.end_ms):
            raise OutOfScope(
                "the session's window is not the booked one",
                alternative=f"start_ms={leg.start_ms};end_ms={leg.end_ms}",
            )
        earlier = sessions.live_of_booking(connection, word.booking_id)
        if earlier is not None and view.has_started(earlier):
            raise Conflict("the booking has a session already, and it has started")
        if not self._draws.sealed(desk, word.booking_id):
            raise TooEarly("not all lists of the booking's draws are sealed and receipted")
        drawn = self._draws.members(desk, word.booking_id)
        if set(word.draw_ids) != set(self._draws.standing(desk, word.booking_id)):
            raise Conflict("draw_ids are not the draws under the booking; look again")
        ours = sum(one.owner == me for one in drawn)
        if word.sub_experts != ours:
            raise Conflict(f"sub_experts is {word.sub_experts}, but {ours} of ours were drawn")

    def _admit_check_in(
        self, desk: Desk, row: SessionRow, word: CheckIn, statement: Statement
    ) -> None:
        drawn = self._draws.members(desk, row.booking)
        if not any(one.entry == word.member and one.owner == row.peer for one in drawn):
            if not self._draws.sealed(desk, row.booking):
                raise Overtaken("the list of the draw that is being drawn on is not here yet")
            raise Refused("the member is on no list of this evaluation's draws")
        if word.at_ms < check_in_opens_ms(row.convene.start_ms):
            raise TooEarly(
                "check-in is not open yet",
                alternative=f"at_ms>={check_in_opens_ms(row.convene.start_ms)}",
            )
        if word.at_ms >= row.end_ms and not view.has_started(row):
            raise TooLate("the evaluation's window has ended")
        if word.at_ms > statement.sent_at_ms:
            raise Malformed("at_ms lies after the word's own sent_at_ms")

    def _admit_ready(self, desk: Desk, row: SessionRow, word: Ready) -> None:
        there = [
            one
            for one in sessions.members(desk.ledger.connection, [row])
            if one.site == row.peer and one.checked_in_at_ms is not None
        ]
        if word.present != len(there) or word.present != row.convene.sub_experts:
            raise Conflict(
                f"present is {word.present}; {len(there)} checked in, "
                f"{row.convene.sub_experts} were convened"
            )

    def _admit_start(self, desk: Desk, row: SessionRow, word: Start, statement: Statement) -> None:
        # By the host's clock when it said so, which was checked when the word came in: a
        # start that was said in time stays one when the link was down.
        if statement.sent_at_ms < row.convene.start_ms - SKEW_MS:
            raise TooEarly(
                "the evaluation cannot start before its window",
                alternative=f"start_ms>={row.convene.start_ms}",
            )
        if not view.has_started(row):
            execution.check_start(
                view.terms(desk, row), row.convene.start_ms, statement.sent_at_ms, SKEW_MS
            )
        if list(word.members) != sorted(set(word.members)):
            raise Malformed("members must be different and ascending")
        drawn = {one.entry for one in self._draws.members(desk, row.booking)}
        left = replacing.left(desk, row)
        back = left & set(word.members)
        if back:  # else a host could have everybody vote again until it likes the chair
            raise Conflict(f"{len(back)} of the members were replaced; nobody takes a seat twice")
        missing = drawn - set(word.members)
        if missing and missing <= left:
            raise Overtaken("the words of the draw by which they left are not here yet")
        if missing:
            raise Conflict(f"{len(missing)} of the experts drawn are not among the members")
        experts = len(word.members) - row.convene.representatives
        try:
            view.check_law(
                representatives=row.convene.representatives,
                host_experts=max(0, experts - row.convene.sub_experts),
                subs=[row.convene.sub_experts],
            )
        except CommitteeRefused as error:
            raise Refused(str(error), clause="招标投标法第三十七条") from error

    # Keeping

    @override
    def said(self, desk: Desk, spoken: Said) -> None:
        """The use cases keep what they say."""

    @override
    def heard(self, desk: Desk, spoken: Said) -> None:
        word, conversation = spoken.word, spoken.conversation
        if isinstance(word, Convene):
            self._heard_convene(desk, conversation, word)
            return
        row = view.get(desk, conversation.id)
        if isinstance(word, CheckIn):
            view.refresh(desk, self._draws, row)
            member = _sub_member(row, word.member)
            sessions.set_checked_in(desk.ledger.connection, member, word.at_ms)
        elif isinstance(word, Ready):
            self._heard_ready(desk, row)
        elif isinstance(word, Start):
            self._heard_start(desk, row, word)
        elif isinstance(word, Suspend):
            self._heard_suspend(desk, row, word)
        elif isinstance(word, Replace):
            replacing.heard(desk, self._draws, row, word)
        elif isinstance(word, Finish):
            self.archive.finished(desk, row)
            self._draws.close_all(desk, row.booking)
        elif isinstance(word, HandOver):
            self.archive.heard_hand_over(desk, row, word, spoken.payload)
        else:
            _heard_evaluation(desk, row, word)

    def _heard_convene(self, desk: Desk, conversation: Conversation, word: Convene) -> None:
        earlier = sessions.live_of_booking(desk.ledger.connection, word.booking_id)
        if earlier is not None:  # one that got stuck before the start
            view.supersede(desk, earlier, "system")
        sessions.add(
            desk.ledger.connection,
            session=conversation.id,
            role=conversation.role,
            peer=conversation.peer,
            project=None,
            convene=word,
        )
        row = view.get(desk, conversation.id)
        view.refresh(desk, self._draws, row)
        view.remind(
            desk,
            view.CHECK_IN,
            row,
            f"主场已召集评标,请为{word.sub_experts}名专家办理签到并确认副场就绪",
            f"an evaluation is convened; check {word.sub_experts} expert(s) in and confirm",
        )

    def _heard_ready(self, desk: Desk, row: SessionRow) -> None:
        joint = view.joint(desk, row)
        if row.phase == words.CHAIRED:
            view.tick_off(desk, view.RESUME, [row], "system")
            if any(leg.phase == words.SUSPENDED for leg in joint):
                # Another site has stopped again meanwhile: nobody goes on without it.
                desk.say(row.id, Suspend("another site is suspended again"))
            else:
                replacing.replace(desk, self._draws, row)
        elif all(leg.phase == words.READY for leg in joint):
            self.archive.want_room(desk, joint)
            view.remind(
                desk,
                view.START,
                joint[0],
                "各副场均已确认就绪,主场成员签到后请统一开始评标",
                "all sub-venues are ready; start once the host's members have checked in",
            )

    def _heard_start(self, desk: Desk, row: SessionRow, word: Start) -> None:
        connection = desk.ledger.connection
        view.refresh(desk, self._draws, row)
        drawn = {one.entry for one in self._draws.members(desk, row.booking)}
        ours = {one.code for one in sessions.members(connection, [row])}
        for one in sessions.members(connection, [row]):
            if one.code not in word.members:  # it left before, or was told to us as another's
                sessions.remove_member(connection, one)
        for code in set(word.members) - ours:
            capacity = Capacity.EXPERT if code in drawn else Capacity.UNKNOWN
            sessions.add_member(connection, Member(row.id, code, row.peer, capacity))
        sessions.set_started(connection, row.id, word.lot_code, word.project_name, desk.now_ms)

    def _heard_suspend(self, desk: Desk, row: SessionRow, word: Suspend) -> None:
        if row.phase != words.SUSPENDED:
            return  # it crossed a later word on the way
        if row.role == words.HOST:
            for leg in view.joint(desk, row):
                if leg.phase == words.CHAIRED:  # nobody goes on without the others
                    desk.say(leg.id, Suspend(word.reason))
            view.remind(
                desk,
                view.RESUME,
                row,
                f"副场因故暂停评标:{word.reason};故障排除后请恢复",
                f"a sub-venue suspended the evaluation: {word.reason}; resume when mended",
            )

    @override
    def refused(self, desk: Desk, conversation: Conversation, receipt: Receipt) -> None:
        row = sessions.get(desk.ledger.connection, conversation.id)
        if row is not None:
            view.remind(
                desk,
                view.REFUSAL,
                row,
                f"对方中心拒绝了评标消息:{receipt.detail};请联系对方,可重新召集",
                f"the other center refused a word: {receipt.detail}; ask it, then convene again",
            )

    @override
    def lapsed(self, desk: Desk, before: Conversation, after: Conversation) -> None:
        row = sessions.get(desk.ledger.connection, before.id)
        if row is not None and not row.superseded:
            view.remind(
                desk,
                view.OVERDUE,
                row,
                f"评标停留在“{view.PHASES_ZH[before.phase]}”阶段已超过时限,请联系对方中心",
                f"the session has been {before.phase} for too long; get in touch with the other",
            )

    @override
    def cosigned(self, desk: Desk, peer: CenterId, suite_id: str, size: int) -> None:
        """A session does not wait for cosignatures."""


def _sub_member(row: SessionRow, code: bytes) -> Member:
    return Member(row.id, code, row.peer, Capacity.EXPERT)


def _heard_evaluation(desk: Desk, row: SessionRow, word: Word) -> None:
    connection = desk.ledger.connection
    if isinstance(word, Ballot):
        if row.phase == words.RUNNING:  # others are heard but not counted
            sessions.set_ballot(connection, _sub_member(row, word.voter), word.candidate)
            view.remind_of_votes(desk, row)
    elif isinstance(word, Elect):
        sessions.set_chair(connection, row.id, word.chair)
    elif isinstance(word, Present):
        sessions.set_report_digest(connection, row.id, word.report_digest)
    elif isinstance(word, SignReport):
        if row.phase != words.SIGNING:
            return  # it crossed a Replace: what was signed is void
        signer = _sub_member(row, word.member)
        sessions.set_signature(connection, signer, word.signature_digest, None)
        view.remind_of_signatures(desk, row)
    elif isinstance(word, Resume):
        view.remind(
            desk,
            view.CHECK_IN,
            row,
            "主场已宣布恢复评标,请确认本场地就绪",
            "the host resumes the evaluation; confirm that this site is in order",
        )


def _seated(desk: Desk, row: SessionRow, code: bytes, site: str | None = None) -> Member | None:
    for one in view.members(desk, row):
        if one.code == code and site in {None, one.site}:
            return one
    return None


def _admit_resume(desk: Desk, row: SessionRow, statement: Statement) -> None:
    since_ms = view.suspended_at_ms(desk, row)
    if since_ms is not None:
        execution.check_resume(view.terms(desk, row), since_ms, statement.sent_at_ms, SKEW_MS)


def _admit_evaluation(desk: Desk, row: SessionRow, word: Word) -> None:
    if row.phase == words.REPLACING:
        return  # it crossed a Replace, and counts no more whatever it says
    if isinstance(word, Ballot):
        _admit_ballot(desk, row, word)
    elif isinstance(word, Elect):
        _admit_elect(desk, row, word)
    elif isinstance(word, SignReport):
        _admit_signature(desk, row, word)
    elif isinstance(word, Finish):
        _admit_finish(desk, row, word)


def _admit_ballot(desk: Desk, row: SessionRow, word: Ballot) -> None:
    voter = _seated(desk, row, word.voter, row.peer)
    if voter is None or voter.session != row.id:
        raise Refused("the voter is no expert of the sub's")
    if _seated(desk, row, word.candidate) is None:
        raise Refused("the candidate is no member of the committee")


def _admit_elect(desk: Desk, row: SessionRow, word: Elect) -> None:
    everybody = view.members(desk, row)
    if word.chair not in {one.code for one in everybody}:
        raise Refused("the chair is no member of the committee")
    if word.cast != len(everybody) or not 0 < word.votes <= word.cast:
        raise Conflict(
            f"{word.votes} votes of {word.cast} cast, but the committee has {len(everybody)}"
        )
    if not all(one.ballot for one in view.own(desk, row)):
        raise Conflict("not all experts of ours have voted, so not all votes can be counted")


def _admit_signature(desk: Desk, row: SessionRow, word: SignReport) -> None:
    signer = _seated(desk, row, word.member, row.peer)
    if signer is None or signer.session != row.id:
        raise Refused("the signer is no expert of the sub's")
    if word.report_digest != row.report_digest:
        raise Conflict("another report was presented; sign that one")
    if signer.signature_digest is not None:
        raise Conflict("this member has signed already")


def _admit_finish(desk: Desk, row: SessionRow, word: Finish) -> None:
    everybody = view.members(desk, row)
    if word.report_digest != row.report_digest:
        raise Conflict("the report finished is not the one that was presented")
    if word.signatures != len(everybody):
        raise Conflict(f"{word.signatures} signatures of {len(everybody)} members")
    if not all(one.signature_digest for one in view.own(desk, row)):
        raise Conflict("not all experts of ours have signed")
