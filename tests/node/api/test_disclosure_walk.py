"""Every route of a whole node, asked as every role at every stage, for names it must not tell.

The marks are planted where secrets lie: ``planted``. What may be seen is worked out from the
matrix and nothing else; a mark in an answer where the matrix says no fails the test, and so does
one that is missing where a person must be able to see it: a walk that sees nothing proves
nothing. Answers are read as bytes: JSON, iCalendar, CSV, errors and the metrics page alike.
"""

import logging
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from federation.protocol.booking import SelectionMode
from node.api.app import routes
from node.domain.disclosure import Stage
from node.services.accounts import MEMBER_TOKEN_MS, OWN
from node.services.accounts import Role as Account
from node.services.house import Desk
from node.store import figures
from tests.node.api.planted import (
    AGREEMENT,
    BOOKING,
    BUNDLE,
    ENTRY,
    LOTTERY,
    OWN_DRAW,
    PERSON_MARKS,
    PROJECT,
    PROJECT_MARKS,
    SECRET_FOREVER,
    SESSION,
    THEIR_DRAW,
    UID,
    Planted,
)
from tests.node.api.test_app import assembled, client, log_in, person

CHECKED_IN: Final = {"expert's name", "representative's name"}
NAMES: Final = {what for what in PERSON_MARKS if what.endswith("name")}
ABOUT_PARTNERS: Final = (
    "/api/peers", "/api/agreements", "/api/joint-tests", "/api/availability", "/api/invitations",
)  # fmt: skip
"""Pages about partners as such: the drawn one is among many there, and nothing says so."""

CASES: Final = [
    ("HOST", SelectionMode.CHOSEN), ("HOST", SelectionMode.BLIND),
    ("SUB", SelectionMode.CHOSEN), ("SUB", SelectionMode.BLIND),
]  # fmt: skip

IDS: Final[Mapping[str, Sequence[bytes]]] = {
    "project": [PROJECT], "booking": [BOOKING], "session": [SESSION],
    "draw": [OWN_DRAW, THEIR_DRAW], "bundle": [BUNDLE], "selection": [LOTTERY],
    "agreement": [AGREEMENT],
}  # fmt: skip
EVERY_ID: Final = [PROJECT, BUNDLE, BOOKING, OWN_DRAW, THEIR_DRAW, SESSION, LOTTERY]


@dataclass(frozen=True)
class Told:
    """A mark that somebody was told."""

    mark: str
    role: str
    path: str


def allowed(here: Planted, mark: str, role: str, path: str) -> bool:
    """Whether the matrix lets a role see a mark, at the stage that the node is at."""
    at = here.stage
    if mark in PROJECT_MARKS:
        # The host's people have entered and accepted it; the others learn it at the start.
        return (here.host and role in {"staff", "agency"}) or at >= Stage.STARTED
    if mark in here.sub_marks:
        blind = here.mode is SelectionMode.BLIND
        return not blind or at >= Stage.STARTED or path.startswith(ABOUT_PARTNERS)
    if mark in SECRET_FOREVER:
        return False
    if at is Stage.AWARDED:
        return role in {"staff", "supervisor"}
    return at is Stage.STARTED and role == "staff" and mark in CHECKED_IN


@asynccontextmanager
async def planted(folder: Path, role: str, mode: SelectionMode) -> AsyncIterator[Planted]:
    """A node with an evaluation that has been asked for, and people of all roles."""
    async with assembled(folder) as node:
        here = Planted(node, role, mode)
        await here.plant()
        yield here


async def tokens(here: Planted) -> dict[str, str]:
    """One of each role that can be logged in at this stage."""
    found = {"operator": await log_in(here.node)}
    for role in ("staff", "agency", "supervisor"):
        found[role] = (
            await log_in(here.node, role)
            if here.stage > Stage.REQUESTED
            else (await person(here.node, role))
        )
    if here.stage >= Stage.DRAWN:

        def admit(desk: Desk) -> str:
            subject = f"{SESSION.hex()}:{ENTRY.hex()}"
            return here.node.parts.accounts.admit(
                desk, Account.EXPERT, subject, MEMBER_TOKEN_MS
            ).text

        def know(desk: Desk) -> str:
            return here.node.parts.accounts.admit(
                desk, Account.EXPERT, f"{OWN}{UID}", MEMBER_TOKEN_MS
            ).text

        found["expert"] = await here.node.parts.negotiator.transact(admit)
        found["expert of the register"] = await here.node.parts.negotiator.transact(know)
    return found


