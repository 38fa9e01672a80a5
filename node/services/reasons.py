"""Why a partner refused and how things stand, in words for our own people.

The protocol's reasons, clauses, alternatives and phases are closed vocabularies in English;
what a partner adds in ``detail`` is English too, for developers. Chinese readers get Chinese
sentences of all of them here; the English sentence beside it has everything as it was said.
"""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

from federation.protocol import booking, peering
from federation.protocol.conversation import REFUSED, Phase
from federation.wire.envelopes import Receipt
from node.domain.workday import local_time

_MOMENT: Final = re.compile(r"(?<![0-9])[0-9]{13}(?![0-9])")  # unix milliseconds of our time
_PART: Final = re.compile(r"([a-z_]+)(>=|<=|=)(.+)")
_HOUR_MS: Final = 3_600_000
_MINUTE_MS: Final = 60_000

REASONS_ZH: Final[Mapping[str, str]] = {
    "INTERNAL": "对方系统内部错误",
    "NOT_ALLOWED": "对方不允许此操作",
    "CONFLICT": "与对方现有状态冲突",
    "UNAVAILABLE": "对方暂不可用",
    "MALFORMED": "内容不符合协议格式",
    "WRONG_RECIPIENT": "发错了中心",
    "NOT_FRESH": "消息时间与对方时钟相差过大,请核对时钟",
    "NO_AGREEMENT": "没有生效中的协议",
    "OUT_OF_SCOPE": "超出协议或公布的范围",
    "OUT_OF_TURN": "此阶段不能进行此操作",
    "SEATS_TAKEN": "该时段没有足够的符合要求的空闲席位",
    "TOO_EARLY": "时间未到",
    "TOO_LATE": "已过时限",
    "QUOTA_SPENT": "已达到协议约定的数量上限",
}

_SAY_ALL: Final = frozenset({"SEATS_TAKEN", "QUOTA_SPENT", "NOT_FRESH", "WRONG_RECIPIENT"})
"""Reasons whose phrase leaves nothing that a partner's English would have to explain."""

CLAUSES_ZH: Final[Mapping[str, str]] = MappingProxyType(
    {
        "parties": "该协议不是双方中心之间的协议",
        "version": "该协议版本已被新版取代,请按现行版本办理",
        "state": "该协议已暂停,不能办理新业务,恢复后再试",
        "notice_days": "该协议已按约定通知终止,不能办理新业务",
        "directions": "协议未约定由该中心作主场、对方作副场",
        "effective_from_ms": "协议尚未生效",
        "effective_until_ms": "协议已到期,或在评标开始前到期",
        "project_kinds": "协议不包括该类项目",
        "selection_modes": "协议不允许以这种方式选择副场",
        "specialty_prefixes": "协议不包括所需的专家专业",
        "value_from_fen": "项目金额低于协议约定的下限,或未填写项目金额",
        "value_until_fen": "项目金额高于协议约定的上限",
        "max_seats_per_session": "席位数超过协议上限",
        "max_experts_per_session": "专家人数超过协议上限",
        "max_open_bookings": "未完成的预约已达协议上限,请待其完成后再试",
        "max_concurrent_sessions": "同一时段的评标场次已达协议上限",
        "max_sessions_per_period": "本周期的评标场次已达协议上限",
        "open_weekdays": "协议约定该日不开放",
        "opens_minute": "评标开始时间不在协议约定的开放时间内",
        "closes_minute": "评标结束时间超出协议约定的开放时间,且不是隔夜评标",
        "lead_time_ms": "未满足协议约定的提前预约时间,请另选更晚的时间",
        "decide_ms": "席位保留的承诺短于协议约定的时间",
        "hold_ms": "超过协议约定的席位保留时间,席位已收回,请重新预约",
        "joint_test_valid_days": "协议要求的联调联试尚未通过或已过期,请先完成联调联试",
        "draw_earliest_ms": "未到协议约定的抽取时间",
        "pool_min_age_ms": "专家库公布的时间短于协议约定",
        "pool_min_ratio": "该专业候选专家人数不足,未达到协议约定的倍数",
        "fault_wait_ms": "开始前的故障超过协议约定的时限,应封存资料、延期并重新抽取专家",
        "fault_repair_ms": "评标中的故障超过协议约定的时限,应封存资料并另组评标委员会",
        "av_retention_days": "音视频的保管期限短于协议约定",
        "suite": "密码套件与协议约定不符",
        "seats": "超过该中心一次可提供的席位数",
        "start_ms": "评标时间已过,请另选时间",
        "end_ms": "评标结束时间不可行",
        "evaluation_start_ms": "评标开始时间不符或未到",
        "Finish": "评标报告尚未由全体成员签署",
        "V2": "同一专家库的抽取未全部封存、名单不缺人,或评标报告已签署",
        "V3": "专家库不在有效期内,或补抽与原名单不是同一期",
        "slots": "补抽的专业或人数与名单缺额不符,或所选专业已无人可抽",
        "permit": "监管节点的准许不能用于本次抽取",
    }
)
"""One phrase for each clause that a refusal may name; the terms' names are the clauses.

They tell why something was not allowed; a document with a term that cannot be is another matter.
"""

