"""The story of an evaluation, one line for each word, made from nothing but the words.

Chinese with English beside it; Beijing time by the speaker's clock. Members appear by the
first digits of their codes. What people typed freely is not repeated: it may name somebody.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Final

from federation.evidence.dossier import LATEST_MS, Moment
from federation.protocol import (
    agreement,
    booking,
    contribution,
    draw,
    oversight,
    peering,
    selection,
    session,
)
from federation.protocol.conversation import Word

BEIJING: Final = timezone(timedelta(hours=8))  # one zone and no summer time since 1992
CODE_DIGITS: Final = 8  # enough to tell a hundred members apart, short enough to read


@dataclass(frozen=True, slots=True)
class Event:
    """A word: by whom (center id), when (unix milliseconds, the speaker's clock), what."""

    sender: str
    sent_at_ms: int
    word: Word


def timeline(events: Sequence[Event], names: Mapping[str, str]) -> tuple[Moment, ...]:
    """One line for each word, in the order given.

    Args:
        events: All words, in the order of the maker's log.
        names: Names of the centers by id.
    """
    return tuple(
        Moment(local(event.sent_at_ms), names[event.sender], *sentence(event.word))
        for event in events
    )


def local(at_ms: int) -> str:
    """Beijing time to the second; a moment that no calendar has is a ValueError."""
    if not 0 <= at_ms <= LATEST_MS:
        raise ValueError(f"{at_ms} is not a time between 1970 and 9999")
    at = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(BEIJING)
    return at.strftime("%Y-%m-%d %H:%M:%S")


def code(member: bytes) -> str:
    """A member's code as people read it."""
    return member.hex()[:CODE_DIGITS]


def sentence(word: Word) -> tuple[str, str]:
    """What a word means, in Chinese and English."""
    for part in (
        _agreeing,
        _selecting,
        _before,
        _peering,
        _drawing,
        _contributing,
        _overseeing,
        _evaluating,
    ):
        found = part(word)
        if found is not None:
            return found
    return f"发出 {word.case}", f"says {word.case}"


def ruling(given: draw.Ruling) -> tuple[str, str]:
    """What a verdict on an entry means, in Chinese and English."""
    return _RULINGS[given], given.name


def responses(given: draw.Response) -> tuple[str, str]:
    """What an invited expert answered, in Chinese and English."""
    return _RESPONSES[given], given.name


def _agreeing(word: Word) -> tuple[str, str] | None:
    match word:
        case agreement.Propose():
            return "提出合作协议并签署", "proposes and signs the agreement"
        case agreement.Counter():
            return "对合作协议还价并签署", "counters with a document of its own, signed"
        case agreement.Sign():
            return "签署合作协议", "signs the agreement"
        case agreement.SuspendAgreement():
            return "暂停合作协议", "suspends the agreement"
        case agreement.ResumeAgreement():
            return "恢复合作协议", "resumes the agreement"
        case agreement.Terminate():
            return (
                f"通知终止合作协议({local(word.effective_ms)}起)",
                f"gives notice of termination for {local(word.effective_ms)}",
            )
        case _:
            return None


_VOTES: Final[Mapping[booking.Answer, tuple[str, str]]] = MappingProxyType({
    booking.Answer.YES: ("同意", "agrees"),
    booking.Answer.NO: ("不同意", "declines"),
    booking.Answer.BOOK: ("同意并确认预约", "agrees, and books with it"),
})  # fmt: skip


def _before(word: Word) -> tuple[str, str] | None:
    match word:
        case booking.Hold():
            return (
                f"请求预留{word.seats}个席位({local(word.start_ms)}至{local(word.end_ms)})",
                f"asks for {word.seats} seats ({local(word.start_ms)} to {local(word.end_ms)})",
            )
        case booking.Vote():
            return _VOTES[word.answer]
        case booking.Decide():
            confirmed = word.decision is booking.Decision.CONFIRM
            return ("确认预约", "confirms the booking") if confirmed else ("取消", "aborts")
        case booking.Complete():
            return "预约完成", "completes the booking"
        case _:
            return _standing(word)


def _standing(word: Word) -> tuple[str, str] | None:
    match word:
        case booking.Move():
            return (
                f"请求改期({local(word.start_ms)}至{local(word.end_ms)})",
                f"asks for another window ({local(word.start_ms)} to {local(word.end_ms)})",
            )
        case booking.Extend():
            law = ("依法", " as the law demands") if word.by_law else ("", "")
            return (
                f"请求{law[0]}延长至{local(word.end_ms)}",
                f"asks for time until {local(word.end_ms)}{law[1]}",
            )
        case booking.Consent():
            yes = word.answer is booking.Answer.YES
            return ("同意变更", "consents") if yes else ("不同意变更", "does not consent")
        case booking.Settle():
            if word.decision is booking.Decision.CONFIRM:
                return "确认变更", "settles on the change"
            return "放弃变更", "drops the change"
        case booking.Cancel():
            return "取消已确认的预约", "cancels the booking"
        case booking.Substitute():
            return "更换为条件相同的席位", "gives other seats that offer the same"
        case booking.Readiness():
            failed = sum(not check.passed for check in word.checks)
            return (
                ("场地就绪", "its site is prepared")
                if word.ready
                else (f"场地未就绪({failed}项)", f"its site is not prepared ({failed} checks)")
            )
        case _:
            return None


def _selecting(word: Word) -> tuple[str, str] | None:
    match word:
        case selection.Invite():
            return (
                f"邀请参加副场抽取(第{word.attempt}次, 候选{len(word.candidates)}家)",
                f"invites {len(word.candidates)} to lottery of sub-venues, attempt {word.attempt}",
            )
        case selection.Enter():
            return "参加抽取, 承诺随机值", "enters, and commits to a random value"
        case selection.Pass():
            return "不参加抽取", "passes"
        case selection.Gather():
            return (
                f"关闭名单(参加{len(word.entrants)}家)",
                f"closes the list ({len(word.entrants)} entered)",
            )
        case selection.Disclose():
            return "向主场公开随机值", "opens its random value to the host"
        case selection.Rank():
            return (
                f"公开全部随机值与顺位({len(word.order)}家)",
                f"opens all values and says the order of {len(word.order)}",
            )
        case selection.Abandon():
            return "宣布本次抽取作废", "declares this attempt void"
        case _:
            return None


def _peering(word: Word) -> tuple[str, str] | None:
    match word:
        case peering.StartTest():
            return "发起联调联试", "starts the joint test"
        case peering.ReportTest():
            return "报告联调联试结果", "reports its findings of the joint test"
        case peering.RehearseHold() | peering.RehearseVote() | peering.RehearseDecide():
            return "演练场地预约", "rehearses a booking"
        case peering.RehearseCommit() | peering.RehearseReveal():
            return "演练抽取", "rehearses a draw"
        case peering.ConcludeTest():
            passed = ("通过", "passed") if word.passed else ("未通过", "failed")
            return f"联调联试{passed[0]}", f"concludes the joint test: {passed[1]}"
        case peering.CountersignTest():
            return "会签联调联试报告", "countersigns the report of the joint test"
        case peering.ContestTest():
            return "对联调联试报告有异议", "contests the report of the joint test"
        case peering.AnnouncePool():
            size = sum(stratum.size for stratum in word.strata)
            return (
                f"公布专家库承诺({word.epoch}, {len(word.strata)}个专业, {size}个席位编码)",
                f"commits to its pool ({word.epoch}: {len(word.strata)} strata, {size} entries)",
            )
        case _:
            return None


def _drawing(word: Word) -> tuple[str, str] | None:  # noqa: C901, PLR0911, PLR0912 (one for each word)
    match word:
        case draw.RequestDraw():
            return (
                "请对方封定本中心专家库的抽取",
                "asks the other side to seal a draw from its pool",
            )
        case draw.Open():
            wanted = ", ".join(f"{slot.specialty}×{slot.count}" for slot in word.slots)
            before = code(word.supersedes)
            return (
                f"开启第{word.sequence}次抽取({wanted})" + (f", 承接抽取{before}" * bool(before)),
                f"opens draw {word.sequence} ({wanted})" + (f", after {before}" * bool(before)),
            )
        case draw.AcceptDraw():
            return "接受抽取并出示承诺的编码", "accepts the draw and lists the committed entries"
        case draw.Commit():
            return "承诺随机数", "commits to a random value"
        case draw.Reveal():
            return "公开随机数", "reveals its random value"
        case draw.Next() | draw.Proceed():
            return (
                f"第{word.rank + 1}顺位: {code(word.entry)}",
                f"rank {word.rank + 1} is {code(word.entry)}",
            )
        case draw.Verdict():
            return (
                f"{code(word.entry)}: {_RULINGS[word.ruling]}",
                f"{code(word.entry)}: {word.ruling.name}",
            )
        case draw.Report():
            return (
                f"{code(word.entry)}: {_RESPONSES[word.response]}",
                f"{code(word.entry)}: {word.response.name}",
            )
        case draw.Shortfall():
            return (
                f"该专业人选不足, 缺{word.missing}人",
                f"the specialty is short of {word.missing}",
            )
        case draw.Result():
            return (
                f"名单第{word.revision}版封存({word.members}人)",
                f"seals list {word.revision} ({word.members} members)",
            )
        case draw.Close():
            return "公开封定值, 抽取可复核", "opens its seal: anybody can recompute the draw"
        case draw.Fault():
            if word.silent:
                return (
                    "宣布抽取作废(外部见证方未应)",
                    "voids the draw: outsiders were silent",
                )
            return "宣布抽取作废(对方超时)", "declares the draw void: the other side was overdue"
        case draw.Conclude():
            return "抽取结束, 可复核", "ends the draw: anybody can recompute it"
        case draw.Rescue():
            return (
                "封存方失联, 凭监管部门启封的随机数继续抽取",
                "goes on without the silent sealer, by the value that the regulator unsealed",
            )
        case _:
            return None


def _contributing(word: Word) -> tuple[str, str] | None:
    match word:
        case contribution.AskValue():
            return "请外部见证方提供随机数", "asks an outside contributor for a random value"
        case contribution.Pledge():
            return "作为外部见证方承诺随机数", "commits to a random value from outside"
        case contribution.PassValue():
            return "不参加本次抽取的随机数", "contributes nothing to this draw"
        case contribution.Bind():
            return "出示各方的随机数承诺", "shows that all have committed"
        case contribution.Contribute():
            return "作为外部见证方公开随机数", "opens its random value from outside"
        case contribution.Account():
            return "出示已公开的随机数", "shows which values were told"
        case contribution.Release():
            return "告知抽取已作废", "says that the draw is void"
        case _:
            return None


def _overseeing(word: Word) -> tuple[str, str] | None:
    match word:
        case oversight.AskPermit():
            return "申请重新抽取", "asks for leave to draw again"
        case oversight.Permit():
            return (
                f"准许重新抽取({len(word.officers)}人核准)",
                f"permits another draw ({len(word.officers)} officers)",
            )
        case oversight.DenyRequest():
            return "不予准许", "denies what was asked"
        case oversight.AskUnseal():
            return "申请启封对方托管的随机数", "asks to open the silent sealer's escrow"
        case oversight.Unseal():
            return (
                f"启封托管的随机数({len(word.officers)}人核准)",
                f"opens the escrow ({len(word.officers)} officers)",
            )
        case oversight.SubmitBidders():
            return "密封提交投标人名单供回避比对", "submits the bidders, sealed, for recusal"
        case oversight.SubmitEmployers():
            return (
                "密封提交成员单位供回避比对",
                "submits its members' employers, sealed",
            )
        case oversight.Recuse():
            return (
                f"回避比对: {len(word.recused)}人应当回避",
                f"compares: {len(word.recused)} must recuse",
            )
        case oversight.StateAct():
            return _ACTS[word.act]
        case _:
            return _calling_back(word)


def _calling_back(word: Word) -> tuple[str, str] | None:
    match word:
        case oversight.SubmitReports():
            return (
                f"提交{len(word.reports)}次邀请的答复供抽查",
                f"submits the answers to {len(word.reports)} invitations for checks",
            )
        case oversight.AskRecords():
            return (
                f"抽中{len(word.entries)}次邀请, 调取通话回执",
                f"asks for the records of {len(word.entries)} calls, chosen by chance",
            )
        case oversight.ProduceRecords():
            return "密封提交通话回执", "produces the records of calls, sealed"
        case oversight.FaultRecord():
            return _WRONG[word.wrong]
        case oversight.StateCallBack():
            return _FINDINGS[word.finding]
        case _:
            return None


def _evaluating(word: Word) -> tuple[str, str] | None:  # noqa: C901, PLR0911, PLR0912 (one for each word)
    match word:
        case session.Convene():
            return "召集评标", "convenes the evaluation"
        case session.CheckIn():
            return f"成员{code(word.member)}签到", f"member {code(word.member)} checks in"
        case session.Ready():
            return f"副场确认就绪({word.present}人)", f"its site is ready ({word.present} present)"
        case session.Start():
            return (
                f"统一开始评标: {word.project_name} [{word.lot_code}], 成员{len(word.members)}人",
                f"starts all: {word.project_name} [{word.lot_code}], {len(word.members)} members",
            )
        case session.Ballot():
            return (
                f"成员{code(word.voter)}推荐{code(word.candidate)}为组长",
                f"member {code(word.voter)} votes for {code(word.candidate)}",
            )
        case session.Elect():
            return (
                f"{code(word.chair)}当选评标组长({word.votes}/{word.cast}票)",
                f"{code(word.chair)} is elected chair ({word.votes} of {word.cast} votes)",
            )
        case session.Present():
            return "提交评标报告签署", "presents the report"
        case session.SignReport():
            return (
                f"成员{code(word.member)}签署报告",
                f"member {code(word.member)} signs the report",
            )
        case session.Suspend():
            return "暂停评标", "suspends the evaluation"
        case session.Resume():
            return "恢复评标", "resumes the evaluation"
        case session.Replace():
            who = ", ".join(code(member) for member in word.left)
            return f"成员{who}退出, 结论作废, 补抽后重新评审", f"replaces {who}: all begin again"
        case session.Finish():
            return (
                f"评标结束({word.signatures}人签署)",
                f"ends the evaluation ({word.signatures} signed)",
            )
        case session.HandOver():
            return f"移交档案{len(word.items)}项", f"hands {len(word.items)} archive items over"
        case session.Receive():
            return "接收档案", "receives the archive"
        case _:
            return None


_RULINGS: Final = {
    draw.Ruling.INVITE: "邀请",
    draw.Ruling.SKIP_STATUS: "跳过(状态)",
    draw.Ruling.SKIP_LINK: "跳过(同一人)",
    draw.Ruling.SKIP_EMPLOYER: "跳过(同一单位)",
    draw.Ruling.SKIP_EXCLUDED: "跳过(回避单位)",
}
_RESPONSES: Final = {
    draw.Response.ACCEPT: "接受",
    draw.Response.DECLINE: "谢绝",
    draw.Response.NO_ANSWER: "未接通",
    draw.Response.LEAVE: "请假",
    draw.Response.RECUSED: "回避",
    draw.Response.ABSENT: "未到场",
}
_ACTS: Final = {
    oversight.Act.OPEN_POOL: ("启封专家库审计文件", "opens the audit file of a pool"),
}
_FINDINGS: Final = {
    oversight.Finding.MATCH: ("回访专家: 与报告相符", "calls an expert back: as reported"),
    oversight.Finding.MISMATCH: (
        "回访专家: 与报告不符",
        "calls an expert back: not as reported",
    ),
    oversight.Finding.UNREACHED: ("回访专家: 未接通", "calls an expert back in vain"),
}
_WRONG: Final = {
    oversight.Wrong.NOT_PRODUCED: ("通话回执: 逾期未提交", "a record of a call is not produced"),
    oversight.Wrong.OTHER_RECORD: (
        "通话回执: 不是所报告的那一份",
        "a record of a call is another one than was reported",
    ),
    oversight.Wrong.NOT_SIGNED: (
        "通话回执: 不是所公布的网关密钥所签",
        "a record of a call is not signed by the announced gateway",
    ),
    oversight.Wrong.OTHER_CALL: ("通话回执: 属于另一次邀请", "a record is of another call"),
    oversight.Wrong.OTHER_ANSWER: (
        "通话回执: 答复与报告不同",
        "a record of a call has another answer than was reported",
    ),
    oversight.Wrong.OTHER_PERSON: (
        "通话回执: 被通知人不是所抽中的专家",
        "a record of a call is shown with somebody else",
    ),
}
