"""The checker of histories refuses every kind of untruth, and nothing that is true.

Two real nodes book in this process; what their clients would have seen is written down as it
was. Then one thing is changed, in the history or in a book.
"""

import ast
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from node.domain.calendar import Window
from tests.faults import books, history
from tests.faults.books import Book
from tests.faults.history import Event, Outcome, check, from_lines, to_lines
from tests.support.pair import HOUR_MS, TwoCenters, two_centers
from tests.support.planning import (
    AGENCY,
    TOMORROW_NINE,
    Offices,
    accepted,
    project,
    request,
    seated,
    vote,
)

DONE, REFUSED, UNKNOWN = Outcome.DONE, Outcome.REFUSED, Outcome.UNKNOWN
CODES = (project().code, project().code + "2")


@dataclass
class Scene:
    """Two bookings: one confirmed, one declined; and what everybody was told."""

    pair: TwoCenters
    host: Book
    sub: Book
    events: list[Event]
    legs: list[str]
    bundles: list[str]

    def told(self) -> str:
        return "; ".join(check(self.events, [self.host, self.sub]))

    def change(self, deed: str, number: int = 0, **changes: Any) -> None:
        """Change the n-th event of a deed."""
        places = [at for at, event in enumerate(self.events) if event.deed == deed]
        self.events[places[number]] = replace(self.events[places[number]], **changes)

    def drop(self, deed: str, number: int = 0) -> None:
        places = [at for at, event in enumerate(self.events) if event.deed == deed]
        del self.events[places[number]]


def copied(image: bytes) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None)
    copy.deserialize(image[:18] + b"\x01\x01" + image[20:])  # in memory there is no WAL mode
    copy.execute("PRAGMA foreign_keys=OFF")
    return copy


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    offices = Offices()
    async with AsyncExitStack() as stack:
        pair = await stack.enter_async_context(two_centers(offices, folder=tmp_path))
        await pair.agree()
        await seated(offices, host=4, sub=10)
        events: list[Event] = []
        legs, bundles = [], []
        for number, code in enumerate(CODES):
            start_ms = TOMORROW_NINE + number * 4 * HOUR_MS
            window = Window(start_ms, start_ms + 3 * HOUR_MS)
            made = await accepted(offices, code=code, evaluation=window)
            wanted = request(pair.sub.id, window=window)
            plan = partial(offices.host.bookings.plan, project_id=made, request=wanted, by=AGENCY)
            bundle = await offices.host.center.do(plan)
            await pair.settle()
            of_project = partial(offices.host.bookings.of_project, project_id=made)
            (leg,) = await offices.host.center.do(of_project)
            seen = await looked(pair, offices, 10 * number + 4)
            answer = "NO" if number else "YES"
            await vote(offices, leg.conversation, yes=answer == "YES", reason="席位检修")
            await pair.settle()
            host, sub, hexa = pair.host.id, pair.sub.id, leg.conversation.hex()
            at = 10.0 * number
            events += [
                Event(host, "enter", code, {"code": code}, at, at + 1, DONE, {"id": made.hex()}),
                Event(host, "accept", made.hex(), {}, at + 2, at + 2.5, DONE, {}),
                Event(host, "plan", made.hex(), {}, at + 3, at + 3.5, DONE, {"id": bundle.hex()}),
                *seen,
                Event(sub, "vote", hexa, {"answer": answer}, at + 6, at + 6.5, DONE, {}),
                *await looked(pair, offices, 10 * number + 7),
            ]
            legs.append(hexa)
            bundles.append(bundle.hex())
        found = [
            Book(at.id, copied(await at.database.alone(lambda at: at.serialize())))
            for at in pair.centers
        ]
        for book in found:
            stack.callback(book.connection.close)
        yield Scene(pair, found[0], found[1], events, legs, bundles)


