"""Whether the words of one evaluation add up: steps 10 to 12 of the offline verification.

The words are already known to be signed, receipted, in turn and in both logs. Here it is
asked what they mean together: the lottery was fair (``fairness``), the committee is the one
that was drawn and lawful (招标投标法第三十七条), all sites started together, everybody signed one
report, the archive was handed over. Where members were replaced, all began again: the last
``Start`` counts, and ballots, chair and signatures only after it.

A host with several sub-venues has a dossier with each of them. What only all of them
together show (the members of other sites) is then not held against this one.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from federation.errors import FederationError
from federation.evidence.case import Case, Refuted, Step, Told, W, refute
from federation.evidence.fairness import Fairness
from federation.evidence.selection import Drawn, examine_selection
from federation.evidence.voided import VoidDraw
from federation.evidence.window import window_after
from federation.ids import CenterId
from federation.lottery.audit import DrawAudit
from federation.protocol.agreement import DAY_MS
from federation.protocol.booking import COMPLETED, CONFIRMED, Hold
from federation.protocol.conversation import Kind
from federation.protocol.draw import Result
from federation.protocol.enforcement import Wish, check_booking
from federation.protocol.peering import TESTED, ConcludeTest
from federation.protocol.session import (
    ARCHIVED,
    Ballot,
    CheckIn,
    Convene,
    Elect,
    Finish,
    HandOver,
    Present,
    Ready,
    Receive,
    SignReport,
    Start,
)

LAW_MINIMUM: Final = 5  # 招标投标法 art. 37: five or more, and odd


def lawful(total: int, representatives: int) -> bool:
    """The arithmetic of 招标投标法第三十七条: odd, five or more, two thirds of them experts."""
    experts = total - representatives
    return total >= LAW_MINIMUM and total % 2 == 1 and experts >= 0 and 3 * experts >= 2 * total


@dataclass(frozen=True, slots=True)
class Findings:
    """What an evaluation came to.

    Args:
        host: Center id of the host.
        sub: Center id of the sub-venue.
        alone: Whether this sub-venue was the only one.
        draws: The fair draws, by conversation.
        void: Draws that were declared void before, oldest first.
        start: The unified start; the last one, where members were replaced.
        representatives: How many members represent the tenderee.
        chair: Who chaired.
        started_ms: When it started, by the host's clock.
        finished_ms: When it ended.
        received_ms: When the archive was received.
        drawn: How the sub-venue was drawn; None if it was picked.
    """

    host: str
    sub: str
    alone: bool
    draws: Mapping[bytes, DrawAudit]
    void: tuple[VoidDraw, ...]
    start: Start
    representatives: int
    chair: bytes
    started_ms: int
    finished_ms: int
    received_ms: int
    drawn: Drawn | None = None


def examine(case: Case) -> Findings:
    """Check steps 8 to 12, and 16 before them.

    Raises:
        Refuted: At the first thing that is wrong.
    """
    return _Examination(case).run()


class _Examination:
    def __init__(self, case: Case) -> None:
        self._case = case
        self._session = case.dossier.session
        convened, self._convene = self._case.one(self._session, Convene, Step.EVALUATION)
        self._host, self._sub = convened.sender, convened.hearer
        self._booking = self._convene.booking_id
        if case.kinds.get(self._booking) is not Kind.BOOKING:
            refute(Step.EVALUATION, "Convene", "缺少该评标的场地预约", "its booking is missing")
        held, self._hold = self._case.one(self._booking, Hold, Step.EVALUATION)
        if held.sender != self._host:
            refute(Step.EVALUATION, held.where, "预约与评标的主场不同", "booked by another host")
        words = sorted(case.talks[self._booking], key=lambda told: told.index(self._host))
        self._window = window_after(
            told.word for told in words if told.index(self._host) < convened.index(self._host)
        )
        started, self._start = self._case.last(self._session, Start, Step.EVALUATION, self._host)
        self._finished, _ = self._case.one(self._session, Finish, Step.EVALUATION)
        self._alone = self._is_alone()
        self._started = started
        self._held = held

    def run(self) -> Findings:
        drawn = examine_selection(self._case, self._held, self._hold)
        draws, void = Fairness(
            self._case, self._convene, self._hold, self._finished, self._window[0]
        ).run()
        self._committee(draws)
        chair, finished = self._evaluation(draws)
        received = self._archive()
        return Findings(
            host=self._host,
            sub=self._sub,
            alone=self._alone,
            draws=draws,
            void=void,
            start=self._start,
            representatives=self._convene.representatives,
            chair=chair,
            started_ms=self._started.at_ms(self._host),
            finished_ms=finished.at_ms(self._host),
            received_ms=received.at_ms(self._host),
            drawn=drawn,
        )

    def _is_alone(self) -> bool:
        """Whether this is the only sub-venue: by its Hold, unless it stood in for another.

        Who takes a lost sub's place is booked alone and never hears of the others; then the
        committee is larger than this host and this sub convened, and the reader is told.
        """
        convened = self._convene
        there = convened.representatives + convened.host_experts + convened.sub_experts
        return len(set(self._hold.participants)) == 1 and len(self._start.members) <= there

    # 10: the committee

    def _committee(self, draws: Mapping[bytes, DrawAudit]) -> None:
        members, where = self._start.members, self._started.where
        representatives = self._convene.representatives
        if list(members) != sorted(set(members)):
            refute(
                Step.COMMITTEE, where, "成员编码重复或无序", "members are not distinct and sorted"
            )
        if not lawful(len(members), representatives):
            refute(
                Step.COMMITTEE,
                where,
                f"成员{len(members)}人、代表{representatives}人, 不符合招标投标法第三十七条",
                f"{len(members)} members, {representatives} representatives: art. 37 forbids it",
            )
        self._check_booked(draws)
        self._check_sealed(draws)
        drawn = [entry for draw in draws.values() for _, entry in draw.members]
        if len(set(drawn)) != len(drawn) or set(drawn) - set(members):
            refute(
                Step.COMMITTEE,
                where,
                "抽中的专家不全在评标委员会中",
                "not every expert drawn is on the committee",
            )
        if self._alone and len(members) != len(drawn) + representatives:
            refute(
                Step.COMMITTEE,
                where,
                f"成员{len(members)}人, 而抽取{len(drawn)}人加代表{representatives}人",
                f"{len(members)} members, not {len(drawn)} drawn and {representatives} others",
            )

    def _check_booked(self, draws: Mapping[bytes, DrawAudit]) -> None:
        """As many of the sub's as were booked: a list that stays short is added to, or all ends.

        Nor does a supplement stand for the booking's draw, should that come to nothing after it.
        """
        drawn = sum(len(draw.members) for draw in draws.values() if draw.owner == self._sub)
        booked = sum(need.count for need in self._hold.experts)
        if drawn != booked:
            refute(
                Step.COMMITTEE,
                self._started.where,
                f"副场专家库抽取{drawn}人, 预约{booked}人",
                f"{drawn} experts drawn from the sub's pool, {booked} booked",
            )

    def _check_sealed(self, draws: Mapping[bytes, DrawAudit]) -> None:
        """Nobody evaluates first and is drawn for it afterwards: the start finds lists sealed."""
        host = self._host
        for talk, draw in draws.items():
            for told, word in self._case.find(talk, Result):
                late = told.index(host) > self._started.index(host)
                if late and word == draw.results[-1]:
                    refute(
                        Step.COMMITTEE,
                        told.where,
                        "名单在评标开始之后才封存",
                        "the list was sealed after the evaluation had started",
                    )

    # 11: the evaluation

    def _evaluation(self, draws: Mapping[bytes, DrawAudit]) -> tuple[bytes, Told]:
        case = self._case
        sub_experts = {
            entry for draw in draws.values() if draw.owner == self._sub for _, entry in draw.members
        }
        self._check_booking()
        self._check_start(sub_experts)
        chair = self._check_chair(sub_experts)
        presented, report = self._since(Present)
        finished, finish = self._case.one(self._session, Finish, Step.EVALUATION)
        signed = [
            (told, word)
            for told, word in case.find(self._session, SignReport)
            if presented.index(self._host) < told.index(self._host) < finished.index(self._host)
        ]
        for told, word in signed:
            if word.report_digest != report.report_digest:
                refute(Step.EVALUATION, told.where, "签署的是另一份报告", "signs another report")
        signers = [word.member for _, word in signed]
        if len(set(signers)) != len(signers) or set(signers) != sub_experts:
            refute(
                Step.EVALUATION,
                finished.where,
                "副场专家未全部签署报告",
                "not exactly the sub's experts have signed the report",
            )
        if finish.report_digest != report.report_digest:
            refute(Step.EVALUATION, finished.where, "结束时的报告不同", "ends with another report")
        if finish.signatures != len(self._start.members):
            refute(
                Step.EVALUATION,
                finished.where,
                f"{finish.signatures}人签署, 成员{len(self._start.members)}人",
                f"{finish.signatures} signatures of {len(self._start.members)} members",
            )
        return chair, finished

    def _check_booking(self) -> None:
        case, hold, held = self._case, self._hold, self._held
        if case.phases[self._booking] not in {CONFIRMED, COMPLETED}:
            refute(Step.EVALUATION, held.where, "预约未确认", "the booking was not confirmed")
        wish = Wish(
            CenterId(self._host),
            CenterId(self._sub),
            hold,  # how many others were open is not in this file; the joint test is below
        )
        try:
            check_booking(case.terms, wish, held.at_ms(self._sub))
        except FederationError as error:
            raise Refuted(
                Step.EVALUATION, held.where, f"协议不允许该预约 ({error})", error.detail
            ) from error
        if (self._convene.start_ms, self._convene.end_ms) != self._window:
            refute(Step.EVALUATION, "Convene", "召集时间与预约不符", "not the booked window")
        days = case.terms.joint_test_valid_days
        tests = [
            told
            for talk in case.of_kind(Kind.PEERING)
            if case.phases[talk] == TESTED
            for told, word in case.find(talk, ConcludeTest)
            if word.passed and 0 <= held.at_ms(self._sub) - told.at_ms(self._sub) <= days * DAY_MS
        ]
        if days and not tests:
            refute(
                Step.EVALUATION,
                held.where,
                f"预约前{days}日内没有通过联调联试",
                f"no joint test was passed within {days} days before the booking",
            )

    def _since(self, word: type[W]) -> tuple[Told, W]:
        """The last word of a type, which must have come after the last start."""
        told, found = self._case.last(self._session, word, Step.EVALUATION, self._host)
        if told.index(self._host) < self._started.index(self._host):
            refute(
                Step.EVALUATION,
                told.where,
                "更换成员重新开始之后, 未再进行",
                f"no {word.__name__} follows the start after a member was replaced",
            )
        return told, found

    def _ready(self) -> tuple[Told, Ready]:
        """The sub's word before the start that counts."""
        earlier = [
            (told, word)
            for told, word in self._case.find(self._session, Ready)
            if told.index(self._host) < self._started.index(self._host)
        ]
        return max(earlier, key=lambda one: one[0].index(self._host))

    def _check_start(self, sub_experts: set[bytes]) -> None:
        case, started = self._case, self._started
        if started.at_ms(self._host) < self._convene.start_ms:
            refute(Step.EVALUATION, started.where, "早于预约时间开始", "started before its window")
        ready, word = self._ready()
        checked = {
            check.member
            for told, check in case.find(self._session, CheckIn)
            if told.index(self._sub) < ready.index(self._sub)
        }
        if word.present != len(sub_experts) or sub_experts - checked:
            refute(
                Step.EVALUATION,
                ready.where,
                "副场专家未全部签到即确认就绪",
                "the sub was ready before all its experts had checked in",
            )

    def _check_chair(self, sub_experts: set[bytes]) -> bytes:
        case, members = self._case, set(self._start.members)
        told, elect = self._since(Elect)
        ballots: dict[bytes, bytes] = {}
        for said, ballot in case.find(self._session, Ballot):
            if said.index(self._host) < self._started.index(self._host):
                continue  # before a member was replaced: void
            if ballot.voter not in sub_experts or ballot.candidate not in members:
                refute(
                    Step.EVALUATION, said.where, "投票人或候选人不符", "a vote that none may cast"
                )
            if said.index(self._host) < told.index(self._host):
                ballots[ballot.voter] = ballot.candidate  # until the election, the last one counts
        if set(ballots) != sub_experts:
            refute(
                Step.EVALUATION,
                told.where,
                "副场专家未全部投票即宣布组长",
                "not all of the sub's experts have voted since the start",
            )
        known = Counter(ballots.values())
        mine = known.pop(elect.chair, 0)
        contradicted = (
            elect.chair not in members
            or not len(ballots) <= elect.cast <= len(members)
            or not mine <= elect.votes <= mine + elect.cast - len(ballots)
            or elect.votes < 1
            or any(votes >= elect.votes for votes in known.values())
        )
        if contradicted:
            refute(
                Step.EVALUATION,
                told.where,
                "评标组长的当选与已知选票矛盾",
                "the ballots known here contradict the election of the chair",
            )
        return elect.chair

    # 12: the archive

    def _archive(self) -> Told:
        case = self._case
        handed, items = self._case.one(self._session, HandOver, Step.ARCHIVE)
        received, receive = self._case.one(self._session, Receive, Step.ARCHIVE)
        if receive.manifest_digest != case.suite.hash(handed.statement.body):
            refute(Step.ARCHIVE, received.where, "接收的清单不同", "another manifest was received")
        if case.dossier.archive != items.items:
            refute(Step.ARCHIVE, "archive", "档案清单与移交的不符", "not the manifest handed over")
        if case.phases[self._session] != ARCHIVED:
            refute(Step.ARCHIVE, "session", "评标尚未归档", "the session is not archived")
        return received
