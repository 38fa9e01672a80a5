"""A small e-trading system for demonstrations: a server of its own, with keys of its own.

It is a separate process on purpose: only then does a demonstration show that the node and its
staff cannot read the roster, and that a delivery survives the death of either side.

    python -m adapters.trading.stand_in --folder DIR --port 8500

Beside the API of ``port`` it answers ``GET /rosters`` (what it holds, in counts) and
``GET /rosters/{draw_id}`` (the opened members of the latest revision), for the audience.
It has no authentication and listens on loopback unless told otherwise. It opens ``intl-1`` by
itself; another suite is a ``Scheme`` that whoever starts it brings along.
"""

import argparse
import asyncio
import base64
import binascii
import hashlib
import json
import socket
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import uvicorn
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from adapters.durable import make_folder, write_whole
from adapters.outside import Log, announce_stand_in
from adapters.trading.port import INFO_BYTES_MAX, SEALED_BYTES_MAX, RosterReceipt

STAND_IN: Final = True
BY: Final = "模拟电子交易系统 (stand-in e-trading system)"

REQUEST_BYTES_MAX: Final = 2 * (SEALED_BYTES_MAX + INFO_BYTES_MAX)
"""Base64 adds a third; the rest is identifiers and punctuation."""

ID_CHARS_MAX: Final = 255
"""Longest draw id, as for every opaque code of the trade (``domain.md`` §1.11)."""

_HPKE: Final = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


@dataclass(frozen=True, slots=True)
class Scheme:
    """How the rosters of one suite are opened.

    Args:
        suite: The suite's name.
        new_private: Makes a raw private key.
        public: The raw public half of a private key.
        open: (private key, info, sealed): the plaintext; ValueError if it does not open.
    """

    suite: str
    new_private: Callable[[], bytes]
    public: Callable[[bytes], bytes]
    open: Callable[[bytes, bytes, bytes], bytes]


def _open_hpke(private: bytes, info: bytes, sealed: bytes) -> bytes:
    try:
        opened: Any = _HPKE.decrypt(sealed, X25519PrivateKey.from_private_bytes(private), info)
    except InvalidTag as error:
        raise ValueError("it is not for this key and info") from error
    return bytes(opened)


INTL_1: Final = Scheme(
    suite="intl-1",
    new_private=lambda: X25519PrivateKey.generate().private_bytes_raw(),
    public=lambda raw: X25519PrivateKey.from_private_bytes(raw).public_key().public_bytes_raw(),
    open=_open_hpke,
)


class _No(Exception):
    """A request that is answered with an error status."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class _Delivery:
    suite: str
    draw_id: str
    revision: int
    info: bytes
    sealed: bytes

    def digest(self) -> str:
        """SHA-256 in hex over everything delivered, each part preceded by its length."""
        named = (self.suite.encode(), self.draw_id.encode(), str(self.revision).encode())
        parts = (*named, self.info, self.sealed)
        joined = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hashlib.sha256(joined).hexdigest()


class RosterStore:
    """The keys and the opened rosters, in ``folder``; one process at a time.

    A roster is one file, written whole before its receipt is given.
    """

    def __init__(self, folder: Path, schemes: Sequence[Scheme] = (INTL_1,)) -> None:
        self._folder = folder / "rosters"
        make_folder(self._folder)
        self._schemes = {scheme.suite: scheme for scheme in schemes}
        self._keys = {
            scheme.suite: _load_or_make_key(folder / f"sealing-key.{scheme.suite}", scheme)
            for scheme in schemes
        }
        # Handlers run in threads; two copies of one delivery must not both be the first.
        self._one_at_a_time = threading.Lock()

    def public_key(self, suite: str) -> bytes:
        """Raw public key of a suite."""
        return self._scheme(suite).public(self._keys[suite])

    def receive(self, delivery: _Delivery) -> RosterReceipt:
        """Open, check and store; the same delivery again gets the same receipt."""
        with self._one_at_a_time:
            path = self._path(delivery.draw_id, delivery.revision)
            if path.exists():
                stored = json.loads(path.read_bytes())
                if stored["digest"] != delivery.digest():
                    raise _No(
                        409,
                        "other_roster",
                        "this draw and revision came before with other bytes; "
                        "count up the revision",
                    )
                return RosterReceipt(**stored["receipt"])
            roster = self._open(delivery)
            receipt = RosterReceipt(
                receipt_id=f"SI-{delivery.digest()[:24]}",
                opened=True,
                members=len(roster["members"]),
                by=BY,
            )
            record = {
                "draw_id": delivery.draw_id,
                "revision": delivery.revision,
                "digest": delivery.digest(),
                "owner": roster["owner"],
                "members": roster["members"],
                "receipt": asdict(receipt),
            }
            write_whole(path, json.dumps(record, ensure_ascii=False).encode())
            return receipt

    def rosters(self) -> list[dict[str, Any]]:
        """What is held, by draw and revision, without the members."""
        records = [json.loads(path.read_bytes()) for path in self._folder.glob("*.json")]
        return [
            {
                "draw_id": record["draw_id"],
                "revision": record["revision"],
                "owner": record["owner"],
                **record["receipt"],
            }
            for record in sorted(
                records, key=lambda record: (record["draw_id"], record["revision"])
            )
        ]

    def latest(self, draw_id: str) -> dict[str, Any]:
        """The opened roster of the draw's highest revision."""
        found = [item for item in self.rosters() if item["draw_id"] == draw_id]
        if not found:
            raise _No(404, "unknown_draw", "no roster of this draw was delivered")
        path = self._path(draw_id, found[-1]["revision"])
        return {**found[-1], "members": json.loads(path.read_bytes())["members"]}

    def _path(self, draw_id: str, revision: int) -> Path:
        # Draw ids are other people's text: hashed, they cannot name a file outside the folder.
        return self._folder / f"{hashlib.sha256(draw_id.encode()).hexdigest()}-{revision}.json"

    def _scheme(self, suite: str) -> Scheme:
        scheme = self._schemes.get(suite)
        if scheme is None:
            raise _No(404, "unknown_suite", f"I hold keys of {', '.join(self._schemes)} only")
        return scheme

    def _open(self, delivery: _Delivery) -> dict[str, Any]:
        scheme = self._scheme(delivery.suite)
        try:
            opened = scheme.open(self._keys[delivery.suite], delivery.info, delivery.sealed)
        except ValueError as error:
            raise _No(422, "does_not_open", "the seal does not open with my key") from error
        return _parse_roster(opened, delivery.draw_id)


