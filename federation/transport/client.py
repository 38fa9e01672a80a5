"""The calling half: bytes to a pinned peer and back.

``GrpcTransport`` implements ``federation.ports.Transport``. gRPC's client can neither show
the server's certificate nor change what it accepts, so there is one channel for each pinned
address with its certificates, whose only roots are those; a new descriptor makes a new
channel. Nothing is retried here: the outbox does that.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import grpc
from typing_extensions import override

from federation.ids import CenterId
from federation.ports import Transport, Unreachable
from federation.transport import limits
from federation.transport.certificates import all_expired
from federation.transport.server import SERVICE
from federation.transport.tls import Shown, TlsKeys, channel_credentials
from federation.trust.keyring import Keyring
from federation.trust.keys import Descriptor

Observe = Callable[[CenterId, str, str, float], None]
"""Told the peer, the method, the outcome ("ok" or a gRPC status' name) and the seconds."""


class _Line:
    """The channel to one peer as it was pinned at one time."""

    def __init__(self, descriptor: Descriptor, keys: TlsKeys) -> None:
        self.address = descriptor.address
        self.certificates = descriptor.tls_certificates
        self.keys = keys
        self.places = asyncio.Semaphore(limits.MAX_CALLS_TO_ONE_PEER)
        self.users = 0
        self.retired = False
        self.channel = grpc.aio.secure_channel(
            descriptor.address,
            channel_credentials(keys, descriptor.tls_certificates),
            options=[*_OPTIONS, ("grpc.ssl_target_name_override", descriptor.center_id)],
        )
        self.unary: dict[str, grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]] = {
            name: self.channel.unary_unary(f"/{SERVICE}/{name}", None, None)
            for name in ("Hello", "Deliver", "Query")
        }
        self.follow: grpc.aio.UnaryStreamMultiCallable[bytes, bytes] = self.channel.unary_stream(
            f"/{SERVICE}/Follow", None, None
        )

    def fits(self, descriptor: Descriptor, keys: TlsKeys) -> bool:
        return (self.address, self.certificates, self.keys) == (
            descriptor.address,
            descriptor.tls_certificates,
            keys,
        )


