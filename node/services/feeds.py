"""Calendar feeds for the center's staff: who is in which room when, and what is closed.

A feed's address has a token, one person's, which is shown once and can be revoked. Calendar
programs keep what they fetch in places that nobody here chooses, so a feed says the least:
room, seats, time, state. It never names a project, an expert, or the other center: at the sub
nobody may know the project (四不知), and at the host of a blind selection nobody the sub.
Experts have no accounts, so no feeds.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from federation.protocol import booking
from node.domain.workday import DAY_MS
from node.services.errors import NotFound
from node.services.house import Desk
from node.services.ics import Entry, Status, render
from node.services.maintenance import SHORT
from node.services.reasons import phase_zh
from node.store import closures, feeds
from node.store.closures import Closure, find_room
from node.store.feeds import Booked, Feed

TOKEN_BYTES: Final = 32  # nobody guesses 256 bits, so a plain hash of it is enough at rest
PAST_MS: Final = 90 * DAY_MS  # people look back a quarter; programs need not fetch all of history
_STANDS: Final = booking.BOOKED | {booking.COMPLETED}
MAX_EVENTS: Final = 2_000  # of bookings; some 700 KB, which phones still take


@dataclass(frozen=True, slots=True)
class NewFeed:
    """A feed that was made; ``token`` is shown once and kept nowhere."""

    id: bytes
    token: str


class Feeds:
    """Makes, revokes and fills feeds.

    Args:
        random: Gives that many bytes fit for keys.
        name: Our center's name.
    """

    def __init__(self, *, random: Callable[[int], bytes], name: str) -> None:
        self._random = random
        self._name = name

    def make(self, desk: Desk, account: str, place: tuple[str, str] | None) -> NewFeed:
        """Make a feed of the center, or of one room by (venue, room).

        Raises:
            NotFound: There is no such room.
        """
        connection = desk.ledger.connection
        room = None
        if place is not None:
            room = find_room(connection, *place)
            if room is None:
                raise NotFound(
                    "没有这个评标室,请核对场地和评标室名称",
                    "there is no such room; give venue and room by their names",
                )
        token, feed = self._random(TOKEN_BYTES).hex(), desk.new_id()
        feeds.add(
            connection,
            feed=feed,
            token_hash=_hash(token),
            account=account,
            room=room,
            now_ms=desk.now_ms,
        )
        return NewFeed(feed, token)

    def all(self, desk: Desk, account: str | None) -> list[Feed]:
        """The feeds of one account, or everybody's."""
        return feeds.of(desk.ledger.connection, account)

    def revoke(self, desk: Desk, feed: bytes, by: str, *, anybodys: bool) -> None:
        """Make a feed's token void.

        Raises:
            NotFound: There is no such feed, it is revoked, or it is somebody else's.
        """
        found = feeds.get(desk.ledger.connection, feed)
        if (
            found is None
            or found.revoked_at_ms is not None
            or not (anybodys or found.account == by)
        ):
            raise NotFound("没有这个日历订阅,或已撤销", "there is no such feed, or it is revoked")
        feeds.revoke(desk.ledger.connection, feed, by, desk.now_ms)

    def read(self, desk: Desk, token: str) -> bytes:
        """What a feed shows now.

        Raises:
            NotFound: The token is of no feed, or was revoked.
        """
        connection = desk.ledger.connection
        found = feeds.by_token(connection, _hash(token))
        if found is None:
            raise NotFound("没有这个日历订阅,或已撤销", "there is no such feed, or it is revoked")
        since_ms = desk.now_ms - PAST_MS
        center = desk.identity.center
        entries = [
            _booking(each, center)
            for each in feeds.booked(connection, found.room_id, since_ms, MAX_EVENTS)
        ]
        entries += [
            _closure(each, center)
            for each in closures.since(connection, since_ms)
            if found.room is None or (each.venue, each.room) == (found.venue, found.room)
        ]
        name = self._name if found.room is None else f"{self._name} {found.room}"
        ordered = sorted(entries, key=lambda each: (each.start_ms, each.uid))
        return render(name, ordered)


def _booking(booked: Booked, center: str) -> Entry:
    phases = sorted(set(booked.phases))
    status = status_of(booked)
    seats = f",{booked.seats}席位 {booked.seats} seats" if booked.seats else ""
    what = "远程评标(主场)evaluation, host" if booked.is_host else "远程评标(副场)evaluation, sub"
    states = ";".join(f"{phase_zh(phase)} {phase}" for phase in phases)
    return Entry(
        uid=f"{booked.holder.hex()}@{center}",
        sequence=booked.sequence,
        changed_at_ms=booked.changed_at_ms,
        start_ms=booked.start_ms,
        end_ms=booked.end_ms,
        status=status,
        summary=what + seats,
        location=";".join("/".join(room) for room in booked.rooms),
        description=f"预约 booking {booked.holder.hex()[:SHORT]}\n{states}",
    )


def status_of(booked: Booked) -> Status:
    """What a calendar shows: planned, certain, or called off."""
    # A leg that has ended, beside one that goes on, was replaced or let go.
    going_on = set(booked.phases) & feeds.GOES_ON
    if going_on == {booking.COMPLETED}:
        return Status.CONFIRMED  # its seats are free again, and it was held all the same
    if booked.given_up or not booked.here or not going_on:
        return Status.CANCELLED
    return Status.CONFIRMED if going_on <= _STANDS else Status.TENTATIVE


def _closure(closure: Closure, center: str) -> Entry:
    lifted = closure.lifted_at_ms
    where = "/".join(each for each in (closure.venue, closure.room, closure.seat) if each)
    return Entry(
        uid=f"closure-{closure.id}@{center}",
        sequence=0 if lifted is None else 1,
        changed_at_ms=closure.made_at_ms if lifted is None else lifted,
        start_ms=closure.start_ms,
        end_ms=closure.end_ms,
        status=Status.CONFIRMED if lifted is None else Status.CANCELLED,
        summary="维护 maintenance",
        location=where,
        description=closure.reason,
    )


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
