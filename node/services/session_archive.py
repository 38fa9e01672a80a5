"""What is left of an evaluation: the video room's recording, the report, the hand-over.

Only digests, sizes and retention classes are kept; the media stay where they are. The sub
has the agreement's working days (五个工作日) to hand its manifest over, the host receives it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from adapters.video.port import Video
from federation.errors import Conflict, FederationError, Malformed
from federation.protocol import booking, execution
from federation.protocol import session as words
from federation.protocol.session import ArchiveItem, HandOver, Receive
from federation.wire.envelopes import decode_statement
from node.domain.workday import SHANGHAI, handover_due_ms
from node.services import session_failure
from node.services import session_view as view
from node.services.errands import Handler, Result
from node.services.errors import Invalid
from node.services.house import Desk
from node.services.reasons import alternative_zh, clause_zh
from node.services.speech import well_formed
from node.store import archives, bookings, errands, sessions, workdays
from node.store.cipher import ColumnCipher
from node.store.sessions import SessionRow

OPEN_ROOM: Final = "open_room"
CLOSE_ROOM: Final = "close_room"
HANDOVER_DUE: Final = "handover_due"
HANDOVER_OVERDUE: Final = "session_handover_overdue"

RETENTIONS: Final = tuple(reversed(list(execution.RETENTION_DAYS)))
"""DA/T 103-2024 has 永久, 30 and 10 years; 政府采购法第四十二条 asks for 15."""
REPORT_KEPT: Final = "permanent"
RECORDING_KEPT: Final = "15y"  # what regions ask for of recordings; longer than any asks for less
_ENTRANCES: Final = "session.entrances"


class SessionArchive:
    """Rooms, recordings and hand-overs of sessions.

    Args:
        video: The video platform of this center.
        cipher: For the entrances: whoever has one may enter.
        bookings: To be told when an archive is complete.
    """

    def __init__(
        self,
        *,
        video: Video,
        cipher: ColumnCipher,
        bookings: view.Bookings,
    ) -> None:
        self._video = video
        self._cipher = cipher
        self._bookings = bookings

    # Rooms

    def want_room(self, desk: Desk, legs: Sequence[SessionRow]) -> None:
        """At the host: open one room for all sites."""
        sites = [desk.identity.center, *(leg.peer for leg in legs)]
        session = legs[0].id.hex()
        errands.add(
            desk.ledger.connection,
            kind=OPEN_ROOM,
            key=f"{OPEN_ROOM}:{session}",
            argument={"session": session, "title": f"评标 {session[:8]}", "sites": sites},
            not_before_ms=desk.now_ms,
        )

    def entrances(self, desk: Desk, session_id: bytes) -> tuple[tuple[str, str], ...]:
        """(site, entrance) of the video room; empty while there is none."""
        first, *_ = view.joint(desk, view.get(desk, session_id))
        sealed = sessions.sealed_entrances(desk.ledger.connection, first.id)
        if sealed is None:
            return ()
        pairs = json.loads(self._cipher.open(_ENTRANCES, first.id.hex(), sealed))
        return tuple((site, url) for site, url in pairs)

    def handlers(self) -> Mapping[str, Handler]:
        """The errands of sessions."""
        return {
            OPEN_ROOM: self._open_room,
            CLOSE_ROOM: self._close_room,
            HANDOVER_DUE: self._handover_due,
        }

    async def _open_room(self, key: str, argument: dict[str, Any]) -> Result:
        room = await self._video.open_room(key, argument["title"], argument["sites"])
        session = bytes.fromhex(argument["session"])
        entrances = json.dumps(list(zip(argument["sites"], room.join_urls, strict=True)))

        def opened(desk: Desk) -> None:
            sealed = self._cipher.seal(_ENTRANCES, session.hex(), entrances)
            sessions.set_room(desk.ledger.connection, session, room.room_id, sealed)
            row = view.get(desk, session)
            if row.finished_at_ms is not None:  # the platform was away all the time
                self._want_recording(desk, row)

        return opened

    async def _close_room(self, key: str, argument: dict[str, Any]) -> Result:
        del key  # closing is the same under any key
        recording = await self._video.close_room(argument["room"])
        session = bytes.fromhex(argument["session"])
        recorded = ArchiveItem(
            name=f"{execution.RECORDING}{argument['room']}",
            digest=recording.sha256,
            size=recording.size_bytes,
            retention=RECORDING_KEPT,
        )

        def closed(desk: Desk) -> None:
            agreed = execution.retention_class(view.terms(desk, view.get(desk, session)))
            kept = max(recorded.retention, agreed, key=execution.RETENTION_DAYS.__getitem__)
            item = replace(recorded, retention=kept)
            archives.add_items(desk.ledger.connection, session, desk.identity.center, [item])

        return closed

    def _want_recording(self, desk: Desk, row: SessionRow) -> None:
        if row.room is not None:
            errands.add(
                desk.ledger.connection,
                kind=CLOSE_ROOM,
                key=f"{CLOSE_ROOM}:{row.id.hex()}",
                argument={"session": row.id.hex(), "room": row.room},
                not_before_ms=desk.now_ms,
            )

    # The end

    def finished(self, desk: Desk, row: SessionRow) -> None:
        """Everybody has signed: the days of the hand-over begin, on both sides."""
        connection = desk.ledger.connection
        terms = view.terms(desk, row)
        calendar = workdays.calendar(connection)
        due_ms = handover_due_ms(
            desk.now_ms, terms.handover_working_days, calendar.holidays, calendar.workdays
        )
        sessions.set_finished(connection, row.id, desk.now_ms, due_ms)
        errands.add(
            connection,
            kind=HANDOVER_DUE,
            key=f"{HANDOVER_DUE}:{row.id.hex()}",
            argument={"session": row.id.hex()},
            not_before_ms=due_ms,
        )
        if row.role == words.SUB:
            days, last = terms.handover_working_days, _last_day(due_ms)
            view.remind(
                desk,
                view.HAND_OVER,
                row,
                f"评标已结束,请于{last}前({days}个工作日内)向主场移交资料清单",
                f"the evaluation is over; hand the archive over by {last} ({days} working days)",
            )

    def keep_report(self, desk: Desk, row: SessionRow) -> None:
        """At the host: the signed report and the recording go into the archive."""
        connection = desk.ledger.connection
        report = archives.report(connection, row.id)
        assert report is not None, "what was signed was presented"
        digest = desk.suite_of(row.id).hash(report)
        item = ArchiveItem("report", digest, len(report), REPORT_KEPT)
        archives.add_items(connection, row.id, desk.identity.center, [item])
        self._want_recording(desk, row)

    async def _handover_due(self, key: str, argument: dict[str, Any]) -> Result:
        del key
        session = bytes.fromhex(argument["session"])

        def due(desk: Desk) -> None:
            row = view.get(desk, session)
            if row.phase != words.FINISHED or row.handover_due_ms is None:
                return
            last = _last_day(row.handover_due_ms)
            view.remind(
                desk,
                HANDOVER_OVERDUE,
                row,
                f"副场资料移交已逾期(应于{last}前完成),请联系对方中心",
                f"the sub-venue's hand-over was due by {last}; get in touch with the other center",
            )

        return due

    # The hand-over

    def hand_over(
        self, desk: Desk, session_id: bytes, items: Sequence[ArchiveItem], by: str
    ) -> None:
        """The sub hands its manifest over.

        Raises:
            Invalid: No items, too many, a name twice, or a retention class that is none.
            Conflicting: The evaluation is not over, or this was done already.
        """
        row = view.get(desk, session_id)
        view.only(row, words.SUB)
        view.in_phase([row], words.FINISHED)
        for item in items:
            if item.retention not in RETENTIONS:
                raise Invalid(
                    f"“{item.name}”的保管期限应为{'、'.join(RETENTIONS)}之一",
                    f"{item.name!r}: retention is one of {', '.join(RETENTIONS)}",
                )
        if len({item.name for item in items}) < len(items):
            raise Invalid("清单中有重名的资料,请更正", "two items of the manifest share a name")
        try:
            execution.check_retention(view.terms(desk, row), items)
        except FederationError as error:
            raise Invalid(
                f"{clause_zh(error.clause)}({alternative_zh(error.alternative)})", error.detail
            ) from error
        spoken = desk.say(row.id, well_formed(HandOver(tuple(items))))
        self._keep_manifest(desk, row, desk.identity.center, items, spoken.payload)
        view.tick_off(desk, view.HAND_OVER, [row], by)
        view.tick_off(desk, HANDOVER_OVERDUE, [row], by)

    def end_failed(self, desk: Desk, project_id: bytes, by: str) -> int:
        """See ``session_failure.end_failed``."""
        return session_failure.end_failed(desk, self._bookings, project_id, by)

    def receive(self, desk: Desk, session_id: bytes, by: str) -> None:
        """The host has received what the manifest lists; with that its booking is complete.

        Raises:
            Conflicting: Nothing was handed over, or it was received already.
        """
        row = view.get(desk, session_id)
        view.only(row, words.HOST)
        view.in_phase([row], words.HANDED_OVER)
        assert row.manifest_digest is not None, "kept when the hand-over was heard"
        desk.say(row.id, Receive(row.manifest_digest))
        leg = bookings.get(desk.ledger.connection, row.booking)
        assert leg is not None, "an evaluation is of a booking"
        if leg.phase in booking.BOOKED:  # a sub that refused a word of it has ended it before
            self._bookings.complete(desk, row.booking, row.id)
        view.tick_off(desk, view.RECEIVE, [row], by)

    def admit_hand_over(self, word: HandOver) -> None:
        """Refuse a manifest that could not be told apart item by item.

        Raises:
            Malformed: Two items share a name, or a retention class is none.
        """
        if len({item.name for item in word.items}) < len(word.items):
            raise Malformed("two items of the manifest share a name")
        for item in word.items:
            if item.retention not in RETENTIONS:
                raise Malformed(
                    f"retention of {item.name!r} is none of {', '.join(RETENTIONS)}",
                    clause="DA/T 103-2024",
                )

    def admit_receive(self, row: SessionRow, word: Receive) -> None:
        """Refuse the receipt of another manifest.

        Raises:
            Conflict: Its digest is not that of what we handed over.
        """
        if word.manifest_digest != row.manifest_digest:
            raise Conflict(
                "the digest received is not that of the manifest handed over; look again"
            )

    def heard_hand_over(self, desk: Desk, row: SessionRow, word: HandOver, payload: bytes) -> None:
        """The sub has handed its manifest over."""
        self._keep_manifest(desk, row, row.peer, word.items, payload)
        view.tick_off(desk, HANDOVER_OVERDUE, [row], "system")
        count = len(word.items)
        view.remind(
            desk,
            view.RECEIVE,
            row,
            f"副场已移交资料清单(共{count}项),请核对并接收",
            f"the sub-venue handed {count} item(s) over; check and receive them",
        )

    def _keep_manifest(
        self,
        desk: Desk,
        row: SessionRow,
        owner: str,
        items: Sequence[ArchiveItem],
        payload: bytes,
    ) -> None:
        """The digest is over the word's body as it was said, so both sides have the same."""
        connection = desk.ledger.connection
        digest = desk.suite_of(row.id).hash(decode_statement(payload).body)
        sessions.set_manifest_digest(connection, row.id, digest)
        archives.add_items(connection, row.id, owner, items)


def _last_day(due_ms: int) -> str:
    """The last day on which it is in time; ``due_ms`` is the first millisecond after it."""
    return datetime.fromtimestamp((due_ms - 1) / 1000, SHANGHAI).strftime("%Y-%m-%d")