PHASES_ZH: Final[Mapping[Phase, str]] = MappingProxyType(
    {
        booking.NEW: "尚未开始",
        booking.HELD: "待副场答复",
        booking.PROMISED: "副场已同意,待主场确认",
        booking.CONFIRMED: "已确认",
        booking.COMPLETED: "已办结",
        booking.DECLINED: "副场未同意",
        booking.RELEASED: "已释放",
        booking.EXPIRED: "逾期未答复",
        booking.IN_DOUBT: "逾期未收到主场决定",
        booking.CHANGING: "已确认,变更待副场答复",
        booking.CHANGE_PROMISED: "已确认,变更待主场决定",
        booking.CANCELLED: "已取消",
        peering.STATED: "已报送,待对方核对",
        peering.AGREED: "双方一致",
        peering.DISPUTED: "双方不一致",
        peering.UNANSWERED: "对方逾期未核对",
        REFUSED: "被对方拒绝",
    }
)
"""Phases of bookings and of statements of usage, for people."""


def _moment(value: str) -> str:
    return local_time(int(value))


def _length(value: str) -> str:
    ms = int(value)
    if ms >= _HOUR_MS:
        return f"{-(-ms // _HOUR_MS)}小时"
    return f"{-(-ms // _MINUTE_MS)}分钟"


_ALTERNATIVES_ZH: Final[Mapping[str, tuple[str, Callable[[str], str]]]] = MappingProxyType(
    {
        "start_ms": ("评标开始时间", _moment),
        "end_ms": ("评标结束时间", _moment),
        "at_ms": ("时间", _moment),
        "retry_after_ms": ("再试时间", _length),
        "promise_ms": ("承诺时间", _length),
        "seats": ("席位数", str),
        "experts": ("专家人数", str),
        "value_wan": ("项目金额(万元)", str),
        "project_kind": ("项目类别", str),
        "selection": ("选择方式", str),
        "specialty": ("专业", str),
        "retention": ("保管期限", str),
        "agreement_id": ("现行协议", str),
        "run": ("可执行命令", str),
    }
)
_OF_TIMES_ZH: Final = {"=": "可为", ">=": "不早于", "<=": "不晚于"}
_OF_NUMBERS_ZH: Final = {"=": "可为", ">=": "不少于", "<=": "不超过"}


def reason_zh(reason: str) -> str:
    """A reason as a Chinese phrase; one that we do not know stays as it is."""
    return REASONS_ZH.get(reason, reason)


def clause_zh(clause: str) -> str:
    """What a clause forbids, as a Chinese phrase; "" for one that we do not know."""
    return CLAUSES_ZH.get(clause, "")


def phase_zh(phase: str) -> str:
    """A phase of a booking or a statement of usage; one that we do not know stays as it is."""
    return PHASES_ZH.get(Phase(phase), phase)


def alternative_zh(alternative: str) -> str:
    """What would be accepted instead, as a Chinese phrase; times in Beijing time.

    What does not look like an alternative, or is of a key that we do not know, stays as it is:
    it is a partner's text.
    """
    return "建议:" + "、".join(_part_zh(part) for part in alternative.split(";"))


def _part_zh(part: str) -> str:
    found = _PART.fullmatch(part)
    if found is None or found[1] not in _ALTERNATIVES_ZH:
        return part
    key, relation, value = found.groups()
    name, shown = _ALTERNATIVES_ZH[key]
    try:
        relations = _OF_TIMES_ZH if shown is _moment else _OF_NUMBERS_ZH
        return f"{name}{relations[relation]}{shown(value)}"
    except (ValueError, OverflowError):
        return part


def refusal(receipt: Receipt) -> tuple[str, str]:
    """Why a word was refused, in Chinese and in English, with all that the partner said."""
    said = receipt.detail
    if receipt.clause:
        said = f"{said} [{receipt.clause}]"
    if receipt.alternative:
        said = f"{said} ({_MOMENT.sub(_in_beijing, receipt.alternative)})"
    zh, more = reason_zh(receipt.reason), []
    if receipt.clause in CLAUSES_ZH and receipt.reason != "MALFORMED":
        zh = f"{zh}:{CLAUSES_ZH[receipt.clause]}"
    elif receipt.reason not in _SAY_ALL:
        more.append(f"对方说明:{receipt.detail}")
    if receipt.alternative:
        more.append(alternative_zh(receipt.alternative))
    if more:
        zh = f"{zh}({';'.join(more)})"
    return zh, f"{receipt.reason}: {said}"


def _in_beijing(found: re.Match[str]) -> str:
    return f"{local_time(int(found[0]))} +08:00"
