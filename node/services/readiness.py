"""Readiness before a session: the sub checks its site a day and half an hour before, and tells.

The report goes out at its moment, whether or not people have answered; then it says that they
have not. If only the seats are not what they were, the node itself looks for others. At the
host nothing is blocked by a report or the lack of one: people are warned, and choose.
"""

import asyncio
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final

from federation.protocol import booking
from federation.protocol.booking import Check, Moment, Readiness
from federation.protocol.conversation import Conversation
from node.domain.workday import local_time
from node.services.booking_terms import requirement_of
from node.services.change_terms import window_now
from node.services.errands import Handler, Result
from node.services.errors import Conflicting, Invalid, NotFound
from node.services.house import Desk
from node.services.joint_checks import SelfTest, adapter_check
from node.services.reasons import phase_zh
from node.services.seating import Seats
from node.services.speech import well_formed
from node.services.substituting import MAX_REASON_CHARS, Substituting, checked
from node.services.todos import BY_SYSTEM, CONFIRM_READINESS
from node.store import bookings, errands, todos
from node.store import readiness as store
from node.store.bookings import BookingRow

ASK: Final = "ask_readiness"
"""The errand that asks the sub's people whether their site is ready."""
REPORT: Final = "report_readiness"
"""The errand that checks the site and tells the host."""
EXPECT: Final = "expect_readiness"
"""The errand by which the host looks whether a report has come."""
NOT_READY: Final = "site_not_ready"
"""The to-do that tells the host's staff that a site is not ready, or does not say so."""

BEFORE_MS: Final[Mapping[Moment, int]] = MappingProxyType(
    {Moment.DAY_BEFORE: 24 * 3_600_000, Moment.HALF_HOUR_BEFORE: 30 * 60_000}
)
"""How long before the start of the window a report is made."""
ASK_AHEAD_MS: Final[Mapping[Moment, int]] = MappingProxyType(
    {Moment.DAY_BEFORE: 3 * 3_600_000, Moment.HALF_HOUR_BEFORE: 60 * 60_000}
)
"""How long before a report people are asked; an answer from before that does not count for it."""
GRACE_MS: Final = 120_000  # a word on its way, and two clocks: as the protocol's own grace
AGAIN_MS: Final = 300_000  # a booking that is being changed: its window may be another by then
SEATS: Final = "seats"
STAFF: Final = "staff"
_UNANSWERED: Final = "工作人员未确认 · nobody of the staff has confirmed it"


