"""Routes for what is booked: another window, giving up, other seats, another sub, readiness.

Where something costs or ends something, there is a GET that tells what it would, first.
"""

from fastapi import APIRouter

from node.api.access import AgencyOrStaff, NodeParts, Staff
from node.api.caller import Caller
from node.api.faults import RESPONSES
from node.api.parts import Parts
from node.api.shapes import (
    Done,
    IdPath,
    Made,
    Reason,
    center,
    raw,
)
from node.api.standing_shapes import (
    ChangeShape,
    Consented,
    DisputeOver,
    Ended,
    Fee,
    Giving,
    InTheWay,
    NewEnd,
    NewWindow,
    Other,
    Possible,
    Question,
    SiteState,
    Standing,
    asked_shape,
    cancelled_shape,
    change_shape,
    dispute_shape,
    possible_shape,
    standing_shape,
)
from node.domain.calendar import Window
from node.services import booking_exceptions
from node.services.accounts import Role
from node.services.changing import Wanted
from node.services.errors import NotFound
from node.services.house import Desk
from node.store.bookings import BookingRow
from node.store.changes import ChangeRow

router = APIRouter(tags=["预约变更 · Booked"], responses=RESPONSES)


# The host: the whole evaluation


@router.post("/projects/{project}/move/preview", summary="预检改期 · Check another window")
async def preview_move(
    parts: NodeParts, who: AgencyOrStaff, project: IdPath, body: NewWindow
) -> Possible:
    """只作本方检查,不通知任何副场。· Our own checks; nobody is asked."""
    window = Window(body.start_ms, body.end_ms)

    def check(desk: Desk) -> Wanted:
        own = _own(parts, desk, who, project)
        return parts.bookings.after.changing.wanted_move(desk, own, window, body.reason)

    return possible_shape(await parts.negotiator.transact(check))


@router.post("/projects/{project}/move", summary="申请改期 · Ask for another window")
async def move(parts: NodeParts, who: AgencyOrStaff, project: IdPath, body: NewWindow) -> Made:
    """全部副场同意才改期,否则原时间不变。· On all legs, or on none."""
    window = Window(body.start_ms, body.end_ms)

    def ask(desk: Desk) -> bytes:
        own = _own(parts, desk, who, project)
        return parts.bookings.after.changing.move(desk, own, window, body.reason, who.subject)

    return Made(id=(await parts.commands.run(who, ask)).hex())


@router.post("/projects/{project}/extend/preview", summary="预检延长 · Check a later end")
async def preview_extension(
    parts: NodeParts, who: AgencyOrStaff, project: IdPath, body: NewEnd
) -> Possible:
    """只作本方检查,不通知任何副场。· Our own checks; nobody is asked."""

    def check(desk: Desk) -> Wanted:
        own = _own(parts, desk, who, project)
        return parts.bookings.after.changing.wanted_extension(
            desk, own, body.end_ms, body.reason, by_law=body.by_law
        )

    return possible_shape(await parts.negotiator.transact(check))


@router.post("/projects/{project}/extend", summary="申请延长 · Ask for a later end")
async def extend(parts: NodeParts, who: AgencyOrStaff, project: IdPath, body: NewEnd) -> Made:
    """评标前或评标中均可;依法延长的,后续预约让位。· Before or during the evaluation."""

    def ask(desk: Desk) -> bytes:
        own = _own(parts, desk, who, project)
        return parts.bookings.after.changing.extend(
            desk, own, body.end_ms, body.reason, by_law=body.by_law, by=who.subject
        )

    return Made(id=(await parts.commands.run(who, ask)).hex())


@router.get("/projects/{project}/changes", summary="变更记录 · Changes of the window")
async def project_changes(
    parts: NodeParts, who: AgencyOrStaff, project: IdPath
) -> list[ChangeShape]:
    """从早到晚。· Oldest first."""

    def look(desk: Desk) -> list[ChangeRow]:
        own = _own(parts, desk, who, project)
        return parts.bookings.after.changing.of_project(desk, own)

    return [change_shape(row) for row in await parts.negotiator.transact(look)]


@router.post("/projects/{project}/cancel", summary="取消全部副场 · Cancel all sub-venues")
async def cancel_all(parts: NodeParts, who: Staff, project: IdPath, body: Reason) -> Ended:
    """评标开始前;费用按协议。· Before the start; what it costs is in the agreement."""
    count = await parts.commands.run(
        who,
        lambda desk: parts.bookings.after.cancelling.cancel_all(
            desk, raw(project), body.reason, who.subject
        ),
    )
    return Ended(bookings=count)


# One booking, at either side


@router.get("/bookings/{booking}", summary="预约详情 · A booking in full")
async def booking(parts: NodeParts, _: Staff, booking: IdPath) -> Standing:
    """当前时间、变更、取消、就绪报告。· Window, changes, cancellation, readiness."""
    return await parts.negotiator.transact(lambda desk: standing_shape(parts, desk, raw(booking)))


@router.get("/bookings/{booking}/cancel", summary="取消的后果 · What cancelling would mean")
async def preview_cancel(parts: NodeParts, _: Staff, booking: IdPath) -> Giving:
    """费用以副场收到时的时钟为准。· The fee counts by the sub's clock, when it hears it."""
    seen = await parts.negotiator.transact(
        lambda desk: parts.bookings.after.cancelling.preview(desk, raw(booking))
    )
    return Giving(
        fee_fen=seen.fee_fen,
        free_until_ms=seen.free_until_ms,
        draws=seen.draws,
        convened=seen.convened,
    )


