"""Call-backs: what our choice as a regulator fell on, and as a center what was found. SQL only.

A record and whom it names are sealed; nothing else here is personal.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from node.store.cipher import ColumnCipher

_CALL: Final = "call_back.call"
_COLUMNS: Final = (
    "id, conversation, draw, entry, owner, sealer, suite, pool, epoch, response, evidence,"
    " gateway_key, asked_at_ms, state, wrong, sealed_call, finding, grounds, proposed_by,"
    " confirmed_by, decided_at_ms"
)


class State(StrEnum):
    """How far a call-back is."""

    ASKED = "ASKED"
    FAULTY = "FAULTY"
    PRODUCED = "PRODUCED"
    PROPOSED = "PROPOSED"
    DECIDED = "DECIDED"


@dataclass(frozen=True, slots=True)
class CallBackRow:
    """One invitation that our choice fell on.

    Attributes:
        id: By which officers name it.
        conversation: In which its record was asked for.
        draw: The draw.
        entry: The expert's handle in it.
        owner: Whose expert.
        sealer: The other center of the draw.
        suite: Of the draw.
        pool: Drawn from.
        epoch: Of the pool.
        response: What was reported.
        evidence: The digest that was reported.
        gateway_key: That was announced with the pool; empty: none.
        asked_at_ms: When the record was asked for.
        state: How far it is.
        wrong: What is wrong with the record; None: nothing so far.
        sealed_call: Record and expert, sealed; None: not produced, or needed no more.
        finding: What the officers found.
        grounds: What they say about it, for themselves.
        proposed_by: The first officer's account.
        confirmed_by: The second one's.
        decided_at_ms: When it was stated.
    """

    id: bytes
    conversation: bytes
    draw: bytes
    entry: bytes
    owner: str
    sealer: str
    suite: str
    pool: str
    epoch: str
    response: str
    evidence: bytes
    gateway_key: bytes
    asked_at_ms: int
    state: State = State.ASKED
    wrong: str | None = None
    sealed_call: bytes | None = None
    finding: str | None = None
    grounds: str | None = None
    proposed_by: str | None = None
    confirmed_by: str | None = None
    decided_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a regulator found of one invitation; ``outcome`` names a Finding or a Wrong."""

    conversation: bytes
    draw: bytes
    entry: bytes
    word: str
    outcome: str
    at_ms: int


# As a regulator


def add(connection: sqlite3.Connection, row: CallBackRow) -> None:
    """Our choice fell on an invitation."""
    connection.execute(
        f"INSERT INTO call_back ({_COLUMNS})"  # noqa: S608 (a constant)
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            row.id, row.conversation, row.draw, row.entry, row.owner, row.sealer, row.suite,
            row.pool, row.epoch, row.response, row.evidence, row.gateway_key, row.asked_at_ms,
            row.state.value, row.wrong, row.sealed_call, row.finding, row.grounds,
            row.proposed_by, row.confirmed_by, row.decided_at_ms,
        ),
    )  # fmt: skip


def get(connection: sqlite3.Connection, identifier: bytes) -> CallBackRow | None:
    """One of them."""
    found = _rows(connection, "id = ?", identifier)
    return found[0] if found else None


def everything(connection: sqlite3.Connection) -> list[CallBackRow]:
    """All, what officers still have to do first, then the newest."""
    return _rows(connection, "id IS NOT ?", b"")


def of_draw(connection: sqlite3.Connection, draw: bytes) -> list[CallBackRow]:
    """Those of one draw."""
    return _rows(connection, "draw = ?", draw)


def asked_in(connection: sqlite3.Connection, conversation: bytes) -> list[CallBackRow]:
    """Those whose records were asked for in one conversation."""
    return _rows(connection, "conversation = ?", conversation)


def ask_again(
    connection: sqlite3.Connection, conversation: bytes, another: bytes, now_ms: int
) -> None:
    """What was asked for in one conversation is asked for in another from now on."""
    connection.execute(
        "UPDATE call_back SET conversation = ?, asked_at_ms = ? WHERE conversation = ?",
        (another, now_ms, conversation),
    )


def set_wrong(connection: sqlite3.Connection, identifier: bytes, wrong: str) -> None:
    """A record proves nothing, or is not there; a good one that came before is kept."""
    connection.execute(
        "UPDATE call_back SET wrong = ?, state = CASE state WHEN ? THEN ? ELSE state END"
        " WHERE id = ?",
        (wrong, State.ASKED.value, State.FAULTY.value, identifier),
    )


