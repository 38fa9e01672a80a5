"""Experts of our own who left a list that they were on. SQL only."""

import sqlite3
from dataclasses import dataclass, field

_COLUMNS = "draw, entry, response, sealed_reason, salt, proof, by_whom, at_ms, reported"


@dataclass(frozen=True, slots=True)
class Departure:
    """One of them.

    Args:
        draw: The draw's conversation.
        entry: Who left.
        response: LEAVE, RECUSED or ABSENT.
        sealed_reason: Why: for our own staff alone, encrypted.
        salt: Of the evidence that the other center was told.
        proof: The regulator's ``Recuse``, where it was found by comparing; else empty.
        by: Who entered it.
        at_ms: When.
        reported: Whether the other center was told.
    """

    draw: bytes
    entry: bytes
    response: str
    sealed_reason: bytes = field(repr=False)
    salt: bytes = field(repr=False)
    proof: bytes = field(repr=False)
    by: str
    at_ms: int
    reported: bool = False


def add(connection: sqlite3.Connection, departure: Departure) -> None:
    """Keep one. Raises IntegrityError if that expert has left already."""
    connection.execute(
        f"INSERT INTO departure ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            departure.draw,
            departure.entry,
            departure.response,
            departure.sealed_reason,
            departure.salt,
            departure.proof,
            departure.by,
            departure.at_ms,
            int(departure.reported),
        ),
    )


def of_draw(connection: sqlite3.Connection, draw: bytes) -> list[Departure]:
    """Everybody who left a draw's list, in the order in which they did."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM departure WHERE draw = ? ORDER BY at_ms, entry",  # noqa: S608
        (draw,),
    ).fetchall()
    return [
        Departure(one, entry, response, reason, salt, proof, by, at_ms, bool(reported))
        for one, entry, response, reason, salt, proof, by, at_ms, reported in rows
    ]


def set_reported(connection: sqlite3.Connection, departure: Departure) -> None:
    """The other center was told."""
    connection.execute(
        "UPDATE departure SET reported = 1 WHERE draw = ? AND entry = ?",
        (departure.draw, departure.entry),
    )
