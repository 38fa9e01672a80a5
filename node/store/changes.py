"""Changes of the window of a booked evaluation: the host's, and what each leg was asked. SQL only.

At the host one row for the change and one for each leg; at the sub only the leg's. What a
change may come to is decided in ``federation.protocol.change``.
"""

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from federation.ids import CenterId, ConversationId
from federation.protocol.booking import Answer, Consent, Decision
from federation.protocol.change import Change, ChangePhase


class Asked(StrEnum):
    """What is asked for."""

    MOVE = "MOVE"
    EXTEND = "EXTEND"


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when, unix milliseconds; as it was asked for, even if no window can be so."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Seating:
    """Seats, ids as in the catalogue: those that count before a change, and those after."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One change of the host's, with what the protocol does not know of it.

    ``bundle`` is the root: the legs of bundles that joined it are asked too.
    """

    change: Change
    bundle: bytes
    kind: Asked
    window: Span
    before: Span
    by_law: bool
    why: str
    seats: Seating
    asked_by: str
    asked_at_ms: int


@dataclass(frozen=True, slots=True)
class LegChange:
    """What one leg was asked, and what came of it; ``seats`` at the sub, once it keeps them."""

    conversation: ConversationId
    change: bytes
    kind: Asked
    window: Span
    before: Span
    by_law: bool
    why: str
    asked_at_ms: int
    seats: Seating | None = None
    answer: Answer | None = None
    answer_why: str = ""
    clause: str = ""
    alternative_start_ms: int = 0
    decision: Decision | None = None


_CHANGE: Final = (
    "SELECT id, bundle, kind, start_ms, end_ms, before_start_ms, before_end_ms, by_law, why, seats,"
    " phase, decision, reason, decide_by_ms, asked_by, asked_at_ms FROM change"
)
_LEG: Final = (
    "SELECT conversation, change, kind, start_ms, end_ms, before_start_ms, before_end_ms, by_law,"
    " why, asked_at_ms, seats, answer, answer_why, clause, alternative_start_ms, decision"
    " FROM leg_change"
)


def add(connection: sqlite3.Connection, row: ChangeRow) -> None:
    """Store a new change of ours; its legs are the rows of ``leg_change`` that name it."""
    connection.execute(
        "INSERT INTO change (id, bundle, kind, start_ms, end_ms, before_start_ms, before_end_ms,"
        " by_law, why, seats, phase, reason, decide_by_ms, asked_by, asked_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.change.id, row.bundle, row.kind.value, row.window.start_ms, row.window.end_ms,
            row.before.start_ms, row.before.end_ms, row.by_law, row.why, _seats(row.seats),
            row.change.phase.value, row.change.reason, row.change.decide_by_ms, row.asked_by,
            row.asked_at_ms,
        ),
    )  # fmt: skip


def set_phase(connection: sqlite3.Connection, change: Change) -> None:
    """Store how far a change has come; a decision once stored never changes."""
    connection.execute(
        "UPDATE change SET phase = ?, decision = coalesce(decision, ?), reason = ? WHERE id = ?",
        (
            change.phase.value,
            None if change.decision is None else change.decision.name,
            change.reason,
            change.id,
        ),
    )


def get(connection: sqlite3.Connection, change: bytes) -> ChangeRow | None:
    """A change of ours."""
    row = connection.execute(_CHANGE + " WHERE id = ?", (change,)).fetchone()
    return None if row is None else _change(connection, row)


def of_bundle(connection: sqlite3.Connection, bundle: bytes) -> list[ChangeRow]:
    """The changes of a bundle, oldest first."""
    rows = connection.execute(_CHANGE + " WHERE bundle = ? ORDER BY rowid", (bundle,)).fetchall()
    return [_change(connection, row) for row in rows]


def untold_by(connection: sqlite3.Connection, peer: CenterId) -> list[bytes]:
    """Changes of ours that are decided but not closed and have a leg with a peer."""
    rows = connection.execute(
        "SELECT DISTINCT c.id FROM change c JOIN leg_change l ON l.change = c.id"
        " JOIN booking b ON b.conversation = l.conversation"
        " WHERE c.phase = 'DECIDED' AND b.peer = ? AND b.role = 'HOST' ORDER BY c.id",
        (peer,),
    ).fetchall()
    return [row[0] for row in rows]


