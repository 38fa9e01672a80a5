"""The node's own evidence log, for its operators: proofs, policy, growth, checking, erasing.

Here: routes. What is proven, counted and erased is ``node.services.evidence_log``, ``log_check``
and ``erasing``. Looks at the whole log are many short transactions: the node goes on meanwhile.
"""

import asyncio
import base64
import time
from collections.abc import AsyncIterator
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Path
from fastapi.responses import StreamingResponse
from pydantic import Field, StringConstraints

from federation.evidence.log_file import LogHeader, end_line, head_lines, item_line
from node import logs
from node.api.access import NodeParts, Operator
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import EXAMPLE_ID, IdPath, Shape, raw
from node.services import erasing, evidence_log
from node.services.accounts import LOCAL_SUBJECT
from node.services.erasing import MAX_REASON_CHARS
from node.services.errors import NotAllowed
from node.services.evidence_log import GrowthLook, append_cost_us
from node.services.house import Desk
from node.services.log_check import LogCheck
from node.store import log_export

LOG: Final = logs.logger("node.api.log")
PAGE: Final = 64  # entries read in one transaction, each with its word: some hundredths of a second

SuitePath = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,16}$", examples=["intl-1"])]
IndexPath = Annotated[int, Path(ge=0, le=2**63 - 2, examples=[7])]

router = APIRouter(tags=["运维 · Operator"], responses=RESPONSES)


class EntryProof(Shape):
    """One entry of our log, provable to anybody who has the policy."""

    proof: str = Field(description="C2SP tlog-proof")
    entry: str = Field(description="日志条目,Base64 · the entry, Base64")
    origin: str
    size: int
    witnesses: list[str]


class PolicyFile(Shape):
    """Which keys a proof of ours must bear."""

    policy: str = Field(description="C2SP tlog-policy")


class DayOfLog(Shape):
    """One day's entries."""

    day: str
    entries: int
    log_bytes: int = Field(description="条目与节点,永久保存 · leaves and nodes, for ever")
    envelope_bytes: int = Field(description="报文与回执,可删除 · envelopes and receipts, erasable")


class LogGrowth(Shape):
    """What the log holds and costs."""

    days: list[DayOfLog]
    entries: dict[str, int]
    log_bytes_per_entry: int
    envelope_bytes_per_entry: int
    cpu_us_per_append: float = Field(description="本机实测 · measured here, now")
    entries_per_year: int
    bytes_per_year: int


class CheckedLog(Shape):
    """What hashing the log of one suite again has shown."""

    suite: str
    entries: int
    root: str
    words: int
    erased: int
    others: int
    heads: int
    faults: list[str]


class Erasing(Shape):
    """Why the envelopes of a conversation are erased."""

    reason: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_REASON_CHARS)
    ] = Field(examples=["保存期限届满"])


class ErasedNow(Shape):
    """What was erased, and what still holds it."""

    words: int
    dossiers: list[str]


@router.get("/log/{suite}/proof/{index}", summary="证明一条日志 · Prove one entry")
async def prove(parts: NodeParts, _: Operator, suite: SuitePath, index: IndexPath) -> EntryProof:
    """离线可验,不含报文。· Verifiable offline; without the word itself."""
    found = await parts.negotiator.transact(lambda desk: evidence_log.prove(desk, suite, index))
    return EntryProof(
        proof=found.proof,
        entry=base64.b64encode(found.entry).decode(),
        origin=found.origin,
        size=found.size,
        witnesses=list(found.witnesses),
    )


@router.get("/log/{suite}/policy", summary="日志的信任策略 · The policy of our log")
async def policy(parts: NodeParts, _: Operator, suite: SuitePath) -> PolicyFile:
    """密钥须另行核对。· Compare its keys by another way."""
    text = await parts.negotiator.transact(lambda desk: evidence_log.policy(desk, suite))
    return PolicyFile(policy=text)


