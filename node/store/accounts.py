"""People who may log in, and the tokens they hold. SQL only.

Of a token only its hash is kept: whoever reads the database cannot act for anybody.
"""

import sqlite3
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Account:
    """One person's local account.

    Attributes:
        totp_sealed: The sealed secret of its one-time codes; None if the password is enough.
        totp_offered: A sealed secret that was shown but not confirmed yet.
    """

    name: str
    role: str
    display_name: str
    password_hash: str
    totp_sealed: bytes | None = None
    totp_offered: bytes | None = None


@dataclass(frozen=True, slots=True)
class Login:
    """Who a token speaks for.

    Attributes:
        role: What they may do.
        subject: An account's name, or ``session:code`` in hex for a member at check-in.
        expires_at_ms: Until when, unix milliseconds.
    """

    role: str
    subject: str
    expires_at_ms: int


_COLUMNS: Final = "name, role, display_name, password_hash, totp_sealed, totp_offered"


def add(conn: sqlite3.Connection, account: Account, now_ms: int) -> bool:
    """Store a new account; False if the name is taken."""
    cursor = conn.execute(
        f"INSERT INTO account ({_COLUMNS}, created_at_ms)"  # noqa: S608 - our own constant
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING",
        (
            account.name,
            account.role,
            account.display_name,
            account.password_hash,
            account.totp_sealed,
            account.totp_offered,
            now_ms,
        ),
    )
    return cursor.rowcount == 1


def get(conn: sqlite3.Connection, name: str) -> Account | None:
    """The account of that name."""
    row = conn.execute(
        f"SELECT {_COLUMNS} FROM account WHERE name = ?",  # noqa: S608 - our own constant
        (name,),
    ).fetchone()
    return None if row is None else Account(*row)


def every(conn: sqlite3.Connection) -> list[Account]:
    """All accounts, by name."""
    rows = conn.execute(
        f"SELECT {_COLUMNS} FROM account ORDER BY name"  # noqa: S608 - our own constant
    ).fetchall()
    return [Account(*row) for row in rows]


def use_totp_step(conn: sqlite3.Connection, name: str, step: int) -> bool:
    """Use a time step up; False if it, or a later one, was used before."""
    cursor = conn.execute(
        "UPDATE account SET totp_last_step = ? WHERE name = ? AND totp_last_step < ?",
        (step, name, step),
    )
    return cursor.rowcount == 1


def offer_totp(conn: sqlite3.Connection, name: str, sealed: bytes) -> None:
    """Keep a secret that was shown until a code confirms it; replaces an earlier offer."""
    conn.execute("UPDATE account SET totp_offered = ? WHERE name = ?", (sealed, name))


def confirm_totp(conn: sqlite3.Connection, name: str) -> None:
    """Put the offered secret into force."""
    conn.execute(
        "UPDATE account SET totp_sealed = totp_offered, totp_offered = NULL WHERE name = ?",
        (name,),
    )


def put_login(conn: sqlite3.Connection, token_hash: bytes, login: Login, now_ms: int) -> None:
    """Store a token's hash; those that have expired are dropped on the way."""
    conn.execute("DELETE FROM login WHERE expires_at_ms <= ?", (now_ms,))
    conn.execute(
        "INSERT INTO login (token_hash, role, subject, expires_at_ms) VALUES (?, ?, ?, ?)",
        (token_hash, login.role, login.subject, login.expires_at_ms),
    )


def login_of(conn: sqlite3.Connection, token_hash: bytes, now_ms: int) -> Login | None:
    """Who a token speaks for, unless it has expired."""
    row = conn.execute(
        "SELECT role, subject, expires_at_ms FROM login WHERE token_hash = ? AND expires_at_ms > ?",
        (token_hash, now_ms),
    ).fetchone()
    return None if row is None else Login(*row)


def drop_login(conn: sqlite3.Connection, token_hash: bytes) -> None:
    """Forget a token."""
    conn.execute("DELETE FROM login WHERE token_hash = ?", (token_hash,))
