"""Projects, what their agencies ask for, and the tenderee's representatives. SQL only."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from federation.ids import CenterId
from node.domain.calendar import Window
from node.domain.codes import LotCode, ProjectCode, RegionCode, ResidentId, Specialty, Uscc
from node.domain.project import (
    BookingRequest,
    ExpertSlots,
    Lot,
    Party,
    Project,
    ProjectKind,
    ProjectState,
    SelectionMode,
    SubRequirement,
)
from node.domain.venue import Requirement, SeatKind
from node.store.cipher import ColumnCipher


@dataclass(frozen=True, slots=True)
class ProjectRow:
    """One project at its host.

    Args:
        id: 16 bytes.
        project: What the agency entered.
        state: See ``ProjectState``.
        plan: What was last asked for, or None before that.
        created_by: The agency's account.
        created_at_ms: When it was entered.
        ruled_by: The account that accepted or rejected it, or None.
        ruled_at_ms: When.
        reason: Why it was rejected, or "".
    """

    id: bytes
    project: Project
    state: ProjectState
    plan: BookingRequest | None
    created_by: str
    created_at_ms: int
    ruled_by: str | None
    ruled_at_ms: int | None
    reason: str

    @property
    def lot_code(self) -> str:
        """The first lot's code, by which the e-trading system knows the evaluation."""
        return self.project.lots[0].code


@dataclass(frozen=True, slots=True)
class Representative:
    """A representative of the tenderee (招标人代表) by code; the person stays sealed."""

    code: bytes
    project: bytes


_COLUMNS: Final = (
    "id, code, name, lots, kind, region_code, tenderee, tenderee_uscc, agency, agency_uscc,"
    " competent, value_fen, bid_deadline_ms, start_ms, end_ms, state, plan, created_by,"
    " created_at_ms, ruled_by, ruled_at_ms, reason"
)


def add(
    connection: sqlite3.Connection, project_id: bytes, project: Project, by: str, now_ms: int
) -> None:
    """Store a new project as a draft.

    Raises:
        sqlite3.IntegrityError: Its code is known already.
    """
    connection.execute(
        "INSERT INTO project (id, code, name, lots, kind, region_code, tenderee, tenderee_uscc,"
        " agency, agency_uscc, competent, value_fen, bid_deadline_ms, start_ms, end_ms, state,"
        " created_by, created_at_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            project_id,
            project.code,
            project.name,
            json.dumps([[lot.code, lot.name] for lot in project.lots], ensure_ascii=False),
            project.kind.value,
            project.region,
            project.tenderee.name,
            project.tenderee.uscc,
            None if project.agency is None else project.agency.name,
            None if project.agency is None else project.agency.uscc,
            _competent(project.competent),
            project.value_fen,
            project.bid_deadline_ms,
            project.evaluation.start_ms,
            project.evaluation.end_ms,
            ProjectState.DRAFT.value,
            by,
            now_ms,
        ),
    )


def get(connection: sqlite3.Connection, project_id: bytes) -> ProjectRow | None:
    """A project by id."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM project WHERE id = ?",  # noqa: S608 (a constant)
        (project_id,),
    ).fetchone()
    return None if row is None else _project(row)


def all(connection: sqlite3.Connection) -> list[ProjectRow]:  # noqa: A001
    """Every project, the newest first."""
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM project ORDER BY created_at_ms DESC, id"  # noqa: S608
    ).fetchall()
    return [_project(row) for row in rows]


def set_state(connection: sqlite3.Connection, project_id: bytes, state: ProjectState) -> None:
    """Move a project to another state; who may is decided above."""
    connection.execute("UPDATE project SET state = ? WHERE id = ?", (state.value, project_id))


def rule(
    connection: sqlite3.Connection,
    project_id: bytes,
    state: ProjectState,
    *,
    by: str,
    reason: str,
    now_ms: int,
) -> None:
    """Store that staff accepted or rejected a project."""
    connection.execute(
        "UPDATE project SET state = ?, ruled_by = ?, ruled_at_ms = ?, reason = ? WHERE id = ?",
        (state.value, by, now_ms, reason, project_id),
    )


def set_competent(
    connection: sqlite3.Connection, project_id: bytes, competent: Sequence[Party]
) -> None:
    """Store the competent units; whether they may still change is decided above."""
    connection.execute(
        "UPDATE project SET competent = ? WHERE id = ?", (_competent(competent), project_id)
    )


def set_plan(connection: sqlite3.Connection, project_id: bytes, plan: BookingRequest) -> None:
    """Store what is asked for; the last request counts."""
    connection.execute(
        "UPDATE project SET plan = ? WHERE id = ?",
        (json.dumps(plan_document(plan), sort_keys=True), project_id),
    )


def add_representative(
    connection: sqlite3.Connection,
    cipher: ColumnCipher,
    representative: Representative,
    name: str,
    id_number: ResidentId,
) -> None:
    """Store a representative.

    Raises:
        sqlite3.IntegrityError: The project has this person already.
    """
    row = representative.code.hex()
    connection.execute(
        "INSERT INTO representative (code, project, sealed_name, sealed_id_number,"
        " blind_id_number) VALUES (?, ?, ?, ?, ?)",
        (
            representative.code,
            representative.project,
            cipher.seal("representative.name", row, name),
            cipher.seal("representative.id_number", row, id_number),
            cipher.blind("representative.id_number", id_number),
        ),
    )


def representatives(connection: sqlite3.Connection, project_id: bytes) -> list[Representative]:
    """A project's representatives by code."""
    rows = connection.execute(
        "SELECT code, project FROM representative WHERE project = ? ORDER BY code", (project_id,)
    ).fetchall()
    return [Representative(*row) for row in rows]