class SiteReadiness:
    """Checks our site, tells hosts, and hears what subs tell.

    Args:
        seats: This center's seats.
        substituting: Finds other rooms.
        self_tests: Name and self test of each outside system.
    """

    def __init__(
        self,
        *,
        seats: Seats,
        substituting: Substituting,
        self_tests: Sequence[tuple[str, SelfTest]] = (),
    ) -> None:
        self._seats = seats
        self._substituting = substituting
        self._self_tests = tuple(self_tests)

    def schedule(self, desk: Desk, booking_id: bytes) -> None:
        """See that a booked leg is checked before the window that counts now."""
        row = _row(desk, booking_id)
        for moment, before_ms in BEFORE_MS.items():
            at_ms = row.start_ms - before_ms
            if at_ms <= desk.now_ms:
                continue  # booked later than that: the next moment counts
            if row.role == booking.SUB:
                asked_ms = max(at_ms - ASK_AHEAD_MS[moment], desk.now_ms)
                self._leave(desk, ASK, row, moment, asked_ms)
                self._leave(desk, REPORT, row, moment, at_ms)
            else:
                self._leave(desk, EXPECT, row, moment, at_ms + GRACE_MS)

    # What people do

    def confirm(
        self,
        desk: Desk,
        booking_id: bytes,
        *,
        ready: bool,
        reason: str,
        by: str,
        rooms: bool = False,
    ) -> None:
        """Say at the sub whether the site is ready.

        Args:
            desk: The floor.
            booking_id: Which booking.
            ready: The answer.
            reason: Why not; the host reads it.
            by: Whose act it is.
            rooms: Whether it is the rooms that cannot be used: then others are looked for.

        Raises:
            NotFound: No such booking at this sub.
            Conflicting: It is not booked.
            Invalid: Not ready, and no reason; or one that is too long, or no single line.
        """
        row = bookings.get(desk.ledger.connection, booking_id)
        if row is None or row.role != booking.SUB:
            raise NotFound("没有该预约", "there is no such booking at this sub-venue")
        if row.phase not in booking.BOOKED:
            raise Conflicting(
                f"该预约当前为“{phase_zh(row.phase)}”,无须确认就绪",
                f"the booking is {row.phase}; there is nothing to be ready for",
            )
        if ready and rooms:
            raise Invalid("场地就绪时无须更换评标室", "rooms that are ready need no others")
        why = "" if ready else checked(reason)
        well_formed(Readiness(Moment.ASKED, ready, (Check(STAFF, ready, why),), why))
        if rooms and self._substituting.try_room(desk, row, why):
            ready, why = True, f"已更换评标室 · another room: {why}"[:MAX_REASON_CHARS]
        connection = desk.ledger.connection
        said = store.Said(ready, why, by, desk.now_ms)
        store.answer(connection, booking_id, row.start_ms, said)
        todos.done(
            connection, kind=CONFIRM_READINESS, subject=booking_id, by=by, now_ms=desk.now_ms
        )
        if not ready or _reports(desk, row):
            self._leave(desk, REPORT, row, Moment.ASKED, desk.now_ms, again=desk.now_ms)

    # Looking

    def warnings(self, desk: Desk, legs: Sequence[BookingRow]) -> list[tuple[str, str]]:
        """What the host's people should know before they convene or start; Chinese, English."""
        found = []
        for leg in legs:
            if leg.role != booking.HOST or leg.phase not in booking.BOOKED:
                continue
            reports = _reports(desk, leg)
            if reports and not reports[-1].ready:
                why = reports[-1].reason
                found.append(
                    (f"副场{leg.peer}未就绪:{why}", f"sub-venue {leg.peer} is not ready: {why}")
                )
            elif not _reported(desk, leg, _due(leg, desk.now_ms)):
                found.append(
                    (
                        f"副场{leg.peer}尚未报告是否就绪",
                        f"sub-venue {leg.peer} has not reported whether it is ready",
                    )
                )
        return found

    # What words mean

    def said(self, desk: Desk, conversation: Conversation, word: Readiness) -> None:
        """Keep our own report."""
        row = _row(desk, conversation.id)
        store.add(desk.ledger.connection, conversation.id, word, row.start_ms, desk.now_ms)

    def heard(self, desk: Desk, conversation: Conversation, word: Readiness) -> None:
        """Keep a sub's report; tell our people if it is not ready."""
        row = _row(desk, conversation.id)
        store.add(desk.ledger.connection, conversation.id, word, row.start_ms, desk.now_ms)
        if conversation.phase not in booking.BOOKED:
            return  # it crossed the end of the booking
        if word.ready:
            self.ended(desk, conversation.id)
        else:
            _tell(desk, row, f"未就绪({word.reason})", f"is not ready ({word.reason})")

    def ended(self, desk: Desk, booking_id: bytes) -> None:
        """Nobody need see to it any more."""
        for kind in (NOT_READY, CONFIRM_READINESS):
            todos.done(
                desk.ledger.connection,
                kind=kind,
                subject=booking_id,
                by=BY_SYSTEM,
                now_ms=desk.now_ms,
            )

    # Errands

    def handlers(self) -> Mapping[str, Handler]:
        """How the errands left here are run."""
        return {ASK: self._ask, REPORT: self._report, EXPECT: self._expect}

    async def _ask(self, _key: str, argument: dict[str, Any]) -> Result:
        def ask(desk: Desk) -> None:
            row = _current(desk, argument)
            if row is None:
                return
            at = local_time(row.start_ms - BEFORE_MS[Moment[argument["moment"]]])
            todos.add(
                desk.ledger.connection,
                role="staff",
                kind=CONFIRM_READINESS,
                subject=row.conversation,
                zh=f"{local_time(row.start_ms)}的评标:请检查席位、设备和人员,并在{at}前确认是否就绪",
                en=f"evaluation of {local_time(row.start_ms)}: check seats, equipment and people, "
                f"and say by {at} whether the site is ready",
                now_ms=desk.now_ms,
            )

        return ask

    async def _report(self, _key: str, argument: dict[str, Any]) -> Result:
        measured = await asyncio.gather(
            *(adapter_check(name, self_test) for name, self_test in self._self_tests)
        )

        def report(desk: Desk) -> None:
            row, moment = _current(desk, argument), Moment[argument["moment"]]
            if row is None:
                return
            if row.phase != booking.CONFIRMED:  # it is being changed: look again afterwards
                at_ms = desk.now_ms + AGAIN_MS
                self._leave(desk, REPORT, row, moment, at_ms, again=at_ms)
                return
            self._say(desk, row, moment, tuple(measured))

        return report

    async def _expect(self, _key: str, argument: dict[str, Any]) -> Result:
        def expect(desk: Desk) -> None:
            row, moment = _current(desk, argument), Moment[argument["moment"]]
            if row is not None and not _reported(desk, row, moment):
                _tell(desk, row, "未按时报告是否就绪", "has not reported whether it is ready")

        return expect

    def _say(
        self, desk: Desk, row: BookingRow, moment: Moment, measured: tuple[Check, ...]
    ) -> None:
        checks = (*measured, self._seats_check(desk, row), _staff_check(desk, row, moment))
        failed = [check for check in checks if not check.passed]
        reason = ";".join(f"{check.name}: {check.measured}" for check in failed)[:500]
        word = Readiness(moment, ready=not failed, checks=checks, reason=reason)
        desk.say(row.conversation, well_formed(word))

    def _seats_check(self, desk: Desk, row: BookingRow) -> Check:
        requirement = requirement_of(row.hold)
        sound, held = self._seats.sound(desk, row.conversation, window_now(row), requirement)
        if sound:
            return Check(SEATS, passed=True, measured=f"{held}")
        why = "席位不可用 · the seats cannot be used"
        if self._substituting.try_room(desk, row, why):
            return Check(SEATS, passed=True, measured="已更换评标室 · another room")
        return Check(SEATS, passed=False, measured=f"{why}, {held}/{row.hold.seats}")

    def _leave(
        self,
        desk: Desk,
        kind: str,
        row: BookingRow,
        moment: Moment,
        at_ms: int,
        again: int = 0,
    ) -> None:
        key = f"{kind}:{row.conversation.hex()}:{moment.name}:{row.start_ms}"
        errands.add(
            desk.ledger.connection,
            kind=kind,
            key=f"{key}:{again}" if again else key,
            argument={
                "booking": row.conversation.hex(),
                "moment": moment.name,
                "start_ms": row.start_ms,
            },
            not_before_ms=at_ms,
        )


