"""A host that says a Hold without asking itself whether it may: no plan, no checks."""

from typing import Any, Final

from federation.protocol import booking
from federation.protocol.booking import Hold
from node.services.house import Desk
from tests.support.pair import TwoCenters
from tests.support.planning import WINDOW

ID: Final = bytes(16)


def hold(pair: TwoCenters, **changes: Any) -> Hold:
    usual: dict[str, Any] = {
        "bundle_id": ID,
        "participants": (pair.sub.id,),
        "start_ms": WINDOW.start_ms,
        "end_ms": WINDOW.end_ms,
        "seats": 3,
        "equipment": (),
        "overnight": False,
        "project_kind": "A",
        "experts": (booking.ExpertNeed("A08", 3),),
        "selection": booking.SelectionMode.CHOSEN,
    }
    return Hold(**{**usual, **changes})


def plain_bundle(desk: Desk, bundle_id: bytes) -> None:
    """A bundle row without the checks of a plan, for hosts that do not make any."""
    connection = desk.ledger.connection
    connection.execute(
        "INSERT INTO project (id, code, name, lots, kind, region_code, tenderee, tenderee_uscc,"
        " bid_deadline_ms, start_ms, end_ms, state, created_by, created_at_ms)"
        " SELECT ?, 'X', 'X', '[[\"X\", \"X\"]]', 'works', '360800', 'X', 'X', 1, 1, 2,"
        " 'ACCEPTED', 'a', 0 WHERE NOT EXISTS (SELECT 1 FROM project WHERE id = ?)",
        (ID, ID),
    )
    connection.execute(
        "INSERT INTO bundle (id, project, phase, reason, decide_by_ms, planned_by, created_at_ms)"
        " VALUES (?, ?, 'HOLDING', '', 9999999999999, 'a', 0)",
        (bundle_id, ID),
    )
