"""Routes that ask all partners at once what they have free: as one answer, or as it comes."""

import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Response
from pydantic import Field
from starlette.types import Receive, Scope, Send
from typing_extensions import override

from node.api.access import Agency, NodeParts, needs
from node.api.agency import own_project
from node.api.caller import Caller
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import CenterText, IdPath, Ms, Shape, Slots
from node.domain import codes
from node.domain.calendar import Window
from node.domain.project import ExpertSlots, ProjectKind, SelectionMode
from node.domain.venue import Requirement, SeatKind, capability
from node.services.accounts import Role
from node.services.availability import ADVICE, Finding, Outcome, Wish
from node.services.booking_terms import KIND_CODES
from node.services.house import Desk

EVENT_STREAM: Final = "text/event-stream"

_KINDS: Final = {code: kind for kind, code in KIND_CODES.items()}
Seeker = Annotated[Caller, Depends(needs(Role.AGENCY, Role.STAFF, Role.OPERATOR))]

router = APIRouter(tags=["查找副场 · Finding"], responses=RESPONSES)


class Wanted(Shape):
    """What a sub-venue must offer, and when."""

    start_ms: Ms
    end_ms: Ms
    seats: int = Field(examples=[3])
    kind: SeatKind | None = None
    equipment: list[str] = Field(default_factory=list, max_length=32, examples=[["camera"]])
    overnight: bool = False
    experts: list[Slots] = Field(default_factory=list, max_length=16)
    mode: SelectionMode = SelectionMode.CHOSEN


class WantedOf(Wanted):
    """The same without a project: its kind and value as agreements ask for them."""

    project_kind: str = Field(default="A", pattern="^[ABC]$", description="A 工程, B 货物, C 服务")
    value_fen: int = Field(default=0, ge=0)


class Offer(Shape):
    """So many of the free seats offer the same."""

    kind: str = Field(examples=["workstation"])
    equipment: list[str]
    overnight: bool
    free: int


class Experts(Shape):
    """About so many experts, in steps of five; never who."""

    specialty: str = Field(examples=["A0101"])
    about: int
    small: bool = Field(description="人数偏少,名单易被猜中 · so few that a list can be guessed")


class Row(Shape):
    """What is known of one partner."""

    center: CenterText
    name: str
    outcome: Outcome = Field(
        description="free 够用, taken 不够, not_covered 协议不涵盖, unreachable 联系不上, "
        "refused 拒答"
    )
    clause: str = Field(default="", description="协议条款 · the clause that does not cover it")
    zh: str = ""
    en: str = ""
    free_seats: int | None = None
    as_of_ms: Ms | None = None
    valid_for_ms: int | None = None
    next_start_ms: Ms | None = Field(
        default=None, description="不够时可改在 · when else it would do"
    )
    offers: list[Offer] = Field(default_factory=list)
    experts: list[Experts] = Field(default_factory=list)


class Summary(Shape):
    """How many partners there are, and how many by outcome."""

    partners: int
    free: int
    taken: int
    not_covered: int
    unreachable: int
    refused: int
    advice_zh: str = ADVICE[0]
    advice_en: str = ADVICE[1]


class Found(Shape):
    """Everything at once."""

    rows: list[Row]
    summary: Summary


@router.post("/availability", summary="查询全部伙伴的空闲席位 · Ask all partners at once")
async def everywhere(parts: NodeParts, _: Seeker, body: WantedOf) -> Found:
    """仅供参考,不保留席位。· Advice only; waits for the slowest partner, 8 s at the most."""
    wish = _wish(body, _KINDS[body.project_kind], body.value_fen)
    return await _found(parts, wish)


@router.post(
    "/availability/stream",
    summary="同上,逐条返回(SSE) · The same as server-sent events",
    response_class=Response,
    responses={200: {"content": {EVENT_STREAM: {}}}},
)
async def everywhere_as_it_comes(parts: NodeParts, _: Seeker, body: WantedOf) -> Response:
    """事件 answer 每个伙伴一条,最后一条 summary。· One `answer` a partner, then `summary`."""
    wish = _wish(body, _KINDS[body.project_kind], body.value_fen)
    return _stream(parts, wish)


@router.post(
    "/projects/{project}/availability", summary="为项目查询全部伙伴 · Ask all, for a project"
)
async def for_project(parts: NodeParts, who: Agency, project: IdPath, body: Wanted) -> Found:
    """项目类别与金额取自项目。· Kind and value are the project's."""
    wish = await _of_project(parts, who, project, body)
    return await _found(parts, wish)


