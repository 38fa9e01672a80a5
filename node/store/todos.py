"""What people still have to do, and by when. SQL only; services decide what and by whom.

A to-do is named by its kind and its subject, so that leaving it twice leaves it once. Its
times come from ``node.domain.todo_rules`` and the center's calendar when it is left, in the
same transaction, together with the errand that will look at it (``node.services.todo_clock``).
The texts carry numbers and times, never personal data.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from node.domain.todo_rules import OVERDUE, Cap, rule_of
from node.domain.workday import END_OF_TIME_MS
from node.domain.working_time import add_working_minutes, halfway_ms
from node.store import errands, workdays

CLOCK: Final = "todo_clock"
"""The errand that looks at the to-dos whose time has come."""


@dataclass(frozen=True, slots=True)
class Todo:
    """One open to-do of a role; ``subject`` is the id of what it is about.

    Attributes:
        due_ms: When it should be done.
        reminded_at_ms: When somebody was reminded; None: not yet.
        escalated_at_ms: When the operator was told that it is overdue; None: not yet.
    """

    id: int
    role: str
    kind: str
    subject: bytes
    zh: str
    en: str
    created_at_ms: int
    due_ms: int
    reminded_at_ms: int | None
    escalated_at_ms: int | None


_SELECT: Final = (
    "SELECT id, role, kind, subject, text_zh, text_en, created_at_ms, due_ms, reminded_at_ms,"
    " escalated_at_ms FROM todo WHERE done_at_ms IS NULL"
)


def add(
    connection: sqlite3.Connection,
    *,
    role: str,
    kind: str,
    subject: bytes,
    zh: str,
    en: str,
    now_ms: int,
) -> None:
    """Leave a to-do; one that was done is open again, with the new words and a new time."""
    due_ms, remind_ms = _times(connection, kind, subject, now_ms)
    urges = rule_of(kind).urges
    cursor = connection.execute(
        "INSERT INTO todo (role, kind, subject, text_zh, text_en, created_at_ms, remind_ms,"
        " due_ms, urges) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (kind, subject) DO UPDATE SET role = excluded.role,"
        " text_zh = excluded.text_zh, text_en = excluded.text_en,"
        " created_at_ms = excluded.created_at_ms, remind_ms = excluded.remind_ms,"
        " due_ms = excluded.due_ms, urges = excluded.urges, reminded_at_ms = NULL,"
        " escalated_at_ms = NULL, done_at_ms = NULL, done_by = NULL"
        " WHERE done_at_ms IS NOT NULL",
        (role, kind, subject, zh, en, now_ms, remind_ms, due_ms, urges),
    )
    if cursor.rowcount == 1 and urges:
        look_at(connection, remind_ms, now_ms)


def done(
    connection: sqlite3.Connection, *, kind: str, subject: bytes, by: str, now_ms: int
) -> bool:
    """Mark a to-do as done by an account, or by ``system``; False when none was open.

    What told the operator that it was overdue is done with it.
    """
    cursor = connection.execute(
        "UPDATE todo SET done_at_ms = ?, done_by = ?"
        " WHERE kind = ? AND subject = ? AND done_at_ms IS NULL",
        (now_ms, by, kind, subject),
    )
    if cursor.rowcount and kind != OVERDUE:
        done(connection, kind=OVERDUE, subject=overdue_subject(kind, subject), by=by, now_ms=now_ms)
    return cursor.rowcount == 1


def was_left(connection: sqlite3.Connection, kind: str, subject: bytes) -> bool:
    """Whether there is such a to-do, open or done."""
    row = connection.execute("SELECT 1 FROM todo WHERE kind = ? AND subject = ?", (kind, subject))
    return row.fetchone() is not None


def get(connection: sqlite3.Connection, todo: int) -> Todo | None:
    """An open to-do by its number."""
    found = _rows(connection, " AND id = ?", todo)
    return found[0] if found else None


def open_of(connection: sqlite3.Connection, *kinds: str) -> int:
    """How many to-dos of these kinds are open."""
    marks = ", ".join("?" * len(kinds))
    (count,) = connection.execute(
        f"SELECT count(*) FROM todo WHERE kind IN ({marks}) AND done_at_ms IS NULL",  # noqa: S608
        kinds,
    ).fetchone()
    return int(count)


def open_for(connection: sqlite3.Connection, role: str) -> list[Todo]:
    """What a role has to do, what is due first first."""
    return _rows(connection, " AND role = ? ORDER BY due_ms, id", role)


def to_remind(connection: sqlite3.Connection, now_ms: int) -> list[Todo]:
    """Open to-dos whose half-way has come, of which nobody was reminded."""
    return _rows(
        connection,
        " AND remind_ms <= ? AND due_ms > ? AND reminded_at_ms IS NULL AND urges"
        " ORDER BY due_ms, id",
        now_ms,
        now_ms,
    )


def to_escalate(connection: sqlite3.Connection, now_ms: int) -> list[Todo]:
    """Open to-dos that are overdue, of which the operator was not told."""
    return _rows(
        connection,
        " AND due_ms <= ? AND escalated_at_ms IS NULL AND urges ORDER BY due_ms, id",
        now_ms,
    )


def set_reminded(connection: sqlite3.Connection, todo: int, now_ms: int) -> None:
    """Store that somebody was reminded."""
    connection.execute("UPDATE todo SET reminded_at_ms = ? WHERE id = ?", (now_ms, todo))


def set_escalated(connection: sqlite3.Connection, todo: int, now_ms: int) -> None:
    """Store that the operator was told."""
    connection.execute("UPDATE todo SET escalated_at_ms = ? WHERE id = ?", (now_ms, todo))


def overdue(connection: sqlite3.Connection, now_ms: int) -> dict[str, int]:
    """How many open to-dos of each kind are overdue; what is only to be read is not counted."""
    return dict(
        connection.execute(
            "SELECT kind, count(*) FROM todo"
            " WHERE done_at_ms IS NULL AND due_ms <= ? AND urges GROUP BY kind",
            (now_ms,),
        )
    )


def look_at(connection: sqlite3.Connection, at_ms: int, now_ms: int) -> None:
    """Leave the errand that looks at the to-dos, then or a moment from now.

    Its key is its time, and it is never left for a time that has come: an errand of that key
    may have been run already, and would not be run again.
    """
    at_ms = max(at_ms, now_ms + 1)
    errands.add(connection, kind=CLOCK, key=f"{CLOCK}:{at_ms}", argument={}, not_before_ms=at_ms)


def look_next(connection: sqlite3.Connection, now_ms: int) -> None:
    """Leave that errand for the next time that matters, if there is one."""
    (at_ms,) = connection.execute(
        "SELECT min(at_ms) FROM ("
        "SELECT min(remind_ms) AS at_ms FROM todo"
        " WHERE done_at_ms IS NULL AND remind_ms > ?1 AND reminded_at_ms IS NULL AND urges"
        " UNION ALL SELECT min(due_ms) FROM todo"
        " WHERE done_at_ms IS NULL AND due_ms > ?1 AND escalated_at_ms IS NULL AND urges)",
        (now_ms,),
    ).fetchone()
    if at_ms is not None:
        look_at(connection, at_ms, now_ms)


def overdue_subject(kind: str, subject: bytes) -> bytes:
    """What the to-do about an overdue one is about; no two are about the same."""
    return kind.encode() + b":" + subject


def _times(
    connection: sqlite3.Connection, kind: str, subject: bytes, now_ms: int
) -> tuple[int, int]:
    """When a to-do that is left now is due, and when somebody is to be reminded."""
    rule = rule_of(kind)
    calendar, hours = workdays.calendar(connection), workdays.office_hours(connection)
    try:
        due_ms = add_working_minutes(now_ms, rule.minutes, calendar, hours)
    except ValueError:  # a clock beyond 2099: the to-do matters more than its time
        due_ms = END_OF_TIME_MS
    cap_ms = _cap(connection, rule.cap, subject)
    if cap_ms is not None and now_ms < cap_ms < due_ms:
        due_ms = cap_ms
    return due_ms, halfway_ms(now_ms, due_ms, calendar, hours)


def _cap(connection: sqlite3.Connection, cap: Cap, subject: bytes) -> int | None:
    if cap is Cap.NONE:
        return None
    if cap is Cap.CONVERSATION:
        sql = "SELECT deadline_ms FROM conversation WHERE id = ?1"
    else:
        sql = (
            "SELECT min(start_ms) FROM (SELECT start_ms FROM booking"
            " WHERE conversation = ?1 OR bundle = ?1 UNION ALL"
            " SELECT b.start_ms FROM session s JOIN booking b ON b.conversation = s.booking"
            " WHERE s.conversation = ?1)"
        )
    row = connection.execute(sql, (subject,)).fetchone()
    return None if row is None else row[0]


def _rows(connection: sqlite3.Connection, clause: str, *values: object) -> list[Todo]:
    rows: Sequence[Any] = connection.execute(_SELECT + clause, values).fetchall()
    return [Todo(*row) for row in rows]