async def looked(pair: TwoCenters, offices: Offices, at: float) -> list[Event]:
    """What the API would show at both centers now."""
    events = []
    for office in (offices.host, offices.sub):
        rows = await office.center.do(office.bookings.all)
        shown = [
            {
                "id": row.conversation.hex(), "role": row.role, "phase": row.phase,
                "start_ms": row.start_ms, "end_ms": row.end_ms,
                "places": [str(number) for number in range(row.hold.seats)],
            }
            for row in rows
        ]  # fmt: skip
        size, root = await office.center.do(
            lambda desk: desk.ledger.log_head(pair.host.suite.suite_id)
        )
        head = {"suite": pair.host.suite.suite_id, "size": size, "root": root.hex()}
        node = office.center.id
        events += [
            Event(node, "bookings", "", {}, at, at + 0.1, DONE, shown),
            Event(node, "head", "", {}, at + 0.2, at + 0.3, DONE, {"logs": [head]}),
        ]
    return events


async def test_a_true_history_is_accepted_also_after_it_was_written_down(scene: Scene) -> None:
    assert scene.told() == ""
    assert from_lines(to_lines(scene.events)) == scene.events


async def test_an_unknown_outcome_allows_the_effect_and_its_absence(scene: Scene) -> None:
    for deed in ("enter", "accept", "plan", "vote"):
        scene.change(deed, outcome=UNKNOWN, answer=None)
    assert scene.told() == ""
    scene.events.append(
        Event(scene.host.center, "plan", "aa" * 16, {}, 30, 31, UNKNOWN)
    )  # fmt: skip
    assert scene.told() == ""


async def test_refusals_leave_nothing_behind(scene: Scene) -> None:
    scene.events.append(
        Event(scene.sub.center, "vote", scene.legs[0], {"answer": "YES"}, 8, 9, REFUSED)
    )
    assert scene.told() == ""


Lie = Callable[[Scene], object]


def host_sql(*statements: str, freed: tuple[str, ...] = ()) -> Lie:
    return lambda scene: _run(scene.host.connection, scene, statements, freed)


def sub_sql(*statements: str, freed: tuple[str, ...] = ()) -> Lie:
    return lambda scene: _run(scene.sub.connection, scene, statements, freed)


def _run(
    connection: sqlite3.Connection,
    scene: Scene,
    statements: tuple[str, ...],
    freed: tuple[str, ...],
) -> None:
    for trigger in freed:
        connection.execute(f"DROP TRIGGER {trigger}")
    for statement in statements:
        filled = statement.format(leg=scene.legs[0], no=scene.legs[1], bundle=scene.bundles[0])
        assert connection.execute(filled).rowcount, "the lie must change something"


def _showed(scene: Scene, number: int, of: int, **changes: Any) -> None:
    """Change what a look at bookings showed, ``number`` among looks and ``of`` among its rows."""
    looks = [at for at, event in enumerate(scene.events) if event.deed == "bookings"]
    rows = [dict(row) for row in scene.events[looks[number]].answer]
    rows[of].update(changes)
    scene.change("bookings", number, answer=rows)


