"""Sessions and their members. SQL only; archives are in ``node.store.archives``."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol.conversation import REFUSED
from federation.protocol.session import Convene
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word

_SESSION = (
    "session.conversation, session.role, session.peer, session.project, session.booking,"
    " session.convene, session.lot_code, session.project_name, session.chair,"
    " session.report_digest, session.manifest_digest, session.room, session.started_at_ms,"
    " session.finished_at_ms, session.handover_due_ms, session.superseded, conversation.phase,"
    " conversation.agreement,"
    " (SELECT end_ms FROM booking WHERE booking.conversation = session.booking)"
)
_MEMBER = "session, code, site, capacity, uid, checked_in_at_ms, ballot, signature_digest"


class Capacity(StrEnum):
    """In which capacity a member sits on the committee, as far as this side knows."""

    EXPERT = "EXPERT"
    REPRESENTATIVE = "REPRESENTATIVE"
    UNKNOWN = "UNKNOWN"


@dataclass(frozen=True, slots=True)
class SessionRow:
    """One session; ``phase`` and ``agreement`` are its conversation's.

    ``project`` is known at the host only; ``lot_code`` and ``project_name`` at the sub from
    the start on.
    """

    id: ConversationId
    role: str
    peer: CenterId
    project: bytes | None
    booking: bytes
    convene: Convene
    lot_code: str | None
    project_name: str | None
    chair: bytes | None
    report_digest: bytes | None
    manifest_digest: bytes | None
    room: str | None
    started_at_ms: int | None
    finished_at_ms: int | None
    handover_due_ms: int | None
    superseded: int
    """1 when the host called anew before the start, or gave the evaluation up."""
    phase: str
    agreement: AgreementId
    end_ms: int
    """When its booking ends now; ``convene`` keeps the end that it was called for."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member of the committee; ``uid`` only for experts of our own site."""

    session: ConversationId
    code: bytes
    site: str
    capacity: Capacity
    uid: str | None = None
    checked_in_at_ms: int | None = None
    ballot: bytes | None = None
    signature_digest: bytes | None = None


def add(
    connection: sqlite3.Connection,
    *,
    session: bytes,
    role: str,
    peer: str,
    project: bytes | None,
    convene: Convene,
) -> None:
    """Store a new session. ``phase`` and ``agreement`` stay with the conversation."""
    connection.execute(
        "INSERT INTO session (conversation, role, peer, project, booking, convene)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (session, role, peer, project, convene.booking_id, encode_word(convene)),
    )


def get(connection: sqlite3.Connection, session: bytes) -> SessionRow | None:
    """One session."""
    found = _select(connection, "session.conversation = ?", (session,))
    return found[0] if found else None


def everything(connection: sqlite3.Connection) -> list[SessionRow]:
    """All sessions."""
    return _select(connection, "1", ())


def of_booking(connection: sqlite3.Connection, booking: bytes) -> list[SessionRow]:
    """All sessions under a booking, also those that were refused or given up."""
    return _select(connection, "session.booking = ?", (booking,))


def of_project(connection: sqlite3.Connection, project: bytes) -> list[SessionRow]:
    """All sessions of a project of ours, also those that were refused or given up."""
    return _select(connection, "session.project = ?", (project,))


def live_of_booking(connection: sqlite3.Connection, booking: bytes) -> SessionRow | None:
    """The session under a booking that was not refused."""
    found = _select(
        connection,
        "session.booking = ? AND session.superseded = 0 AND conversation.phase <> ?",
        (booking, REFUSED),
    )
    return found[0] if found else None


def joint(connection: sqlite3.Connection, session: SessionRow) -> list[SessionRow]:
    """The sessions that make up one evaluation: at the host one with each sub-venue.

    By id, so that the first is always the same. At the sub: this one.
    """
    if session.project is None or session.superseded:
        return [session]
    return _select(
        connection,
        "session.project = ? AND session.superseded = 0 AND conversation.phase <> ?",
        (session.project, REFUSED),
    )


def refused_after_start(connection: sqlite3.Connection, session: SessionRow) -> list[SessionRow]:
    """The sessions of the same project in which a word was refused once it had begun."""
    return _select(
        connection,
        "session.project = ? AND session.superseded = 0 AND session.started_at_ms IS NOT NULL"
        " AND conversation.phase = ?",
        (session.project, REFUSED),
    )


