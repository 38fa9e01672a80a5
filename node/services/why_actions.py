"""What would let a conversation go on: one row for each phase in which somebody is waited for.

Here: the step that is next, who does it, and the command or call that does it. Not here: whose
turn it is, which is the protocol's table's to say, and what is said if it is the peer's turn
(``why``). ``tests/node/services/test_why_actions.py`` holds this complete over all tables and
says which row to add.

``how`` may name ``{id}`` (the conversation), ``{bundle}``, ``{project}``, ``{agreement}``,
``{peer}``. What the node does by itself names what a person can do when it does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

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
from federation.protocol.bundle import BundlePhase
from federation.protocol.conversation import Kind, Phase, Role
from node.domain.project import ProjectState


class Who(Enum):
    """Who at a center takes the step."""

    STAFF = ("工作人员", "the staff")
    AGENCY = ("代理机构", "the agency")
    EXPERT = ("专家", "the experts")
    OPERATOR = ("运维人员", "the operator")
    NODE = ("节点(自动)", "the node, by itself")
    NOBODY = ("无人", "nobody")

    def __init__(self, zh: str, en: str) -> None:
        self.zh = zh
        self.en = en


@dataclass(frozen=True, slots=True)
class Step:
    """What is next.

    Args:
        who: Who does it, at the center whose turn it is.
        zh: What, in Chinese.
        en: The same in English.
        how: The command or API call.
        turn: Whose turn it is, where the table waits for nobody: else the table's.
    """

    who: Who
    zh: str
    en: str
    how: str
    turn: Role | None = None


_RETRY: Final = "lianping peer retry {peer}"
_TEST: Final = "lianping peer test {peer}"

SHORT_LIST: Final = Step(
    Who.STAFF, "名单缺人,原专业已无人可抽:主场另选专业补抽",
    "the list is short, of its specialty everybody was asked: the host draws from another one",
    "POST /api/projects/{project}/supplement")  # fmt: skip
"""Of a sealed list that is short: nobody is waited for, and somebody should act."""

STEPS: Final[Mapping[tuple[Kind, Phase], Step]] = MappingProxyType({
    (Kind.AGREEMENT, agreement.PROPOSED): Step(
        Who.STAFF, "签署、还价或不签署对方的协议文本",
        "sign, counter or decline the proposed document", "lianping agreement sign {agreement}"),
    (Kind.AGREEMENT, agreement.COUNTERED): Step(
        Who.STAFF, "签署、再还价或撤回", "sign the counter-proposal, counter it or withdraw",
        "lianping agreement sign {agreement}"),
    # A joint test goes by itself, three minutes a step; who does not answer fails it.
    **{
        (Kind.PEERING, phase): Step(
            Who.NODE, "联调联试的下一步", "the next step of the joint test", _TEST)
        for phase in (
            peering.TESTING, peering.REPORTED, peering.HELD, peering.PROMISED, peering.DECIDED,
            peering.HALF, peering.COMMITTED, peering.REVEALED, peering.CONCLUDED,
        )
    },
    (Kind.PEERING, peering.STATED): Step(
        Who.NODE, "核对用量报表", "compare the statement of usage with one's own count", _RETRY),
    (Kind.BOOKING, booking.HELD): Step(
        Who.STAFF, "副场答复预约:同意或不同意", "the sub says yes or no to the booking",
        "POST /api/bookings/{id}/vote"),
    (Kind.BOOKING, booking.PROMISED): Step(
        Who.NODE, "主场在全部副场同意后作出决定", "the host decides once every sub has promised",
        "lianping why {bundle}"),
    (Kind.BOOKING, booking.IN_DOUBT): Step(
        Who.NODE, "副场已同意而未收到主场决定:等待主场,或向主场及其他副场询问;也可电话核实",
        "the sub has promised and lacks the host's decision: it asks the host and the other subs;"
        " or call the host", _RETRY, turn=booking.HOST),
    (Kind.BOOKING, booking.CONFIRMED): Step(
        Who.NOBODY, "预约已确认,没有等待中的事项;下一步是抽取专家和评标",
        "it is booked and nothing is waited for; the draws and the evaluation come next",
        "POST /api/projects/{project}/draw"),
    (Kind.BOOKING, booking.CHANGING): Step(
        Who.STAFF, "副场答复变更(改期、延长)", "the sub says yes or no to the change",
        "GET /api/bookings"),
    (Kind.BOOKING, booking.CHANGE_PROMISED): Step(
        Who.NODE, "主场在全部副场同意变更后作出决定",
        "the host settles the change once every sub has consented", "lianping why {bundle}"),
    (Kind.DRAW, draw.REQUESTED): Step(
        Who.NODE, "封存方开启抽取", "the sealer opens the draw", _RETRY),
    (Kind.DRAW, draw.OPENED): Step(
        Who.NODE, "专家库所属方接受抽取", "the pool's owner accepts the draw", _RETRY),
    (Kind.DRAW, draw.ACCEPTED): Step(
        Who.NODE, "专家库所属方提交随机数承诺", "the pool's owner commits to its random value",
        _RETRY),
    (Kind.DRAW, draw.HALF): Step(
        Who.NODE, "封存方提交随机数承诺", "the sealer commits to its random value", _RETRY),
    (Kind.DRAW, draw.COMMITTED): Step(
        Who.NODE, "到抽取时间后,专家库所属方公开随机数",
        "the pool's owner reveals its value once the drawing time has come", _RETRY),
    (Kind.DRAW, draw.WALKING): Step(
        Who.NODE, "封存方按名次抽取下一位", "the sealer asks for the next in the ranking", _RETRY),
    (Kind.DRAW, draw.ASKED): Step(
        Who.NODE, "专家库所属方核对是否应当回避", "the owner checks whether the person may be "
        "invited", _RETRY),
    (Kind.DRAW, draw.INVITED): Step(
        Who.EXPERT, "专家答复邀请;逾期视为不参加", "the expert answers the invitation; silence is "
        "a no", "GET /api/projects/{project}"),
    (Kind.DRAW, draw.SEALED): Step(
        Who.NODE, "名单已封存,全体签署报告、评标结束时自动公开",
        "the list is sealed until the report is signed and the evaluation finished",
        "POST /api/sessions/SESSION/finish"),
    (Kind.SESSION, session.CONVENED): Step(
        Who.STAFF, "副场专家全部签到后报告就绪", "the sub's experts check in, then its staff say "
        "that they are ready", "POST /api/sessions/{id}/ready"),
    (Kind.SESSION, session.READY): Step(
        Who.STAFF, "主场开始评标", "the host starts the evaluation",
        "POST /api/sessions/{id}/start"),
    (Kind.SESSION, session.RUNNING): Step(
        Who.STAFF, "成员推选后,主场确认组长", "after the ballots the host declares the chair",
        "POST /api/sessions/{id}/elect"),
    (Kind.SESSION, session.CHAIRED): Step(
        Who.STAFF, "主场提交评标报告", "the host presents the report",
        "POST /api/sessions/{id}/present"),
    (Kind.SESSION, session.SIGNING): Step(
        Who.EXPERT, "全体成员签署报告,随后主场结束评标",
        "every member signs the report, then the host finishes", "POST /api/sessions/{id}/finish"),
    (Kind.SESSION, session.SUSPENDED): Step(
        Who.STAFF, "故障排除后,主场恢复评标", "once the fault is mended the host resumes",
        "POST /api/sessions/{id}/resume"),
    (Kind.SESSION, session.RESUMING): Step(
        Who.STAFF, "副场报告就绪", "the sub says that it is ready again",
        "POST /api/sessions/{id}/ready"),
    (Kind.SESSION, session.FINISHED): Step(
        Who.STAFF, "副场移交评标资料", "the sub hands its archive over",
        "POST /api/sessions/{id}/hand-over"),
    (Kind.SESSION, session.HANDED_OVER): Step(
        Who.STAFF, "主场核对并接收评标资料", "the host checks and receives the archive",
        "POST /api/sessions/{id}/receive"),
    (Kind.DRAW, draw.RESCUED): Step(
        Who.NODE, "封存方失联, 专家库所属方凭启封的随机数继续抽取",
        "the owner goes on by the value that the regulator unsealed", "lianping why {id}"),
    (Kind.SESSION, session.REPLACING): Step(
        Who.STAFF, "补抽的专家签到后,副场报告就绪", "once the replacement has checked in, the sub "
        "says that it is ready", "POST /api/sessions/{id}/ready"),
    (Kind.CONTRIBUTION, contribution.ASKED): Step(
        Who.NODE, "外部见证方承诺随机数", "the outside contributor commits to a value", _RETRY),
    (Kind.CONTRIBUTION, contribution.PLEDGED): Step(
        Who.NODE, "专家库所属方出示各方承诺", "the owner shows that all have committed", _RETRY),
    (Kind.CONTRIBUTION, contribution.BOUND): Step(
        Who.NODE, "外部见证方公开随机数", "the outside contributor opens its value", _RETRY),
    (Kind.CONTRIBUTION, contribution.GIVEN): Step(
        Who.NODE, "专家库所属方出示已告知封存方的随机数", "the owner shows what it told the sealer",
        _RETRY),
    (Kind.OVERSIGHT, oversight.ASKED): Step(
        Who.STAFF, "监管部门两人核准是否重新抽取", "two officers decide whether to draw again",
        "POST /api/oversight/requests/{id}/propose"),
    (Kind.OVERSIGHT, oversight.UNSEALING): Step(
        Who.STAFF, "监管部门两人核准是否启封托管随机数", "two officers decide whether to open the "
        "escrow", "POST /api/oversight/requests/{id}/propose"),
    (Kind.OVERSIGHT, oversight.COMPARING): Step(
        Who.NODE, "等待主场提交投标人名单,由监管节点比对", "the regulator's node compares once the "
        "host has submitted the bidders", _RETRY),
    (Kind.OVERSIGHT, oversight.PRODUCING): Step(
        Who.NODE, "专家库所属方提交被抽查的通话回执", "the owner of the pool produces the "
        "records of calls that were chosen", _RETRY),
    (Kind.SELECTION, selection.INVITED): Step(
        Who.NODE, "候选副场按日历答复是否参加", "the candidate answers from its calendar", _RETRY),
    (Kind.SELECTION, selection.ENTERED): Step(
        Who.NODE, "主场汇总各候选副场的承诺", "the host gathers every candidate's commitment",
        _RETRY),
    (Kind.SELECTION, selection.GATHERED): Step(
        Who.NODE, "候选副场公开随机数", "the candidate discloses its value", _RETRY),
    (Kind.SELECTION, selection.DISCLOSED): Step(
        Who.NODE, "主场公布抽选结果", "the host publishes the outcome", _RETRY),
})  # fmt: skip
"""By the conversation's kind and phase."""

