"""How long each kind of to-do may take, and what it is called where its text must not be shown.

Here: one table, complete for every kind that a service leaves (``tests/node/services/
test_todo_rules.py`` says what to add where one is missing). Allowances are working minutes of
the center's office hours; a protocol's deadline that comes first caps them. Not here: the
texts of to-dos, and who is asked; those are the services'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

HOUR: Final = 60
DAY: Final = 7 * HOUR  # the office hours of a day, as ``working_time.OFFICE_HOURS`` has them

OVERDUE: Final = "todo_overdue"
"""The operator's to-do that somebody else's is overdue (值班负责人)."""


class Cap(Enum):
    """What ends a to-do's time if it comes before the allowance has passed."""

    NONE = "nothing"
    CONVERSATION = "the deadline of the conversation that is its subject"
    START = "the beginning of the evaluation that is its subject"


@dataclass(frozen=True, slots=True)
class Rule:
    """How one kind is timed.

    Attributes:
        zh: What it is called in a text message, in Chinese: no names, nothing of a project.
        en: The same in English.
        minutes: Working minutes until it is due.
        cap: What may come first.
        urges: Whether somebody is reminded half-way, and the operator told when it is overdue;
            not of what only tells somebody something.
    """

    zh: str
    en: str
    minutes: int
    cap: Cap = Cap.NONE
    urges: bool = True


DEFAULT: Final = Rule("待办事项", "a to-do", DAY)
"""For a kind that an older or newer version left."""

