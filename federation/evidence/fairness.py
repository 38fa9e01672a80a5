"""Whether the lottery was fair: steps 8 and 9 of the offline verification.

The pools were committed to before they were drawn from, by both logs; no draw was opened
before its time, none is hidden, the order stayed sealed until the report was signed; and the
auditor of ``federation.lottery`` finds every draw as its words say.
"""

from collections.abc import Mapping, Sequence

from federation.errors import FederationError
from federation.evidence.case import Case, Refuted, Step, Told, refute
from federation.evidence.outside import check_enough, check_named, check_superseding, check_unsealed
from federation.evidence.supplementing import (
    adds,
    beside,
    check_convened,
    check_slots,
    taken_by,
)
from federation.evidence.voided import VoidDraw, check_void
from federation.evidence.window import window_after
from federation.lottery import audit
from federation.lottery.audit import DrawAudit, DrawRefuted, Spoken
from federation.lottery.supplement import NOBODY, Taken
from federation.protocol.booking import Hold
from federation.protocol.conversation import Kind, Word
from federation.protocol.draw import (
    CLOSED,
    VOID,
    Close,
    Conclude,
    Open,
    Report,
    RequestDraw,
    Rescue,
    Response,
    Verdict,
    sealer_for_host,
)
from federation.protocol.oversight import Recuse
from federation.protocol.peering import AnnouncePool
from federation.protocol.session import Convene
from federation.protocol.terms import draw_opens_ms


