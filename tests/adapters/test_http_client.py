"""The one HTTP client: what is retried, what is bounded, and which error is which."""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import pytest
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse, StreamingResponse

from adapters.errors import OutsideError, Rejected, Unreachable
from adapters.http_client import (
    IDEMPOTENCY_KEY_CHARS_MAX,
    RESPONSE_BYTES_MAX,
    OutsideHttp,
    Patience,
    path_segment,
)
from tests.support.outside import IMPATIENT, TOKEN, free_address, serving

SECRET = "11010519491231002X"
HASTY = Patience(connect_s=1.0, exchange_s=0.2, attempts=2, first_wait_s=0.01, longest_wait_s=0.01)


@dataclass
class Odd:
    """A server that behaves as its paths say, and counts."""

    app: FastAPI = field(default_factory=lambda: FastAPI(openapi_url=None))
    visits: Counter[str] = field(default_factory=Counter)
    headers: list[dict[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        @self.app.middleware("http")
        async def count(request: Request, go_on: object) -> Response:
            self.visits[request.url.path] += 1
            self.headers.append(dict(request.headers))
            assert callable(go_on)
            answer: Response = await go_on(request)
            return answer

        @self.app.api_route("/status/{status}", methods=["GET", "POST"])
        async def status(status: int) -> Response:
            content = {"code": "the_code", "detail": f"about {SECRET}"}
            return JSONResponse(content, status_code=status)

        @self.app.api_route("/third-time", methods=["GET", "POST"])
        async def third_time() -> Response:
            status = 200 if self.visits["/third-time"] >= 3 else 503
            return JSONResponse({"ok": True}, status_code=status)

        self._endless_bodies()
        self._wrong_bodies()

    def _endless_bodies(self) -> None:
        @self.app.get("/bytes/{count}")
        async def length(count: int) -> Response:
            return Response(b" " * (count - 2) + b"{}")

        @self.app.get("/endless")
        async def endless() -> Response:
            async def chunks() -> AsyncIterator[bytes]:
                while True:
                    yield bytes(64 * 1024)

            return StreamingResponse(chunks())

        @self.app.get("/drip")
        async def drip() -> Response:
            # Each byte in time, the whole never: a read time-out alone would not notice.
            async def chunks() -> AsyncIterator[bytes]:
                never = asyncio.Event()
                while True:
                    yield b" "
                    try:
                        await asyncio.wait_for(never.wait(), timeout=0.05)
                    except TimeoutError:
                        continue

            return StreamingResponse(chunks())

    def _wrong_bodies(self) -> None:
        @self.app.get("/compressed")
        async def compressed() -> Response:
            return Response(gzip.compress(b"{}"), headers={"Content-Encoding": "gzip"})

        @self.app.api_route("/elsewhere", methods=["GET", "POST"])
        async def elsewhere() -> Response:
            return RedirectResponse("/third-time", status_code=307)

        @self.app.get("/bad-code")
        async def bad_code() -> Response:
            return JSONResponse({"code": f"no {SECRET}"}, status_code=400)


@pytest.fixture
def odd() -> Odd:
    return Odd()


@pytest.fixture
def base_url(odd: Odd) -> Iterator[str]:
    with serving(odd.app) as url:
        yield url


@pytest.fixture
async def http(base_url: str) -> AsyncIterator[OutsideHttp]:
    client = OutsideHttp(system="vendor", base_url=base_url, token=TOKEN, patience=IMPATIENT)
    yield client
    await client.aclose()


async def test_a_get_that_fails_twice_succeeds_the_third_time(http: OutsideHttp, odd: Odd) -> None:
    reply = await http.get_json("/third-time")

    assert reply.flag("ok")
    assert odd.visits["/third-time"] == 3


async def test_a_post_with_a_key_is_repeated_under_the_same_key(
    http: OutsideHttp, odd: Odd
) -> None:
    await http.post_json("/third-time", {}, idempotency_key="吉安 1")

    assert odd.visits["/third-time"] == 3
    keys = {headers["idempotency-key"] for headers in odd.headers}
    assert keys == {"%E5%90%89%E5%AE%89%201"}


async def test_a_post_without_a_key_is_tried_once(http: OutsideHttp, odd: Odd) -> None:
    with pytest.raises(Unreachable):
        await http.post_json("/third-time", {}, idempotency_key=None)

    assert odd.visits["/third-time"] == 1
    assert "idempotency-key" not in odd.headers[0]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_not_now_is_unreachable_after_all_tries(
    http: OutsideHttp, odd: Odd, status: int
) -> None:
    with pytest.raises(Unreachable, match=rf"GET /status/{status} was answered {status}"):
        await http.get_json(f"/status/{status}")

    assert odd.visits[f"/status/{status}"] == IMPATIENT.attempts


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 413, 422])
async def test_no_is_rejected_at_once(http: OutsideHttp, odd: Odd, status: int) -> None:
    with pytest.raises(Rejected, match=rf"POST /status/{status} was answered {status}"):
        await http.post_json(f"/status/{status}", {}, idempotency_key="k")

    assert odd.visits[f"/status/{status}"] == 1


