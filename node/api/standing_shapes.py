"""Shapes of what is booked, and how they are filled from what the services know."""

from typing import Any, Literal

from pydantic import Field

from federation.protocol.booking import Check
from node.api.parts import Parts
from node.api.shapes import EXAMPLE_ID, CenterText, HexText, Ms, Reason, Shape, Text
from node.services.changing import Wanted
from node.services.house import Desk
from node.services.reasons import phase_zh
from node.store import changes, readiness
from node.store.booking_disputes import Dispute
from node.store.bookings import Cancelled
from node.store.changes import ChangeRow, LegChange


class NewWindow(Reason):
    """Another window for a booked evaluation."""

    start_ms: Ms
    end_ms: Ms


class NewEnd(Reason):
    """A later end."""

    end_ms: Ms
    by_law: bool = Field(
        default=False,
        description="超过三分之一成员认为时间不够(招标投标法实施条例第四十八条) · "
        "more than a third of the members find it too short",
    )


class Possible(Shape):
    """A change that nothing on our side speaks against; nobody has been asked yet."""

    start_ms: Ms
    end_ms: Ms
    before_start_ms: Ms
    before_end_ms: Ms
    subs: list[CenterText]


class ChangeShape(Shape):
    """A change of a project's bookings."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    kind: str = Field(examples=["MOVE"])
    by_law: bool
    start_ms: Ms
    end_ms: Ms
    before_start_ms: Ms
    before_end_ms: Ms
    why: str
    phase: str = Field(examples=["DECIDED"])
    decision: str | None = Field(examples=["CONFIRM"])
    reason: str
    decide_by_ms: Ms


class Asked(Shape):
    """What one leg was asked, and what it answered."""

    change: HexText = Field(examples=[EXAMPLE_ID])
    kind: str = Field(examples=["EXTEND"])
    by_law: bool
    start_ms: Ms
    end_ms: Ms
    why: str
    answer: str | None = Field(examples=["NO"])
    answer_why: str
    clause: str
    alternative_start_ms: Ms | None
    decision: str | None
    asked_at_ms: Ms


class CheckShape(Shape):
    """One thing that was checked."""

    name: str = Field(examples=["seats"])
    passed: bool
    measured: str


class Report(Shape):
    """A report of readiness."""

    moment: str = Field(examples=["HALF_HOUR_BEFORE"])
    ready: bool
    reason: str
    checks: list[CheckShape]
    at_ms: Ms


class Cancellation(Shape):
    """Who cancelled, when by the sub's clock, and what it costs that side."""

    by: str = Field(examples=["HOST"])
    at_ms: Ms | None
    fee_fen: int | None


