"""Commands that may be sent twice: the ``Idempotency-Key`` header.

A client that got no answer cannot know whether its command was carried out. With a key of
its own choosing it just sends the command again: the key and the result are stored in the
transaction that carries the command out, so the second copy changes nothing and gets the
first one's result. A key is one caller's, for one path.
"""

import json
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from federation.engine.negotiator import Negotiator
from node.api.caller import Caller
from node.services.errors import Conflicting, Invalid
from node.services.house import Desk
from node.store import commands
from node.store.commands import Done
from node.store.ledger import SqlLedger

T = TypeVar("T")

HEADER: Final = b"idempotency-key"
MAX_KEY_CHARS: Final = 128
REMEMBERED_MS: Final = 7 * 86_400_000  # a client that is away for longer must look first


@dataclass(frozen=True, slots=True)
class Key:
    """The key that came with the request that is being served."""

    text: str
    path: str


KEY: ContextVar[Key | None] = ContextVar("idempotency_key", default=None)


class Commands:
    """Carries commands out, each key once."""

    def __init__(self, negotiator: Negotiator[SqlLedger]) -> None:
        self._negotiator = negotiator

    async def known(self, who: Caller) -> object | None:
        """What the command of this request came to, if it was carried out before.

        For commands that do something outside before their transaction.
        """
        key = KEY.get()
        if key is None:
            return None
        found = await self._negotiator.transact(
            lambda desk: commands.find(desk.ledger.connection, _subject(who), key.text)
        )
        return None if found is None or found.path != key.path else _read(json.loads(found.result))

    async def run(self, who: Caller, use_case: Callable[[Desk], T]) -> T:
        """Carry a command out, or answer what it came to before.

        The result must be None, bytes, text, a number, or a list of these.

        Raises:
            Invalid: The key is too long.
            Conflicting: The key was used for another command.
        """
        key = KEY.get()
        if key is None:
            return await self._negotiator.transact(use_case)
        if not 1 <= len(key.text) <= MAX_KEY_CHARS:
            raise Invalid(
                f"Idempotency-Key 应为1至{MAX_KEY_CHARS}个字符",
                f"Idempotency-Key has 1 to {MAX_KEY_CHARS} characters",
            )
        subject = _subject(who)

        def once(desk: Desk) -> T:
            connection = desk.ledger.connection
            known = commands.find(connection, subject, key.text)
            if known is not None:
                if known.path != key.path:
                    raise Conflicting(
                        "该 Idempotency-Key 已用于另一个操作",
                        f"this Idempotency-Key was used for {known.path}",
                    )
                stored: T = _read(json.loads(known.result))
                return stored
            result = use_case(desk)
            commands.forget(connection, desk.now_ms - REMEMBERED_MS)
            commands.add(
                connection,
                subject=subject,
                key=key.text,
                done=Done(key.path, json.dumps(_write(result))),
                now_ms=desk.now_ms,
            )
            return result

        return await self._negotiator.transact(once)


def _subject(who: Caller) -> str:
    return f"{who.role.value}:{who.subject}"


def _write(value: object) -> Any:
    if isinstance(value, bytes):
        return {"bytes": value.hex()}
    if isinstance(value, list | tuple):
        return [_write(item) for item in value]
    if value is None or isinstance(value, str | int):
        return value
    raise TypeError(f"a command's result cannot be remembered: {type(value).__name__}")


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        return bytes.fromhex(value["bytes"])
    if isinstance(value, list):
        return [_read(item) for item in value]
    return value