def representative_by_id_number(
    connection: sqlite3.Connection, cipher: ColumnCipher, project_id: bytes, id_number: str
) -> Representative | None:
    """The representative with an identity number, for the check-in desk."""
    row = connection.execute(
        "SELECT code, project FROM representative WHERE project = ? AND blind_id_number = ?",
        (project_id, cipher.blind("representative.id_number", id_number)),
    ).fetchone()
    return None if row is None else Representative(*row)


def person(
    connection: sqlite3.Connection, cipher: ColumnCipher, code: bytes
) -> tuple[str, ResidentId] | None:
    """Name and identity number of a representative; for the check-in desk and the report."""
    row = connection.execute(
        "SELECT sealed_name, sealed_id_number FROM representative WHERE code = ?", (code,)
    ).fetchone()
    if row is None:
        return None
    name, id_number = row
    return (
        cipher.open("representative.name", code.hex(), name),
        ResidentId(cipher.open("representative.id_number", code.hex(), id_number)),
    )


def _competent(units: Sequence[Party]) -> str:
    return json.dumps([[unit.name, unit.uscc] for unit in units], ensure_ascii=False)


def _project(row: Sequence[Any]) -> ProjectRow:
    (
        project_id, code, name, lots, kind, region, tenderee, tenderee_uscc, agency, agency_uscc,
        competent, value_fen, bid_deadline_ms, start_ms, end_ms, state, plan, *rest,
    ) = row  # fmt: skip
    return ProjectRow(
        project_id,
        Project(
            code=ProjectCode(code),
            name=name,
            tenderee=Party(tenderee, Uscc(tenderee_uscc)),
            agency=None if agency is None else Party(agency, Uscc(agency_uscc)),
            kind=ProjectKind(kind),
            region=RegionCode(region),
            competent=tuple(Party(unit, Uscc(uscc)) for unit, uscc in json.loads(competent)),
            bid_deadline_ms=bid_deadline_ms,
            value_fen=value_fen,
            evaluation=Window(start_ms, end_ms),
            lots=tuple(Lot(LotCode(lot), title) for lot, title in json.loads(lots)),
        ),
        ProjectState(state),
        None if plan is None else read_plan(json.loads(plan)),
        *rest,
    )


def plan_document(plan: BookingRequest) -> dict[str, Any]:
    """A request as JSON keeps it."""
    return {
        "start_ms": plan.window.start_ms,
        "end_ms": plan.window.end_ms,
        "host_seats": plan.host_seats,
        "representatives": plan.representatives,
        "host_slots": [[slot.specialty, slot.count] for slot in plan.host_slots],
        "subs": [
            {
                "seats": sub.venue.seats,
                "kind": None if sub.venue.kind is None else sub.venue.kind.value,
                "equipment": sorted(sub.venue.equipment),
                "overnight": sub.venue.overnight,
                "slots": [[slot.specialty, slot.count] for slot in sub.slots],
            }
            for sub in plan.subs
        ],
        "mode": plan.mode.value,
        "chosen": list(plan.chosen),
    }


def read_plan(document: Mapping[str, Any]) -> BookingRequest:
    """A request from what ``plan_document`` made."""
    return BookingRequest(
        window=Window(document["start_ms"], document["end_ms"]),
        host_seats=document["host_seats"],
        representatives=document["representatives"],
        host_slots=_slots(document["host_slots"]),
        subs=tuple(
            SubRequirement(
                Requirement(
                    seats=sub["seats"],
                    kind=None if sub["kind"] is None else SeatKind(sub["kind"]),
                    equipment=frozenset(sub["equipment"]),
                    overnight=sub["overnight"],
                ),
                _slots(sub["slots"]),
            )
            for sub in document["subs"]
        ),
        mode=SelectionMode(document["mode"]),
        chosen=tuple(CenterId(center) for center in document["chosen"]),
    )


def _slots(pairs: Sequence[tuple[str, int]]) -> tuple[ExpertSlots, ...]:
    return tuple(ExpertSlots(Specialty(specialty), count) for specialty, count in pairs)
