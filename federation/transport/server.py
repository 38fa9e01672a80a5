"""The listening half: bytes from a peer to the negotiator and back.

gRPC does TLS, framing and limits; handlers get and give raw bytes, because a message that
gRPC parses is answered by gRPC when it cannot be parsed, with a stack trace in our log.
What a peer may hear besides signed replies are the constant texts below, never an
exception's. What a call does to the database is decided by the negotiator; here it is only
made sure that a caller that hangs up does not interrupt it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from time import perf_counter
from typing import Any, Final, Never, Protocol, TypeVar, cast

import grpc
from grpc_health.v1 import health, health_pb2  # type: ignore[import-untyped]
from lianping.federation.v1 import federation_pb2

from federation.errors import FederationError, Recovering, Unauthenticated, Unavailable
from federation.ids import CenterId
from federation.transport import limits
from federation.transport.strangers import Strangers
from federation.transport.tls import Shown, certificate_of, server_credentials
from federation.trust.envelope import Envelope
from federation.trust.errors import SignerAway
from federation.trust.keyring import Keyring
from federation.wire.envelopes import encode_envelope, encode_followed

SERVICE: Final = federation_pb2.DESCRIPTOR.services_by_name["FederationService"].full_name
HEALTH: Final = health.SERVICE_NAME

NOT_AUTHENTICATED: Final = "unauthenticated"
NOT_UNDERSTOOD: Final = "the statement does not say what this method takes"
NO_DEADLINE: Final = "every call needs a deadline of at most 60 s"
TOO_MANY: Final = "too many calls at the same time; try again later"
STORE_AWAY: Final = "not available at the moment; try again later"
STORE_FULL: Final = "no room to keep anything at the moment; try again later"
PAUSED: Final = "paused by this center's operator; try again later"
RECOVERING: Final = "this center restores lost words from its partners; try again later"
OWN_FAULT: Final = "internal error"
TOO_OFTEN: Final = "too_often"
"""The cause of a refusal of what was not read: for metrics only, the words are the same."""

_AWAY: Final[Mapping[type[Unavailable], tuple[str, str]]] = {Recovering: (RECOVERING, "recovering")}

Context = grpc.aio.ServicerContext[bytes, bytes]
T = TypeVar("T")


class Answering(Protocol):
    """What the server needs of a negotiator. Bytes in, bytes out."""

    async def hello(self, raw: bytes, certificate: bytes) -> bytes:
        """Answer a greeting."""

    async def deliver(self, raw: bytes, certificate: bytes) -> bytes:
        """Hear words."""

    async def query(self, raw: bytes, certificate: bytes) -> bytes:
        """Answer a question."""

    async def follow(self, raw: bytes, certificate: bytes, page: int) -> list[tuple[int, Envelope]]:
        """Answer one page of words."""


class CallListener(Protocol):
    """What a node watches of its calls. Synchronous and quick; on the event loop."""

    def called(self, peer: CenterId) -> None:
        """A verified call of a peer was answered, so the peer and the way to it are there.

        To be wired to ``Pumps.called``.
        """

    def answered(self, method: str, seconds: float) -> None:
        """A verified call took this long."""

    def turned_away(self, method: str, cause: str) -> None:
        """A call was refused without a signature. ``cause`` is one of a few constants."""

    def failed(self, method: str, error: Exception) -> None:
        """A call failed by our own fault: for the log and the alarm."""


class Server:
    """One node's gRPC port.

    Args:
        negotiator: Answers.
        keyring: Whose certificates are accepted, and whose is whose.
        keys: Our TLS keys, asked anew at every handshake.
        listener: Watches.
        store_away: Exceptions that mean that the store cannot be asked right now.
        store_full: Those of them that mean that it has no room to keep anything.
        shook: Called, from any thread, whenever somebody begins a handshake.
    """

    def __init__(
        self,
        *,
        negotiator: Answering,
        keyring: Keyring,
        keys: Shown,
        listener: CallListener,
        store_away: tuple[type[Exception], ...] = (),
        store_full: tuple[type[Exception], ...] = (),
        shook: Callable[[], None] = lambda: None,
    ) -> None:
        self._negotiator = negotiator
        self._keyring = keyring
        self._keys = keys
        self._listener = listener
        # What was heard is on disk; the peer sends it again, and is answered then.
        self._store_away: tuple[type[Exception], ...] = (*store_away, SignerAway)
        self._store_full = store_full
        self._health = health.aio.HealthServicer()
        self._running: set[asyncio.Task[Any]] = set()
        self._calls: Counter[bytes] = Counter()
        self._strangers = Strangers(perf_counter)
        self._shook = shook
        self._server: grpc.aio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self, address: str) -> int:
        """Listen on ``host:port`` (port 0: any); answers the port.

        Raises:
            RuntimeError: The address cannot be listened on, e.g. another node does.
        """
        server = grpc.aio.server(
            handlers=(self._federation(), self._probes()),
            options=_OPTIONS,
            maximum_concurrent_rpcs=limits.MAX_CONCURRENT_RPCS,
        )
        credentials = server_credentials(self._keys, self._pinned)
        port = server.add_secure_port(address, credentials)
        await server.start()
        self._server = server
        self._loop = asyncio.get_running_loop()  # asking for it costs a system call each time
        return port

    async def stop(self, grace: float = limits.STOP_GRACE_SECONDS) -> None:
        """Say NOT_SERVING, take no more calls, let those that run end, and their commits."""
        if self._server is None:
            return
        server, self._server = self._server, None
        await self._health.enter_graceful_shutdown()
        await server.stop(grace)
        if self._running:  # stop() does not wait for what was shielded
            await asyncio.wait(self._running, timeout=limits.STOP_GRACE_SECONDS)

    def _pinned(self) -> list[bytes]:
        self._shook()
        return [
            certificate
            for peer in list(self._keyring.peers.values())
            for certificate in peer.tls_certificates
        ]

    def _federation(self) -> grpc.GenericRpcHandler:
        unary = {
            "Hello": self._negotiator.hello,
            "Deliver": self._negotiator.deliver,
            "Query": self._negotiator.query,
        }
        handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
            name: grpc.unary_unary_rpc_method_handler(self._unary(name, answer), None, None)
            for name, answer in unary.items()
        }
        handlers["Follow"] = grpc.unary_stream_rpc_method_handler(self._follow, None, None)
        return grpc.method_handlers_generic_handler(SERVICE, handlers)

    def _probes(self) -> grpc.GenericRpcHandler:
        # Only Check: a stream of Watch would hold every stop for the whole grace.
        check = grpc.unary_unary_rpc_method_handler(
            self._health.Check,
            health_pb2.HealthCheckRequest.FromString,
            health_pb2.HealthCheckResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(HEALTH, {"Check": check})

    def _unary(
        self, method: str, answer: Callable[[bytes, bytes], Coroutine[Any, Any, bytes]]
    ) -> Callable[[bytes, Context], Awaitable[bytes]]:
        async def handle(raw: bytes, context: Context) -> bytes:
            return await self._answer(method, context, lambda shown: answer(raw, shown))

        return handle

    async def _follow(self, raw: bytes, context: Context) -> AsyncIterator[bytes]:
        page = await self._answer(
            "Follow",
            context,
            lambda shown: self._negotiator.follow(raw, shown, limits.MAX_PAGE),
        )
        for number, envelope in page:
            yield encode_followed(encode_envelope(envelope), number)

    async def _answer(
        self, method: str, context: Context, call: Callable[[bytes], Coroutine[Any, Any, T]]
    ) -> T:
        """Run one call; what cannot be said in a signed reply ends in ``abort``, which raises."""
        left = cast("float | None", context.time_remaining())
        if left is None or left > limits.MAX_DEADLINE_SECONDS + limits.DEADLINE_SLACK_SECONDS:
            return await self._turn_away(
                method, context, "no_deadline", grpc.StatusCode.INVALID_ARGUMENT, NO_DEADLINE
            )
        began = perf_counter()
        try:
            certificate = self._shown(context)
            result = await self._sheltered(self._placed(certificate, call))
        except Unauthenticated as error:
            self._charge(context, error.cause)
            status, text, cause = (
                grpc.StatusCode.UNAUTHENTICATED,
                NOT_AUTHENTICATED,
                error.cause,
            )
        except _NoPlace:
            status, text, cause = grpc.StatusCode.RESOURCE_EXHAUSTED, TOO_MANY, "too_many"
        except Unavailable as error:
            status = grpc.StatusCode.UNAVAILABLE
            text, cause = _AWAY.get(type(error), (PAUSED, "paused"))
        except FederationError:
            status, text, cause = (
                grpc.StatusCode.INVALID_ARGUMENT,
                NOT_UNDERSTOOD,
                "not_understood",
            )
        except self._store_away as error:
            self._listener.failed(method, error)
            status, text, cause = self._why_away(error)
        except Exception as error:  # noqa: BLE001 (nothing of it may reach the peer)
            self._listener.failed(method, error)
            status, text, cause = grpc.StatusCode.INTERNAL, OWN_FAULT, "own_fault"
        else:
            self._listener.answered(method, perf_counter() - began)
            peer = self._peer_with(certificate)
            if peer is not None:
                self._listener.called(peer)
            return result
        return await self._turn_away(method, context, cause, status, text)

    def _why_away(self, error: Exception) -> tuple[grpc.StatusCode, str, str]:
        if isinstance(error, self._store_full):
            return grpc.StatusCode.RESOURCE_EXHAUSTED, STORE_FULL, "store_full"
        cause = "keys_away" if isinstance(error, SignerAway) else "store_away"
        return grpc.StatusCode.UNAVAILABLE, STORE_AWAY, cause

    def _shown(self, context: Context) -> bytes:
        """The caller's certificate, if its call is to be read at all.

        Raises:
            Unauthenticated: It is pinned no more, or its owner was turned away too often.
        """
        certificate = certificate_of(context)
        pinned = self._is_pinned(certificate)
        if not self._strangers.may_be_read(context.peer(), certificate, pinned=pinned):
            raise Unauthenticated(TOO_OFTEN)
        if not pinned:
            raise Unauthenticated("wrong_certificate")
        return certificate

    def _charge(self, context: Context, cause: str) -> None:
        if cause == TOO_OFTEN:
            return  # what was not read cost nothing
        try:
            certificate = certificate_of(context)
        except Unauthenticated:
            certificate = b""
        pinned = self._is_pinned(certificate)
        self._strangers.turned_away(context.peer(), certificate, pinned=pinned)

    def _is_pinned(self, certificate: bytes) -> bool:
        return self._peer_with(certificate) is not None

    async def _placed(
        self, certificate: bytes, call: Callable[[bytes], Coroutine[Any, Any, T]]
    ) -> T:
        # Inside the shelter: who hangs up keeps the place until the work is done.
        with _Place(self._calls, certificate):
            return await call(certificate)

    async def _sheltered(self, call: Coroutine[Any, Any, T]) -> T:
        """Await a call in a task of its own, so that a caller that hangs up cannot cancel it."""
        # Not a TaskGroup: there, one call that fails would cancel all others.
        assert self._loop is not None, "calls come only after start()"
        task = self._loop.create_task(call)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _turn_away(
        self, method: str, context: Context, cause: str, status: grpc.StatusCode, text: str
    ) -> Never:
        self._listener.turned_away(method, cause)
        await context.abort(status, text)

    def _peer_with(self, certificate: bytes) -> CenterId | None:
        for peer, descriptor in self._keyring.peers.items():
            if certificate in descriptor.tls_certificates:
                return peer
        return None


class _NoPlace(Exception):
    """The caller has as many calls running as one peer may have."""


class _Place:
    """One of a caller's places, held while a call runs."""

    def __init__(self, taken: Counter[bytes], caller: bytes) -> None:
        self._taken = taken
        self._caller = caller

    def __enter__(self) -> None:
        if self._taken[self._caller] >= limits.MAX_CONCURRENT_RPCS_PER_PEER:
            raise _NoPlace
        self._taken[self._caller] += 1

    def __exit__(self, *_: object) -> None:
        self._taken[self._caller] -= 1
        if not self._taken[self._caller]:
            del self._taken[self._caller]


