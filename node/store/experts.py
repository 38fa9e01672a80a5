"""The center's expert register. Persons are sealed column by column; see ``cipher``.

An identity number is found again by its blind index only. Whether a register may be
imported is ``node.services.experts``' affair.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from node.domain.codes import ResidentId, Specialty, Uscc
from node.domain.expert import Expert, ExpertStatus
from node.store.cipher import ColumnCipher

_COLUMNS: Final = (
    "uid, sealed_name, sealed_id_number, sealed_phone, employer, uscc, specialties, status"
)


def put(connection: sqlite3.Connection, cipher: ColumnCipher, expert: Expert, now_ms: int) -> None:
    """Store an expert, new or changed, by registry number.

    Raises:
        sqlite3.IntegrityError: Another registry number has the same identity number.
    """
    connection.execute(
        "INSERT INTO expert (uid, sealed_name, sealed_id_number, blind_id_number, sealed_phone,"
        " employer, uscc, specialties, status, changed_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (uid) DO UPDATE SET sealed_name = excluded.sealed_name,"
        " sealed_id_number = excluded.sealed_id_number,"
        " blind_id_number = excluded.blind_id_number, sealed_phone = excluded.sealed_phone,"
        " employer = excluded.employer, uscc = excluded.uscc,"
        " specialties = excluded.specialties, status = excluded.status,"
        " changed_at_ms = excluded.changed_at_ms",
        (
            expert.uid,
            cipher.seal("expert.name", expert.uid, expert.name),
            cipher.seal("expert.id_number", expert.uid, expert.id_number),
            cipher.blind("expert.id_number", expert.id_number),
            cipher.seal("expert.phone", expert.uid, expert.phone),
            expert.employer,
            expert.employer_uscc,
            json.dumps(expert.specialties),
            expert.status.value,
            now_ms,
        ),
    )


def get(connection: sqlite3.Connection, cipher: ColumnCipher, uid: str) -> Expert | None:
    """An expert by registry number."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM expert WHERE uid = ?",  # noqa: S608 (a constant)
        (uid,),
    ).fetchone()
    return None if row is None else _expert(cipher, row)


def by_id_number(
    connection: sqlite3.Connection, cipher: ColumnCipher, id_number: str
) -> Expert | None:
    """An expert by identity number, parsed by ``node.domain.codes.resident_id``."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM expert WHERE blind_id_number = ?",  # noqa: S608 (a constant)
        (cipher.blind("expert.id_number", id_number),),
    ).fetchone()
    return None if row is None else _expert(cipher, row)


def holder_of(connection: sqlite3.Connection, cipher: ColumnCipher, id_number: str) -> str | None:
    """The registry number that an identity number is registered under; opens nothing."""
    row = connection.execute(
        "SELECT uid FROM expert WHERE blind_id_number = ?",
        (cipher.blind("expert.id_number", id_number),),
    ).fetchone()
    return None if row is None else str(row[0])


def all(connection: sqlite3.Connection, cipher: ColumnCipher) -> list[Expert]:  # noqa: A001
    """The whole register, by registry number. Opens every sealed column: 3 per expert."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM expert ORDER BY uid"  # noqa: S608 (a constant)
    ).fetchall()
    return [_expert(cipher, row) for row in rows]


def count(connection: sqlite3.Connection) -> int:
    """How many experts the register has."""
    (number,) = connection.execute("SELECT count(*) FROM expert").fetchone()
    return int(number)


def active_specialties(connection: sqlite3.Connection) -> list[tuple[Specialty, ...]]:
    """The specialties of every active expert; opens nothing."""
    rows = connection.execute("SELECT specialties FROM expert WHERE status = 'active'").fetchall()
    return [tuple(Specialty(code) for code in json.loads(codes)) for (codes,) in rows]


def _expert(cipher: ColumnCipher, row: Sequence[Any]) -> Expert:
    uid, name, id_number, phone, employer, uscc, specialties, status = row
    return Expert(
        uid=uid,
        name=cipher.open("expert.name", uid, name),
        id_number=ResidentId(cipher.open("expert.id_number", uid, id_number)),
        phone=cipher.open("expert.phone", uid, phone),
        employer=employer,
        employer_uscc=Uscc(uscc),
        specialties=tuple(Specialty(code) for code in json.loads(specialties)),
        status=ExpertStatus(status),
    )