def create_app(
    folder: Path, log: Log | None = None, schemes: Sequence[Scheme] = (INTL_1,)
) -> FastAPI:
    """The server as an ASGI application.

    Args:
        folder: Where keys and rosters are kept; created when missing.
        log: Takes one line per event; by default warnings of the logger ``adapters.stand_in``.
        schemes: The suites that it opens.
    """
    announce_stand_in("电子交易系统", "e-trading system", log)
    store = RosterStore(folder, schemes)
    app = FastAPI(title=BY, openapi_url=None)

    @app.exception_handler(_No)
    async def say_no(_: Request, no: _No) -> JSONResponse:
        return JSONResponse({"code": no.code, "detail": no.detail}, status_code=no.status)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/sealing-keys/{suite}")
    def sealing_key(suite: str) -> dict[str, object]:
        key = base64.b64encode(store.public_key(suite)).decode()
        return {"suite": suite, "public_key": key, "stand_in": STAND_IN}

    @app.post("/rosters")
    async def receive(request: Request) -> dict[str, object]:
        delivery = _parse_delivery(await _read_bounded(request))
        receipt = await asyncio.to_thread(store.receive, delivery)
        if log is not None:
            log(f"{delivery.draw_id}/{delivery.revision}: {receipt.members} members opened")
        return asdict(receipt)

    @app.get("/rosters")
    def rosters() -> list[dict[str, Any]]:
        return store.rosters()

    @app.get("/rosters/{draw_id:path}")
    def roster(draw_id: str) -> dict[str, Any]:
        return store.latest(draw_id)

    return app


def main(arguments: Sequence[str] | None = None, schemes: Sequence[Scheme] = (INTL_1,)) -> None:
    """Run the server until it is told to stop. ``--port 0`` takes a free one and says which."""
    parser = argparse.ArgumentParser(prog="adapters.trading.stand_in", description=BY)
    parser.add_argument("--folder", type=Path, required=True, help="keys and rosters")
    parser.add_argument("--port", type=int, required=True, help="0 for any free port")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    chosen = parser.parse_args(arguments)

    app = create_app(chosen.folder, _say, schemes)
    with socket.create_server((chosen.host, chosen.port)) as listener:
        _say(f"listening on http://{chosen.host}:{listener.getsockname()[1]}")
        uvicorn.Server(uvicorn.Config(app, log_level="warning", ws="none", lifespan="off")).run(
            sockets=[listener]
        )


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _load_or_make_key(path: Path, scheme: Scheme) -> bytes:
    if not path.exists():
        write_whole(path, scheme.new_private())
    return path.read_bytes()


async def _read_bounded(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > REQUEST_BYTES_MAX:
            raise _No(413, "too_large", f"at most {REQUEST_BYTES_MAX} bytes are taken")
    return bytes(body)


def _parse_delivery(body: bytes) -> _Delivery:
    try:
        fields: dict[str, Any] = json.loads(body)
        delivery = _Delivery(
            suite=_parse_name(fields["suite"], "suite"),
            draw_id=_parse_name(fields["draw_id"], "draw_id"),
            revision=_parse_revision(fields["revision"]),
            info=base64.b64decode(fields["info"], validate=True),
            sealed=base64.b64decode(fields["sealed"], validate=True),
        )
    except (KeyError, TypeError, ValueError, binascii.Error, RecursionError) as error:
        raise _No(
            400, "malformed", "needs suite, draw_id, revision, info, sealed as the API describes"
        ) from error
    return delivery


def _parse_name(value: object, field: str) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= ID_CHARS_MAX:
        raise ValueError(f"{field} must be a string of 1 to {ID_CHARS_MAX} characters")
    return value


def _parse_revision(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("revision must be a whole number of at least 0")
    return value


def _parse_roster(plaintext: bytes, draw_id: str) -> dict[str, Any]:
    try:
        roster = json.loads(plaintext.decode())
    except (ValueError, RecursionError) as error:
        raise _No(422, "not_a_roster", "the seal opens, but holds no JSON") from error
    if not isinstance(roster, dict) or not isinstance(roster.get("owner"), str):
        raise _No(422, "not_a_roster", "the seal holds no object with a string owner")
    if roster.get("draw") != draw_id:
        # Otherwise a list of one draw could be passed off as that of another.
        raise _No(422, "other_draw", "the sealed roster is for another draw than draw_id")
    members = roster.get("members")
    if not isinstance(members, list) or not all(_is_member(member) for member in members):
        raise _No(422, "not_a_roster", "members must be objects with entry, uid, name and salt")
    return roster


def _is_member(member: object) -> bool:
    if not isinstance(member, Mapping):
        return False
    if not all(isinstance(member.get(name), str) for name in ("entry", "uid", "name", "salt")):
        return False
    try:
        bytes.fromhex(member["entry"])
        bytes.fromhex(member["salt"])
    except ValueError:
        return False
    return True


if __name__ == "__main__":
    main()
