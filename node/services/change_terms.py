"""What another window must keep to, asked alike by the host before and by the sub after.

Here: the agreement's limits and the calendar's, as sentences for people and as what a
``Consent`` says. Nothing here is ever a refusal of a word: that would end the booking, which
stands as it was.
"""

from dataclasses import dataclass, replace
from typing import Final

from federation.errors import FederationError
from federation.protocol import booking, enforcement
from federation.protocol.booking import Hold
from federation.protocol.enforcement import Wish
from federation.protocol.terms import AgreementTerms
from node.domain.calendar import Window
from node.domain.refusal import Inadmissible
from node.services.booking_terms import versions
from node.services.house import Desk
from node.services.reasons import alternative_zh, clause_zh
from node.store import bookings
from node.store.bookings import BookingRow
from node.store.changes import Asked, Span

_START: Final = "start_ms"


@dataclass(frozen=True, slots=True)
class Objection:
    """Why another window will not do; ``clause`` as in a refusal."""

    zh: str
    en: str
    clause: str = ""
    alternative_start_ms: int = 0

    @property
    def text(self) -> str:
        """Both languages in one line, as a word's reason."""
        return f"{self.zh} · {self.en}"


def terms_of(desk: Desk, row: BookingRow) -> AgreementTerms:
    """What a booking was agreed under."""
    terms = desk.ledger.agreement(row.agreement)
    assert terms is not None, "a booking is under an agreement that both signed"
    return terms


def now_asked(row: BookingRow, span: Span | None = None) -> Hold:
    """The Hold with the window that counts now, or with another one."""
    return replace(
        row.hold,
        start_ms=row.start_ms if span is None else span.start_ms,
        end_ms=row.end_ms if span is None else span.end_ms,
    )


def window_now(row: BookingRow) -> Window:
    """The window that counts now."""
    return Window(row.start_ms, row.end_ms)


def object_to(
    desk: Desk, row: BookingRow, kind: Asked, span: Span, *, by_law: bool
) -> Objection | None:
    """What calendar and agreement have against another window; None when they allow it."""
    try:
        Window(span.start_ms, span.end_ms)
    except Inadmissible as error:
        return Objection(error.zh, error.en, clause="end_ms")
    if kind is Asked.MOVE and span.start_ms <= desk.now_ms:
        return Objection(
            "新的评标时间已过,请另选时间", "the new window has begun already", clause=_START
        )
    if kind is Asked.EXTEND and span.end_ms <= desk.now_ms:
        return Objection(
            "延长后的结束时间已过", "the later end has passed already", clause="end_ms"
        )
    if by_law:
        return None  # the law goes before what was agreed
    us = desk.identity.center
    host, sub = (us, row.peer) if row.role == booking.HOST else (row.peer, us)
    terms = terms_of(desk, row)
    others = bookings.counted(
        desk.ledger.connection,
        row.role,
        row.peer,
        versions(desk, row.agreement, terms),
        besides=row.conversation,
    )
    wish = Wish(host, sub, now_asked(row, span), others)
    try:
        enforcement.check_change(terms, wish, desk.now_ms, moved=kind is Asked.MOVE)
    except FederationError as error:
        return _objection(error)
    return None


def _objection(error: FederationError) -> Objection:
    zh = clause_zh(error.clause) or "协议不允许"
    if error.alternative:
        zh = f"{zh}({alternative_zh(error.alternative)})"
    found = error.alternative.replace(">=", "=").partition("=")
    starts = found[0] == _START and found[2].isdecimal()
    return Objection(zh, error.detail, error.clause, int(found[2]) if starts else 0)