RULES: Final[Mapping[str, Rule]] = {
    # Bookings
    "vote_booking": Rule("答复副场预约", "answer a booking", 4 * HOUR, Cap.CONVERSATION),
    "booking_in_doubt": Rule("联系主场确认预约", "call the host of a booking", 1 * HOUR, Cap.START),
    "booking_exception": Rule("处理被拒绝的预约", "look at a refused booking", 2 * HOUR, Cap.START),
    "prepare_booking": Rule("准备评标席位", "prepare seats", 2 * DAY, Cap.START),
    "seats_booked_here": Rule(
        "查看席位预留结果", "read that seats are reserved", 1 * DAY, urges=False
    ),
    "bundle_decided": Rule("查看预约结果", "read a booking's outcome", 1 * DAY, urges=False),
    "two_decisions": Rule("核实两份矛盾的决定", "two decisions on one bundle", 1 * HOUR),
    # Bookings that stand
    "answer_change": Rule("答复预约变更", "answer a change", 2 * HOUR, Cap.CONVERSATION),
    "change_in_doubt": Rule("联系主场确认变更", "call the host of a change", 1 * HOUR, Cap.START),
    "change_decided": Rule("查看变更结果", "read a change's outcome", 1 * DAY, urges=False),
    "booking_cancelled": Rule("查看取消的预约", "read a cancelled booking", 1 * DAY, Cap.START),
    "leg_lost": Rule("处理缺少的副场", "an evaluation lost a sub-venue", 2 * HOUR, Cap.START),
    "seats_substituted": Rule("查看副场更换席位", "read other seats", 1 * DAY, Cap.START),
    "confirm_readiness": Rule("确认场地就绪", "say whether the site is ready", 2 * HOUR, Cap.START),
    "site_not_ready": Rule("处理未就绪的副场", "a sub-venue is not ready", 1 * HOUR, Cap.START),
    "booking_dispute": Rule("处理预约争议", "settle a dispute over a booking", 3 * DAY),
    "closure_meets_booking": Rule("改期受维护影响的预约", "move a booking", 4 * HOUR, Cap.START),
    # Projects, draws
    "rule_project": Rule("受理项目", "rule on a project", 1 * DAY),
    "verify_draw": Rule("核验抽取信息", "verify what is to be drawn", 4 * HOUR),
    "draw_void": Rule("重新抽取", "draw again", 2 * HOUR),
    "draw_short": Rule("处理人选不足", "a list is short", 2 * HOUR),
    "draw_refused": Rule("处理被拒绝的抽取", "look at a refused draw", 1 * HOUR),
    # Evaluations
    "session_check_in": Rule("组织签到", "check members in", 4 * HOUR, Cap.START),
    "session_start": Rule("开始评标", "start the evaluation", 1 * HOUR),
    "session_elect": Rule("确认评标组长", "declare the chair", 1 * HOUR),
    "session_present": Rule("提交评标报告", "present the report", 2 * DAY),
    "session_finish": Rule("结束评标", "finish the evaluation", 1 * HOUR),
    "recusal_not_compared": Rule("处理无法比对的回避", "bidders cannot be compared", 2 * HOUR),
    "sealer_silent": Rule("联系失联的封存方", "the sealer of a draw is silent", 1 * HOUR),
    "recusal_late": Rule("报告应回避而已签署的成员", "a member had to recuse", 1 * HOUR),
    "session_replace": Rule("更换评标成员后重新开始", "start again with a new member", 1 * HOUR),
    "session_resume": Rule("恢复评标", "resume the evaluation", 1 * HOUR),
    "session_refused": Rule("处理被拒绝的操作", "look at a refused step", 1 * HOUR),
    "session_overdue": Rule("处理逾期未结束的评标", "look at an overdue evaluation", 1 * HOUR),
    "session_hand_over": Rule("移交评标资料", "hand the archive over", 5 * DAY),
    "session_handover_overdue": Rule("催促移交评标资料", "ask for the archive", 1 * DAY),
    "session_receive": Rule("接收评标资料", "receive the archive", 2 * DAY),
    "award_determined": Rule("查看中标结果确定", "read an award", 1 * DAY, urges=False),
    "award_determined_supervisor": Rule("查看中标结果确定", "read an award", 1 * DAY, urges=False),
    "opening_to_confirm": Rule(  # it lapses by itself after half an hour
        "复核专家名单开启申请", "confirm an act of two", HOUR // 2, urges=False
    ),
    "names_opened": Rule("核查专家名单开启", "look into an act of two", 1 * DAY),
    "evaluation_failed": Rule("重新安排评标", "plan an evaluation anew", 1 * DAY),
    # Partners and agreements
    "agreement_to_sign": Rule("签署或答复协议", "sign or answer an agreement", 5 * DAY),
    "agreement_to_approve": Rule("复核签署协议", "sign as the second person", 2 * DAY),
    "agreement_refused": Rule("处理被拒绝的协议", "look at a refused agreement", 2 * DAY),
    "agreement_changed": Rule(
        "查看协议变动", "read a change of an agreement", 2 * DAY, urges=False
    ),
    "joint_test_failed": Rule("处理联调联试问题", "mend a failed joint test", 2 * DAY),
    "pool_refused": Rule("处理被拒绝的专家库承诺", "look at a refused pool", 1 * DAY),
    "call_receipt_wrong": Rule("核实语音网关回执", "ask about the gateway's records", 1 * HOUR),
    "call_too_late": Rule("处理来不及通知的抽取", "a draw is too late to call", 1 * HOUR),
    "pool_epoch_failed": Rule("公布专家库", "announce the pool", 4 * HOUR),
    "pool_small": Rule("查看人数偏少的专业", "look at small strata", 10 * DAY, urges=False),
    "plan_pool_small": Rule("查看候选人数偏少的专业", "few to draw from", 1 * DAY, urges=False),
    "pool_alert": Rule("查看抽取统计提醒", "look at statistics of draws", 10 * DAY, urges=False),
    "usage_dispute": Rule("核对用量", "settle a dispute over usage", 3 * DAY),
    "usage_dispute_operator": Rule("核对用量", "settle a dispute over usage", 3 * DAY),
    "usage_missing": Rule("催促用量对账", "ask for a statement of usage", 1 * DAY),
    "descriptor_twin": Rule("核实重复身份", "two nodes with one identity", 1 * HOUR),
    "descriptor_gap": Rule("补齐伙伴名片", "get a partner's descriptors", 1 * DAY),
    "descriptor_older": Rule("核实伙伴名片", "ask about an older descriptor", 1 * DAY),
    "log_fork": Rule("核实伙伴日志分叉", "a partner's log has two histories", 1 * HOUR),
    "log_unproven": Rule("核实伙伴日志", "a partner does not prove its log", 4 * HOUR),
    "draw_frozen": Rule("处理暂停的抽取", "a draw stands still", 1 * HOUR),
    "log_epoch": Rule("核实伙伴恢复旧备份", "a partner went on from a backup", 1 * DAY),
    # A regulator: what a center hears of it, and what its officers do
    "oversight_answered": Rule("查看监管答复", "read what the regulator decided", 4 * HOUR),
    "oversight_unanswered": Rule("联系监管部门", "call the regulator", 2 * HOUR),
    "oversight_act": Rule("查看监管行为", "read what officers opened", 2 * DAY, urges=False),
    "oversight_decide": Rule("对申请提出意见", "propose an answer", 4 * HOUR, Cap.CONVERSATION),
    "oversight_confirm": Rule("确认监管意见", "confirm an answer", 4 * HOUR, Cap.CONVERSATION),
    "oversight_act_refused": Rule("处理被拒绝的告知", "a center refused a word", 1 * DAY),
    "call_back": Rule("回访抽中的专家", "call an expert back", 3 * DAY),
    "call_back_confirm": Rule("确认回访结果", "confirm what was found", 1 * DAY),
    "call_record_fault": Rule("调查未通过抽查的回执", "investigate a record of a call", 1 * DAY),
    "call_back_fault": Rule("调查不符的专家答复", "investigate an answer", 1 * DAY),
    "false_escrow": Rule("调查虚假托管", "investigate a false escrow", 1 * DAY),
    # Lotteries of sub-venues
    "selection_ended": Rule("重新安排副场抽取", "plan a lottery of sub-venues anew", 4 * HOUR),
    "selection_contested": Rule("处理对副场抽取的异议", "look at a contested lottery", 2 * HOUR),
    # Values from outside
    "contribution_left_out": Rule("核实被略去的随机数", "a value of ours was left out", 1 * DAY),
    # Recovery after an old backup
    "recovering": Rule("恢复旧备份后的数据", "recover from an old backup", 2 * HOUR),
    "recovery_epoch": Rule("公布恢复后的日志", "announce the recovered log", 1 * HOUR),
    "recovery_without": Rule("处理未应答的伙伴", "recover without a partner", 4 * HOUR),
    "recovery_doubt": Rule("核实恢复前的承诺", "check what was promised before", 2 * HOUR),
    "recovered": Rule("查看已恢复的业务", "read what was recovered", 1 * DAY, urges=False),
    "recovery_gap": Rule("核实缺失的报文", "ask about words that are lost", 4 * HOUR),
    "books_differ": Rule("核对双方不一致的记录", "settle books that differ", 4 * HOUR),
    # The node itself
    "key_expires": Rule("更换密钥", "renew keys", 10 * DAY),
    "holidays_unknown": Rule("导入节假日安排", "import the holidays of a year", 10 * DAY),
    OVERDUE: Rule("督办逾期待办", "see to an overdue to-do", 1 * DAY, urges=False),
}


def rule_of(kind: str) -> Rule:
    """The rule of a kind."""
    return RULES.get(kind, DEFAULT)
