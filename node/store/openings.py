"""Acts of two persons that show the names of one draw before their time. SQL only.

An act is its steps, in order; none is changed or removed (the schema's triggers see to it).
Reasons are typed by people and may name somebody, so they are sealed.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from node.store.cipher import ColumnCipher

_REASON = "name_opening.reason"


class Did(StrEnum):
    """What one step of an act did."""

    PROPOSED = "PROPOSED"
    CONFIRMED = "CONFIRMED"
    WITHDRAWN = "WITHDRAWN"
    SHOWN = "SHOWN"


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Args:
        number: From 1, gapless.
        did: What.
        by: The account.
        at_ms: When.
        record: The bytes whose digest is the leaf.
        suite: In which log.
        log_index: The leaf's place there.
    """

    number: int
    did: Did
    by: str
    at_ms: int
    record: bytes
    suite: str
    log_index: int


@dataclass(frozen=True, slots=True)
class Opening:
    """One act; it has at least the step that proposed it."""

    id: bytes
    draw: bytes
    reason: str
    steps: tuple[Step, ...]


def add(
    connection: sqlite3.Connection, cipher: ColumnCipher, opening: bytes, draw: bytes, reason: str
) -> None:
    """Store a new act; its first step follows."""
    sealed = cipher.seal(_REASON, opening.hex(), reason)
    connection.execute(
        "INSERT INTO name_opening (id, draw, sealed_reason) VALUES (?, ?, ?)",
        (opening, draw, sealed),
    )


def add_step(connection: sqlite3.Connection, opening: bytes, step: Step) -> None:
    """Store what was done."""
    connection.execute(
        "INSERT INTO name_opening_step"
        " (opening, step, what, by_whom, at_ms, record, suite, log_index)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            opening,
            step.number,
            step.did.value,
            step.by,
            step.at_ms,
            step.record,
            step.suite,
            step.log_index,
        ),
    )


def get(connection: sqlite3.Connection, cipher: ColumnCipher, opening: bytes) -> Opening | None:
    """One act."""
    found = _select(connection, cipher, "id = ?", opening)
    return found[0] if found else None


def of_draw(connection: sqlite3.Connection, cipher: ColumnCipher, draw: bytes) -> list[Opening]:
    """The acts on one draw."""
    return _select(connection, cipher, "draw = ?", draw)


def everything(connection: sqlite3.Connection, cipher: ColumnCipher) -> list[Opening]:
    """All acts, the newest first."""
    found = _select(connection, cipher, "id IS NOT ?", b"")
    return sorted(found, key=lambda each: (-each.steps[0].at_ms, each.id))


def _select(
    connection: sqlite3.Connection, cipher: ColumnCipher, where: str, value: bytes
) -> list[Opening]:
    rows = connection.execute(
        f"SELECT id, draw, sealed_reason FROM name_opening WHERE {where} ORDER BY id",  # noqa: S608
        (value,),
    ).fetchall()
    return [
        Opening(
            bytes(opening),
            bytes(draw),
            cipher.open(_REASON, opening.hex(), sealed),
            tuple(_steps(connection, opening)),
        )
        for opening, draw, sealed in rows
    ]


def _steps(connection: sqlite3.Connection, opening: bytes) -> Sequence[Step]:
    rows = connection.execute(
        "SELECT step, what, by_whom, at_ms, record, suite, log_index FROM name_opening_step"
        " WHERE opening = ? ORDER BY step",
        (opening,),
    ).fetchall()
    return [Step(row[0], Did(row[1]), *row[2:]) for row in rows]
