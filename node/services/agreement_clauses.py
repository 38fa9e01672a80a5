"""An agreement's terms as the numbered clauses that people read, in Chinese.

Every term of ``AgreementTerms`` stands in one clause; a test holds that none is missing, as
nobody signs what is not on the page. English is beside the headings only: the Chinese text is
what was agreed on, in the words of the trade (``domain.md`` §5).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from federation.protocol.agreement import AgreementTerms
from federation.protocol.booking import SelectionMode
from federation.protocol.terms import (
    DAY_MINUTES,
    DAY_MS,
    HOUR_MS,
    MINUTE_MS,
    DrawAnchor,
    Drawer,
    FeeRule,
    FeeSchedule,
    InDoubt,
    Payer,
    SettlementPeriod,
)
from node.domain.workday import local_time

_KINDS: Final = {"A": "工程(A)", "B": "货物(B)", "C": "服务(C)"}
_MODES: Final = {
    SelectionMode.CHOSEN: "自主选择",
    SelectionMode.RANDOM: "随机挑选",
    SelectionMode.BLIND: "盲选",
}
_DRAWERS: Final = {Drawer.POOL_OWNER: "专家库所在中心", Drawer.HOST: "主场"}
_ANCHORS: Final = {
    DrawAnchor.BID_DEADLINE: "投标截止时间",
    DrawAnchor.EVALUATION_START: "评标开始时间",
}
_DOUBT: Final = {
    InDoubt.KEEP_AND_ESCALATE: "保留席位,并提请双方人员处理",
    InDoubt.RELEASE: "保留时限届满后释放席位",
}
_RULES: Final = {
    FeeRule.HIGHER_OF: "按双方标准中较高者支付(就高不就低)",
    FeeRule.HOST: "按主场标准支付",
    FeeRule.SUB: "按副场标准支付",
}
_PAYERS: Final = {Payer.TENDEREE: "招标人", Payer.AGENCY: "招标代理机构", Payer.HOST: "主场中心"}
_PERIODS: Final = {
    SettlementPeriod.PER_SESSION: "每场评标后",
    SettlementPeriod.MONTHLY: "每月",
    SettlementPeriod.QUARTERLY: "每季度",
}
_WEEKDAYS: Final = "一二三四五六日"
_NO_LIMIT: Final = "不限"


@dataclass(frozen=True, slots=True)
class Clause:
    """One clause: its number, its heading in both languages, its sentences."""

    number: int
    zh: str
    en: str
    lines: tuple[str, ...]


def clauses(terms: AgreementTerms) -> tuple[Clause, ...]:
    """All clauses in the order of the page, numbered from 1."""
    parts: Sequence[tuple[str, str, Iterator[str]]] = (
        ("期限与版本", "Term and version", _term(terms)),
        ("主副场方向", "Directions", _directions(terms)),
        ("适用范围", "Scope", _scope(terms)),
        ("数量上限", "Limits", _limits(terms)),
        ("开放时间", "Opening hours", _hours(terms)),
        ("预约与时限", "Booking and time limits", _times(terms)),
        ("取消", "Cancellation", _cancelling(terms)),
        ("专家抽取", "Drawing experts", _draws(terms)),
        ("保密", "Disclosure", _disclosure(terms)),
        ("劳务报酬与补偿", "Pay and compensation", _fees(terms)),
        ("结算", "Settlement", _settlement(terms)),
        ("故障处置", "Faults", _faults(terms)),
        ("资料移交与保管", "Hand-over and retention", _keeping(terms)),
        ("联调联试", "Joint test", _joint_test(terms)),
        ("密码与密钥", "Cryptography and keys", _keys(terms)),
        ("个人信息保护", "Personal data", _data(terms)),
        ("争议解决", "Disputes", _disputes(terms)),
        ("暂停与终止", "Suspension and termination", _ending(terms)),
    )
    return tuple(
        Clause(number, zh, en, tuple(lines))
        for number, (zh, en, lines) in enumerate(parts, start=1)
    )


def duration(ms: int) -> str:
    """A duration for people: ``1天4小时``; ``0分钟`` for none."""
    parts, left = [], ms
    for unit, name in ((DAY_MS, "天"), (HOUR_MS, "小时"), (MINUTE_MS, "分钟"), (1_000, "秒")):
        count, left = divmod(left, unit)
        if count:
            parts.append(f"{count}{name}")
    return "".join(parts) + (f"{left}毫秒" if left else "") or "0分钟"


def yuan(fen: int) -> str:
    """An amount for people: ``400.50元``."""
    return f"{fen // 100:,}.{fen % 100:02d}元"


def _term(terms: AgreementTerms) -> Iterator[str]:
    yield (
        f"本协议自{local_time(terms.effective_from_ms)}起生效,"
        f"至{local_time(terms.effective_until_ms)}止(北京时间)。"
    )
    if terms.supersedes:
        yield (
            f"本协议为第{terms.version}版,取代标识为{terms.supersedes.hex()}的协议;"
            "已开始的预约和评标仍按原版本办理。"
        )
    else:
        yield f"本协议为第{terms.version}版。"


def _directions(terms: AgreementTerms) -> Iterator[str]:
    for line in terms.directions:
        yield f"{_name(terms, line.host)}可作主场,{_name(terms, line.sub)}作副场。"


def _scope(terms: AgreementTerms) -> Iterator[str]:
    yield f"项目类别:{'、'.join(_KINDS.get(kind, kind) for kind in terms.project_kinds)}。"
    covered = "、".join(terms.specialty_prefixes)
    yield f"评标专业:{f'代码以{covered}开头的专业' if covered else '全部专业'}。"
    low, high = terms.value_from_fen, terms.value_until_fen
    above = f"{yuan(low)}以上" if low else _NO_LIMIT + "下限"
    yield f"项目金额:{above},{f'{yuan(high)}以下' if high else _NO_LIMIT + '上限'}。"
    yield f"选择副场的方式:{'、'.join(_MODES[mode] for mode in terms.selection_modes)}。"


def _limits(terms: AgreementTerms) -> Iterator[str]:
    yield (
        f"每场席位不超过{terms.max_seats_per_session}个,"
        f"副场专家不超过{terms.max_experts_per_session}人。"
    )
    yield f"主场未完成的预约不超过{terms.max_open_bookings}个。"
    yield f"同一时段的场次:{_at_most(terms.max_concurrent_sessions)}。"
    if terms.max_sessions_per_period:
        yield f"自生效之日起每{terms.period_days}天不超过{terms.max_sessions_per_period}场。"
    else:
        yield "每周期场次不限。"


def _hours(terms: AgreementTerms) -> Iterator[str]:
    days = "、".join(f"周{_WEEKDAYS[day - 1]}" for day in terms.open_weekdays)
    yield f"开放日:{days}。"
    if (terms.opens_minute, terms.closes_minute) == (0, DAY_MINUTES):
        limited = len(terms.open_weekdays) < len(_WEEKDAYS)
        yield "全天开放" + (";除隔夜评标外,不得延续到非开放日。" if limited else "。")
    else:
        yield (
            f"评标于{_clock(terms.opens_minute)}至{_clock(terms.closes_minute)}之间进行"
            "(北京时间),隔夜评标除外。"
        )


def _times(terms: AgreementTerms) -> Iterator[str]:
    yield f"主场至少提前{duration(terms.lead_time_ms)}预约。"
    yield f"副场应在{duration(terms.vote_ms)}内答复。"
    yield f"主场应在副场同意后{duration(terms.decide_ms)}内确认。"
    yield f"未确认的席位自预约起最长保留{duration(terms.hold_ms)}。"
    yield f"主场逾期未决定的,副场{_DOUBT[terms.in_doubt]}。"


def _cancelling(terms: AgreementTerms) -> Iterator[str]:
    yield f"评标开始前{duration(terms.cancel_notice_ms)}以上取消的,不收费。"
    if terms.cancel_fee_fen:
        yield f"逾此取消的,每场支付{yuan(terms.cancel_fee_fen)}。"


def _draws(terms: AgreementTerms) -> Iterator[str]:
    yield f"专家由{_DRAWERS[terms.drawn_by]}抽取,双方共同产生随机数,结果由双方核验。"
    yield f"抽取不早于{_ANCHORS[terms.draw_anchor]}前{duration(terms.draw_earliest_ms)}。"
    yield (
        f"专家库名单承诺须在抽取前至少{duration(terms.pool_min_age_ms)}公布,"
        f"候选专家人数不少于需求人数的{terms.pool_min_ratio}倍。"
    )
    yield from _outsiders(terms)
    if terms.max_draws_per_expert:
        yield (
            f"同一专家在{terms.draw_period_days}天内中选不超过{terms.max_draws_per_expert}次,"
            "达到次数的在下一期专家库承诺中列为不可抽取。"
        )
    else:
        yield "同一专家中选次数不限。"


def _outsiders(terms: AgreementTerms) -> Iterator[str]:
    if terms.outside_contributors:
        who = "、".join(terms.outside_contributors)
        yield (
            f"每次抽取依次请{who}提供随机数,双方以外的随机数不少于"
            f"{terms.min_outside_contributors}个。"
        )
    else:
        yield "双方以外的中心不参与随机数:抽取可追责,但双方合谋时不能排除操纵。"
    if terms.regulator:
        yield (
            f"监管节点为{terms.regulator}:托管封存方的随机数,核准重新抽取,比对应回避的单位,"
            "保管专家库审计文件;启封须两人核准并记录。"
        )
    else:
        yield "不设监管节点。"


def _disclosure(terms: AgreementTerms) -> Iterator[str]:
    if terms.sealed_disclosure:
        yield "实行四不知:评标开始前,项目对副场保密,副场专家对全体工作人员保密。"
    else:
        yield "不实行四不知;双方工作人员仍须依法保密。"


def _fees(terms: AgreementTerms) -> Iterator[str]:
    fees = terms.fees
    if fees.schedules:
        yield f"副场专家劳务报酬{_RULES[fees.rule]}。"
        for schedule in fees.schedules:
            yield _schedule(terms, schedule)
    else:
        yield f"未列报酬标准的,由专家所在专家库的标准决定;列明后{_RULES[fees.rule]}。"
    yield f"副场每场补偿{yuan(fees.venue_fen)}。"
    yield f"以上由{_PAYERS[fees.payer]}支付。"


def _schedule(terms: AgreementTerms, each: FeeSchedule) -> str:
    return (
        f"{_name(terms, each.center_id)}的标准:{duration(each.base_minutes * MINUTE_MS)}以内"
        f"{yuan(each.base_fen)},此后每{duration(each.step_minutes * MINUTE_MS)}加"
        f"{yuan(each.step_fen)},隔夜每晚加{yuan(each.overnight_fen)}。"
    )


def _settlement(terms: AgreementTerms) -> Iterator[str]:
    yield (
        f"双方{_PERIODS[terms.settlement.period]}结算,"
        f"对账后{terms.settlement.pay_within_days}天内付款。"
    )


def _faults(terms: AgreementTerms) -> Iterator[str]:
    yield f"评标开始前发生故障,自预定时间起{duration(terms.fault_wait_ms)}内未排除的,延期评标。"
    yield f"评标中发生故障,{duration(terms.fault_repair_ms)}内未排除的,封存资料,另组评标委员会。"


def _keeping(terms: AgreementTerms) -> Iterator[str]:
    yield f"副场在评标结束后{terms.handover_working_days}个工作日内向主场移交资料。"
    yield f"双方保管音视频资料不少于{terms.av_retention_days}天。"


def _joint_test(terms: AgreementTerms) -> Iterator[str]:
    if terms.joint_test_valid_days:
        yield f"预约前{terms.joint_test_valid_days}天内须有一次通过的联调联试。"
    else:
        yield "预约不以联调联试为条件。"


def _keys(terms: AgreementTerms) -> Iterator[str]:
    yield f"本协议使用密码套件{terms.suite}。"
    for party in terms.parties:
        pins = "、".join(each.hex() for each in party.root_key_ids)
        yield f"{party.name}的根密钥标识:{pins or '以中心标识为准'}。"


def _data(terms: AgreementTerms) -> Iterator[str]:
    data = terms.data_protection
    yield f"处理目的:{data.purpose}。"
    yield f"个人信息种类:{'、'.join(data.categories)}。"
    yield f"接收方保存{data.retention_days}天,期满删除。"


def _disputes(terms: AgreementTerms) -> Iterator[str]:
    yield from (f"{step}。" for step in terms.dispute_path)


def _ending(terms: AgreementTerms) -> Iterator[str]:
    yield "任何一方可随时暂停本协议,自对方系统收到时生效,由暂停方恢复;已开始的工作继续办理。"
    yield f"任何一方可提前{terms.notice_days}天通知终止本协议;已开始的工作按本版本办理完毕。"


def _name(terms: AgreementTerms, center: str) -> str:
    return terms.party(center).name


def _at_most(count: int) -> str:
    return f"不超过{count}场" if count else _NO_LIMIT


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
