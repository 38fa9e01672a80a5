"""The API of one assembled node, called in process: doors, roles, errors, descriptions."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from node import wiring
from node.api.app import MAX_REQUEST_BYTES, create_app, routes
from node.config import load
from node.services.totp import code_at
from node.wiring import Node, open_keys
from tests.node.test_config import GOOD, write
from tests.support.founded import found

PASSWORD = "correct horse battery"
SECRETS: dict[Path, str] = {}
TOKENS: dict[tuple[Path, str], str] = {}
ROLES = ("staff", "agency", "supervisor")

# Nobody calls these without having shown who he is in another way.
DOORS = {
    ("post", "/api/login"),
    ("post", "/api/check-in"),
    ("post", "/api/own/log-in"),
    ("post", "/api/own/invitation"),
    ("get", "/api/calendar/{token}.ics"),
    ("post", "/api/witness/add-checkpoint"),
    ("get", "/api/witness/{origin}/checkpoint"),
}


@asynccontextmanager
async def assembled(folder: Path) -> AsyncIterator[Node]:
    """A whole node in a folder, its ports not opened."""
    data = folder / "data"
    config = load(write(folder, GOOD.replace("/var/lib/lianping", str(data))))
    SECRETS[folder] = await found(config, folder / "root.pem", PASSWORD)
    node = await wiring.assemble(config, open_keys(data))
    try:
        yield node
    finally:
        await node.close()


@asynccontextmanager
async def client(node: Node, token: str = "") -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    transport = httpx.ASGITransport(app=create_app(node.parts), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://node", headers=headers
    ) as http:
        yield http


async def log_in(node: Node, name: str = "operator") -> str:
    """A token; the operator's is fetched once, as no code counts twice."""
    folder = node.parts.config.storage.folder.parent
    if (folder, name) in TOKENS:
        return TOKENS[folder, name]
    code = code_at(SECRETS[folder], node.parts.negotiator.clock.now_ms())
    body = {"name": name, "password": PASSWORD, "totp": code if name == "operator" else ""}
    async with client(node) as http:
        answer = await http.post("/api/login", json=body)
    assert answer.status_code == 200, answer.text
    TOKENS[folder, name] = str(answer.json()["token"])
    return TOKENS[folder, name]


async def person(node: Node, role: str) -> str:
    """An account of a role, logged in."""
    async with client(node, await log_in(node)) as http:
        body = {"name": role, "role": role, "display_name": role, "password": PASSWORD}
        answer = await http.post("/api/accounts", json=body)
    assert answer.status_code == 201, answer.text
    return await log_in(node, role)


def error(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "zh", "en", "detail"}
    found: dict[str, Any] = body["error"]
    return found


async def test_every_route_is_described_in_both_languages_and_guarded(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        document = routes(node.parts).openapi()
        operations = [
            (method, path, operation)
            for path, methods in document["paths"].items()
            for method, operation in methods.items()
        ]
        assert len(operations) > 40
        for method, path, operation in operations:
            assert " · " in operation["summary"], (method, path)
            assert path.startswith("/api/")
            guarded = bool(operation.get("security"))
            assert guarded == ((method, path) not in DOORS), (method, path)


async def test_nobody_gets_in_without_a_token(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        paths = routes(node.parts).openapi()["paths"]
        async with client(node) as http:
            for path, methods in paths.items():
                real = path.replace("{peer}", "lp1" + "a" * 32).replace("{agreement}", "0" * 64)
                for part in ("feed", "project", "session", "booking", "test", "invitation"):
                    real = real.replace(f"{{{part}}}", "0" * 32)
                for method in methods:
                    if (method, path) not in DOORS:
                        real = real.replace("{todo}", "1").replace("{closure}", "1")
                        answer = await http.request(method, real)
                        assert answer.status_code == 401, (method, path, answer.text)
                        assert error(answer)["code"] == "LOG_IN"


@pytest.mark.parametrize("role", ROLES)
async def test_only_the_operator_makes_accounts(tmp_path: Path, role: str) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, role)) as http:
        body = {"name": "x", "role": "operator", "display_name": "x", "password": PASSWORD}
        answer = await http.post("/api/accounts", json=body)
        assert (answer.status_code, error(answer)["code"]) == (403, "NOT_ALLOWED")


