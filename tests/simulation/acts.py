"""What people may do about a booking that stands: at the host, and at the sub."""

from typing import Final

from node.domain.calendar import Window
from node.services.house import Desk
from tests.simulation.center import SimCenter
from tests.support.pair import HOUR_MS


def _move(host: SimCenter, desk: Desk, project: bytes, window: Window, sub: SimCenter) -> None:
    del sub
    host.bookings.after.changing.move(desk, project, window, "改期", "agency")


def _extend(host: SimCenter, desk: Desk, project: bytes, window: Window, sub: SimCenter) -> None:
    del sub
    end_ms = window.end_ms + HOUR_MS // 2
    host.bookings.after.changing.extend(desk, project, end_ms, "延长", by_law=False, by="agency")


def _extend_by_law(
    host: SimCenter, desk: Desk, project: bytes, window: Window, sub: SimCenter
) -> None:
    del sub
    end_ms = window.end_ms + HOUR_MS
    host.bookings.after.changing.extend(desk, project, end_ms, "依法延长", by_law=True, by="agency")


def _cancel_all(
    host: SimCenter, desk: Desk, project: bytes, window: Window, sub: SimCenter
) -> None:
    del window, sub
    host.bookings.after.cancelling.cancel_all(desk, project, "项目终止", "agency")


def _cancel_one(
    host: SimCenter, desk: Desk, project: bytes, window: Window, sub: SimCenter
) -> None:
    del window, sub
    first = host.bookings.of_project(desk, project)[0]
    host.bookings.after.cancelling.cancel(desk, first.conversation, "不再需要", "agency")


def _replace(host: SimCenter, desk: Desk, project: bytes, window: Window, sub: SimCenter) -> None:
    del window
    first = host.bookings.of_project(desk, project)[0]
    host.bookings.after.replacing.substitute(desk, first.conversation, sub.id, "agency")


ACTS: Final = (
    *(("for another window", _move),) * 3, *(("for more time", _extend),) * 2,
    ("for more time by law", _extend_by_law), ("to cancel all", _cancel_all),
    ("to cancel one leg", _cancel_one), ("another sub", _replace),
)  # fmt: skip
"""What whoever has booked may ask for then."""


def answer(sub: SimCenter, desk: Desk, id_: bytes, *, yes: bool) -> None:
    """Answer a change; whoever has the seats by then gives way to the law."""
    consenting = sub.bookings.after.consenting
    way = yes and consenting.asked(desk, id_).by_law
    consenting.answer(desk, id_, yes=yes, reason="无席位", by="staff", give_way=way)


def _cancel(sub: SimCenter, desk: Desk, id_: bytes) -> None:
    sub.bookings.after.cancelling.cancel(desk, id_, "停电", "staff")


def _other_seats(sub: SimCenter, desk: Desk, id_: bytes) -> None:
    sub.bookings.after.substituting.room(desk, id_, reason="设备故障")


def _not_ready(sub: SimCenter, desk: Desk, id_: bytes) -> None:
    sub.bookings.after.readiness.confirm(
        desk, id_, ready=False, reason="设备故障", by="staff", rooms=False
    )


def _ready(sub: SimCenter, desk: Desk, id_: bytes) -> None:
    sub.bookings.after.readiness.confirm(desk, id_, ready=True, reason="", by="staff")


SUB_ACTS: Final = (
    ("cancelled what it had confirmed", _cancel), ("cancelled what it had confirmed", _cancel),
    ("gave other seats", _other_seats),
    ("gave other seats", _other_seats), ("said that it is not ready", _not_ready),
    ("said that it is ready", _ready),
)  # fmt: skip
"""What a sub may do to what it has confirmed."""