@router.post(
    "/projects/{project}/availability/stream",
    summary="同上,逐条返回(SSE) · The same as server-sent events",
    response_class=Response,
    responses={200: {"content": {EVENT_STREAM: {}}}},
)
async def for_project_as_it_comes(
    parts: NodeParts, who: Agency, project: IdPath, body: Wanted
) -> Response:
    """事件 answer 每个伙伴一条,最后一条 summary。· One `answer` a partner, then `summary`."""
    wish = await _of_project(parts, who, project, body)
    return _stream(parts, wish)


class EventStream(Response):
    """Server-sent events from somebody who tells them while this answer is under way.

    Args:
        source: Called with what takes one event: its name and its data.
    """

    def __init__(
        self, source: Callable[[Callable[[str, Shape], Awaitable[None]]], Awaitable[None]]
    ) -> None:
        super().__init__(media_type=EVENT_STREAM)
        # No length: it is not known yet.
        self.raw_headers = [each for each in self.raw_headers if each[0] != b"content-length"]
        self._source = source

    @override
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the head, then each event as it is told, then the end."""
        del scope, receive
        await send(
            {"type": "http.response.start", "status": 200, "headers": self.raw_headers},
        )

        async def tell(event: str, shape: Shape) -> None:
            data = json.dumps(shape.model_dump(mode="json"), ensure_ascii=False)
            body = f"event: {event}\ndata: {data}\n\n".encode()
            await send({"type": "http.response.body", "body": body, "more_body": True})

        await self._source(tell)
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _found(parts: Parts, wish: Wish) -> Found:
    async def ignore(_: Finding) -> None:
        return

    found = await parts.availability.find(wish, ignore)
    small = parts.config.pool.small_stratum
    return Found(rows=[_row(each, small) for each in found], summary=_summary(found))


def _stream(parts: Parts, wish: Wish) -> Response:
    asking, small = parts.availability, parts.config.pool.small_stratum
    asking.check(wish)  # while there is still a status to answer with

    async def source(tell: Callable[[str, Shape], Awaitable[None]]) -> None:
        async def answer(finding: Finding) -> None:
            await tell("answer", _row(finding, small))

        found = await asking.find(wish, answer)
        await tell("summary", _summary(found))

    return EventStream(source)


def _summary(found: Sequence[Finding]) -> Summary:
    counts = Counter(finding.outcome for finding in found)
    return Summary(
        partners=len(found),
        free=counts[Outcome.FREE],
        taken=counts[Outcome.TAKEN],
        not_covered=counts[Outcome.NOT_COVERED],
        unreachable=counts[Outcome.UNREACHABLE],
        refused=counts[Outcome.REFUSED],
    )


async def _of_project(parts: NodeParts, who: Caller, project: str, body: Wanted) -> Wish:
    def look(desk: Desk) -> Wish:
        found = own_project(parts, desk, who, project).project
        return _wish(body, found.kind, found.value_fen)

    return await parts.negotiator.transact(look)


def _wish(body: Wanted, kind: ProjectKind, value_fen: int) -> Wish:
    return Wish(
        window=Window(body.start_ms, body.end_ms),
        venue=Requirement(
            body.seats,
            body.kind,
            frozenset(capability(word) for word in body.equipment),
            body.overnight,
        ),
        slots=tuple(
            ExpertSlots(codes.specialty(each.specialty), each.count) for each in body.experts
        ),
        kind=kind,
        value_fen=value_fen,
        mode=body.mode,
    )


def _row(finding: Finding, small_stratum: int) -> Row:
    said: dict[str, Any] = {}
    if finding.answer is not None:
        said = {
            "free_seats": finding.answer.free_seats,
            "as_of_ms": finding.answer.as_of_ms,
            "valid_for_ms": finding.answer.valid_for_ms,
            "next_start_ms": finding.answer.next_start_ms or None,
            "offers": [
                Offer(
                    kind=each.seat_kind,
                    equipment=list(each.equipment),
                    overnight=each.overnight,
                    free=each.free,
                )
                for each in finding.answer.offers
            ],
            "experts": [
                Experts(
                    specialty=each.specialty,
                    about=each.about,
                    small=each.about < small_stratum,
                )
                for each in finding.answer.experts
            ],
        }
    return Row(
        center=finding.center,
        name=finding.name,
        outcome=finding.outcome,
        clause=finding.clause,
        zh=finding.zh,
        en=finding.en,
        **said,
    )
