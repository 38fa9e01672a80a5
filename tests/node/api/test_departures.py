"""The routes by which a member leaves a committee: who may, and what must be said."""

from pathlib import Path
from typing import Any, Final

import pytest

from node.domain.departure import Ground
from tests.node.api.test_app import assembled, client, error, person

SESSION: Final = f"/api/sessions/{bytes(16).hex()}"
CODE: Final = bytes(32).hex()


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        (f"{SESSION}/depart", {"code": CODE, "why": "LEAVE"}, "NOT_FOUND"),
        (f"{SESSION}/depart", {"code": CODE, "why": "RECUSED", "ground": "RELATIVE"}, "NOT_FOUND"),
        (f"{SESSION}/depart", {"code": CODE, "why": "RECUSED"}, "INVALID"),
        (f"{SESSION}/depart", {"code": CODE, "why": "ABSENT", "ground": "RELATIVE"}, "INVALID"),
        (f"{SESSION}/depart", {"code": CODE, "why": "BORED"}, "INVALID"),
        (f"{SESSION}/depart", {"code": CODE, "why": "LEAVE", "note": "x" * 501}, "INVALID"),
        ("/api/experts/E0001/depart", {"why": "LEAVE", "note": "生病"}, "NOT_FOUND"),
        ("/api/experts/E0001/depart", {"why": "LEAVE", "code": CODE}, "INVALID"),
    ],
)
async def test_staff_are_told_what_is_wrong(
    tmp_path: Path, path: str, body: dict[str, Any], code: str
) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        answer = await http.post(path, json=body)
        assert error(answer)["code"] == code


async def test_the_grounds_are_told_to_whoever_is_logged_in(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "agency")) as http:
        told = (await http.get("/api/recusal-grounds")).json()
        assert {one["ground"] for one in told} == {one.value for one in Ground}
        answer = await http.post(f"{SESSION}/depart", json={"code": CODE, "why": "LEAVE"})
        assert error(answer)["code"] == "NOT_ALLOWED"
        answer = await http.post("/api/me/recuse", json={"ground": "RELATIVE"})
        assert error(answer)["code"] == "NOT_ALLOWED"


async def test_bidders_are_entered_by_the_agency(tmp_path: Path) -> None:
    path = f"/api/projects/{bytes(16).hex()}/bidders"
    async with assembled(tmp_path) as node:
        async with client(node, await person(node, "agency")) as http:
            answer = await http.post(path, json={"codes": ["91350100M000100Y43"]})
            assert error(answer)["code"] == "NOT_FOUND"
            answer = await http.post(path, json={"codes": ["x"] * 4_001})
            assert error(answer)["code"] == "INVALID"
        async with client(node, await person(node, "supervisor")) as http:
            answer = await http.post(path, json={"codes": []})
            assert error(answer)["code"] == "NOT_ALLOWED"


async def test_who_left_is_for_our_own_staff(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        async with client(node, await person(node, "staff")) as http:
            assert (await http.get(f"{SESSION}/departures")).status_code == 404
        async with client(node, await person(node, "supervisor")) as http:
            assert (await http.get(f"{SESSION}/departures")).status_code == 403
