"""Lotteries of sub-venues: those that we hold, and every conversation of one. SQL only.

A candidacy is one conversation, at the host and at the candidate alike; its phase is the
conversation's: it is joined, never copied.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, cast

from federation.ids import AgreementId, CenterId, ConversationId
from federation.protocol.conversation import Phase, Role
from federation.protocol.selection import Invite
from federation.wire.words import PAYLOAD_TYPES, decode_word, encode_word

_INVITE: Final = PAYLOAD_TYPES[Invite]


class Progress(StrEnum):
    """How far a lottery of ours has come."""

    INVITING = "INVITING"
    GATHERING = "GATHERING"
    DRAWN = "DRAWN"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True)
class SelectionRow:
    """A lottery that we hold.

    Args:
        id: The same in all attempts.
        project: For which project of ours.
        mode: RANDOM or BLIND.
        suite: Of all its conversations.
        attempt: The present one, from 1.
        sealed_value: Our random value of this attempt, under the data key.
        progress: How far it has come.
        ranked: The entrants by rank; empty before.
        declined: Those of them that were asked and did not come.
        note: Why it ended without a booking, for people, or "".
        asked_by: The account that asked for it.
    """

    id: bytes
    project: bytes
    mode: str
    suite: str
    attempt: int
    sealed_value: bytes
    progress: Progress
    asked_by: str
    ranked: tuple[CenterId, ...] = ()
    declined: tuple[CenterId, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Candidacy:
    """One conversation of a lottery.

    Args:
        conversation: Its id.
        selection: The lottery.
        attempt: Which attempt.
        role: Ours.
        peer: The other side.
        invite: Its first word.
        sealed_value: At the candidate, our random value under the data key.
        commitment: At the host, what the candidate committed to.
        value: At the host, what it disclosed.
        phase: The conversation's.
        agreement: Under which agreement.
    """

    conversation: ConversationId
    selection: bytes
    attempt: int
    role: Role
    peer: CenterId
    invite: Invite
    sealed_value: bytes | None = None
    commitment: bytes | None = None
    value: bytes | None = None
    phase: Phase = field(default=Phase(""))
    agreement: AgreementId = field(default=AgreementId(b""))


_SELECTION: Final = (
    "SELECT id, project, mode, suite, attempt, sealed_value, progress, asked_by, ranked, declined,"
    " note FROM selection"
)
_CANDIDACY: Final = (
    "SELECT a.conversation, a.selection, a.attempt, a.role, a.peer, a.invite, a.sealed_value,"
    " a.commitment, a.value, c.phase, c.agreement"
    " FROM candidacy a JOIN conversation c ON c.id = a.conversation"
)


def add(connection: sqlite3.Connection, row: SelectionRow, now_ms: int) -> None:
    """Store a new lottery of ours."""
    connection.execute(
        "INSERT INTO selection (id, project, mode, suite, attempt, sealed_value, progress,"
        " asked_by, created_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id, row.project, row.mode, row.suite, row.attempt, row.sealed_value,
            row.progress.value, row.asked_by, now_ms,
        ),
    )  # fmt: skip


def put(connection: sqlite3.Connection, row: SelectionRow) -> None:
    """Store what has become of a lottery of ours."""
    connection.execute(
        "UPDATE selection SET attempt = ?, sealed_value = ?, progress = ?, ranked = ?,"
        " declined = ?, note = ? WHERE id = ?",
        (
            row.attempt, row.sealed_value, row.progress.value, json.dumps(row.ranked),
            json.dumps(row.declined), row.note, row.id,
        ),
    )  # fmt: skip


def get(connection: sqlite3.Connection, selection: bytes) -> SelectionRow | None:
    """A lottery of ours by id."""
    row = connection.execute(_SELECTION + " WHERE id = ?", (selection,)).fetchone()
    return None if row is None else _selection(row)


def of_project(connection: sqlite3.Connection, project: bytes) -> list[SelectionRow]:
    """The lotteries of a project, oldest first."""
    rows = connection.execute(
        _SELECTION + " WHERE project = ? ORDER BY created_at_ms, id", (project,)
    ).fetchall()
    return [_selection(row) for row in rows]


def unstarted(connection: sqlite3.Connection, mode: str) -> dict[bytes, int]:
    """Projects with a lottery of a mode that have an evaluation before them.

    Each with the time of its last start, unix milliseconds; -1: none has started. Bookings up
    to then belong to an evaluation that is known; those after it, to the next.
    """
    rows = connection.execute(
        "SELECT DISTINCT s.project, coalesce(t.began, -1) FROM selection s LEFT JOIN"
        " (SELECT project, max(started_at_ms) AS began FROM session WHERE project IS NOT NULL"
        " GROUP BY project) t ON t.project = s.project"
        " WHERE s.mode = ? AND (t.began IS NULL OR EXISTS (SELECT 1 FROM booking b"
        " JOIN conversation c ON c.id = b.conversation"
        " WHERE b.project = s.project AND c.opened_at_ms > t.began))",
        (mode,),
    ).fetchall()
    return dict(rows)


def everything_of(connection: sqlite3.Connection, project: bytes) -> list[bytes]:
    """The ids of a project and of all that came of it: bundles, bookings, draws, sessions."""
    rows = connection.execute(
        "SELECT ?1 UNION SELECT id FROM bundle WHERE project = ?1"
        " UNION SELECT conversation FROM booking WHERE project = ?1"
        " UNION SELECT d.conversation FROM draw d JOIN booking b ON b.conversation = d.booking"
        " WHERE b.project = ?1"
        " UNION SELECT conversation FROM session WHERE project = ?1"
        " UNION SELECT id FROM selection WHERE project = ?1"
        " UNION SELECT a.conversation FROM candidacy a JOIN selection s ON s.id = a.selection"
        " WHERE s.project = ?1",
        (project,),
    ).fetchall()
    return [found for (found,) in rows]


def enrol(connection: sqlite3.Connection, new: Candidacy) -> None:
    """Store a conversation when its Invite was said or heard."""
    connection.execute(
        "INSERT INTO candidacy (conversation, selection, attempt, role, peer, invite,"
        " sealed_value) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (
            new.conversation, new.selection, new.attempt, new.role, new.peer,
            encode_word(new.invite), new.sealed_value,
        ),
    )  # fmt: skip


def set_commitment(
    connection: sqlite3.Connection, conversation: bytes, commitment: bytes | None
) -> None:
    """Store what a candidate committed to; None: it is no entrant after all."""
    connection.execute(
        "UPDATE candidacy SET commitment = ? WHERE conversation = ?", (commitment, conversation)
    )


def set_value(connection: sqlite3.Connection, conversation: bytes, value: bytes) -> None:
    """Store what a candidate disclosed."""
    connection.execute(
        "UPDATE candidacy SET value = ? WHERE conversation = ?", (value, conversation)
    )


def candidacy(connection: sqlite3.Connection, conversation: bytes) -> Candidacy | None:
    """A conversation by id."""
    return next(iter(_candidacies(connection, "a.conversation = ?", conversation)), None)


def of_attempt(connection: sqlite3.Connection, selection: bytes, attempt: int) -> list[Candidacy]:
    """The conversations of one attempt of a lottery of ours, by candidate."""
    return _candidacies(
        connection, "a.role = 'HOST' AND a.selection = ? AND a.attempt = ?", selection, attempt
    )


def between(connection: sqlite3.Connection, selection: bytes, peer: CenterId) -> list[Candidacy]:
    """All conversations of one lottery with one peer, the last attempt last."""
    return _candidacies(connection, "a.selection = ? AND a.peer = ?", selection, peer)


def _candidacies(connection: sqlite3.Connection, where: str, *values: object) -> list[Candidacy]:
    rows = connection.execute(
        f"{_CANDIDACY} WHERE {where} ORDER BY a.attempt, a.peer", values
    ).fetchall()
    return [_candidacy(row) for row in rows]


def _selection(row: Sequence[Any]) -> SelectionRow:
    (
        selection, project, mode, suite, attempt, sealed_value, progress, asked_by, ranked,
        declined, note,
    ) = row  # fmt: skip
    return SelectionRow(
        id=selection,
        project=project,
        mode=mode,
        suite=suite,
        attempt=attempt,
        sealed_value=sealed_value,
        progress=Progress(progress),
        asked_by=asked_by,
        ranked=tuple(map(CenterId, json.loads(ranked))),
        declined=tuple(map(CenterId, json.loads(declined))),
        note=note,
    )


def _candidacy(row: Sequence[Any]) -> Candidacy:
    (
        conversation, selection, attempt, role, peer, invite, sealed_value, commitment, value,
        phase, agreement,
    ) = row  # fmt: skip
    return Candidacy(
        conversation=ConversationId(conversation),
        selection=selection,
        attempt=attempt,
        role=Role(role),
        peer=CenterId(peer),
        invite=cast("Invite", decode_word(_INVITE, invite)),
        sealed_value=sealed_value,
        commitment=commitment,
        value=value,
        phase=Phase(phase),
        agreement=AgreementId(agreement),
    )