class GrpcTransport(Transport):
    """Carries bytes to pinned peers over mutual TLS.

    Args:
        keyring: Addresses and certificates of the peers, read at every call.
        keys: Our TLS keys, asked anew at every call.
        now_ms: Our clock, to name a certificate that has expired.
        observe: Told of every call.
    """

    def __init__(
        self,
        *,
        keyring: Keyring,
        keys: Shown,
        now_ms: Callable[[], int],
        observe: Observe = lambda _peer, _method, _outcome, _seconds: None,
    ) -> None:
        self._keyring = keyring
        self._keys = keys
        self._now_ms = now_ms
        self._observe = observe
        self._lines: dict[CenterId, _Line] = {}
        self._closed = False

    @override
    async def hello(self, peer: CenterId, request: bytes) -> bytes:
        """Call Hello. Raises Unreachable."""
        return await self._unary(peer, "Hello", request)

    @override
    async def deliver(self, peer: CenterId, request: bytes) -> bytes:
        """Call Deliver. Raises Unreachable."""
        return await self._unary(peer, "Deliver", request)

    @override
    async def query(self, peer: CenterId, request: bytes) -> bytes:
        """Call Query. Raises Unreachable."""
        return await self._unary(peer, "Query", request)

    @override
    async def follow(self, peer: CenterId, request: bytes) -> Sequence[bytes]:
        """Call Follow and read one page.

        Raises:
            Unreachable: No answer, or more than a page.
        """
        page: list[bytes] = []
        async with self._calling(peer, "Follow", request, limits.FOLLOW_SECONDS) as line:
            call = line.follow(request, timeout=limits.FOLLOW_SECONDS)
            try:
                async for item in call:
                    page.append(item)
                    if len(page) > limits.MAX_PAGE:
                        raise Unreachable(
                            f"{peer} at {line.address}, Follow: more than {limits.MAX_PAGE} words"
                        )
                    if sum(map(len, page)) > limits.MAX_PAGE_BYTES:
                        raise Unreachable(
                            f"{peer} at {line.address}, Follow: more than"
                            f" {limits.MAX_PAGE_BYTES} bytes"
                        )
            finally:
                call.cancel()  # grpc/grpc#43462: an abandoned stream is never collected
        return page

    async def close(self) -> None:
        """Close all channels; calls that run end as unreachable."""
        self._closed = True
        lines, self._lines = self._lines, {}
        for line in lines.values():
            await line.channel.close()

    async def _unary(self, peer: CenterId, method: str, request: bytes) -> bytes:
        async with self._calling(peer, method, request, limits.UNARY_SECONDS) as line:
            reply = await line.unary[method](request, timeout=limits.UNARY_SECONDS)
            if not reply:
                raise Unreachable(f"{peer} at {line.address}, {method}: an empty reply")
        return bytes(reply)

    @asynccontextmanager
    async def _calling(
        self, peer: CenterId, method: str, request: bytes, seconds: float
    ) -> AsyncIterator[_Line]:
        """Hold a place on the peer's line; turn whatever gRPC raises into Unreachable."""
        if not request:
            # gRPC itself sends an empty message when a serializer fails (grpc/grpc#34894).
            raise ValueError(f"refused to send an empty {method} to {peer}: our own mistake")
        line = await self._line(peer)
        where = f"{peer} at {line.address}, {method}"
        loop = asyncio.get_running_loop()
        began = loop.time()
        outcome = "CANCELLED"
        line.users += 1
        try:
            async with asyncio.timeout(seconds), line.places:
                yield line
            outcome = "ok"
        except Unreachable:
            outcome = "UNACCEPTABLE"
            raise
        except TimeoutError as error:
            outcome = "DEADLINE_EXCEEDED"
            raise Unreachable(f"{where}: no answer within {seconds:g} s") from error
        except grpc.aio.AioRpcError as error:
            outcome = error.code().name
            raise Unreachable(f"{where}: {outcome}: {(error.details() or '')[:200]}") from error
        except grpc.aio.UsageError as error:  # the channel was closed under us
            raise Unreachable(f"{where}: this node is closing the line") from error
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            # The call was cancelled, not we: close() was called meanwhile.
            raise Unreachable(f"{where}: this node is closing the line") from error
        finally:
            line.users -= 1
            self._observe(peer, method, outcome, loop.time() - began)
            if line.retired and not line.users:
                await line.channel.close()

    async def _line(self, peer: CenterId) -> _Line:
        if self._closed:
            raise Unreachable(f"{peer}: this node is shutting down")
        descriptor = self._keyring.peers.get(peer)
        if descriptor is None:
            raise Unreachable(f"{peer}: not pinned; pin its descriptor first")
        keys = self._keys.shown_to(peer)
        self._check_dates(peer, keys.certificate, descriptor.tls_certificates)
        line = self._lines.get(peer)
        if line is not None and line.fits(descriptor, keys):
            return line
        fresh = self._lines[peer] = _Line(descriptor, keys)
        if line is not None:
            line.retired = True  # whoever still speaks on it closes it
            if not line.users:
                await line.channel.close()
        return fresh

    def _check_dates(self, peer: CenterId, own: bytes, theirs: Sequence[bytes]) -> None:
        """Name an expired certificate: of a failed handshake gRPC says only that it failed."""
        now_ms = self._now_ms()
        ended_ms = all_expired([own], now_ms)
        if ended_ms is not None:
            raise Unreachable(
                f"{peer}: our own TLS certificate expired on {_day(ended_ms)}; run `lianping keys "
                "rotate --purpose tls`, then `lianping keys export`, and give the file to partners"
            )
        ended_ms = all_expired(theirs, now_ms)
        if ended_ms is not None:
            raise Unreachable(
                f"{peer}: its TLS certificate expired on {_day(ended_ms)}; they must run `lianping "
                "keys rotate --purpose tls` and `lianping keys export`, and we `lianping peer "
                "accept FILE`"
            )


def _day(unix_ms: int) -> str:
    return dt.datetime.fromtimestamp(unix_ms / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


_OPTIONS: Final = (
    ("grpc.max_receive_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", limits.MAX_METADATA_BYTES),
    ("grpc.keepalive_time_ms", limits.CLIENT_KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", limits.KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.initial_reconnect_backoff_ms", limits.FIRST_RECONNECT_MS),
    ("grpc.min_reconnect_backoff_ms", limits.FIRST_RECONNECT_MS),
    ("grpc.max_reconnect_backoff_ms", limits.MAX_RECONNECT_MS),
    ("grpc.enable_retries", 0),  # the outbox retries, and knows what it retries
    ("grpc.enable_http_proxy", 0),  # an address is pinned; the environment has no say in it
    ("grpc.service_config_disable_resolution", 1),  # nor has the DNS in how we call
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new handshake
)