def supersede(connection: sqlite3.Connection, session: bytes) -> None:
    """Another session takes the place of one that has not started; its seats are free."""
    connection.execute("UPDATE session SET superseded = 1 WHERE conversation = ?", (session,))
    connection.execute("DELETE FROM member WHERE session = ?", (session,))


def give_up(connection: sqlite3.Connection, session: bytes) -> None:
    """A session cannot be held any more; its members stay, with what they did."""
    connection.execute("UPDATE session SET superseded = 1 WHERE conversation = ?", (session,))


def set_started(
    connection: sqlite3.Connection, session: bytes, lot_code: str, project_name: str, now_ms: int
) -> None:
    """The unified start; the moment of the first one stays, when all begin again."""
    connection.execute(
        "UPDATE session SET lot_code = ?, project_name = ?,"
        " started_at_ms = coalesce(started_at_ms, ?)"
        " WHERE conversation = ?",
        (lot_code, project_name, now_ms, session),
    )


def set_chair(connection: sqlite3.Connection, session: bytes, chair: bytes) -> None:
    """Who was elected."""
    connection.execute("UPDATE session SET chair = ? WHERE conversation = ?", (chair, session))


def set_report_digest(connection: sqlite3.Connection, session: bytes, digest: bytes) -> None:
    """Which report is being signed."""
    connection.execute(
        "UPDATE session SET report_digest = ? WHERE conversation = ?", (digest, session)
    )


def set_finished(
    connection: sqlite3.Connection, session: bytes, now_ms: int, handover_due_ms: int
) -> None:
    """Everybody has signed."""
    connection.execute(
        "UPDATE session SET finished_at_ms = ?, handover_due_ms = ? WHERE conversation = ?",
        (now_ms, handover_due_ms, session),
    )


def set_manifest_digest(connection: sqlite3.Connection, session: bytes, digest: bytes) -> None:
    """Which archive manifest the sub handed over."""
    connection.execute(
        "UPDATE session SET manifest_digest = ? WHERE conversation = ?", (digest, session)
    )


def set_room(connection: sqlite3.Connection, session: bytes, room: str, entrances: bytes) -> None:
    """The video room, and the sealed entrances of its sites."""
    connection.execute(
        "UPDATE session SET room = ?, sealed_entrances = ? WHERE conversation = ?",
        (room, entrances, session),
    )


def sealed_entrances(connection: sqlite3.Connection, session: bytes) -> bytes | None:
    """The sealed entrances of the video room."""
    (sealed,) = connection.execute(
        "SELECT sealed_entrances FROM session WHERE conversation = ?", (session,)
    ).fetchone()
    return None if sealed is None else bytes(sealed)


def add_member(connection: sqlite3.Connection, member: Member) -> None:
    """Seat a member; nothing happens to one who is seated already."""
    connection.execute(
        "INSERT INTO member (session, code, site, capacity, uid) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (session, code) DO NOTHING",
        (member.session, member.code, member.site, member.capacity.value, member.uid),
    )


def remove_member(connection: sqlite3.Connection, member: Member) -> None:
    """Take away a member who left before the start."""
    connection.execute(
        "DELETE FROM member WHERE session = ? AND code = ?", (member.session, member.code)
    )


def begin_anew(connection: sqlite3.Connection, session: bytes, left: Sequence[bytes]) -> None:
    """Members have left: what they did is void, and so is what was built on it."""
    connection.executemany(
        "DELETE FROM member WHERE session = ? AND code = ?", [(session, code) for code in left]
    )
    connection.execute(
        "UPDATE member SET ballot = NULL, signature_digest = NULL, sealed_signature = NULL"
        " WHERE session = ?",
        (session,),
    )
    connection.execute(
        "UPDATE session SET chair = NULL, report = NULL, report_digest = NULL"
        " WHERE conversation = ?",
        (session,),
    )