@router.get("/log/growth", summary="日志增长与成本 · Growth and cost of the log")
async def growth(parts: NodeParts, _: Operator) -> LogGrowth:
    """近三十天实际行数;追加成本为本机实测。· Real rows of thirty days; appends timed here."""
    look = GrowthLook(parts.negotiator.clock.now_ms())
    while await parts.negotiator.transact(lambda desk: look.step(desk.ledger.connection)):
        pass
    cost_us = await asyncio.to_thread(
        append_cost_us, parts.negotiator.identity.suites[0], time.thread_time
    )
    found = look.growth(cost_us)
    return LogGrowth(
        days=[
            DayOfLog(
                day=each.day,
                entries=each.entries,
                log_bytes=each.log_bytes,
                envelope_bytes=each.envelope_bytes,
            )
            for each in found.days
        ],
        entries=found.entries,
        log_bytes_per_entry=found.bytes_per_entry[0],
        envelope_bytes_per_entry=found.bytes_per_entry[1],
        cpu_us_per_append=found.cpu_us_per_append,
        entries_per_year=found.entries_per_year,
        bytes_per_year=found.bytes_per_year,
    )


@router.get("/log/export", summary="导出整个日志 · Export the whole log", response_model=None)
async def export(parts: NodeParts, who: Operator) -> StreamingResponse:
    """仅限本机套接字;``lianping audit export`` 所用。· On the node's own socket only."""
    if who.subject != LOCAL_SUBJECT:  # every word is in it, also who was drawn
        raise NotAllowed(
            "仅限在节点本机执行 lianping audit export",
            "only on the node's own machine, by `lianping audit export`",
        )
    found = await parts.negotiator.transact(_exported)
    return StreamingResponse(_lines(parts, found), media_type="text/plain; charset=utf-8")


def _exported(desk: Desk) -> LogHeader:
    found = log_export.header(desk.ledger.connection, desk.identity.center, desk.now_ms)
    return log_export.with_own(found, desk.identity.chain)


async def _lines(parts: Parts, found: LogHeader) -> AsyncIterator[bytes]:
    """A file of the entries that there were at first; what is said meanwhile is not in it."""
    yield head_lines(found)
    for suite_id, size in found.sizes.items():
        for first in range(0, size, PAGE):
            upto = min(first + PAGE, size)
            yield await parts.negotiator.transact(partial(_page, suite_id, first, upto))
    yield end_line(sum(found.sizes.values()))


def _page(suite_id: str, first: int, upto: int, desk: Desk) -> bytes:
    items = log_export.entries(desk.ledger.connection, suite_id, first, upto)
    return b"".join(item_line(item) for item in items)


@router.post("/log/verify", summary="重新核验整个日志 · Hash the whole log again")
async def verify(parts: NodeParts, _: Operator) -> list[CheckedLog]:
    """逐条重算,核对检查点、会签与编号。· Entries, heads, cosignatures, counters."""
    look = LogCheck()
    while await parts.negotiator.transact(lambda desk: look.step(desk.ledger.connection)):
        pass
    return [
        CheckedLog(
            suite=each.suite,
            entries=each.entries,
            root=each.root,
            words=each.words,
            erased=each.erased,
            others=each.others,
            heads=each.heads,
            faults=each.faults,
        )
        for each in look.reports
    ]


@router.post("/log/erase/{conversation}", summary="删除会话的报文 · Erase envelopes")
async def erase(
    parts: NodeParts,
    who: Operator,
    conversation: Annotated[IdPath, Path(examples=[EXAMPLE_ID])],
    body: Erasing,
) -> ErasedNow:
    """保存期限届满后;日志条目与证明不变。· After its retention; the tree stays as it is."""

    def use_case(desk: Desk) -> list[str]:
        done = erasing.erase(desk, raw(conversation), body.reason, who.subject)
        return [str(done.words), *done.dossiers]

    words, *dossiers = await parts.commands.run(who, use_case)
    LOG.warning("envelopes were erased", conversation=conversation, words=words, by=who.subject)
    return ErasedNow(words=int(words), dossiers=dossiers)