def _current(desk: Desk, argument: dict[str, Any]) -> BookingRow | None:
    """The booking of an errand, if it stands, its window is still that one and is to come.

    What was asked for is of use until the end: it may be an answer to a report in the window.
    """
    row = bookings.get(desk.ledger.connection, bytes.fromhex(argument["booking"]))
    if row is None or row.phase not in booking.BOOKED or row.start_ms != argument["start_ms"]:
        return None
    asked = argument["moment"] == Moment.ASKED.name
    return row if desk.now_ms < (row.end_ms if asked else row.start_ms) else None


def _row(desk: Desk, booking_id: bytes) -> BookingRow:
    row = bookings.get(desk.ledger.connection, booking_id)
    assert row is not None, "a booking is stored with its Hold"
    return row


def _reports(desk: Desk, row: BookingRow) -> list[store.Report]:
    """The reports for the window that counts now, oldest first."""
    reports = store.of_booking(desk.ledger.connection, row.conversation)
    return [report for report in reports if report.start_ms == row.start_ms]


def _due(row: BookingRow, now_ms: int) -> Moment | None:
    """The last moment that is over, by which a report should be there."""
    due = [m for m, before_ms in BEFORE_MS.items() if now_ms >= row.start_ms - before_ms + GRACE_MS]
    return due[-1] if due else None


def _reported(desk: Desk, row: BookingRow, moment: Moment | None) -> bool:
    """Whether there is a report for a moment, or a later one."""
    if moment is None:
        return True
    since_ms = row.start_ms - BEFORE_MS[moment] - GRACE_MS
    return any(
        report.moment is moment or report.at_ms >= since_ms for report in _reports(desk, row)
    )


def _staff_check(desk: Desk, row: BookingRow, moment: Moment) -> Check:
    said = store.answered(desk.ledger.connection, row.conversation, row.start_ms)
    since_ms = 0
    if moment is not Moment.ASKED:
        since_ms = row.start_ms - BEFORE_MS[moment] - ASK_AHEAD_MS[moment]
    if said is None or said.at_ms < since_ms:
        return Check(STAFF, passed=False, measured=_UNANSWERED)
    return Check(STAFF, passed=said.ready, measured=said.reason or "已确认 · confirmed")


def _tell(desk: Desk, row: BookingRow, zh: str, en: str) -> None:
    todos.add(
        desk.ledger.connection,
        role="staff",
        kind=NOT_READY,
        subject=row.conversation,
        zh=f"{local_time(row.start_ms)}的评标:副场{row.peer}{zh}。请联系副场;必要时改期、另选副场替换"
        "或取消",
        en=f"evaluation of {local_time(row.start_ms)}: sub-venue {row.peer} {en}. Call it; move, "
        "replace or cancel if need be",
        now_ms=desk.now_ms,
    )
