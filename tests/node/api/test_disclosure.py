"""Members, awards and acts of two persons over HTTP: who may, in which order, told how."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from federation.protocol.booking import SelectionMode
from node.domain.disclosure import Stage
from node.domain.workday import shanghai_date
from node.services.house import Desk
from tests.node.api.planted import (
    BOOKING,
    ENTRY,
    OWN_DRAW,
    PERSON_MARKS,
    PROJECT,
    SESSION,
    THEIR_DRAW,
    UID,
    Planted,
)
from tests.node.api.test_app import PASSWORD, assembled, client, error, log_in, person

ACTS = f"/api/draws/{OWN_DRAW.hex()}/openings"
REASON = {"reason": "专家突发疾病,须立即联系"}


@dataclass
class People:
    """A sub's node when experts were drawn, and who works there."""

    here: Planted
    http: httpx.AsyncClient
    tokens: dict[str, str]

    async def post(self, who: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        headers["Authorization"] = f"Bearer {self.tokens[who]}"
        return await self.http.post(path, json=body, headers=headers)

    async def get(self, who: str, path: str) -> httpx.Response:
        return await self.http.get(path, headers={"Authorization": f"Bearer {self.tokens[who]}"})

    async def proposed(self) -> str:
        answer = await self.post("wang", ACTS, REASON)
        assert answer.status_code == 201, answer.text
        return f"{ACTS}/{answer.json()['id']}"


@asynccontextmanager
async def at_work(
    folder: Path, role: str = "SUB", stage: Stage = Stage.DRAWN
) -> AsyncIterator[People]:
    async with assembled(folder) as node, client(node) as http:
        here = Planted(node, role, SelectionMode.CHOSEN)
        await here.plant()
        await here.reach(stage)
        tokens = {"operator": await log_in(node)}
        for each in ("agency", "supervisor"):
            tokens[each] = await person(node, each)
        for name in ("wang", "li", "zhao"):
            made = await http.post(
                "/api/accounts",
                json={"name": name, "role": "staff", "display_name": name, "password": PASSWORD},
                headers={"Authorization": f"Bearer {tokens['operator']}"},
            )
            assert made.status_code == 201, made.text
            tokens[name] = await log_in(node, name)
        yield People(here, http, tokens)


async def test_two_of_the_staff_open_the_names_and_the_supervisor_sees_that_they_did(
    tmp_path: Path,
) -> None:
    async with at_work(tmp_path) as people:
        act = await people.proposed()
        same = await people.post("wang", f"{act}/confirm")
        assert (same.status_code, error(same)["code"]) == (403, "NOT_ALLOWED")
        early = await people.post("wang", f"{act}/names")
        assert (early.status_code, error(early)["code"]) == (409, "CONFLICT")

        confirmed = await people.post("li", f"{act}/confirm")
        assert confirmed.json()["until_ms"] > people.here.node.parts.negotiator.clock.now_ms()
        for who in ("wang", "li"):
            shown = (await people.post(who, f"{act}/names")).json()
            assert {each["name"] for each in shown} == {
                PERSON_MARKS["expert's name"], PERSON_MARKS["absent expert's name"],
            }  # fmt: skip
        third = await people.post("zhao", f"{act}/names")
        assert (third.status_code, error(third)["code"]) == (403, "NOT_ALLOWED")

        (listed,) = (await people.get("supervisor", "/api/openings")).json()
        assert [step["by"] for step in listed["steps"]] == ["wang", "li", "wang", "li"]
        assert (listed["state"], listed["looks"]) == ("OPEN", 2)
        todos = (await people.get("supervisor", "/api/todos")).json()
        assert "names_opened" in {todo["kind"] for todo in todos}


async def test_neither_agency_nor_operator_nor_supervisor_opens_anything(tmp_path: Path) -> None:
    async with at_work(tmp_path) as people:
        act = await people.proposed()
        for who in ("agency", "operator", "supervisor"):
            for path, body in (
                (ACTS, REASON), (f"{act}/confirm", None), (f"{act}/names", None),
                (f"{act}/withdraw", None),
            ):  # fmt: skip
                answer = await people.post(who, path, body)
                assert answer.status_code == 403, (who, path, answer.text)
        for who in ("agency", "operator"):
            assert (await people.get(who, "/api/openings")).status_code == 403


async def test_what_is_wrong_with_an_act_is_told_in_both_languages(tmp_path: Path) -> None:
    async with at_work(tmp_path) as people:
        wrong = [
            (f"/api/draws/{'0' * 32}/openings", REASON, 404, "NOT_FOUND"),
            (f"/api/draws/{THEIR_DRAW.hex()}/openings", REASON, 403, "NOT_ALLOWED"),
            (ACTS, {"reason": "急"}, 422, "INVALID"),
            (f"{ACTS}/{'0' * 32}/confirm", None, 404, "NOT_FOUND"),
        ]
        for path, body, status, code in wrong:
            answer = await people.post("wang", path, body)
            assert (answer.status_code, error(answer)["code"]) == (status, code), answer.text
            assert error(answer)["zh"]
            assert error(answer)["en"]
        act = await people.proposed()
        twice = await people.post("li", ACTS, REASON)
        assert (twice.status_code, error(twice)["code"]) == (409, "CONFLICT")
        other = act.replace(OWN_DRAW.hex(), THEIR_DRAW.hex())
        assert (await people.post("li", f"{other}/confirm")).status_code == 404
        assert (await people.post("wang", f"{act}/withdraw")).status_code == 200
        gone = await people.post("li", f"{act}/confirm")
        assert (gone.status_code, error(gone)["code"]) == (409, "CONFLICT")


async def test_names_are_not_kept_for_a_repeated_command(tmp_path: Path) -> None:
    async with at_work(tmp_path) as people:
        act = await people.proposed()
        await people.post("li", f"{act}/confirm")
        key = {"Idempotency-Key": "once"}
        for _ in range(2):
            assert len((await people.post("wang", f"{act}/names", None, **key)).json()) == 2
        ((looks,),) = await people.here.node.database.read(
            lambda conn: conn.execute(
                "SELECT count(*) FROM name_opening_step WHERE what = 'SHOWN'"
            ).fetchall()
        )
        assert looks == 2  # each look is one
        kept = await people.here.node.database.read(
            lambda conn: str(conn.execute("SELECT * FROM command").fetchall())
        )
        assert not [value for value in PERSON_MARKS.values() if value in kept]


async def test_an_award_lets_the_members_be_named_once_it_is_recorded(tmp_path: Path) -> None:
    async with at_work(tmp_path, "HOST", Stage.STARTED) as people:
        today = shanghai_date(people.here.node.parts.negotiator.clock.now_ms()).isoformat()
        path = f"/api/projects/{PROJECT.hex()}"
        early = await people.post("agency", f"{path}/award", {"determined_on": today})
        assert (early.status_code, error(early)["code"]) == (409, "CONFLICT")
        members = f"/api/sessions/{SESSION.hex()}/members"
        assert {one["name"] for one in (await people.get("supervisor", members)).json()} == {None}
        seen = {one["code"]: one["name"] for one in (await people.get("wang", members)).json()}
        assert seen[ENTRY.hex()] == PERSON_MARKS["expert's name"]
        assert list(seen.values()).count(None) == 2  # who is not there, and the other center's

        def finish(desk: Desk) -> None:
            desk.ledger.connection.execute(
                "UPDATE conversation SET phase = 'FINISHED' WHERE id = ?", (SESSION,)
            )
            desk.ledger.connection.execute("UPDATE session SET finished_at_ms = ?", (desk.now_ms,))

        await people.here.do(finish)
        for day, status in (("tomorrow", 422), ("2020-01-01", 422), (today, 200), (today, 409)):
            answer = await people.post("agency", f"{path}/award", {"determined_on": day})
            assert answer.status_code == status, answer.text
        assert (await people.get("wang", path)).json()["award_determined_on"] == today
        told = {one["name"] for one in (await people.get("supervisor", members)).json()}
        assert told == {
            None, PERSON_MARKS["expert's name"], PERSON_MARKS["absent expert's name"],
            PERSON_MARKS["representative's name"],
        }  # fmt: skip
        assert (await people.get("agency", members)).status_code == 403


@pytest.mark.parametrize("who", ["agency", "supervisor", "operator"])
async def test_the_sub_s_staff_alone_record_the_award_there(tmp_path: Path, who: str) -> None:
    async with at_work(tmp_path, "SUB", Stage.STARTED) as people:
        path = f"/api/sessions/{SESSION.hex()}/award"
        body = {"determined_on": "2026-05-20"}
        assert (await people.post(who, path, body)).status_code == 403
        assert (await people.post("wang", path, body)).status_code == 409  # nothing is signed
        unknown = path.replace(SESSION.hex(), BOOKING.hex())
        assert (await people.post("wang", unknown, body)).status_code == 404


async def test_nobody_reads_off_receipts_who_was_drawn(tmp_path: Path) -> None:
    async with at_work(tmp_path) as people:
        path = "/api/expert-register/receipt?uid="
        told = [
            (answer.status_code, answer.text)
            for answer in [await people.get("wang", f"{path}{uid}") for uid in (UID, "Z-0", "?")]
        ]
        assert told[0][0] == 409
        assert "secret until" in told[0][1]
        assert set(told) == {told[0]}  # drawn, not drawn, not there: the same answer
        await people.here.reach(Stage.STARTED)  # one of them is not there yet
        assert "secret until" in (await people.get("wang", f"{path}{UID}")).text

        def all_in(desk: Desk) -> None:
            desk.ledger.connection.execute("UPDATE member SET checked_in_at_ms = 1")

        await people.here.node.parts.negotiator.transact(all_in)
        assert "secret until" not in (await people.get("wang", f"{path}{UID}")).text
