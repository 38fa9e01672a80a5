"""One joint evaluation, as its people carry it out: staff, experts, representatives.

Sync use cases on a desk; what the words between the centers mean is ``session_words``, what
is left of an evaluation ``session_archive``. A host with several sub-venues has a session
with each of them: they are called, started, chaired, signed and finished together.

Nobody reads a project's name at the sub before the start, and nobody reads a member's name
anywhere here: members are codes (四不知).
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Final

from federation.errors import FederationError
from federation.protocol import booking as legs
from federation.protocol import execution
from federation.protocol import session as words
from federation.protocol.draw import Response
from federation.protocol.session import (
    ArchiveItem,
    Ballot,
    Elect,
    Finish,
    Present,
    Resume,
    SignReport,
    Suspend,
)
from node.domain.evaluation import MAX_REPORT_BYTES, tally
from node.services import session_look as look
from node.services import session_replacing as replacing
from node.services import session_view as view
from node.services.errands import Handler
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.reasons import clause_zh
from node.services.session_archive import SessionArchive
from node.services.session_look import Overview, Seated
from node.services.session_start import SessionStart
from node.services.session_view import Departed, Draws
from node.services.speech import well_formed
from node.store import archives, bookings, experts, sessions
from node.store.cipher import ColumnCipher
from node.store.sessions import Capacity, Member, SessionRow

__all__ = ["Overview", "Seated", "Sessions"]

MAX_SIGNATURE_BYTES: Final = 65_536  # a signature with its certificate chain is some kilobytes
_SIGNATURE: Final = "member.signature"


class Sessions(SessionStart):
    """The use cases of joint evaluations, and what their words mean.

    Args:
        draws: The draws under the bookings.
        archive: Rooms, recordings and hand-overs.
        cipher: For signatures, which name their signers.
    """

    def __init__(self, *, draws: Draws, archive: SessionArchive, cipher: ColumnCipher) -> None:
        super().__init__(draws=draws, archive=archive)
        self._cipher = cipher

    # The evaluation

    def ballot(self, desk: Desk, session_id: bytes, voter: bytes, candidate: bytes) -> None:
        """A member of our own site votes for the chair; until the election, the last vote counts.

        Raises:
            NotFound: Voter or candidate is no member.
            Conflicting: The evaluation has not started, or the chair was elected.
        """
        row = view.get(desk, session_id)
        view.in_phase([row], words.RUNNING)
        member = view.own_member(desk, row, voter)
        self._check_stays(desk, member)
        if candidate not in {one.code for one in view.members(desk, row)}:
            raise NotFound(
                "被推荐人不是评标委员会成员", "the candidate is no member of the committee"
            )
        sessions.set_ballot(desk.ledger.connection, member, candidate)
        if row.role == words.SUB:
            desk.say(row.id, Ballot(voter, candidate))
        else:
            view.remind_of_votes(desk, row)

    def elect(self, desk: Desk, session_id: bytes, by: str) -> bytes:
        """The host declares who was elected chair (评标组长); answers the chair's code.

        Raises:
            Conflicting: Somebody has not voted, or the vote is tied: members vote again.
        """
        row = view.get(desk, session_id)
        view.only(row, words.HOST)
        rows = view.all_started(desk, row)
        view.in_phase(rows, words.RUNNING)
        everybody = view.members(desk, row)
        votes = [one.ballot for one in everybody if one.ballot is not None]
        if len(votes) < len(everybody):
            raise Conflicting(
                f"共{len(everybody)}人,已投票{len(votes)}人,请待全体成员投票",
                f"{len(votes)} of {len(everybody)} members have voted; all must",
            )
        result = tally(votes)
        if len(result.leaders) > 1:
            raise Conflicting(
                f"{len(result.leaders)}人各得{result.votes}票,票数相同,请成员重新投票",
                f"{len(result.leaders)} members are tied with {result.votes} votes; vote again",
            )
        (chair,) = result.leaders
        for leg in rows:
            desk.say(leg.id, Elect(chair, result.votes, result.cast))
            sessions.set_chair(desk.ledger.connection, leg.id, chair)
        view.tick_off(desk, view.ELECT, rows, by)
        view.remind(
            desk,
            view.PRESENT,
            rows[0],
            "评标组长已产生,评标报告完成后请提交签署",
            "the chair is elected; present the report when it is done",
        )
        return chair

    def suspend(self, desk: Desk, session_id: bytes, reason: str, by: str) -> None:
        """Either side stops the evaluation because of a fault (暂停).

        Raises:
            Invalid: No reason, or one that is too long or has line breaks.
            Conflicting: There is nothing to suspend between election and report.
        """
        row = view.get(desk, session_id)
        rows = view.joint(desk, row)
        view.in_phase([row], words.CHAIRED)
        if not reason.strip():
            raise Invalid("请填写暂停原因", "say why the evaluation is suspended")
        word = well_formed(Suspend(reason.strip()))
        for leg in rows:
            if leg.phase == words.CHAIRED:
                desk.say(leg.id, word)
        if row.role == words.HOST:
            view.remind(
                desk,
                view.RESUME,
                row,
                f"评标已暂停({by}):{reason};故障排除后请恢复",
                f"suspended by {by}: {reason}; resume when mended",
            )

    def resume(self, desk: Desk, session_id: bytes, note: str, by: str) -> None:
        """The host lets all go on together; each sub confirms with ``ready``.

        Raises:
            Conflicting: The evaluation is not suspended, or for longer than was agreed.
        """
        row = view.get(desk, session_id)
        view.only(row, words.HOST)
        rows = view.all_started(desk, row)
        stopped = [leg for leg in rows if leg.phase == words.SUSPENDED]
        view.in_phase(stopped or [row], words.SUSPENDED)
        for leg in stopped:
            since_ms = view.suspended_at_ms(desk, leg)
            try:
                execution.check_resume(view.terms(desk, leg), since_ms or desk.now_ms, desk.now_ms)
            except FederationError as error:
                raise Conflicting(clause_zh(error.clause), error.detail) from error
        word = well_formed(Resume(note))
        for leg in stopped:
            desk.say(leg.id, word)
        view.tick_off(desk, view.RESUME, rows, by)

    # The report

    def present(self, desk: Desk, session_id: bytes, report: bytes, by: str) -> bytes:
        """The host presents the report to be signed by all; answers its digest.

        Raises:
            Invalid: Empty, or larger than ``MAX_REPORT_BYTES``.
            Conflicting: There is no chair, or the evaluation is suspended.
        """
        row = view.get(desk, session_id)
        view.only(row, words.HOST)
        rows = view.all_started(desk, row)
        view.in_phase(rows, words.CHAIRED)
        if not 0 < len(report) <= MAX_REPORT_BYTES:
            raise Invalid(
                f"评标报告应为1字节至{MAX_REPORT_BYTES // 1024 // 1024}兆字节",
                f"the report has {len(report)} bytes, not 1 to {MAX_REPORT_BYTES}",
            )
        archives.set_report(desk.ledger.connection, rows[0].id, report)
        for leg in rows:
            digest = desk.suite_of(leg.id).hash(report)
            desk.say(leg.id, Present(digest))
            sessions.set_report_digest(desk.ledger.connection, leg.id, digest)
        view.tick_off(desk, view.PRESENT, rows, by)
        return desk.suite_of(row.id).hash(report)

    def report(self, desk: Desk, session_id: bytes) -> bytes | None:
        """The report at the host; None before it is presented, and at the sub."""
        rows = view.joint(desk, view.get(desk, session_id))
        return archives.report(desk.ledger.connection, rows[0].id)

    def sign(self, desk: Desk, session_id: bytes, code: bytes, signature: bytes) -> None:
        """A member of our own site has signed the report with the cloud signature service.

        Twice is once: the first signature stays.

        Raises:
            Invalid: No signature, or one that is too large.
            NotFound: Not a member at our site.
            Conflicting: There is no report to be signed.
        """
        row = view.get(desk, session_id)
        view.in_phase([row], words.SIGNING)
        member = view.own_member(desk, row, code)
        self._check_stays(desk, member)
        if member.signature_digest is not None:
            return
        if not 0 < len(signature) <= MAX_SIGNATURE_BYTES:
            raise Invalid("签名数据不完整", f"a signature of {len(signature)} bytes is none")
        assert row.report_digest is not None, "kept when the report was presented"
        digest = desk.suite_of(row.id).hash(signature)
        sealed = self._cipher.seal(_SIGNATURE, _place(member), base64.b64encode(signature).decode())
        sessions.set_signature(desk.ledger.connection, member, digest, sealed)
        if row.role == words.SUB:
            desk.say(row.id, SignReport(code, row.report_digest, digest))
        else:
            view.remind_of_signatures(desk, row)

    def signature(self, desk: Desk, session_id: bytes, code: bytes) -> bytes | None:
        """The signature of a member at our own site. Raises NotFound."""
        member = view.own_member(desk, view.get(desk, session_id), code)
        sealed = sessions.sealed_signature(desk.ledger.connection, member)
        if sealed is None:
            return None
        return base64.b64decode(self._cipher.open(_SIGNATURE, _place(member), sealed))

    def finish(self, desk: Desk, session_id: bytes, by: str) -> None:
        """The host ends the evaluation: everybody has signed.

        Raises:
            Conflicting: A signature is missing.
        """
        row = view.get(desk, session_id)
        view.only(row, words.HOST)
        rows = view.all_started(desk, row)
        view.in_phase(rows, words.SIGNING)
        everybody = view.members(desk, row)
        signed = sum(one.signature_digest is not None for one in everybody)
        if signed < len(everybody):
            raise Conflicting(
                f"共{len(everybody)}人,已签署{signed}人,请待全体成员签署",
                f"{signed} of {len(everybody)} members have signed; all must",
            )
        assert row.report_digest is not None, "kept when the report was presented"
        for leg in rows:
            desk.say(leg.id, Finish(row.report_digest, signed))
            self.archive.finished(desk, leg)
            self._draws.close_all(desk, leg.booking)
        self.archive.keep_report(desk, rows[0])
        view.tick_off(desk, view.FINISH, rows, by)

    # Leaving

    def depart(
        self, desk: Desk, session_id: bytes, code: bytes, response: Response, reason: str, by: str
    ) -> None:
        """An expert of our own site leaves the committee: leave, recusal, absence.

        The next of the same lottery is called at once; what follows is ``session_replacing``.

        Raises:
            NotFound: Not a member at our site.
            Conflicting: The report is signed by all; a representative, whom nobody draws; an
                absence before the evaluation was to begin.
        """
        row = view.get(desk, session_id)
        if row.superseded or row.phase in replacing.SIGNED:
            raise Conflicting(
                "评标报告已由全体成员签署或本场已终止,不能再更换成员",
                "the report is signed or the session has ended; nobody is replaced any more",
            )
        member = view.own_member(desk, row, code)
        if member.capacity is not Capacity.EXPERT:
            raise Conflicting(
                "招标人代表不是抽取产生的,不能补抽;请由招标人更换代表后重新召集",
                "a representative is not drawn and cannot be drawn anew",
            )
        if response is Response.ABSENT and desk.now_ms < row.convene.start_ms:
            raise Conflicting(
                "评标时间未到,不能登记缺席;专家来电说明不能到场的,请登记请假",
                "nobody is absent before the start; who says so beforehand takes leave",
            )
        booking = view.get(desk, member.session).booking
        drawn = [one for one in self._draws.members(desk, booking) if one.entry == code]
        if drawn:  # else it was entered before
            self._draws.depart(desk, drawn[0].draw, code, response, reason, by)

    def depart_expert(self, desk: Desk, uid: str, response: Response, reason: str, by: str) -> None:
        """The same for an expert who calls, before there is a session or after.

        Of several evaluations the one that begins first, and was not ended. Whatever the reason
        why nothing is entered, the answer is the same: another one would tell who was drawn.

        Raises:
            NotFound: The expert is on no sealed list that may still change, or is to be absent
                from an evaluation that was not to begin yet.
        """
        connection = desk.ledger.connection
        found = []
        for booking, draw, entry in self._draws.listed(desk, uid):
            leg = bookings.get(connection, booking)
            held = sessions.live_of_booking(connection, booking)
            if leg is None or leg.phase not in legs.BOOKED:
                continue  # cancelled, or ended for good
            if held is not None and held.phase in replacing.SIGNED:
                continue
            if response is Response.ABSENT and (held is None or desk.now_ms < leg.start_ms):
                continue  # nobody is absent yet
            found.append((leg.start_ms, draw, entry))
        if not found:
            raise NotFound(
                "这位专家不在任何可更换的名单中;抽取未完成的请待完成后登记,缺席须在评标开始后登记",
                "this expert is on no list that may still change; while a draw is not complete, "
                "enter it later, and an absence once the evaluation was to begin",
            )
        _, draw, entry = min(found)
        self._draws.depart(desk, draw, entry, response, reason, by)

    def departed(self, desk: Desk, session_id: bytes) -> list[Departed]:
        """Who of our own site has left an evaluation, for our own staff. Raises NotFound."""
        rows = view.joint(desk, view.get(desk, session_id))
        return [one for row in rows for one in self._draws.departed(desk, row.booking)]

    def changed(self, desk: Desk, booking: bytes) -> None:
        """See ``session_replacing.changed``."""
        replacing.changed(desk, self._draws, booking)

    def _check_stays(self, desk: Desk, member: Member) -> None:
        if member.code in self._draws.gone(desk, view.get(desk, member.session).booking):
            raise Conflicting(
                "该专家已退出本次评标,不能再投票或签名",
                "this expert has left the committee, and votes and signs no more",
            )

    # The archive

    def hand_over(
        self, desk: Desk, session_id: bytes, items: Sequence[ArchiveItem], by: str
    ) -> None:
        """See ``SessionArchive.hand_over``."""
        self.archive.hand_over(desk, session_id, items, by)

    def receive(self, desk: Desk, session_id: bytes, by: str) -> None:
        """See ``SessionArchive.receive``."""
        self.archive.receive(desk, session_id, by)

    def end_failed(self, desk: Desk, project_id: bytes, by: str) -> int:
        """See ``session_failure.end_failed``."""
        return self.archive.end_failed(desk, project_id, by)

    def handlers(self) -> Mapping[str, Handler]:
        """The errands of sessions."""
        return self.archive.handlers()

    # Looking

    def members(self, desk: Desk, session_id: bytes) -> list[Member]:
        """All members that this side knows. Raises NotFound."""
        return view.members(desk, view.get(desk, session_id))

    def member_by_uid(self, desk: Desk, uid: str) -> Member | None:
        """Where an expert of our own is awaited now."""
        return look.awaited(desk, sessions.members_by_uid(desk.ledger.connection, uid))

    def expected(self, desk: Desk, id_number: str) -> Seated | None:
        """Who is awaited here under an identity number, for the check-in desk."""
        connection, blind = desk.ledger.connection, self._cipher.blind
        found = sessions.members_by_representative(
            connection, blind("representative.id_number", id_number)
        )
        expert = experts.by_id_number(connection, self._cipher, id_number)
        if expert is not None:
            found += sessions.members_by_uid(connection, expert.uid)
        member = look.awaited(desk, found)
        return None if member is None else look.seated(desk, self._cipher, member)

    def person(self, desk: Desk, session_id: bytes, code: bytes) -> Seated | None:
        """The person behind a member of our own site, for the signature. Raises NotFound."""
        member = view.own_member(desk, view.get(desk, session_id), code)
        return look.seated(desk, self._cipher, member)

    def of_project(self, desk: Desk, project_id: bytes) -> list[SessionRow]:
        """The sessions of a project of ours, refused ones too."""
        rows = sessions.everything(desk.ledger.connection)
        return [row for row in rows if row.project == project_id]

    def overview(self, desk: Desk) -> list[Overview]:
        """All sessions, the latest window first: what supervisors may see."""
        rows = sorted(
            sessions.everything(desk.ledger.connection),
            key=lambda row: (-row.convene.start_ms, row.id),
        )
        return [look.overview(desk, row) for row in rows]

    def overview_of(self, desk: Desk, session_id: bytes) -> Overview:
        """One session in numbers. Raises NotFound."""
        return look.overview(desk, view.get(desk, session_id))


def _place(member: Member) -> str:
    return f"{member.session.hex()}/{member.code.hex()}"