class Fairness:
    """The draws of one evaluation.

    Args:
        case: The dossier.
        convene: What the host convened.
        hold: What it had booked.
        finished: Its ``Finish``: everybody had signed.
        start_ms: When it was to begin, as the booking stood when it was convened.
    """

    def __init__(
        self, case: Case, convene: Convene, hold: Hold, finished: Told, start_ms: int
    ) -> None:
        self._case = case
        self._convene = convene
        self._hold = hold
        self._finished = finished
        self._start_ms = start_ms

    def run(self) -> tuple[dict[bytes, DrawAudit], tuple[VoidDraw, ...]]:
        """The fair draws by conversation, and those that were void. Raises Refuted."""
        return self._draws(self._pools())

    # 8: pools

    def _pools(self) -> dict[bytes, tuple[Told, Open, AnnouncePool]]:
        case = self._case
        found = {}
        for draw in case.of_kind(Kind.DRAW):
            if case.phases[draw] == VOID and not case.find(draw, Open):
                continue
            told, word = self._case.one(draw, Open, Step.POOLS)
            owner = told.hearer
            announced = [
                (said, pool)
                for talk in case.of_kind(Kind.PEERING)
                for said, pool in case.find(talk, AnnouncePool)
                if said.sender == owner and (pool.pool, pool.epoch) == (word.pool, word.epoch)
            ]
            if len(announced) != 1:
                refute(
                    Step.POOLS,
                    told.where,
                    f"专家库 {word.pool}/{word.epoch} 的承诺有{len(announced)}份, 应为1份",
                    f"{len(announced)} commitments to pool {word.pool}/{word.epoch}, not one",
                )
            said, pool = announced[0]
            self._check_pool(said, pool, told, word)
            found[draw] = (told, word, pool)
        return found

    def _check_pool(self, said: Told, pool: AnnouncePool, told: Told, word: Open) -> None:
        if any(said.index(center) >= told.index(center) for center in self._case.parties):
            refute(
                Step.POOLS,
                told.where,
                "抽取开启在专家库承诺之前",
                "the draw was opened before its pool was committed to",
            )
        if word.root != pool.root:
            refute(Step.POOLS, told.where, "专家库根值不符", "the draw names another root")
        at = told.at_ms(told.hearer)
        if at - said.at_ms(told.hearer) < self._case.terms.pool_min_age_ms:
            refute(
                Step.POOLS,
                told.where,
                "专家库承诺时间不足协议要求",
                "the pool was committed to too shortly before the draw (pool_min_age_ms)",
            )
        # What adds to a list is from the pool of that list, which was committed to before it.
        in_time = pool.valid_from_ms <= at <= pool.valid_until_ms
        if not in_time and not adds(self._case, told):
            refute(Step.POOLS, told.where, "专家库承诺已过期", "the pool's epoch was over")

    # 9: draws

    def _draws(
        self, opened: Mapping[bytes, tuple[Told, Open, AnnouncePool]]
    ) -> tuple[dict[bytes, DrawAudit], tuple[VoidDraw, ...]]:
        case = self._case
        void = []
        fair: dict[bytes, DrawAudit] = {}
        for draw in case.of_kind(Kind.DRAW):
            where = f"draw {draw.hex()}"
            asked: list[tuple[Told, Open | RequestDraw]] = [
                *case.find(draw, Open),
                *case.find(draw, RequestDraw),
            ]
            for told, word in asked:
                if word.booking_id != self._convene.booking_id:
                    refute(Step.DRAWS, told.where, "抽取属于另一预约", "is of another booking")
                if word.evaluation_start_ms != self._start_of(draw, told):
                    refute(Step.DRAWS, told.where, "评标时间不符", "names another start")
                self._check_sealer(told, word)
            if case.phases[draw] == VOID:
                void.append(check_void(case, draw, opened[draw][2] if draw in opened else None))
                continue
            if case.phases[draw] != CLOSED:
                refute(Step.DRAWS, where, "抽取未结束", f"the draw is {case.phases[draw]}")
            told, opening, _ = opened[draw]
            check_named(case, told, opening)
            fair[draw] = self._audited(draw, *opened[draw])
            check_enough(case, told, fair[draw])
        for told, opening, pool in opened.values():
            check_slots(case, told, opening, pool, self._hold)
        firsts = {draw: told for draw, (told, _, _) in opened.items()}
        check_convened(case, self._convene, fair, firsts)
        if set(case.dossier.openings) - set(case.of_kind(Kind.DRAW)):
            refute(Step.DRAWS, "openings", "公开项不属于任何抽取", "an opening of no draw")
        sequence = sorted(word.sequence for _, word, _ in opened.values())
        if sequence != list(range(1, len(sequence) + 1)):
            refute(
                Step.DRAWS,
                "Open",
                f"抽取序号{sequence}不连续, 可能隐去了抽取",
                f"draws are numbered {sequence}: one may have been left out",
            )
        check_superseding(case, {draw: (told, word) for draw, (told, word, _) in opened.items()})
        return fair, tuple(sorted(void, key=lambda each: (each.at_ms, each.draw)))

    def _check_sealer(self, told: Told, word: Open | RequestDraw) -> None:
        sealer = told.sender if isinstance(word, Open) else told.hearer
        host = self._finished.sender
        due = sealer_for_host(self._hold.participants)
        if sealer not in {host, due}:
            refute(
                Step.DRAWS,
                told.where,
                f"主场专家库的抽取应由{due}封定",
                f"the draw from the host's pool is for {due} to seal",
            )

    def _audited(self, draw: bytes, told: Told, word: Open, pool: AnnouncePool) -> DrawAudit:
        case = self._case
        sealer, owner = told.sender, told.hearer
        opens_ms = draw_opens_ms(case.terms, word.bid_deadline_ms, word.evaluation_start_ms)
        if told.at_ms(owner) < opens_ms:
            refute(Step.DRAWS, told.where, "早于协议允许的抽取时间", "before the draw window")
        # A draw whose sealer was silent is in the order in which its owner went on.
        rescued = bool(case.find(draw, Rescue)) and not case.find(draw, Close)
        ending: type[Word] = Conclude if rescued else Close
        by = owner if rescued else sealer
        closed, _ = self._case.one(draw, ending, Step.DRAWS)
        if closed.index(by) < self._finished.index(by):
            refute(
                Step.DRAWS,
                closed.where,
                "封定值在评标报告签署前公开",
                "opened before the report was signed",
            )
        # Words that crossed the Close came too late: by the sealer's log they follow it.
        ordered = sorted(case.talks[draw], key=lambda said: said.index(by))
        others = beside(case, draw, owner)
        spoken = [
            Spoken(said.sender, said.payload, said.word, self._taken(others, said, owner))
            for said in ordered
            if said.index(by) <= closed.index(by)
        ]
        self._check_recusals(draw, owner)
        opening = case.dossier.openings.get(draw)
        # Without a commitment there is no list, and nobody may be recused by one.
        excluded: Sequence[str] | None = None if word.exclusion_commitment else ()
        if opening is not None and opening.excluded is not None:
            excluded = opening.excluded
        try:
            fair = audit.audit(
                case.suite,
                spoken,
                pool,
                excluded,
                exclusion_salt=opening.exclusion_salt if opening else b"",
                list_salts=opening.list_salts if opening else {},
                read=case.others.told(owner),
                regulator=case.terms.regulator,
            )
        except DrawRefuted as error:
            raise Refuted(
                Step.DRAWS,
                f"draw {draw.hex()}",
                f"抽取不公正 ({error})",
                str(error),
                rule=error.rule,
            ) from error
        for opened, rescue in case.find(draw, Rescue):
            check_unsealed(case, opened, rescue)
        return fair

    def _start_of(self, draw: bytes, told: Told) -> int:
        """When the evaluation was to begin; a booking may be moved once a draw came to nothing."""
        case, by = self._case, told.sender
        if case.phases[draw] != VOID:
            return self._start_ms
        words = sorted(case.talks[self._convene.booking_id], key=lambda each: each.index(by))
        return window_after(each.word for each in words if each.index(by) < told.index(by))[0]

    def _taken(self, others: Sequence[bytes], said: Told, owner: str) -> Taken:
        ruled = others and isinstance(said.word, Verdict)
        return taken_by(self._case, others, said, owner) if ruled else NOBODY

    def _check_recusals(self, draw: bytes, owner: str) -> None:
        """Who was found to work for a bidder, was found so by the agreement's regulator."""
        for told, report in self._case.find(draw, Report):
            if not report.proof:
                continue
            try:
                word = self._case.others.told(owner)(report.proof, self._case.terms.regulator)
                named = isinstance(word, Recuse) and (
                    word.draw_id == draw and report.entry in word.recused
                )
                why = "the regulator's word does not name this entry"
            except FederationError as error:
                named, why = False, error.detail
            if not named or report.response is not Response.RECUSED:
                raise Refuted(
                    Step.DRAWS,
                    told.where,
                    "回避的依据不是监管部门对该专家的认定",
                    f"a recusal is shown that the regulator did not find: {why}",
                    rule="V11",
                )