@router.post("/bookings/{booking}/cancel", summary="取消预约 · Cancel a booking")
async def cancel(parts: NodeParts, who: Staff, booking: IdPath, body: Reason) -> Done:
    """主场、副场均可,评标开始前;须说明理由。· Either side, before the start, with a reason."""
    await parts.commands.run(
        who,
        lambda desk: parts.bookings.after.cancelling.cancel(
            desk, raw(booking), body.reason, who.subject
        ),
    )
    return Done()


@router.get("/bookings/{booking}/consent", summary="待答复的变更 · A change to answer")
async def question(parts: NodeParts, _: Staff, booking: IdPath) -> Question:
    """以及须让位的后续预约。· And who would have to give way."""

    def look(desk: Desk) -> Question:
        consenting = parts.bookings.after.consenting
        return Question(
            asked=asked_shape(consenting.asked(desk, raw(booking))),
            in_the_way=[
                InTheWay(
                    id=row.conversation.hex(),
                    peer=row.peer,
                    phase=row.phase,
                    start_ms=row.start_ms,
                    end_ms=row.end_ms,
                )
                for row in consenting.in_the_way(desk, raw(booking))
            ],
        )

    return await parts.negotiator.transact(look)


@router.post("/bookings/{booking}/consent", summary="答复变更 · Answer a change")
async def consent(parts: NodeParts, who: Staff, booking: IdPath, body: Consented) -> Done:
    """不同意须说明理由,预约照旧。· A no needs a reason; the booking stands as it was."""
    await parts.commands.run(
        who,
        lambda desk: parts.bookings.after.consenting.answer(
            desk,
            raw(booking),
            yes=body.answer == "YES",
            reason=body.reason,
            by=who.subject,
            give_way=body.give_way,
        ),
    )
    return Done()


@router.post("/bookings/{booking}/room", summary="更换评标室 · Give another room")
async def room(parts: NodeParts, who: Staff, booking: IdPath, body: Reason) -> Done:
    """副场更换条件相同的席位并告知主场。· The sub; same conditions, and the host is told."""
    await parts.commands.run(
        who,
        lambda desk: parts.bookings.after.substituting.room(desk, raw(booking), reason=body.reason),
    )
    return Done()


@router.post("/bookings/{booking}/substitute", summary="另选副场替换 · Ask another sub-venue")
async def substitute(parts: NodeParts, who: Staff, booking: IdPath, body: Other) -> Made:
    """对方同意后,原副场的预约自动取消。· Once it is booked, the old one is cancelled."""
    other = center(body.center)
    made = await parts.commands.run(
        who,
        lambda desk: parts.bookings.after.replacing.substitute(
            desk, raw(booking), other, who.subject
        ),
    )
    return Made(id=made.hex())


@router.post("/bookings/{booking}/readiness", summary="确认场地就绪 · Say whether all is ready")
async def ready(parts: NodeParts, who: Staff, booking: IdPath, body: SiteState) -> Done:
    """评标前一天和半小时前自动报告主场。· Reported a day and half an hour before."""
    await parts.commands.run(
        who,
        lambda desk: parts.bookings.after.readiness.confirm(
            desk,
            raw(booking),
            ready=body.ready,
            reason=body.reason,
            by=who.subject,
            rooms=body.rooms,
        ),
    )
    return Done()


# What people settle


@router.get("/booking-disputes", summary="预约争议 · Disputes over bookings")
async def disputes(parts: NodeParts, _: Staff) -> list[DisputeOver]:
    """未处理的在前。· Open ones first."""
    found = await parts.negotiator.transact(booking_exceptions.disputes)
    return [dispute_shape(each) for each in found]


@router.post("/bookings/{booking}/dispute", summary="处理预约争议 · Settle such a dispute")
async def settle(parts: NodeParts, who: Staff, booking: IdPath, body: Reason) -> Done:
    """记录处理结果;对方中心自行处理其一侧。· For this side; the other settles its own."""
    await parts.commands.run(
        who,
        lambda desk: booking_exceptions.resolve(desk, raw(booking), body.reason, who.subject),
    )
    return Done()


@router.get("/cancellations", summary="取消费用 · Fees of cancellation")
async def fees(parts: NodeParts, _: Staff) -> list[Fee]:
    """双方账目一致,按副场时钟。· The same on both sides, by the sub's clock."""

    def look(desk: Desk) -> list[BookingRow]:
        return [row for row in parts.bookings.all(desk) if row.cancelled is not None]

    rows = await parts.negotiator.transact(look)
    return [
        Fee(
            booking=row.conversation.hex(),
            peer=row.peer,
            agreement=row.agreement.hex(),
            start_ms=row.start_ms,
            cancelled=cancelled_shape(row.cancelled),
        )
        for row in rows
        if row.cancelled is not None
    ]


def _own(parts: Parts, desk: Desk, who: Caller, project: str) -> bytes:
    """The project's id, if this caller may act on it. Raises NotFound."""
    row = parts.projects.get(desk, raw(project))
    if who.role is Role.AGENCY and row.created_by != who.subject:
        raise NotFound("没有该项目", "there is no such project")
    return row.id