BUNDLE_STEPS: Final[Mapping[BundlePhase, Step]] = MappingProxyType({
    BundlePhase.HOLDING: Step(
        Who.NODE, "等待各副场答复;到时限仍未全部同意则全部释放",
        "every sub's answer; without all of them by the deadline all are released",
        "lianping why {bundle}"),
    BundlePhase.DECIDED: Step(
        Who.NODE, "已作出决定,正在告知各副场", "decided; the subs are being told", _RETRY),
    BundlePhase.CLOSED: Step(
        Who.NOBODY, "已作出决定,各副场均已知悉", "decided, and every sub knows", ""),
    BundlePhase.CLOSED_WITH_EXCEPTIONS: Step(
        Who.STAFF, "已作出决定,但有副场结果不符:按待办逐一处理",
        "decided, but not every sub ended so: see the to-dos", "GET /api/todos"),
})  # fmt: skip

PROJECT_STEPS: Final[Mapping[ProjectState, Step]] = MappingProxyType({
    ProjectState.DRAFT: Step(
        Who.AGENCY, "代理机构提交项目", "the agency submits the project",
        "POST /api/projects"),
    ProjectState.SUBMITTED: Step(
        Who.STAFF, "工作人员受理或退回项目", "the staff accept or reject the project",
        "POST /api/projects/{project}/accept"),
    ProjectState.ACCEPTED: Step(
        Who.AGENCY, "代理机构安排副场和评标时间", "the agency plans sub-venues and a time",
        "POST /api/projects/{project}/plan"),
    ProjectState.REJECTED: Step(
        Who.AGENCY, "项目未受理:修改后重新提交", "it was rejected: submit it anew",
        "POST /api/projects"),
})  # fmt: skip
"""What is next for a project of which no booking is alive."""
