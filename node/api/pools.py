"""Routes about the expert pool: our epochs, small strata, statistics."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import Field

from node.api.access import NodeParts, needs
from node.api.caller import Caller
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import CenterText, HexText, Ms, Shape
from node.domain.small_pools import Small
from node.domain.statistics import RATES, Alert, Answers, CalledBack, Pair
from node.services import pool_warnings
from node.services.accounts import Role
from node.services.house import Desk
from node.services.pool_statistics import DAYS, MAX_DAYS
from node.store import pools

router = APIRouter(tags=["专家库 · Pools"], responses=RESPONSES)

Insider = Annotated[Caller, Depends(needs(Role.STAFF, Role.SUPERVISOR, Role.OPERATOR))]


class SmallStratum(Shape):
    """A specialty with so few candidates that a list can be guessed."""

    specialty: str = Field(examples=["A0801"])
    candidates: int
    needed: int


class ToldTo(Shape):
    """A partner that an epoch was announced to."""

    center: CenterText
    cosigned_at_ms: Ms | None


class EpochShape(Shape):
    """One valid epoch of ours under one suite."""

    pool: str
    epoch: str
    suite: str = Field(examples=["intl-1"])
    root: HexText
    valid_from_ms: Ms
    valid_until_ms: Ms
    specialties: int
    told: list[ToldTo]
    small: list[SmallStratum]


class AnswerFigures(Shape):
    """How invitations of one center and specialty ended."""

    center: CenterText
    specialty: str
    invited: int
    responses: dict[str, int] = Field(examples=[{"ACCEPT": 8, "DECLINE": 2}])
    rates_percent: dict[str, float]


class AlertFigure(Shape):
    """A figure above its threshold."""

    center: CenterText
    specialty: str
    what: str = Field(examples=["DECLINE"])
    percent: int
    invited: int


class PairFigure(Shape):
    """Two experts of our own who sat together repeatedly."""

    uids: list[str]
    at_ms: list[Ms]


class CalledBackFigures(Shape):
    """What regulators found of a center's invitations that they checked by chance."""

    center: CenterText
    checked: int
    matched: int
    mismatched: int = Field(description="专家说法不符 · the expert said otherwise")
    faulty: int = Field(description="通话回执不符 · the record proved nothing")


class PoolFigures(Shape):
    """Statistics of draws."""

    since_ms: Ms
    answers: list[AnswerFigures]
    alerts: list[AlertFigure]
    repeated_pairs: int
    called_back: list[CalledBackFigures]
    pairs: list[PairFigure] | None = Field(description="仅监督人员 · for supervisors only")


def small_strata_shapes(found: tuple[Small, ...]) -> list[SmallStratum]:
    """Small strata for the API."""
    return [
        SmallStratum(specialty=each.specialty, candidates=each.candidates, needed=each.needed)
        for each in found
    ]


def small_strata_of(parts: Parts, desk: Desk, project: bytes) -> list[SmallStratum]:
    """The small strata that a project draws from."""
    least = parts.config.pool.small_stratum
    return small_strata_shapes(pool_warnings.of_project(desk, project, least))


@router.get("/pools", summary="各期专家库承诺 · Our epochs")
async def epochs(parts: NodeParts, _: Insider) -> list[EpochShape]:
    """目前有效的各期、联署情况、人数偏少的专业。· Valid epochs, cosignatures, small strata."""
    return await parts.negotiator.transact(lambda desk: _epochs(parts, desk))


@router.get("/pool-statistics", summary="抽取统计 · Statistics of draws")
async def statistics(
    parts: NodeParts, who: Insider, days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = DAYS
) -> PoolFigures:
    """不能参加、未应答、请假、回避的比率;重复同组仅监督人员可见。· Rates; pairs for supervisors."""
    found = await parts.negotiator.transact(
        lambda desk: parts.experts.statistics.figures(desk, days, pairs=who.role is Role.SUPERVISOR)
    )
    return PoolFigures(
        since_ms=found.since_ms,
        answers=[_answers(each) for each in found.answers],
        alerts=[_alert(each) for each in found.alerts],
        repeated_pairs=found.repeated,
        called_back=[_called_back(each) for each in found.called_back],
        pairs=None if found.pairs is None else [_pair(each) for each in found.pairs],
    )


def _epochs(parts: Parts, desk: Desk) -> list[EpochShape]:
    connection, me = desk.ledger.connection, desk.identity.center
    found = []
    for words in pools.own(connection, desk.now_ms):
        for suite_id, word in words.items():
            told = pools.announced_to(connection, me, suite_id, word.pool, word.epoch)
            found.append(
                EpochShape(
                    pool=word.pool,
                    epoch=word.epoch,
                    suite=suite_id,
                    root=word.root.hex(),
                    valid_from_ms=word.valid_from_ms,
                    valid_until_ms=word.valid_until_ms,
                    specialties=len(word.strata),
                    told=[
                        ToldTo(
                            center=peer,
                            cosigned_at_ms=pools.cosigned_at_ms(connection, conversation),
                        )
                        for peer, conversation in told
                    ],
                    small=small_strata_shapes(parts.peering.small(desk, word.pool, word.epoch)),
                )
            )
    return found


def _answers(each: Answers) -> AnswerFigures:
    return AnswerFigures(
        center=each.center,
        specialty=each.specialty,
        invited=each.invited,
        responses=dict(each.responses),
        rates_percent={name: round(each.rate(name) * 100, 1) for name in RATES},
    )


def _alert(each: Alert) -> AlertFigure:
    return AlertFigure(
        center=each.center,
        specialty=each.specialty,
        what=each.what,
        percent=each.percent,
        invited=each.invited,
    )


def _called_back(each: CalledBack) -> CalledBackFigures:
    return CalledBackFigures(
        center=each.center,
        checked=each.checked,
        matched=each.matched,
        mismatched=each.mismatched,
        faulty=each.faulty,
    )


def _pair(each: Pair) -> PairFigure:
    return PairFigure(uids=list(each.uids), at_ms=list(each.times))