def set_call(
    connection: sqlite3.Connection, cipher: ColumnCipher, identifier: bytes, call: str
) -> None:
    """A record proves what was reported; keep it with whom it names."""
    connection.execute(
        "UPDATE call_back SET sealed_call = ?, state = ? WHERE id = ?",
        (cipher.seal(_CALL, identifier.hex(), call), State.PRODUCED.value, identifier),
    )


def call_of(cipher: ColumnCipher, row: CallBackRow) -> str | None:
    """What ``set_call`` has kept."""
    return None if row.sealed_call is None else cipher.open(_CALL, row.id.hex(), row.sealed_call)


def propose(
    connection: sqlite3.Connection, identifier: bytes, finding: str, grounds: str, by: str
) -> None:
    """The first officer says what was found."""
    connection.execute(
        "UPDATE call_back SET state = ?, finding = ?, grounds = ?, proposed_by = ? WHERE id = ?",
        (State.PROPOSED.value, finding, grounds, by, identifier),
    )


def withdraw(connection: sqlite3.Connection, identifier: bytes) -> None:
    """It begins anew."""
    connection.execute(
        "UPDATE call_back SET state = ?, finding = NULL, grounds = NULL, proposed_by = NULL"
        " WHERE id = ?",
        (State.PRODUCED.value, identifier),
    )


def decide(
    connection: sqlite3.Connection, identifier: bytes, *, by: str, now_ms: int, forget: bool
) -> None:
    """The second officer agrees, and it is said; ``forget``: nobody has to be called any more."""
    connection.execute(
        "UPDATE call_back SET state = ?, confirmed_by = ?, decided_at_ms = ?,"
        " sealed_call = CASE WHEN ? THEN NULL ELSE sealed_call END WHERE id = ?",
        (State.DECIDED.value, by, now_ms, forget, identifier),
    )


# As a center


def choice(connection: sqlite3.Connection, draw: bytes) -> bytes | None:
    """What the regulator said that it chooses by in a draw."""
    row = connection.execute("SELECT value FROM call_choice WHERE draw = ?", (draw,)).fetchone()
    return None if row is None else bytes(row[0])


def set_choice(connection: sqlite3.Connection, draw: bytes, value: bytes) -> None:
    """It says so for the first time, or again."""
    connection.execute(
        "INSERT INTO call_choice (draw, value) VALUES (?, ?) ON CONFLICT DO NOTHING", (draw, value)
    )


def add_checked(connection: sqlite3.Connection, row: Checked) -> None:
    """The regulator has told us what it found."""
    connection.execute(
        "INSERT INTO call_checked (conversation, draw, entry, word, outcome, at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (row.conversation, row.draw, row.entry, row.word, row.outcome, row.at_ms),
    )


def checked(connection: sqlite3.Connection, draw: bytes) -> list[Checked]:
    """What it found in a draw, the oldest first."""
    rows = connection.execute(
        "SELECT conversation, draw, entry, word, outcome, at_ms FROM call_checked"
        " WHERE draw = ? ORDER BY at_ms, conversation",
        (draw,),
    ).fetchall()
    return [Checked(*row) for row in rows]


def outcomes(connection: sqlite3.Connection) -> dict[str, int]:
    """How many were found how, for metrics: what we were told, and what as a regulator we said."""
    rows = connection.execute(
        "SELECT outcome, count(*) FROM ("
        " SELECT outcome FROM call_checked"
        " UNION ALL SELECT wrong FROM call_back WHERE wrong IS NOT NULL"
        " UNION ALL SELECT finding FROM call_back WHERE state = ?"
        ") GROUP BY 1",
        (State.DECIDED.value,),
    ).fetchall()
    return dict(rows)


def _rows(connection: sqlite3.Connection, where: str, value: bytes) -> list[CallBackRow]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM call_back WHERE {where}"  # noqa: S608 (constants)
        " ORDER BY state NOT IN (?, ?), asked_at_ms DESC, id",
        (value, State.PRODUCED.value, State.PROPOSED.value),
    ).fetchall()
    return [_row(row) for row in rows]


def _row(row: Sequence[Any]) -> CallBackRow:
    return CallBackRow(*(*row[:13], State(row[13]), *row[14:]))