async def test_a_message_passes_on_the_code_and_never_the_detail(http: OutsideHttp) -> None:
    with pytest.raises(Rejected, match="the_code") as caught:
        await http.get_json("/status/400")
    assert SECRET not in str(caught.value)

    with pytest.raises(Rejected) as caught:
        await http.get_json("/bad-code")
    assert SECRET not in str(caught.value)


async def test_a_redirect_is_not_followed(http: OutsideHttp, odd: Odd) -> None:
    with pytest.raises(Rejected, match="307"):
        await http.post_json("/elsewhere", {"id": SECRET}, idempotency_key="k")

    assert odd.visits["/third-time"] == 0


async def test_an_answer_of_the_limit_is_read_and_one_byte_more_is_rejected(
    http: OutsideHttp, odd: Odd
) -> None:
    await http.get_json(f"/bytes/{RESPONSE_BYTES_MAX}")

    over = f"/bytes/{RESPONSE_BYTES_MAX + 1}"
    with pytest.raises(Rejected, match="longer than"):
        await http.get_json(over)
    assert odd.visits[over] == 1


async def test_an_endless_answer_is_cut_at_the_limit(http: OutsideHttp) -> None:
    with pytest.raises(Rejected, match="longer than 1000 bytes"):
        await http.get_bytes("/endless", bytes_max=1000)


async def test_a_compressed_answer_is_rejected(http: OutsideHttp) -> None:
    with pytest.raises(Rejected, match="compressed"):
        await http.get_json("/compressed")


async def test_an_answer_that_drips_is_unreachable_when_the_time_is_up(
    base_url: str, odd: Odd
) -> None:
    client = OutsideHttp(system="vendor", base_url=base_url, patience=HASTY)

    with pytest.raises(Unreachable, match=r"within 0\.2 s"):
        await client.get_json("/drip")
    await client.aclose()

    assert odd.visits["/drip"] == HASTY.attempts


async def test_a_server_that_is_down_is_unreachable() -> None:
    client = OutsideHttp(system="vendor", base_url=free_address(), patience=IMPATIENT)

    with pytest.raises(Unreachable, match="vendor: GET /health failed: ConnectError"):
        await client.check_health()
    await client.aclose()


@pytest.mark.parametrize("text", ["<html>", "[1]", "3", "{", "[" * 200_000])
async def test_what_is_no_json_object_is_rejected(text: str) -> None:
    app = FastAPI(openapi_url=None)
    app.add_api_route("/it", lambda: Response(text), methods=["GET"])
    with serving(app) as url:
        client = OutsideHttp(system="vendor", base_url=url, patience=IMPATIENT)
        with pytest.raises(Rejected, match="JSON"):
            await client.get_json("/it")
        await client.aclose()


async def test_the_token_is_sent_and_no_compression_is_asked_for(
    http: OutsideHttp, odd: Odd
) -> None:
    await http.get_json("/bytes/2")

    assert odd.headers[0]["authorization"] == f"Bearer {TOKEN}"
    assert odd.headers[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("key", ["", "x" * (IDEMPOTENCY_KEY_CHARS_MAX + 1)])
async def test_a_key_out_of_bounds_is_our_own_mistake(http: OutsideHttp, key: str) -> None:
    with pytest.raises(ValueError, match="idempotency key"):
        await http.post_json("/third-time", {}, idempotency_key=key)


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "trading.example",
        "ftp://trading.example",
        "https://user:secret@trading.example",
        "https://trading.example/?q=1",
        "http://trading.example",
        "http://10.0.0.1:8500",
        "https://trading.example:port",
    ],
)
def test_a_base_url_that_will_not_do_is_refused_at_once(base_url: str) -> None:
    with pytest.raises(ValueError, match="vendor: "):
        OutsideHttp(system="vendor", base_url=base_url)


async def test_plain_http_to_another_host_needs_the_operators_word() -> None:
    client = OutsideHttp(system="vendor", base_url="http://trading:8500", plain_http=True)
    await client.aclose()

    for loopback in ("http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"):
        await OutsideHttp(system="vendor", base_url=loopback).aclose()


def test_a_path_segment_cannot_climb() -> None:
    assert path_segment("../a b?c#d") == "..%2Fa%20b%3Fc%23d"
    for bad in ("", ".", ".."):
        with pytest.raises(ValueError, match="path segment"):
            path_segment(bad)


def test_both_errors_are_of_one_family_and_name_the_system() -> None:
    for kind in (Rejected, Unreachable):
        error = kind("vendor", "no")
        assert isinstance(error, OutsideError)
        assert (error.system, error.detail, str(error)) == ("vendor", "no", "vendor: no")
