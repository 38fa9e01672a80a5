"""Looks at the line to a peer, one layer at a time: name, TCP, TLS and the certificate shown.

A joint test tells people *where* a connection breaks, which gRPC's one UNAVAILABLE does not.
Nothing is trusted here and nothing is said: the connection ends after the handshake. The
calls themselves go through ``client``, which accepts the pinned certificates alone.
"""

import asyncio
import socket
import ssl
from dataclasses import dataclass, replace
from typing import Final

from federation.transport.certificates import Validity, validity

LOOK_SECONDS: Final = 5.0
"""For each layer, as long as the server grants a handshake; slower lines fail at peaks."""

NAME: Final = "name_resolution"
TCP: Final = "tcp_connect"
TLS: Final = "tls_pin"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen of a line.

    Args:
        addresses: What the name resolves to.
        connected_ms: How long TCP took.
        shaken_ms: How long TCP and the TLS handshake took together.
        certificate: What the peer showed (DER).
        failed_at: The first layer that failed, ``NAME``, ``TCP`` or ``TLS``; "" if none.
        error: How it failed.
    """

    addresses: tuple[str, ...] = ()
    connected_ms: int = 0
    shaken_ms: int = 0
    certificate: bytes = b""
    failed_at: str = ""
    error: str = ""


class Line:
    """The real network."""

    async def look(self, address: str, server_name: str) -> Seen:
        """Look at the line to ``host:port``. Never raises for what the network does.

        Args:
            address: As in the peer's descriptor.
            server_name: The name asked for in the handshake: the peer's center id.
        """
        host, _, port = address.rpartition(":")
        host = host.strip("[]")
        loop = asyncio.get_running_loop()
        seen = Seen()
        layer = NAME
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                found = await loop.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)
            seen = replace(seen, addresses=tuple(dict.fromkeys(str(each[4][0]) for each in found)))
            layer, began = TCP, loop.time()
            async with asyncio.timeout(LOOK_SECONDS):
                _, writer = await asyncio.open_connection(host, int(port))
            writer.close()
            seen = replace(seen, connected_ms=_since(loop, began))
            layer, began = TLS, loop.time()
            async with asyncio.timeout(LOOK_SECONDS):
                _, writer = await asyncio.open_connection(
                    host, int(port), ssl=_unverified(), server_hostname=server_name
                )
            transport: ssl.SSLObject = writer.get_extra_info("ssl_object")
            shown = transport.getpeercert(binary_form=True) or b""
            writer.transport.abort()  # nothing was said, so there is nothing to wait for
            return replace(seen, shaken_ms=_since(loop, began), certificate=shown)
        except TimeoutError:
            return replace(seen, failed_at=layer, error=f"nothing within {LOOK_SECONDS:g} s")
        except (OSError, ValueError, OverflowError) as error:
            return replace(seen, failed_at=layer, error=_told(error))

    def validity(self, certificate: bytes) -> Validity | None:
        """From when to when a certificate (DER) is valid; None if it is no certificate."""
        return validity(certificate)


def _unverified() -> ssl.SSLContext:
    """Shows us whatever certificate there is, since a wrong one is to be named, not refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context


def _since(loop: asyncio.AbstractEventLoop, began: float) -> int:
    return round((loop.time() - began) * 1000)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"