class Standing(Shape):
    """A booking with all that happened to it since it stands."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    role: str = Field(examples=["SUB"])
    peer: CenterText
    phase: str = Field(examples=["CONFIRMED"])
    phase_zh: str
    start_ms: Ms
    end_ms: Ms
    first_start_ms: Ms = Field(description="最初预约的时间 · as first booked")
    first_end_ms: Ms
    note: str
    cancelled: Cancellation | None
    instead_of: HexText | None = Field(description="替换的预约 · the leg whose place it takes")
    changes: list[Asked]
    reports: list[Report]


class Giving(Shape):
    """What cancelling now would cost and end."""

    fee_fen: int
    free_until_ms: Ms
    draws: int
    convened: bool


class Ended(Shape):
    """How many bookings were cancelled."""

    bookings: int


class Consented(Shape):
    """Our answer to a change."""

    answer: Literal["YES", "NO"]
    reason: Text = ""
    give_way: bool = Field(
        default=False,
        description="取消后续占用席位的预约(仅限依法延长) · cancel what stands on the seats "
        "afterwards, for an extension by law only",
    )


class InTheWay(Shape):
    """A booking that would have to give way."""

    id: HexText = Field(examples=[EXAMPLE_ID])
    peer: CenterText
    phase: str
    start_ms: Ms
    end_ms: Ms


class Question(Shape):
    """What waits for our answer."""

    asked: Asked
    in_the_way: list[InTheWay]


class Other(Shape):
    """Another center in the place of one."""

    center: CenterText


class SiteState(Shape):
    """Whether our site is ready."""

    ready: bool
    reason: Text = ""
    rooms: bool = Field(
        default=False,
        description="评标室不可用,请系统另找 · the rooms cannot be used; look for others",
    )


class DisputeOver(Shape):
    """What went against a promise of a booking."""

    booking: HexText = Field(examples=[EXAMPLE_ID])
    zh: str
    en: str
    opened_at_ms: Ms
    resolved_by: str | None
    resolved_at_ms: Ms | None
    resolution: str | None


class Fee(Shape):
    """A cancelled booking, for the settlement of fees."""

    booking: HexText = Field(examples=[EXAMPLE_ID])
    peer: CenterText
    agreement: HexText
    start_ms: Ms
    cancelled: Cancellation


def possible_shape(wanted: Wanted) -> Possible:
    """A change that nothing speaks against."""
    return Possible(
        start_ms=wanted.window.start_ms,
        end_ms=wanted.window.end_ms,
        before_start_ms=wanted.before.start_ms,
        before_end_ms=wanted.before.end_ms,
        subs=[leg.peer for leg in wanted.legs],
    )


def change_shape(row: ChangeRow) -> ChangeShape:
    """A change."""
    return ChangeShape(
        id=row.change.id.hex(),
        kind=row.kind.value,
        by_law=row.by_law,
        start_ms=row.window.start_ms,
        end_ms=row.window.end_ms,
        before_start_ms=row.before.start_ms,
        before_end_ms=row.before.end_ms,
        why=row.why,
        phase=row.change.phase.value,
        decision=None if row.change.decision is None else row.change.decision.name,
        reason=row.change.reason,
        decide_by_ms=row.change.decide_by_ms,
    )


def asked_shape(leg: LegChange) -> Asked:
    """What a leg was asked."""
    return Asked(
        change=leg.change.hex(),
        kind=leg.kind.value,
        by_law=leg.by_law,
        start_ms=leg.window.start_ms,
        end_ms=leg.window.end_ms,
        why=leg.why,
        answer=None if leg.answer is None else leg.answer.name,
        answer_why=leg.answer_why,
        clause=leg.clause,
        alternative_start_ms=leg.alternative_start_ms or None,
        decision=None if leg.decision is None else leg.decision.name,
        asked_at_ms=leg.asked_at_ms,
    )


def standing_shape(parts: Parts, desk: Desk, booking_id: bytes) -> Standing:
    """A booking in full. Raises NotFound."""
    row = parts.bookings.get(desk, booking_id)
    connection = desk.ledger.connection
    old = parts.bookings.after.replacing.standing_for(desk, row)
    return Standing(
        id=row.conversation.hex(),
        role=row.role,
        peer=row.peer,
        phase=row.phase,
        phase_zh=phase_zh(row.phase),
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        first_start_ms=row.hold.start_ms,
        first_end_ms=row.hold.end_ms,
        note=row.note,
        cancelled=None if row.cancelled is None else cancelled_shape(row.cancelled),
        instead_of=None if old is None else old.conversation.hex(),
        changes=[asked_shape(leg) for leg in changes.of_leg(connection, booking_id)],
        reports=[
            Report(
                moment=report.moment.name,
                ready=report.ready,
                reason=report.reason,
                checks=[CheckShape(**_check(check)) for check in report.checks],
                at_ms=report.at_ms,
            )
            for report in readiness.of_booking(connection, booking_id)
        ],
    )


def _check(check: Check) -> dict[str, Any]:
    return {"name": check.name, "passed": check.passed, "measured": check.measured}


def cancelled_shape(cancelled: Cancelled) -> Cancellation:
    """A cancellation."""
    return Cancellation(by=cancelled.by, at_ms=cancelled.at_ms, fee_fen=cancelled.fee_fen)


def dispute_shape(found: Dispute) -> DisputeOver:
    """A dispute."""
    return DisputeOver(
        booking=found.booking.hex(),
        zh=found.zh,
        en=found.en,
        opened_at_ms=found.opened_at_ms,
        resolved_by=found.resolved_by,
        resolved_at_ms=found.resolved_at_ms,
        resolution=found.resolution,
    )
