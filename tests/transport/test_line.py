"""Looking at a line: each layer that can fail is named, and a real server shows its certificate."""

import datetime as dt
import socket

import pytest

from federation.transport import line
from federation.transport.line import NAME, TCP, TLS, Line
from federation.transport.tls import new_key, self_signed
from tests.support.grpc_pair import LONG_AGO, running


def free_port() -> int:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        return int(reserved.getsockname()[1])


async def test_a_real_server_shows_its_certificate() -> None:
    async with running("server") as node:
        seen = await Line().look(f"127.0.0.1:{node.port}", "server")
        assert (seen.failed_at, seen.error) == ("", "")
        assert seen.addresses == ("127.0.0.1",)
        assert seen.certificate == node.party.tls.certificate


async def test_a_name_that_does_not_resolve_is_named() -> None:
    seen = await Line().look("no-such-name.invalid:8443", "server")
    assert seen.failed_at == NAME
    assert seen.error


@pytest.mark.parametrize("address", ["", "host", "host:", "host:port", "127.0.0.1:99999999"])
async def test_an_address_that_is_none_is_named(address: str) -> None:
    assert (await Line().look(address, "server")).failed_at in {NAME, TCP}


async def test_a_port_where_nobody_listens_is_named() -> None:
    seen = await Line().look(f"127.0.0.1:{free_port()}", "server")
    assert (seen.failed_at, seen.addresses) == (TCP, ("127.0.0.1",))
    assert "refused" in seen.error.lower()


async def test_a_server_that_never_answers_the_handshake_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(line, "LOOK_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        seen = await Line().look(f"127.0.0.1:{mute.getsockname()[1]}", "server")
    assert (seen.failed_at, seen.error) == (TLS, "nothing within 0.2 s")


def test_the_dates_of_a_certificate_are_read() -> None:
    tls = self_signed("server", new_key(), LONG_AGO, LONG_AGO + dt.timedelta(days=1))
    found = Line().validity(tls.certificate)
    assert found is not None
    assert found.not_after_ms - found.not_before_ms == 86_400_000
    assert Line().validity(b"no certificate") is None
