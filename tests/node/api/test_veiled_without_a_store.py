"""An answer that cannot be covered, because the store is away, is not given at all."""

from types import SimpleNamespace
from typing import cast

import httpx
from fastapi import FastAPI

from node.api.parts import Parts
from node.api.veiled import Veiled
from node.store.database import StoreFull


async def _full(_function: object) -> None:
    raise StoreFull("database: the disk is full")


async def test_it_is_a_503_in_the_usual_shape_and_nothing_of_it_is_shown() -> None:
    app = FastAPI()
    app.add_api_route("/", lambda: {"name": "the drawn one"})
    parts = cast("Parts", SimpleNamespace(negotiator=SimpleNamespace(transact=_full)))
    transport = httpx.ASGITransport(Veiled(app, parts))

    async with httpx.AsyncClient(transport=transport, base_url="http://node") as http:
        reply = await http.get("/")

    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "STORE_AWAY"
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert "the drawn one" not in reply.text