LIES: dict[str, tuple[str, Lie]] = {
    "a project that was acknowledged and is gone": (
        "was acknowledged and is lost", lambda at: at.change("enter", answer={"id": "ab" * 16}),
    ),
    "a project that nobody entered": ("was entered by nobody", lambda at: at.drop("enter")),
    "a project that was refused and is there": (
        "it was refused", lambda at: at.change("enter", outcome=REFUSED),
    ),
    "an acceptance that is gone": (
        "acceptance of", host_sql("UPDATE project SET state = 'SUBMITTED'"),
    ),
    "a bundle that was acknowledged and is gone": (
        "was acknowledged and is lost", lambda at: at.change("plan", answer={"id": "ab" * 16}),
    ),
    "one plan that was done twice": (
        "bundles of project",
        host_sql(
            "INSERT INTO bundle (id, project, phase, decision, reason, decide_by_ms, planned_by,"
            " created_at_ms) SELECT x'00', project, phase, decision, reason, decide_by_ms,"
            " planned_by, created_at_ms FROM bundle WHERE id = x'{bundle}'"
        ),
    ),
    "a bundle that nobody planned": ("bundles of project", lambda at: at.drop("plan")),
    "a plan that was refused and is there": (
        "bundles of project", lambda at: at.change("plan", outcome=REFUSED),
    ),
    "a vote that is gone": (
        "votes on", sub_sql("DELETE FROM said WHERE conversation = x'{leg}'"),
    ),
    "two people's votes on one booking, both acknowledged": (
        "votes on", lambda at: at.events.append(next(e for e in at.events if e.deed == "vote")),
    ),
    "a vote that nobody gave": ("votes on", lambda at: at.drop("vote")),
    "a vote that was turned": (
        "vote NO on", lambda at: at.change("vote", asked={"answer": "NO"}),
    ),
    "a no that booked": (
        "was declined and is booked",
        sub_sql("UPDATE conversation SET phase = 'CONFIRMED' WHERE id = x'{no}'"),
    ),
    "a bundle that is half confirmed": (
        "is confirmed, and no sub knows",
        sub_sql("UPDATE conversation SET phase = 'RELEASED' WHERE id = x'{leg}'"),
    ),
    "an abort that one sub took for a confirmation": (
        "is half confirmed",
        host_sql("UPDATE bundle SET decision = 'ABORT' WHERE id = x'{bundle}'"),
    ),
    "a bundle that was never decided": (
        "was never decided",
        host_sql("UPDATE bundle SET decision = NULL, phase = 'HOLDING' WHERE id = x'{bundle}'"),
    ),
    "books that differ": (
        "PROMISED at", sub_sql("UPDATE conversation SET phase = 'PROMISED' WHERE id = x'{leg}'"),
    ),
    "a phase that was seen and went back": (
        "was seen CONFIRMED and then HELD", lambda at: _showed(at, 7, 1, phase="HELD"),
    ),
    "a confirmation that was seen and is not so": (
        "was seen CONFIRMED and is DECLINED",
        lambda at: _showed(at, 7, 0, id=at.legs[1], phase="CONFIRMED"),
    ),
    "a booking that was seen and is gone": (
        "was seen HELD and is lost", lambda at: _showed(at, 1, 0, id="ab" * 16),
    ),
    "a seat that was shown to two": (
        "at once",
        lambda at: _showed(at, 5, 0, start_ms=TOMORROW_NINE, end_ms=TOMORROW_NINE + HOUR_MS),
    ),
    "a head that was shown and is not the log's": (
        "showed a head of size",
        lambda at: at.change("head", 3, answer={"logs": [
            {"suite": at.pair.host.suite.suite_id, "size": 2, "root": "ab" * 32}]}),
    ),
    "a head of a log that has shrunk": (
        "showed a head of size",
        lambda at: at.change("head", 3, answer={"logs": [
            {"suite": at.pair.host.suite.suite_id, "size": 99, "root": "ab" * 32}]}),
    ),
    "a log that was written anew, after its heads went out in words": (
        "showed a head of size",
        host_sql("UPDATE log_entry SET data = CAST(data || ' ' AS BLOB)",
                 freed=("log_entry_is_final",)),
    ),
    "a seat that nobody holds any more": (
        "holds 0 seats of 5", sub_sql("DELETE FROM seat_slot WHERE holder = x'{leg}'"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LIES)
async def test_an_untruth_is_named(scene: Scene, name: str) -> None:
    said, lie = LIES[name]

    lie(scene)

    assert said in scene.told()


@pytest.mark.parametrize("module", [books, history])
def test_the_checker_shares_nothing_with_what_it_checks(module: Any) -> None:
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    names = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
        )
    }
    allowed = ("federation.trust", "federation.wire", "tests.faults.books")
    ours = {
        name for name in names if name.split(".")[0] in ("federation", "node", "tests", "adapters")
    }
    assert ours
    assert {name for name in ours if not name.startswith(allowed)} == set()
