"""Keys and certificates that end soon, of ours and of partners: told sixty days ahead, daily.

What counts is the last of each purpose to end: a key that has a successor may end in peace.
Here: when each purpose of each center ends, and the operators' to-dos, which close by
themselves once there is a successor. The metric is ``node.metrics``, the alert ``deploy/``.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from federation.transport.certificates import validity
from federation.trust.keys import Descriptor
from node.domain.workday import DAY_MS, local_time
from node.services.accounts import Role
from node.services.errands import Handler, Result
from node.services.house import Desk
from node.services.todos import BY_SYSTEM
from node.store import errands, todos

WARN_MS: Final = 60 * DAY_MS
"""So long ahead we warn: the root's keeper must be found, and partners may be on holiday."""
TLS: Final = "tls"
WATCH: Final = "watch_expiry"
"""The errand that looks, and leaves itself for the next day."""
EXPIRING: Final = "key_expires"
"""The to-do of a center with keys that end soon."""

Ends = Mapping[tuple[str, str], int]
"""By (purpose, suite), the suite of ``tls`` being "": when the last one ends, unix ms."""


def ends(descriptor: Descriptor) -> Ends:
    """When each purpose of a center has no good key any more."""
    found: dict[tuple[str, str], int] = {}
    for key in descriptor.keys:
        if descriptor.revocation(key.id) is None:
            at = (key.purpose.name.lower(), key.suite)
            found[at] = max(found.get(at, 0), key.not_after_ms)
    for certificate in descriptor.tls_certificates:
        when = validity(certificate)
        if when is not None:
            found[TLS, ""] = max(found.get((TLS, ""), 0), when.not_after_ms)
    return found


def soon(descriptor: Descriptor, now_ms: int) -> list[tuple[str, str, int]]:
    """(purpose, suite, end) of what ends within ``WARN_MS`` or has ended, the earliest first."""
    found = [
        (purpose, suite, end_ms)
        for (purpose, suite), end_ms in ends(descriptor).items()
        if end_ms - now_ms <= WARN_MS
    ]
    return sorted(found, key=lambda each: each[2])


def told(found: Iterable[tuple[str, str, int]]) -> str:
    """What ends when, on one line."""
    return "; ".join(
        f"{purpose}{f' {suite}' if suite else ''} {local_time(end_ms)}"
        for purpose, suite, end_ms in found
    )


def check(desk: Desk) -> None:
    """Leave a to-do for each center whose keys end soon; close those that are settled."""
    for descriptor in (desk.identity.descriptor, *desk.keyring.peers.values()):
        ours = descriptor.center_id == desk.identity.center
        found = soon(descriptor, desk.now_ms)
        subject = descriptor.center_id.encode()
        connection = desk.ledger.connection
        if not found:
            todos.done(connection, kind=EXPIRING, subject=subject, by=BY_SYSTEM, now_ms=desk.now_ms)
            continue
        if ours:
            zh = f"本中心的密钥即将到期({told(found)}):请执行 lianping keys rotate"
            en = f"keys of ours end soon ({told(found)}): run `lianping keys rotate`"
        else:
            zh = f"{descriptor.name}的密钥即将到期({told(found)}):请提醒对方换钥"
            en = f"keys of {descriptor.center_id} end soon ({told(found)}): remind them to rotate"
        todos.add(
            connection,
            role=Role.OPERATOR.value,
            kind=EXPIRING,
            subject=subject,
            zh=zh,
            en=en,
            now_ms=desk.now_ms,
        )


def start(desk: Desk) -> None:
    """Look now, and every day from now on. At every start; twice a day is once."""
    check(desk)
    _leave(desk, desk.now_ms + DAY_MS)


def look_again(desk: Desk, why: str) -> None:
    """Look soon: keys have changed. ``why`` names the change; twice the same is once."""
    key = f"{WATCH}:{why}"
    errands.add(desk.ledger.connection, kind=WATCH, key=key, argument={}, not_before_ms=desk.now_ms)


def handlers() -> Mapping[str, Handler]:
    """The errand."""
    return {WATCH: _watch}


async def _watch(_key: str, argument: dict[str, Any]) -> Result:
    def look(desk: Desk) -> None:
        check(desk)
        if argument.get("daily"):
            _leave(desk, desk.now_ms + DAY_MS)

    return look


def _leave(desk: Desk, at_ms: int) -> None:
    errands.add(
        desk.ledger.connection,
        kind=WATCH,
        key=f"{WATCH}:day {at_ms // DAY_MS}",
        argument={"daily": True},
        not_before_ms=at_ms,
    )