async def test_a_wrong_password_gives_nothing_away(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        known = await http.post("/api/login", json={"name": "operator", "password": "wrong"})
        nobody = await http.post("/api/login", json={"name": "nobody", "password": "wrong"})
        assert known.status_code == nobody.status_code == 401
        assert known.json() == nobody.json()


async def test_the_check_in_desk_does_not_say_who_is_awaited(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        face = base64.b64encode(b"face:11010519491231002X").decode()
        for number in ("11010519491231002X", "not a number"):
            answer = await http.post("/api/check-in", json={"id_number": number, "face": face})
            assert (answer.status_code, error(answer)["code"]) == (401, "WRONG_CREDENTIALS")
            assert number not in answer.text


async def test_a_bad_table_is_answered_line_by_line(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        table = "场地,评标室,席位,类型,设备,隔夜\nA,1,1,席位,camera,是\nA,1,2,沙发,camera,是\n"
        answer = await http.post(
            "/api/import/venues", files={"file": ("venues.csv", table.encode())}
        )
        assert (answer.status_code, error(answer)["code"]) == (422, "BAD_TABLE")
        assert [problem["line"] for problem in error(answer)["detail"]] == [3]
        good = await http.post(
            "/api/import/venues", files={"file": ("v.csv", table.replace("沙发", "席位").encode())}
        )
        assert (good.status_code, good.json()) == (201, {"rows": 2})


async def test_a_request_that_is_wrong_never_echoes_what_was_sent(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        answer = await http.post("/api/check-in", json={"id_number": 11010519491231002, "x": 1})
        assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")
        assert "11010519491231002" not in answer.text


async def test_an_unknown_field_is_refused(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        body = {"name": "operator", "password": PASSWORD, "rolle": "operator"}
        answer = await http.post("/api/login", json=body)
        assert answer.status_code == 422
        assert error(answer)["detail"][0]["where"] == "body.rolle"


async def test_a_body_that_is_too_large_is_refused_announced_or_not(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        announced = await http.post("/api/login", content=b"x" * (MAX_REQUEST_BYTES + 1))
        assert (announced.status_code, error(announced)["code"]) == (413, "TOO_LARGE")

        async def chunks() -> AsyncIterator[bytes]:
            for _ in range(MAX_REQUEST_BYTES // 1_048_576 + 1):
                yield b" " * 1_048_576

        streamed = await http.post(
            "/api/login", content=chunks(), headers={"Content-Type": "application/json"}
        )
        assert (streamed.status_code, error(streamed)["code"]) == (413, "TOO_LARGE")


async def test_a_fault_of_ours_tells_a_number_and_nothing_else(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node:
        token = await log_in(node)
        await node.database.transact(lambda conn: conn.execute("DROP TABLE fork"))
        await node.database.transact(lambda conn: conn.execute("DROP TABLE account"))
        async with client(node, token) as http:
            answer = await http.post("/api/login", json={"name": "operator", "password": PASSWORD})
        assert (answer.status_code, error(answer)["code"]) == (500, "OWN_FAULT")
        assert "account" not in answer.text


async def test_an_answer_is_never_cached(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        answer = await http.get("/api/nothing")
        assert (answer.status_code, error(answer)["code"]) == (404, "NOT_FOUND")
        assert answer.headers["cache-control"] == "no-store"


async def test_the_operator_needs_a_code_and_is_told_so(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node) as http:
        body = {"name": "operator", "password": PASSWORD}
        without = await http.post("/api/login", json=body)
        assert (without.status_code, error(without)["code"]) == (401, "TOTP_REQUIRED")
        wrong = await http.post("/api/login", json={**body, "totp": "12345"})
        assert (wrong.status_code, error(wrong)["code"]) == (401, "WRONG_TOTP")


async def test_a_second_factor_is_bound_with_a_code_of_it(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, client(node, await person(node, "staff")) as http:
        nothing = await http.post("/api/accounts/me/totp/confirm", json={"totp": "123456"})
        assert (nothing.status_code, error(nothing)["code"]) == (409, "CONFLICT")
        offer = (await http.post("/api/accounts/me/totp", json={})).json()
        assert offer["secret"] in offer["address"]
        code = code_at(offer["secret"], node.parts.negotiator.clock.now_ms())
        done = await http.post("/api/accounts/me/totp/confirm", json={"totp": code})
        assert done.status_code == 200, done.text
        body = {"name": "staff", "password": PASSWORD}
        again = await http.post("/api/login", json=body)
        assert error(again)["code"] == "TOTP_REQUIRED"
        used = await http.post("/api/login", json={**body, "totp": code})
        assert error(used)["code"] == "WRONG_TOTP"
