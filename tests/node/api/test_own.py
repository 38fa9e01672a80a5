"""Experts' own routes and the staff's about the register: who may, and what is refused."""

import base64
from pathlib import Path
from typing import Any

import pytest

from adapters.identity.stand_in import sample_of
from federation.evidence.receipt_file import is_receipt
from node.domain.workday import shanghai_date
from node.services.accounts import Throttled
from node.services.experts import MAX_LOOKUPS, Lookups
from node.services.house import Desk
from node.wiring import Node
from tests.node.api.test_app import assembled, client, error, person
from tests.support.planning import register

PEOPLE = register(3, seed=1, prefix="E1")


async def put(node: Node) -> None:
    def bring(desk: Desk) -> None:
        node.parts.experts.import_experts(desk, PEOPLE)

    await node.parts.negotiator.transact(bring)


def card(number: str, face: str = "") -> dict[str, Any]:
    sample = base64.b64encode(sample_of(face or number)).decode()
    return {"id_number": number, "face": sample}


async def entered(node: Node, at: int = 0) -> str:
    async with client(node) as http:
        answer = await http.post("/api/own/log-in", json=card(PEOPLE[at].id_number))
        assert answer.status_code == 200, answer.text
        token: str = answer.json()["token"]
        return token


async def test_an_expert_files_and_withdraws_leave(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        await put(node)
        days = {"first": "2099-01-01", "last": "2099-01-02"}
        async with client(node, await entered(node)) as http:
            far = await http.post("/api/own/leave", json=days)
            assert far.status_code == 422
            now = await http.get("/api/own/absences")
            assert now.json() == []
            today = {"first": _day(node), "last": _day(node)}
            filed = await http.post("/api/own/leave", json=today)
            assert filed.status_code == 201
            again = await http.post("/api/own/leave", json=today)
            assert error(again)["code"] == "CONFLICT"
            (shown,) = (await http.get("/api/own/absences")).json()
            assert (shown["kind"], shown["filed_by"]) == ("leave", "expert")
        async with client(node, await entered(node, 1)) as http:
            path = f"/api/own/absences/{filed.json()['id']}/withdraw"
            assert error(await http.post(path, json={}))["code"] == "NOT_FOUND"
        async with client(node, await entered(node)) as http:
            assert (await http.post(path, json={})).status_code == 200


def _day(node: Node) -> str:
    return str(shanghai_date(node.parts.negotiator.clock.now_ms()))


async def test_a_wrong_face_or_card_gives_nothing_away(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        await put(node)
        async with client(node) as http:
            number, other = PEOPLE[0].id_number, PEOPLE[1].id_number
            said = []
            for body in (card(number, other), card("11010519491231002X"), card("x")):
                answer = await http.post("/api/own/log-in", json=body)
                assert answer.status_code == 401
                said.append(error(answer))
            assert said[0] == said[1] == said[2]


async def test_a_log_in_about_the_register_is_no_seat_and_a_seat_is_no_log_in(
    tmp_path: Path,
) -> None:
    async with assembled(tmp_path) as node:
        await put(node)
        async with client(node, await entered(node)) as http:
            for path in ("/api/me", "/api/expert-register/absences?uid=E1-0001", "/api/pools"):
                assert (await http.get(path)).status_code == 403
        async with client(node, await person(node, "staff")) as http:
            assert (await http.get("/api/own/receipt")).status_code == 403


async def test_the_staff_suspends_with_a_reason_and_others_do_not(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        await put(node)
        body = {
            "uid": PEOPLE[0].uid,
            "kind": "suspended",
            "first": _day(node),
            "last": _day(node),
        }
        async with client(node, await person(node, "agency")) as http:
            assert (await http.post("/api/expert-register/absences", json=body)).status_code == 403
        async with client(node, await person(node, "staff")) as http:
            bare = await http.post("/api/expert-register/absences", json=body)
            assert error(bare)["code"] == "INVALID"
            full = {**body, "reason": "泄露评标信息"}
            made = await http.post("/api/expert-register/absences", json=full)
            assert made.status_code == 201
            found = await http.get("/api/expert-register/absences", params={"uid": PEOPLE[0].uid})
            assert [each["reason"] for each in found.json()] == ["泄露评标信息"]
            strange = await http.post("/api/expert-register/absences", json={**full, "uid": "no"})
            assert error(strange)["code"] == "NOT_FOUND"
            bad = await http.post("/api/expert-register/absences", json={**full, "kind": "sick"})
            assert bad.status_code == 422
            receipt = await http.get("/api/expert-register/receipt", params={"uid": PEOPLE[0].uid})
            assert error(receipt)["code"] == "CONFLICT"  # nobody has cosigned anything
            assert not is_receipt(receipt.content)


async def test_codes_are_looked_up_without_a_log_in_and_not_without_end(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        unknown = await http.post("/api/own/invitation", json={"code": "7KQ2-M0XD"})
        assert error(unknown)["code"] == "NOT_FOUND"
        codes = [
            error(await http.post("/api/own/invitation", json={"code": "7KQ2-M0XD"}))["code"]
            for _ in range(6)
        ]
        assert codes[-1] == "TOO_MANY_TRIES"


def test_all_look_ups_together_are_bounded_each_minute() -> None:
    lookups = Lookups()
    for _ in range(MAX_LOOKUPS):
        lookups.count(60_000)
    with pytest.raises(Throttled):
        lookups.count(119_999)
    lookups.count(120_000)


async def test_figures_are_for_insiders_and_pairs_for_supervisors(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        for role, pairs in (("staff", None), ("supervisor", [])):
            async with client(node, await person(node, role)) as http:
                found = (await http.get("/api/pool-statistics")).json()
                assert (found["pairs"], found["repeated_pairs"]) == (pairs, 0)
                assert (await http.get("/api/pool-statistics?days=0")).status_code == 422
                assert (await http.get("/api/pools")).json() == []
        async with client(node, await person(node, "agency")) as http:
            assert (await http.get("/api/pool-statistics")).status_code == 403


@pytest.mark.parametrize("code", ["", "x" * 17])
async def test_a_code_that_cannot_be_one_is_refused(tmp_path: Path, code: str) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        answer = await http.post("/api/own/invitation", json={"code": code})
        assert answer.status_code in {404, 422}
