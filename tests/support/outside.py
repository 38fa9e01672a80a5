"""Outside systems for tests: vendors that speak the APIs of the adapters' ports, on loopback.

Kept apart from the stand-ins on purpose: what both understand is what the port's docstring says.
"""

import base64
import datetime as dt
import hashlib
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from adapters.http_client import OutsideHttp, Patience

IMPATIENT: Final = Patience(
    connect_s=1.0, exchange_s=2.0, attempts=3, first_wait_s=0.01, longest_wait_s=0.02
)
TOKEN: Final = "test-token"

StatusAndFields = tuple[int, dict[str, Any]]


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """Serve ``app`` with uvicorn in a thread; gives the base URL."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, log_level="error", ws="none", lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            # The socket listens already: whoever connects early waits in its queue.
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)
            assert not thread.is_alive()


def free_address() -> str:
    """A base URL at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def connect(base_url: str, patience: Patience = IMPATIENT) -> OutsideHttp:
    return OutsideHttp(system="vendor", base_url=base_url, token=TOKEN, patience=patience)


def self_signed(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """A certificate for ``key``, DER."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "vendor")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2099, 1, 1, tzinfo=dt.UTC))
        .sign(key, SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None)
    )
    return certificate.public_bytes(Encoding.DER)


class Vendor:
    """All vendors in one application. ``phones`` is what people's telephones got.

    Args:
        answers: Of the calls, in order; afterwards "attend".
        rings: How often a call is in ``state`` before it is done.
        state: What the vendor calls a call that is not done.
        export: What the expert library gives, and its content type.
    """

    def __init__(
        self,
        *,
        answers: Sequence[str] = (),
        rings: int = 1,
        state: str = "ringing",
        export: tuple[bytes, str] = (b"", "text/csv; charset=utf-8"),
    ) -> None:
        self.phones: list[tuple[str, str]] = []
        self.calls: dict[str, dict[str, Any]] = {}
        self.rooms: dict[str, list[str]] = {}
        self.forge_signatures = False
        self.record_key = ed25519.Ed25519PrivateKey.generate()
        self._answers = list(answers)
        self._rings = rings
        self._state = state
        self._export = export
        self._given: dict[str, tuple[bytes, dict[str, Any]]] = {}
        self.app = FastAPI(openapi_url=None)
        self._routes()

    def _routes(self) -> None:
        app = self.app

        @app.middleware("http")
        async def authenticated(request: Request, go_on: Callable[[Request], Any]) -> Response:
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return JSONResponse({"code": "who_are_you"}, status_code=401)
            answer: Response = await go_on(request)
            return answer

        @app.get("/health")
        async def health() -> dict[str, str]:
            return {"status": "ok"}

        @app.get("/calls/{call_id}")
        async def call(call_id: str) -> dict[str, Any]:
            known = self.calls[call_id]
            known["rings"] -= 1
            if known["rings"] >= 0:
                return {"state": self._state}
            return {
                "state": "done",
                "answer": known["answer"],
                "keys": known["keys"],
                "receipt": known["receipt"],
            }

        @app.get("/experts/export")
        async def export() -> Response:
            content, content_type = self._export
            return Response(content, headers={"Content-Type": content_type})

        def keyed(path: str, does: Callable[[dict[str, Any]], StatusAndFields]) -> None:
            @app.post(path)
            async def post(request: Request) -> JSONResponse:
                return await self._once(request, does)

        keyed("/calls", self._call)
        keyed("/sms", self._sms)
        keyed("/signatures", self._sign)
        keyed("/rooms", self._open)
        keyed("/rooms/{room_id}/close", self._close)

        @app.post("/face-checks")
        async def face_check(request: Request) -> JSONResponse:
            fields = await request.json()
            passed = base64.b64decode(fields["face"]) == b"face:" + fields["id_number"].encode()
            return JSONResponse({"passed": passed, "reference": "V-1"})

    async def _once(
        self, request: Request, does: Callable[[dict[str, Any]], StatusAndFields]
    ) -> JSONResponse:
        key = request.headers["idempotency-key"]
        body = request.url.path.encode() + await request.body()
        if key in self._given:
            known, answer = self._given[key]
            if known != body:
                return JSONResponse({"code": "key_reused"}, status_code=409)
            return JSONResponse(answer)
        fields = {**json.loads(await request.body()), **request.path_params, "idempotency-key": key}
        status, answer = does(fields)
        if status < 300:
            self._given[key] = (body, answer)
        return JSONResponse(answer, status_code=status)

    def _call(self, fields: dict[str, Any]) -> StatusAndFields:
        self.phones.append((fields["phone"], fields["text"]))
        call_id = f"call-{len(self.calls)}"
        answer = self._answers.pop(0) if self._answers else "attend"
        keys = {"attend": "31", "decline": "2"}.get(answer, "")
        told = {"kind": "call", "answer": answer, "keys": keys, **self._asked(fields)}
        self.calls[call_id] = {
            "answer": answer,
            "keys": keys,
            "rings": self._rings,
            "receipt": self._receipt(told),
        }
        return 202, {"call_id": call_id}

    def _sms(self, fields: dict[str, Any]) -> StatusAndFields:
        self.phones.append((fields["phone"], fields["text"]))
        told = {"kind": "sms", "answer": "", "keys": "", **self._asked(fields)}
        return 200, {"receipt": self._receipt(told)}

    def _asked(self, fields: dict[str, Any]) -> dict[str, Any]:
        key = fields["idempotency-key"].partition(":")[2]
        return {"key": key, "phone": fields["phone"], "text": fields["text"]}

    def _receipt(self, told: dict[str, Any]) -> str:
        """As the port's docstring says, for intl-1."""
        line = json.dumps({**told, "placed_ms": 1_000, "ended_ms": 61_000}, ensure_ascii=False)
        body = f"lianping call record 1\n{line}\n".encode()
        kind = b"application/vnd.lianping.v1.intl-1.call-record"
        signed = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(body), body)
        signature = base64.b64encode(self.record_key.sign(signed))
        return base64.b64encode(body + b"signature " + signature + b"\n").decode()

    def _sign(self, fields: dict[str, Any]) -> StatusAndFields:
        if base64.b64decode(fields["face"]) != b"face:" + fields["signer_id_number"].encode():
            return 403, {"code": "not_the_signer"}
        digest = bytes.fromhex(fields["document_sha256"])
        if self.forge_signatures:
            digest = hashlib.sha256(digest).digest()
        key = ec.generate_private_key(ec.SECP256R1())
        value = key.sign(digest, ec.ECDSA(Prehashed(SHA256())))
        return 200, {
            "value": base64.b64encode(value).decode(),
            "certificate": base64.b64encode(self_signed(key)).decode(),
        }

    def _open(self, fields: dict[str, Any]) -> StatusAndFields:
        room_id = f"room-{len(self.rooms)}"
        self.rooms[room_id] = fields["sites"]
        urls = [f"https://video.test/{room_id}/{site}" for site in fields["sites"]]
        return 201, {"room_id": room_id, "join_urls": urls}

    def _close(self, fields: dict[str, Any]) -> StatusAndFields:
        if fields["room_id"] not in self.rooms:
            return 404, {"code": "no_such_room"}
        digest = hashlib.sha256(fields["room_id"].encode()).hexdigest()
        return 200, {"sha256": digest, "size_bytes": 7, "location": "vault 1"}
