"""Every key of an agreement's file: where it stands, what it sets, its usual value, its meaning.

One row a key. The file's sections follow the order in which people negotiate.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from federation.protocol.booking import SelectionMode
from federation.protocol.terms import DrawAnchor, Drawer, FeeRule, InDoubt, Payer, SettlementPeriod
from node.services import terms_values as values


@dataclass(frozen=True, slots=True)
class Key:
    """One key.

    Args:
        path: ``section.key``; a key of no section stands at the top.
        sets: The field of ``AgreementTerms``, or ``part.field`` of one of its parts.
        parse: From TOML's value to the field's.
        usual: The value in the template, as TOML; also what is taken when the key is missing.
            Empty when the key must be given.
        zh: What it means.
        en: The same.
    """

    path: str
    sets: str
    parse: Callable[[Any], Any]
    usual: str
    zh: str
    en: str

    @property
    def section(self) -> str:
        """The table that it stands in; empty at the top."""
        return self.path.rpartition(".")[0]

    @property
    def name(self) -> str:
        """Its name in the table."""
        return self.path.rpartition(".")[2]


SECTIONS: Final = {
    "": ("协议", "The agreement"),
    "directions": ("主副场方向", "Who may be host"),
    "scope": ("适用范围", "What it covers"),
    "limits": ("数量上限;0 表示不限", "How much; 0 means no limit"),
    "hours": ("开放时间(北京时间)", "Opening hours, Beijing time"),
    "times": ("时限", "How long"),
    "draw": ("专家抽取", "Drawing experts"),
    "money": ("费用与结算;金额单位为元", "Fees and settlement, in yuan"),
    "money.ours": ("本中心劳务报酬标准", "What our experts are paid"),
    "money.theirs": ("对方劳务报酬标准", "What theirs are paid"),
    "after": ("评标之后", "After the evaluation"),
    "data": ("个人信息保护", "Personal data"),
    "disputes": ("争议解决", "Disputes"),
    "ours": ("本中心", "Our side"),
    "theirs": ("对方中心", "Their side"),
}

_HOSTS: Final = "directions"


def _pay(side: str) -> tuple[Key, ...]:
    at, to = f"money.{side}", f"{side}_pay"
    fen, minutes = values.as_fen, values.as_minutes
    return (
        Key(f"{at}.base_fee", f"{to}.base_fen", fen, "400", "基础报酬", "pay for the base time"),
        Key(f"{at}.base", f"{to}.base_minutes", minutes, '"4h"', "基础时长", "the base time"),
        Key(
            f"{at}.step_fee", f"{to}.step_fen", fen, "100", "每超一段加付", "for each further step"
        ),
        Key(f"{at}.step", f"{to}.step_minutes", minutes, '"1h"', "每段时长", "the step"),
        Key(f"{at}.overnight_fee", f"{to}.overnight_fen", fen, "0", "隔夜补助", "for each night"),
    )


def _side(side: str) -> tuple[Key, ...]:
    return (
        Key(f"{side}.supervisor", f"{side}.supervisor", values.text, '""',
            "行政监督部门", "the supervising authority"),
        Key(f"{side}.contacts", f"{side}.contacts", values.contacts, "[]",
            '联系人 [{duty = "预约", name = "张工", phone = "0796-0000000"}]', "whom to call"),
    )  # fmt: skip


KEYS: Final[tuple[Key, ...]] = (
    Key("title", "title", values.text, "", "协议名称", "name of the agreement"),
    Key("number", "agreement_no", values.text, '""', "协议编号", "its number in the files"),
    Key("from", "effective_from_ms", values.as_day_ms, "", "生效日", "first day in force"),
    Key("until", "effective_until_ms", values.as_last_ms, "", "截止日(含)", "last day in force"),
    Key("suite", "suite", values.text, '"intl-1"', "密码套件 intl-1 或 gm-1(国密)",
        "cryptographic suite: intl-1 or gm-1"),
    Key("notice_days", "notice_days", values.number, "30", "终止协议提前通知天数",
        "days of notice for a termination"),
    Key(f"{_HOSTS}.we_host", f"{_HOSTS}.we", values.flag, "true", "本中心可作主场",
        "we may be host"),
    Key(f"{_HOSTS}.they_host", f"{_HOSTS}.they", values.flag, "true", "对方可作主场",
        "they may be host"),
    Key("scope.project_kinds", "project_kinds", values.texts, '["A", "B", "C"]',
        "A 工程 B 货物 C 服务", "A works, B goods, C services"),
    Key("scope.specialties", "specialty_prefixes", values.texts, "[]",
        "评标专业代码前缀;空为全部", "specialties by prefix; empty: all"),
    Key("scope.value_from", "value_from_fen", values.as_fen, "0", "项目金额下限",
        "least value of a project"),
    Key("scope.value_until", "value_until_fen", values.as_fen, "0", "项目金额上限;0 不限",
        "greatest value; 0: no limit"),
    Key("scope.selection", "selection_modes", values.choices(SelectionMode),
        '["CHOSEN", "RANDOM", "BLIND"]', "选择副场的方式:自主选择、随机挑选、盲选",
        "how a sub-venue may be found"),
    Key("scope.four_unknowns", "sealed_disclosure", values.flag, "true",
        "四不知:开始前项目对副场、专家对全体工作人员保密",
        "the project is unknown to the sub, experts to all staff, until the start"),
    Key("limits.seats", "max_seats_per_session", values.number, "50", "每场席位上限",
        "seats of one evaluation"),
    Key("limits.experts", "max_experts_per_session", values.number, "30", "每场专家人数上限",
        "experts of one evaluation"),
    Key("limits.open_bookings", "max_open_bookings", values.number, "20", "未完成预约上限",
        "bookings that a host may have open"),
    Key("limits.concurrent_sessions", "max_concurrent_sessions", values.number, "0",
        "同一时段场次上限", "evaluations at the same time"),
    Key("limits.sessions_per_period", "max_sessions_per_period", values.number, "0",
        "每周期场次上限", "evaluations in one period"),
    Key("limits.period_days", "period_days", values.number, "0", "周期天数", "days of a period"),
    Key("hours.opens", "opens_minute", values.as_time, '"08:30"', "评标最早开始",
        "an evaluation may begin from"),
    Key("hours.closes", "closes_minute", values.as_time, '"20:00"', "评标最晚结束(隔夜除外)",
        "it ends by, unless overnight"),
    Key("hours.weekdays", "open_weekdays", values.numbers, "[1, 2, 3, 4, 5]",
        "开放日 1 周一至 7 周日", "days: 1 Monday to 7 Sunday"),
    Key("times.lead", "lead_time_ms", values.as_ms, '"1d"', "至少提前预约", "book so long ahead"),
    Key("times.vote", "vote_ms", values.as_ms, '"4h"', "副场答复时限", "the sub's time to answer"),
    Key("times.decide", "decide_ms", values.as_ms, '"1d"', "主场确认时限",
        "the host's time to decide"),
    Key("times.hold", "hold_ms", values.as_ms, '"3d"', "未确认席位最长保留",
        "seats without a decision are kept at most"),
    Key("times.in_doubt", "in_doubt", values.choice(InDoubt), '"KEEP_AND_ESCALATE"',
        "逾期未决:保留并升级 / 释放 RELEASE", "no decision in time: keep, or RELEASE"),
    Key("times.cancel_notice", "cancel_notice_ms", values.as_ms, '"1d"', "免费取消须提前",
        "cancelling is free so long before"),
    Key("times.fault_wait", "fault_wait_ms", values.as_ms, '"2h"', "开始前故障最长等待",
        "a fault before the start may last"),
    Key("times.fault_repair", "fault_repair_ms", values.as_ms, '"4h"', "评标中故障最长修复",
        "a fault during the evaluation may last"),
    Key("draw.drawn_by", "drawn_by", values.choice(Drawer), '"POOL_OWNER"', "由谁抽取",
        "who draws"),
    Key("draw.anchor", "draw_anchor", values.choice(DrawAnchor), '"BID_DEADLINE"',
        "抽取窗口起算:投标截止 / 评标开始 EVALUATION_START", "what a draw is counted from"),
    Key("draw.earliest", "draw_earliest_ms", values.as_ms, '"12h"', "最早提前抽取",
        "a draw may be so long before"),
    Key("draw.pool_min_age", "pool_min_age_ms", values.as_ms, '"0m"', "专家库须提前公布",
        "a pool must have been announced so long"),
    Key("draw.pool_min_ratio", "pool_min_ratio", values.number, "3", "候选人数至少为需求的倍数",
        "candidates for each wanted expert"),
    Key("draw.outside_contributors", "min_outside_contributors", values.number, "0",
        "双方以外的随机数至少几个", "least random values from outside"),
    Key("draw.outside", "outside_contributors", values.texts, "[]",
        "依次请哪些中心提供随机数(中心编号)", "centers that are asked for one, by id"),
    Key("draw.regulator", "regulator", values.text, '""', "监管节点的中心编号;空为不设",
        "the regulator's node, by id; empty: none"),
    Key("draw.max_per_expert", "max_draws_per_expert", values.number, "0",
        "同一专家中选次数上限;0 不限", "evaluations of one expert; 0: no limit"),
    Key("draw.period_days", "draw_period_days", values.number, "0", "计数天数",
        "days over which these are counted"),
    Key("money.rule", "fees.rule", values.choice(FeeRule), '"HIGHER_OF"',
        "副场专家报酬:就高不就低 / 主场 HOST / 副场 SUB 标准", "whose schedule counts"),
    Key("money.payer", "fees.payer", values.choice(Payer), '"TENDEREE"',
        "支付方:招标人 / 代理机构 AGENCY / 主场 HOST", "who pays"),
    Key("money.venue_fee", "fees.venue_fen", values.as_fen, "0", "副场每场补偿",
        "compensation of the sub-venue for each evaluation"),
    Key("money.cancel_fee", "cancel_fee_fen", values.as_fen, "0", "逾期取消费",
        "what a late cancellation costs"),
    Key("money.settlement", "settlement.period", values.choice(SettlementPeriod), '"MONTHLY"',
        "结算周期:每场 PER_SESSION / 每月 / 每季 QUARTERLY", "how often both settle"),
    Key("money.pay_within_days", "settlement.pay_within_days", values.number, "30", "付款期限(天)",
        "days to pay"),
    *_pay("ours"),
    *_pay("theirs"),
    Key("after.handover_working_days", "handover_working_days", values.number, "5",
        "副场移交资料的工作日", "working days for the sub's hand-over"),
    Key("after.av_retention_days", "av_retention_days", values.number, "5475", "音视频保管天数",
        "days for which sound and pictures are kept"),
    Key("after.joint_test_valid_days", "joint_test_valid_days", values.number, "365",
        "联调联试有效天数;0 不要求", "a joint test lasts; 0: none is demanded"),
    Key("data.purpose", "data_protection.purpose", values.text,
        '"远程异地评标的组织、见证与归档"', "处理目的", "what for"),
    Key("data.categories", "data_protection.categories", values.texts,
        '["评标专家编号与专业", "签到与签署结果", "招标人代表编号"]', "个人信息种类", "which data"),
    Key("data.retention_days", "data_protection.retention_days", values.number, "1095",
        "保存天数", "days for which the receiver keeps them"),
    Key("disputes.path", "dispute_path", values.texts,
        '["双方协商", "报请双方监督部门协调", "依法向有管辖权的人民法院起诉"]',
        "依次采取", "step by step"),
    *_side("ours"),
    *_side("theirs"),
)  # fmt: skip