def ask(connection: sqlite3.Connection, leg: LegChange) -> None:
    """Store what a leg is asked."""
    connection.execute(
        "INSERT INTO leg_change (conversation, change, kind, start_ms, end_ms, before_start_ms,"
        " before_end_ms, by_law, why, asked_at_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            leg.conversation, leg.change, leg.kind.value, leg.window.start_ms, leg.window.end_ms,
            leg.before.start_ms, leg.before.end_ms, leg.by_law, leg.why, leg.asked_at_ms,
        ),
    )  # fmt: skip


def keep_seats(connection: sqlite3.Connection, leg: LegChange, seats: Seating) -> None:
    """Store which seats the sub keeps for a change."""
    connection.execute(
        "UPDATE leg_change SET seats = ? WHERE conversation = ? AND change = ?",
        (_seats(seats), leg.conversation, leg.change),
    )


def answer(connection: sqlite3.Connection, conversation: bytes, word: Consent) -> None:
    """Store the sub's answer."""
    connection.execute(
        "UPDATE leg_change SET answer = ?, answer_why = ?, clause = ?, alternative_start_ms = ?"
        " WHERE conversation = ? AND change = ?",
        (
            word.answer.name, word.reason, word.clause, word.alternative_start_ms, conversation,
            word.change_id,
        ),
    )  # fmt: skip


def settle(
    connection: sqlite3.Connection, conversation: bytes, change: bytes, decision: Decision
) -> None:
    """Store how a leg's change was settled; the first decision stays."""
    connection.execute(
        "UPDATE leg_change SET decision = coalesce(decision, ?)"
        " WHERE conversation = ? AND change = ?",
        (decision.name, conversation, change),
    )


def of_leg(connection: sqlite3.Connection, conversation: bytes) -> list[LegChange]:
    """All that a leg was asked, oldest first."""
    rows = connection.execute(
        _LEG + " WHERE conversation = ? ORDER BY rowid", (conversation,)
    ).fetchall()
    return [_leg(row) for row in rows]


def asked(connection: sqlite3.Connection, conversation: bytes, change: bytes) -> LegChange | None:
    """What a leg was asked by one change; None if that is not known here."""
    row = connection.execute(
        _LEG + " WHERE conversation = ? AND change = ?", (conversation, change)
    ).fetchone()
    return None if row is None else _leg(row)


def _seats(seats: Seating) -> str:
    return json.dumps([seats.before, seats.after])


def _seating(text: str) -> Seating:
    before, after = json.loads(text)
    return Seating(tuple(before), tuple(after))


def _change(connection: sqlite3.Connection, row: Sequence[Any]) -> ChangeRow:
    (
        change, bundle, kind, start_ms, end_ms, before_start_ms, before_end_ms, by_law, why, seats,
        phase, decision, reason, decide_by_ms, asked_by, asked_at_ms,
    ) = row  # fmt: skip
    legs = connection.execute(
        "SELECT conversation FROM leg_change WHERE change = ? ORDER BY conversation", (change,)
    ).fetchall()
    return ChangeRow(
        Change(
            id=change,
            legs=tuple(ConversationId(leg) for (leg,) in legs),
            phase=ChangePhase(phase),
            decide_by_ms=decide_by_ms,
            decision=None if decision is None else Decision[decision],
            reason=reason,
        ),
        bundle=bundle,
        kind=Asked(kind),
        window=Span(start_ms, end_ms),
        before=Span(before_start_ms, before_end_ms),
        by_law=bool(by_law),
        why=why,
        seats=_seating(seats),
        asked_by=asked_by,
        asked_at_ms=asked_at_ms,
    )


def _leg(row: Sequence[Any]) -> LegChange:
    (
        conversation, change, kind, start_ms, end_ms, before_start_ms, before_end_ms, by_law, why,
        asked_at_ms, seats, answered, answer_why, clause, alternative_start_ms, decision,
    ) = row  # fmt: skip
    return LegChange(
        conversation=ConversationId(conversation),
        change=change,
        kind=Asked(kind),
        window=Span(start_ms, end_ms),
        before=Span(before_start_ms, before_end_ms),
        by_law=bool(by_law),
        why=why,
        asked_at_ms=asked_at_ms,
        seats=None if seats is None else _seating(seats),
        answer=None if answered is None else Answer[answered],
        answer_why=answer_why,
        clause=clause,
        alternative_start_ms=alternative_start_ms,
        decision=None if decision is None else Decision[decision],
    )
