"""Routes of joint tests (联调联试): start one, watch it, read and export its report."""

import base64

from fastapi import APIRouter, status
from pydantic import Field
from starlette.responses import PlainTextResponse

from federation.protocol import booking, peering
from federation.wire.reports import report_type
from node.api.access import NodeParts, Operator
from node.api.faults import RESPONSES
from node.api.shapes import (
    CenterPath,
    CenterText,
    HexText,
    IdPath,
    Made,
    Ms,
    Shape,
    center,
    raw,
)
from node.domain.joint_advice import advice
from node.services.joint_page import page
from node.store.joint_tests import JointTestRow, State

router = APIRouter(tags=["运维 · Operator"], responses=RESPONSES)


class Check(Shape):
    """One finding, and what to do if it failed."""

    name: str = Field(examples=["clock_skew"])
    passed: bool
    measured: str = Field(examples=["+12 ms (at most ±30000 ms)"])
    zh: str = Field(examples=["时钟偏差"])
    en: str = Field(examples=["clock skew"])
    todo_zh: str = Field(description="空表示通过 · empty if it passed")
    todo_en: str


class Report(Shape):
    """The report as both sides signed it, for whoever checks it without us."""

    payload_type: str = Field(examples=[report_type("intl-1")])
    document: str = Field(description="Base64 of a JointTestReport")
    our_signature: HexText | None
    their_signature: HexText | None
    contested: str | None = Field(description="Base64; 受测方另签的报告 · what the tested signed")


class JointTest(Shape):
    """A joint test, what both sides found, and the report."""

    id: HexText
    peer: CenterText
    tester: bool = Field(description="是否由本中心发起 · whether we began it")
    phase: str = Field(examples=[str(peering.TESTED)])
    state: State
    passed: bool | None = Field(description="空表示尚未结束 · null until it is over")
    agreement: HexText
    began_at_ms: Ms
    at_ms: Ms
    our_checks: list[Check]
    their_checks: list[Check]
    findings: list[Check]
    report: Report | None
    text: str = Field(description="一页报告 · the report as one page of text")


@router.post(
    "/peers/{peer}/test",
    status_code=status.HTTP_202_ACCEPTED,
    summary="开始联调联试 · Start a joint test",
)
async def start_test(parts: NodeParts, who: Operator, peer: CenterPath) -> Made:
    """双方各自检查,演练预约和抽取,共同签署报告。· Both check, rehearse and sign one report."""
    whom = center(peer)
    made = await parts.commands.run(who, lambda desk: parts.peering.start_test(desk, whom))
    return Made(id=made.hex())


@router.get("/joint-tests", summary="全部联调联试 · All joint tests")
async def joint_tests(parts: NodeParts, _: Operator) -> list[JointTest]:
    """最近的在前。· The newest first."""
    rows = await parts.negotiator.transact(parts.peering.tests)
    return [_shown(row, parts.negotiator.identity.center) for row in rows]


@router.get("/joint-tests/{test}", summary="联调联试及其报告 · A joint test and its report")
async def joint_test(parts: NodeParts, _: Operator, test: IdPath) -> JointTest:
    """结果 passed 为空表示尚未结束。· ``passed`` is null until it is over."""
    row = await parts.negotiator.transact(lambda desk: parts.peering.test(desk, raw(test)))
    return _shown(row, parts.negotiator.identity.center)


@router.get(
    "/joint-tests/{test}/text",
    summary="联调联试报告(文本) · The report as text",
    response_class=PlainTextResponse,
)
async def joint_test_text(parts: NodeParts, _: Operator, test: IdPath) -> str:
    """供阅读和打印的一页。· One page to be read and printed."""
    row = await parts.negotiator.transact(lambda desk: parts.peering.test(desk, raw(test)))
    return page(row, parts.negotiator.identity.center)


def _shown(row: JointTestRow, us: str) -> JointTest:
    return JointTest(
        id=row.id.hex(),
        peer=row.peer,
        tester=row.tester,
        phase=row.phase,
        state=row.state,
        passed=row.passed,
        agreement=row.agreement.hex(),
        began_at_ms=row.began_at_ms,
        at_ms=row.at_ms,
        our_checks=[_check(each) for each in row.ours],
        their_checks=[_check(each) for each in row.theirs],
        findings=[_check(each) for each in row.findings],
        report=None if row.report is None else _report(row, row.report),
        text=page(row, us),
    )


def _check(check: booking.Check) -> Check:
    known = advice(check.name)
    return Check(
        name=check.name,
        passed=check.passed,
        measured=check.measured,
        zh=known.zh,
        en=known.en,
        todo_zh="" if check.passed else known.todo_zh,
        todo_en="" if check.passed else known.todo_en,
    )


def _report(row: JointTestRow, document: bytes) -> Report:
    return Report(
        payload_type=report_type(row.suite),
        document=base64.b64encode(document).decode(),
        our_signature=None if row.our_signature is None else row.our_signature.hex(),
        their_signature=None if row.their_signature is None else row.their_signature.hex(),
        contested=None if row.contested is None else base64.b64encode(row.contested).decode(),
    )