def members(connection: sqlite3.Connection, sessions: Sequence[SessionRow]) -> list[Member]:
    """The members of the sessions of one evaluation, by code."""
    marks = ", ".join("?" * len(sessions))
    rows = connection.execute(
        f"SELECT {_MEMBER} FROM member WHERE session IN ({marks}) ORDER BY code",  # noqa: S608
        [session.id for session in sessions],
    ).fetchall()
    return [_member(row) for row in rows]


def set_checked_in(connection: sqlite3.Connection, member: Member, at_ms: int) -> None:
    """A member has checked in with ID and face."""
    _update(connection, member, "checked_in_at_ms", at_ms)


def set_ballot(connection: sqlite3.Connection, member: Member, candidate: bytes) -> None:
    """For whom a member voted last."""
    _update(connection, member, "ballot", candidate)


def set_signature(
    connection: sqlite3.Connection, member: Member, digest: bytes, sealed: bytes | None
) -> None:
    """A member has signed; the signature itself only of members of our own site."""
    _update(connection, member, "signature_digest", digest)
    _update(connection, member, "sealed_signature", sealed)


def sealed_signature(connection: sqlite3.Connection, member: Member) -> bytes | None:
    """The sealed signature of a member of our own site."""
    (sealed,) = connection.execute(
        "SELECT sealed_signature FROM member WHERE session = ? AND code = ?",
        (member.session, member.code),
    ).fetchone()
    return None if sealed is None else bytes(sealed)


def members_by_uid(connection: sqlite3.Connection, uid: str) -> list[Member]:
    """Where an expert of our own is seated."""
    rows = connection.execute(
        f"SELECT {_MEMBER} FROM member WHERE uid = ?",  # noqa: S608 (a constant)
        (uid,),
    ).fetchall()
    return [_member(row) for row in rows]


def members_by_representative(connection: sqlite3.Connection, blind_id: bytes) -> list[Member]:
    """Where a representative is seated, by the blind index of his identity number."""
    rows = connection.execute(
        f"SELECT {_MEMBER} FROM member"  # noqa: S608 (a constant)
        " WHERE code IN (SELECT code FROM representative WHERE blind_id_number = ?)",
        (blind_id,),
    ).fetchall()
    return [_member(row) for row in rows]


def representatives(connection: sqlite3.Connection, project: bytes) -> list[bytes]:
    """The codes of a project's representatives, ascending."""
    rows = connection.execute(
        "SELECT code FROM representative WHERE project = ? ORDER BY code", (project,)
    ).fetchall()
    return [bytes(code) for (code,) in rows]


def by_phase(connection: sqlite3.Connection) -> dict[str, int]:
    """How many sessions are in which phase, for metrics."""
    rows: Sequence[tuple[str, int]] = connection.execute(
        "SELECT conversation.phase, count(*) FROM session"
        " JOIN conversation ON conversation.id = session.conversation GROUP BY 1"
    ).fetchall()
    return dict(rows)


def _update(connection: sqlite3.Connection, member: Member, column: str, value: object) -> None:
    connection.execute(
        f"UPDATE member SET {column} = ? WHERE session = ? AND code = ?",  # noqa: S608 (our own)
        (value, member.session, member.code),
    )


def _select(
    connection: sqlite3.Connection, where: str, values: tuple[object, ...]
) -> list[SessionRow]:
    rows = connection.execute(
        f"SELECT {_SESSION} FROM session"  # noqa: S608 (constants)
        " JOIN conversation ON conversation.id = session.conversation"
        f" WHERE {where} ORDER BY session.conversation",
        values,
    ).fetchall()
    return [_session(row) for row in rows]


def _session(row: Sequence[object]) -> SessionRow:
    conversation, role, peer, project, booking, raw, *rest, end_ms = row
    convene = decode_word(PAYLOAD_TYPES[Convene], raw)  # type: ignore[arg-type]
    assert isinstance(convene, Convene), "a session is stored with its Convene"
    if end_ms is None:
        end_ms = convene.end_ms
    return SessionRow(conversation, role, peer, project, booking, convene, *rest, end_ms=end_ms)  # type: ignore[arg-type, misc]


def _member(row: Sequence[object]) -> Member:
    session, code, site, capacity, *rest = row
    return Member(session, code, site, Capacity(str(capacity)), *rest)  # type: ignore[arg-type]
