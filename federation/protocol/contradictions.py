"""Which terms of an agreement contradict each other, or ask for what no node can do.

Every contradiction is named, not the first alone: a lawyer mends a document once. A clause has
the name of its field; the sentence is in English for a peer's developers and in Chinese for
the people who negotiate.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from federation.protocol.booking import SelectionMode
from federation.protocol.draw import MAX_OUTSIDE
from federation.protocol.terms import (
    DAY_MINUTES,
    MAX_DAYS,
    MAX_EXPERTS,
    MAX_FAULT_MS,
    MAX_FEN,
    MAX_HANDOVER_DAYS,
    MAX_SEATS,
    MAX_YEARS_MS,
    AgreementTerms,
    Drawer,
)

KNOWN_SUITES: Final = frozenset({"intl-1", "gm-1"})
SUPERSEDES_BYTES: Final = 32
MAX_COUNT: Final = 1_000_000  # bookings and sessions: more is no limit at all
WEEKDAYS: Final = frozenset(range(1, 8))


class Contradiction(NamedTuple):
    """One contradiction: the clause (a field's name) and what is wrong, in both languages."""

    clause: str
    zh: str
    en: str


def contradictions(terms: AgreementTerms) -> tuple[str, ...]:
    """Name every contradiction for a peer: ``clause: sentence``; empty when there is none."""
    return tuple(f"{found.clause}: {found.en}" for found in contradictions_of(terms))


def contradictions_of(terms: AgreementTerms) -> tuple[Contradiction, ...]:
    """Every contradiction in the terms, in the order of the document."""
    return tuple(
        Contradiction(clause, zh, en)
        for group in (_document, _scope, _amounts, _times, _draws, _money, _after)
        for holds, clause, zh, en in group(terms)
        if not holds
    )


Check = tuple[bool, str, str, str]


def _document(terms: AgreementTerms) -> Iterator[Check]:
    centers = [party.center_id for party in terms.parties]
    directions = [(line.host, line.sub) for line in terms.directions]
    two = 2
    yield (
        len(centers) == two and len(set(centers)) == two,
        "parties",
        "协议应有且仅有两个不同的中心",
        "an agreement has exactly two different parties",
    )
    yield (
        all(len(set(party.root_key_ids)) == len(party.root_key_ids) for party in terms.parties),
        "parties",
        "同一方的根密钥重复列出",
        "a root key of a party is given twice",
    )
    yield terms.version >= 1, "version", "版本号从1开始", "counts from 1"
    yield (
        terms.version < two or len(terms.supersedes) == SUPERSEDES_BYTES,
        "supersedes",
        f"第{terms.version}版应写明所取代协议的编号(摘要)",
        f"version {terms.version} must name the agreement that it replaces",
    )
    yield (
        terms.version >= two or not terms.supersedes,
        "supersedes",
        "首版协议不取代任何协议;修订版的版本号应加一",
        "a first version replaces nothing; an amendment counts its version on",
    )
    yield bool(terms.title.strip()), "title", "不能为空", "must not be empty"
    yield bool(directions), "directions", "至少约定一个方向", "at least one direction is needed"
    yield (
        len(set(directions)) == len(directions),
        "directions",
        "同一方向重复约定",
        "a direction is given twice",
    )
    yield (
        all({host, sub} == set(centers) for host, sub in directions),
        "directions",
        "主场和副场应为协议双方",
        "host and sub must be the two parties",
    )
    lasts_ms = terms.effective_until_ms - terms.effective_from_ms
    yield (
        lasts_ms > 0,
        "effective_until_ms",
        "截止时间不晚于生效时间",
        "the agreement ends before it begins",
    )
    yield lasts_ms <= MAX_YEARS_MS, "effective_until_ms", "期限超过十年", "longer than ten years"
    yield (
        terms.suite in KNOWN_SUITES,
        "suite",
        "密码套件只能是 intl-1 或 gm-1",
        f"this node knows only {', '.join(sorted(KNOWN_SUITES))}",
    )


def _scope(terms: AgreementTerms) -> Iterator[Check]:
    yield (
        bool(terms.project_kinds) and set(terms.project_kinds) <= {"A", "B", "C"},
        "project_kinds",
        "应为 A、B、C 中的一项或多项",
        "one or more of A, B, C",
    )
    for clause, values in (
        ("project_kinds", terms.project_kinds),
        ("specialty_prefixes", terms.specialty_prefixes),
        ("selection_modes", terms.selection_modes),
        ("open_weekdays", terms.open_weekdays),
    ):
        yield len(set(values)) == len(values), clause, "有重复项", "an item is given twice"
    yield (
        terms.value_from_fen >= 0 and terms.value_until_fen <= MAX_FEN,
        "value_until_fen",
        "金额应在0元到千亿元之间",
        f"amounts are 0 to {MAX_FEN} fen",
    )
    yield (
        terms.value_until_fen == 0 or terms.value_from_fen <= terms.value_until_fen,
        "value_until_fen",
        "项目金额上限低于下限,没有项目符合",
        "below value_from_fen, no project could ever fit",
    )
    yield bool(terms.selection_modes), "selection_modes", "至少一种选择方式", "at least one"
    yield (
        terms.sealed_disclosure or SelectionMode.BLIND not in terms.selection_modes,
        "selection_modes",
        "未约定四不知时不能盲选副场",
        "BLIND needs sealed_disclosure: the host's people would know the sub",
    )
    yield (
        bool(terms.open_weekdays) and set(terms.open_weekdays) <= WEEKDAYS,
        "open_weekdays",
        "开放日应为周一(1)至周日(7)",
        "1 (Monday) to 7 (Sunday), at least one",
    )
    yield (
        0 <= terms.opens_minute < terms.closes_minute <= DAY_MINUTES,
        "closes_minute",
        "开放时间应在同一天内,且开始早于结束",
        "the hours must lie within one day and open before they close",
    )


def _amounts(terms: AgreementTerms) -> Iterator[Check]:
    lines = (
        ("max_seats_per_session", terms.max_seats_per_session, 1, MAX_SEATS),
        ("max_experts_per_session", terms.max_experts_per_session, 1, MAX_EXPERTS),
        ("max_open_bookings", terms.max_open_bookings, 1, MAX_COUNT),
        ("max_concurrent_sessions", terms.max_concurrent_sessions, 0, MAX_COUNT),
        ("max_sessions_per_period", terms.max_sessions_per_period, 0, MAX_COUNT),
        ("period_days", terms.period_days, 0, MAX_DAYS),
    )
    for clause, value, low, high in lines:
        yield low <= value <= high, clause, f"应为{low}到{high}", f"{low} to {high}"
    yield (
        (terms.max_sessions_per_period > 0) == (terms.period_days > 0),
        "period_days",
        "场次上限与计数周期应同时约定或同时不约定",
        "max_sessions_per_period and period_days come together or not at all",
    )


def _times(terms: AgreementTerms) -> Iterator[Check]:
    lasts_ms = terms.effective_until_ms - terms.effective_from_ms
    over_before = lasts_ms <= 0  # named for that, and not for what follows from it
    yield terms.lead_time_ms >= 0, "lead_time_ms", "不能为负", "not negative"
    yield (
        over_before or terms.lead_time_ms <= lasts_ms,
        "lead_time_ms",
        "长于协议期限,永远无法预约",
        "longer than the agreement, nothing could ever be booked",
    )
    yield terms.vote_ms > 0, "vote_ms", "副场需要答复时间", "the sub needs time to vote"
    yield terms.decide_ms > 0, "decide_ms", "主场需要决定时间", "the host needs time to decide"
    yield (
        terms.hold_ms >= terms.vote_ms + terms.decide_ms,
        "hold_ms",
        "短于答复时间与决定时间之和,席位会在承诺期内被收回",
        "shorter than vote_ms and decide_ms together, a promise would outlive its hold",
    )
    yield (
        terms.hold_ms <= MAX_YEARS_MS,
        "hold_ms",
        "超过十年",
        "longer than ten years",
    )
    yield (
        0 <= terms.cancel_notice_ms <= MAX_YEARS_MS,
        "cancel_notice_ms",
        "应为0到十年",
        "0 to ten years",
    )
    for clause, value in (
        ("fault_wait_ms", terms.fault_wait_ms),
        ("fault_repair_ms", terms.fault_repair_ms),
    ):
        yield (
            0 < value <= MAX_FAULT_MS,
            clause,
            "应大于0且不超过24小时",
            "more than 0, at most 24 h",
        )


def _outsiders(terms: AgreementTerms) -> Iterator[Check]:
    """Who contributes and watches from outside."""
    parties = {party.center_id for party in terms.parties}
    outside = terms.outside_contributors
    yield (
        len(set(outside)) == len(outside) <= MAX_OUTSIDE and not parties & set(outside),
        "outside_contributors",
        f"应为双方以外的中心,不得重复,最多{MAX_OUTSIDE}家",
        f"at most {MAX_OUTSIDE} different centers, neither of them a party",
    )
    yield (
        0 <= terms.min_outside_contributors <= len(outside),
        "min_outside_contributors",
        "不能多于约定的外部随机数提供方",
        "not more than outside_contributors names",
    )
    yield (
        terms.regulator not in parties,
        "regulator",
        "监管节点不能是协议的一方",
        "the regulator's node is neither of the parties",
    )


def _draws(terms: AgreementTerms) -> Iterator[Check]:
    lasts_ms = terms.effective_until_ms - terms.effective_from_ms
    yield (
        terms.drawn_by == Drawer.POOL_OWNER,
        "drawn_by",
        "本系统目前只支持由专家库所在中心抽取",
        "this node cannot let another center than the pool's owner draw",
    )
    yield terms.draw_earliest_ms >= 0, "draw_earliest_ms", "不能为负", "not negative"
    yield terms.pool_min_age_ms >= 0, "pool_min_age_ms", "不能为负", "not negative"
    yield (
        lasts_ms <= 0 or terms.pool_min_age_ms <= lasts_ms,
        "pool_min_age_ms",
        "长于协议期限,永远无法抽取专家",
        "longer than the agreement, nobody could ever be drawn",
    )
    yield 1 <= terms.pool_min_ratio <= MAX_COUNT, "pool_min_ratio", "至少为1", "at least 1"
    yield from _outsiders(terms)
    yield (
        0 <= terms.max_draws_per_expert <= MAX_COUNT and 0 <= terms.draw_period_days <= MAX_DAYS,
        "max_draws_per_expert",
        "次数和天数应为非负且不过大",
        f"0 to {MAX_COUNT} draws in 0 to {MAX_DAYS} days",
    )
    yield (
        (terms.max_draws_per_expert > 0) == (terms.draw_period_days > 0),
        "draw_period_days",
        "抽取次数上限与计数周期应同时约定或同时不约定",
        "max_draws_per_expert and draw_period_days come together or not at all",
    )


def _money(terms: AgreementTerms) -> Iterator[Check]:
    fees, centers = terms.fees, {party.center_id for party in terms.parties}
    paid = [schedule.center_id for schedule in fees.schedules]
    yield (
        not paid or (len(paid) == len(centers) and set(paid) == centers),
        "fees",
        "劳务报酬标准应双方各一份,或都不约定",
        "a schedule of each party, or none at all",
    )
    yield (
        all(
            0 < each.base_minutes <= DAY_MINUTES
            and 0 < each.step_minutes <= DAY_MINUTES
            and all(
                0 <= amount <= MAX_FEN
                for amount in (each.base_fen, each.step_fen, each.overnight_fen)
            )
            for each in fees.schedules
        ),
        "fees",
        "报酬标准的时长应为1到1440分钟,金额不能为负",
        "durations are 1 to 1440 minutes, amounts are not negative",
    )
    yield 0 <= fees.venue_fen <= MAX_FEN, "fees", "副场补偿不能为负", "venue_fen: not negative"
    yield 0 <= terms.cancel_fee_fen <= MAX_FEN, "cancel_fee_fen", "不能为负", "not negative"
    yield (
        terms.cancel_fee_fen <= 0 or terms.cancel_notice_ms > 0,
        "cancel_fee_fen",
        "未约定取消的提前时间,取消费永远不会产生",
        "without cancel_notice_ms it could never fall due",
    )
    yield (
        1 <= terms.settlement.pay_within_days <= MAX_DAYS,
        "settlement",
        "付款期限至少1天",
        "pay_within_days: at least 1",
    )


def _after(terms: AgreementTerms) -> Iterator[Check]:
    lines = (
        ("joint_test_valid_days", terms.joint_test_valid_days, 0, MAX_DAYS),
        ("handover_working_days", terms.handover_working_days, 1, MAX_HANDOVER_DAYS),
        ("av_retention_days", terms.av_retention_days, 1, MAX_DAYS),
        ("notice_days", terms.notice_days, 0, MAX_DAYS),
        ("data_protection", terms.data_protection.retention_days, 1, MAX_DAYS),
    )
    for clause, value, low, high in lines:
        yield low <= value <= high, clause, f"应为{low}到{high}", f"{low} to {high}"
    yield (
        bool(terms.data_protection.purpose.strip()) and bool(terms.data_protection.categories),
        "data_protection",
        "应写明个人信息的处理目的和种类",
        "purpose and categories must be given",
    )
    yield bool(terms.dispute_path), "dispute_path", "应约定争议解决方式", "at least one step"