_OPTIONS: Final = (
    ("grpc.max_receive_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", limits.MAX_MESSAGE_BYTES),
    ("grpc.max_metadata_size", limits.MAX_METADATA_BYTES),
    ("grpc.absolute_max_metadata_size", 2 * limits.MAX_METADATA_BYTES),
    ("grpc.max_allowed_incoming_connections", limits.MAX_CONNECTIONS),
    ("grpc.max_concurrent_streams", limits.MAX_CONCURRENT_STREAMS),
    ("grpc.server_handshake_timeout_ms", limits.HANDSHAKE_MS),
    ("grpc.max_connection_idle_ms", limits.MAX_CONNECTION_IDLE_MS),
    ("grpc.max_connection_age_ms", limits.MAX_CONNECTION_AGE_MS),
    ("grpc.max_connection_age_grace_ms", limits.MAX_CONNECTION_AGE_GRACE_MS),
    ("grpc.keepalive_time_ms", limits.SERVER_KEEPALIVE_MS),
    ("grpc.keepalive_timeout_ms", limits.KEEPALIVE_TIMEOUT_MS),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_ping_interval_without_data_ms", limits.MIN_PING_MS),
    ("grpc.http2.max_ping_strikes", limits.MAX_PING_STRIKES),
    ("grpc.so_reuseport", 0),  # a second node on the port must fail, not share
)
