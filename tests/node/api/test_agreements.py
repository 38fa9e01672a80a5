"""The routes of agreements, called in process: files, pages, persons, and what is wrong."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from node.api.app import Gate, routes
from node.wiring import Node
from tests.node.api.test_app import client, error, log_in
from tests.node.api.test_bad_input import partners

PATH = "/api/agreements"


@asynccontextmanager
async def local(node: Node) -> AsyncIterator[httpx.AsyncClient]:
    """Whoever opened the socket in the node's folder, without a log-in."""
    transport = httpx.ASGITransport(app=Gate(routes(node.parts), node.parts, local=True))
    async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
        yield http


async def test_an_agreement_goes_from_the_template_to_a_page(tmp_path: Path) -> None:
    async with partners(tmp_path) as (node, peer), client(node, await log_in(node)) as http:
        template = (await http.get(f"{PATH}/template")).text
        body = {"peer": peer, "file": template}
        made = await http.post(PATH, json=body)
        assert made.status_code == 201
        agreement = made.json()["id"]
        (listed,) = (await http.get(PATH)).json()
        assert (listed["id"], listed["state"], listed["signatures"]) == (agreement, "PROPOSED", 1)
        assert listed["approved_by"] == ["operator"]
        detail = (await http.get(f"{PATH}/{agreement}")).json()
        assert detail["terms"]["max_seats_per_session"] == 50
        assert detail["terms"]["in_doubt"] == "KEEP_AND_ESCALATE"
        assert {party["center_id"] for party in detail["terms"]["parties"]} >= {peer}
        assert all(party["root_key_ids"] for party in detail["terms"]["parties"])
        html = await http.get(f"{PATH}/{agreement}/page")
        text = await http.get(f"{PATH}/{agreement}/page", params={"kind": "text"})
        both = (await http.get(f"{PATH}/{agreement}/page", params={"kind": "json"})).json()
        assert html.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in html.headers["content-security-policy"]
        assert text.headers["content-type"].startswith("text/plain")
        assert both == {"html": html.text, "text": text.text}
        assert agreement in text.text
        again = await http.post(PATH, json=body)
        assert (again.status_code, error(again)["code"]) == (409, "CONFLICT")
        gone = await http.post(f"{PATH}/{agreement}/withdraw", json={"reason": "日期有误"})
        assert gone.status_code == 200
        (listed,) = (await http.get(PATH)).json()
        assert (listed["state"], listed["note"]) == ("WITHDRAWN", "日期有误")


async def test_every_problem_of_a_file_is_answered(tmp_path: Path) -> None:
    async with partners(tmp_path) as (node, peer), client(node, await log_in(node)) as http:
        file = 'titel = "x"\nfrom = 2026-01-01\nuntil = 2027-01-01\n[times]\nvote = 4\n'
        answer = await http.post(PATH, json={"peer": peer, "file": file})
        assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")
        assert [line.split(":")[0] for line in error(answer)["detail"]] == [
            "titel", "title", "times.vote",
        ]  # fmt: skip
        template = (await http.get(f"{PATH}/template")).text
        twice = template.replace("seats = 50", "seats = 0").replace('vote = "4h"', 'vote = "0m"')
        answer = await http.post(PATH, json={"peer": peer, "file": twice})
        assert {line.split(":")[0] for line in error(answer)["detail"]} == {
            "max_seats_per_session",
            "vote_ms",
        }
        neither = await http.post(PATH, json={"peer": peer})
        assert "file" in error(neither)["en"]
        stranger = await http.post(PATH, json={"peer": "lp1" + "a" * 32, "file": template})
        assert stranger.status_code == 404
        assert (await http.get(PATH)).json() == []


@pytest.mark.parametrize("verb", ["sign", "counter", "amend"])
async def test_what_a_person_answers_for_is_refused_without_one(tmp_path: Path, verb: str) -> None:
    async with partners(tmp_path) as (node, peer):
        async with client(node, await log_in(node)) as http:
            file = (await http.get(f"{PATH}/template")).text
            made = await http.post(PATH, json={"peer": peer, "file": file})
            agreement = made.json()["id"]
        async with local(node) as http:
            # Looking is the operator's; signing is a person's.
            assert (await http.get(f"{PATH}/{agreement}")).status_code == 200
            for path, body in (
                (f"{PATH}/{agreement}/{verb}", {"file": file}),
                (PATH, {"peer": peer, "file": file}),
            ):
                answer = await http.post(path, json=body if verb != "sign" or path == PATH else {})
                assert (answer.status_code, error(answer)["code"]) == (403, "NOT_ALLOWED")
                assert "--account" in error(answer)["en"]