def filled(path: str, others: Sequence[bytes]) -> Iterator[str]:
    """The path for everything that it may be asked about; ``others``: where no name says what."""
    if "{" not in path:
        yield path
        return
    before, rest = path.split("{", 1)
    name, after = rest.split("}", 1)
    for each in IDS.get(name, others):
        yield from filled(f"{before}{each.hex()}{after}", others)


def marks(here: Planted) -> dict[str, str]:
    return {**PROJECT_MARKS, **PERSON_MARKS, **here.sub_marks}


async def walk(
    here: Planted, http: httpx.AsyncClient, paths: Mapping[str, Any]
) -> tuple[set[Told], int]:
    """Look at every page as every role; what was told, and how many pages answered."""
    told: set[Told] = set()
    heard = 0
    every = marks(here)
    for role, token in (await tokens(here)).items():
        http.headers["Authorization"] = f"Bearer {token}"
        for path in [path for path, methods in paths.items() if "get" in methods]:
            for real in filled(path, EVERY_ID):
                answer = await http.get(real)
                assert not answer.is_server_error, (real, answer.text)
                heard += answer.is_success
                told |= {Told(m, role, real) for m in _seen(answer, every)}
        if role == "staff":
            told |= {Told(m, role, "feed") for m in _seen(await _feed(http), every)}
    page = await here.node.database.read(
        lambda conn: figures.count(conn, here.node.parts.negotiator.clock.now_ms())
    )
    text = here.node.parts.metrics.page(page, 1).decode()
    persons = {**PROJECT_MARKS, **PERSON_MARKS}
    told |= {Told(m, "metrics", "metrics") for m, value in persons.items() if value in text}
    return told, heard


async def _feed(http: httpx.AsyncClient) -> httpx.Response:
    made = await http.post("/api/calendar/feeds", json={})
    assert made.status_code == 201, made.text
    answer = await http.get(made.json()["path"])
    assert "BEGIN:VCALENDAR" in answer.text
    return answer


def _seen(answer: httpx.Response, every: Mapping[str, str]) -> list[str]:
    text = answer.text.replace("\r\n ", "")  # iCalendar folds its lines
    text += "".join(f"{name}: {value}" for name, value in answer.headers.items())
    return _seen_text(text, every)


@pytest.mark.parametrize(("role", "mode"), CASES)
async def test_no_page_tells_a_name_before_its_stage_and_every_page_tells_it_then(
    tmp_path: Path, role: str, mode: SelectionMode, caplog: pytest.LogCaptureFixture
) -> None:
    for ours in ("node", "federation", "adapters"):
        caplog.set_level(logging.DEBUG, logger=ours)
    async with planted(tmp_path, role, mode) as here, client(here.node) as http:
        paths = routes(here.node.parts).openapi()["paths"]
        for stage in Stage:
            await here.reach(stage)
            told, heard = await walk(here, http, paths)
            wrong = {each for each in told if not allowed(here, each.mark, each.role, each.path)}
            assert wrong == set(), (stage.name, sorted(map(str, wrong)))
            assert heard > 30
            seen = {(each.mark, each.role) for each in told}
            must = wanted(here)
            assert must <= seen, (stage.name, must - seen)
        every = marks(here)
        logged = [m for m in (*PERSON_MARKS, *PROJECT_MARKS) if every[m] in caplog.text]
        assert logged == []


def wanted(here: Planted) -> set[tuple[str, str]]:
    """What somebody must be able to see at a stage, on some page."""
    must: set[tuple[str, str]] = set()
    if here.host:
        must |= {
            (mark, who)
            for mark in ("project's name", "tenderee", "competent unit", "competent unit's code")
            for who in ("staff", "agency")
        }
        if here.stage >= Stage.HELD and here.mode is SelectionMode.CHOSEN:
            must.add(("sub's id", "staff"))
    if here.stage >= Stage.STARTED:
        must |= {("project's name", who) for who in ("staff", "supervisor", "expert")}
        must |= {("expert's name", "staff")}
        must |= {("sub's id", "staff")} if here.host else set()
    if here.stage is Stage.AWARDED:
        must |= {(mark, "supervisor") for mark in ("expert's name", "absent expert's name")}
        must |= {("representative's name", "supervisor")} if here.host else set()
    return must


@pytest.mark.parametrize(("role", "mode"), CASES[1:3])
async def test_no_command_answers_with_a_name_whatever_it_comes_to(
    tmp_path: Path, role: str, mode: SelectionMode
) -> None:
    """Every command, by every role, with a body like the documented one, when all is drawn."""
    async with planted(tmp_path, role, mode) as here, client(here.node) as http:
        await tokens(here)
        await here.reach(Stage.DRAWN)
        document = routes(here.node.parts).openapi()
        every, sent = marks(here), 0
        for who, token in (await tokens(here)).items():
            http.headers["Authorization"] = f"Bearer {token}"
            for path, methods in document["paths"].items():
                if "post" not in methods or path.startswith(UNFIT):
                    continue
                body = example(document, methods["post"])
                for real in filled(path, [BOOKING]):
                    answer = await http.post(real, json=body)
                    sent += 1
                    seen = _seen(answer, every)
                    wrong = [mark for mark in seen if not allowed(here, mark, who, real)]
                    assert wrong == [], (who, real, answer.text)
        assert sent > 200


async def test_who_is_drawn_blindly_for_a_second_evaluation_is_as_secret_as_the_first(
    tmp_path: Path,
) -> None:
    async with planted(tmp_path, "HOST", SelectionMode.BLIND) as here, client(here.node) as http:
        await tokens(here)
        await here.reach(Stage.STARTED)
        found = await tokens(here)
        http.headers["Authorization"] = f"Bearer {found['staff']}"
        project = f"/api/projects/{PROJECT.hex()}"
        assert here.sub_marks["sub's id"] in (await http.get(project)).text

        def again(desk: Desk) -> None:
            """The evaluation has failed; the lottery's next in rank was booked since."""
            connection = desk.ledger.connection
            connection.execute("UPDATE session SET superseded = 1, started_at_ms = 1")
            connection.execute(
                "UPDATE conversation SET phase = 'RELEASED', opened_at_ms = 1 WHERE id = ?",
                (BOOKING,),
            )

        await here.do(again)
        # Who was known stays known.
        assert here.sub_marks["sub's id"] in (await http.get(project)).text

        def later(desk: Desk) -> None:
            desk.ledger.connection.execute(
                "UPDATE conversation SET phase = 'CONFIRMED', opened_at_ms = 2 WHERE id = ?",
                (BOOKING,),
            )

        await here.do(later)
        # Who was booked after the last start is not.
        answer = (await http.get(project)).text
        assert not _seen_text(answer, here.sub_marks)


def _seen_text(text: str, every: Mapping[str, str]) -> list[str]:
    return [mark for mark, value in every.items() if value in text]


async def test_a_receipt_that_would_name_the_drawn_sub_waits_for_the_start(tmp_path: Path) -> None:
    async with planted(tmp_path, "HOST", SelectionMode.BLIND) as here, client(here.node) as http:
        await tokens(here)
        await here.reach(Stage.DRAWN)
        known = (await tokens(here))["expert of the register"]
        http.headers["Authorization"] = f"Bearer {known}"
        answer = await http.get("/api/own/receipt")
        assert (answer.status_code, "blind selection" in answer.text) == (409, True)
        await here.reach(Stage.STARTED)
        assert "blind selection" not in (await http.get("/api/own/receipt")).text


UNFIT: Final = (
    "/api/logout", "/api/backup", "/api/keys", "/api/recovery",
)  # fmt: skip
"""Commands that end the walk, write files, or change keys; they tell of no evaluation."""


def example(document: Mapping[str, Any], operation: Mapping[str, Any]) -> Any:
    """A body like the documented one; None if there is none, or it is a file."""
    content = operation.get("requestBody", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    return None if schema is None else _like(document, schema)


def _like(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return _like(document, document["components"]["schemas"][name])
    known = [*schema.get("examples", ()), *schema.get("enum", ())]
    known += [schema[key] for key in ("const", "default") if key in schema]
    if known:
        return known[0]
    if "anyOf" in schema:
        return _like(document, schema["anyOf"][0])
    if schema.get("type") == "object":
        fields = schema.get("properties", {})
        return {key: _like(document, fields[key]) for key in schema.get("required", ())}
    if schema.get("type") == "array":
        return [_like(document, schema["items"])]
    return {"integer": schema.get("minimum", 1), "boolean": False}.get(schema.get("type", ""), "x")


@pytest.mark.parametrize("role", ["HOST", "SUB"])
async def test_no_name_of_a_person_lies_in_the_store_in_clear(tmp_path: Path, role: str) -> None:
    async with planted(tmp_path, role, SelectionMode.BLIND) as here:
        await here.reach(Stage.AWARDED)
        folder = here.node.parts.config.storage.folder
        files = [path for path in folder.rglob("*") if path.is_file()]
        content = b"".join(path.read_bytes() for path in files)
        assert PROJECT_MARKS["project's name"].encode() in content  # it was looked for rightly
        assert [what for what, value in PERSON_MARKS.items() if value.encode() in content] == []
