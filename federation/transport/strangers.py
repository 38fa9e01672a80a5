"""How often we turn somebody away before we stop looking at what he sends.

A stranger's handshake fails before any of our code runs. What is left are callers on an open
connection: those whose certificate is pinned no more, and peers whose envelopes do not hold.
Checking an envelope costs a signature, up to a millisecond in gm-1, so refusals are paid from
token buckets, and whoever has none left is refused unread, with the same words.

A caller with a pinned certificate pays from a bucket of its own. Any other pays from the one
of its network and from the one of all strangers, so a flood behind the same address as a
partner takes nothing from that partner. The number of buckets is bounded: the one that was
not touched for longest is forgotten, which gives its owner a full one again, and no more.
"""

import ipaddress
from collections import OrderedDict
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from federation.transport import limits
from federation.transport.limits import Rate

V4_PREFIX: Final = 24  # what one customer usually gets at the most
V6_PREFIX: Final = 64  # one network: its addresses cost nothing
ELSEWHERE: Final = "elsewhere"
"""The network of an address that cannot be read."""


class Bucket:
    """Tokens that come back with time."""

    __slots__ = ("_at", "_left", "_rate")

    def __init__(self, rate: Rate, now: float) -> None:
        self._rate = rate
        self._left = rate.burst
        self._at = now

    def has(self, now: float) -> bool:
        """Whether there is a token."""
        self._fill(now)
        return self._left >= 1

    def take(self, now: float) -> None:
        """Take one, if there is one."""
        self._fill(now)
        self._left = max(0.0, self._left - 1)

    def _fill(self, now: float) -> None:
        passed = max(0.0, now - self._at)
        self._left = min(self._rate.burst, self._left + passed * self._rate.per_second)
        self._at = now


class Strangers:
    """The buckets of everybody who was turned away lately.

    Args:
        now: A clock that only goes forward, seconds.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._all = Bucket(limits.ALL_STRANGERS, now())
        self._buckets: OrderedDict[bytes | str, Bucket] = OrderedDict()

    def __len__(self) -> int:
        """How many buckets are remembered."""
        return len(self._buckets)

    def may_be_read(self, caller: str, certificate: bytes, *, pinned: bool) -> bool:
        """Whether what this caller sends is looked at.

        Args:
            caller: As gRPC writes addresses.
            certificate: What it showed.
            pinned: Whether that is pinned now.
        """
        now = self._now()
        bucket = self._buckets.get(certificate if pinned else network(caller))
        return (bucket is None or bucket.has(now)) and (pinned or self._all.has(now))

    def turned_away(self, caller: str, certificate: bytes, *, pinned: bool) -> None:
        """Somebody was refused without a signature: he pays for it."""
        now = self._now()
        key = certificate if pinned else network(caller)
        bucket = self._buckets.pop(key, None)
        if bucket is None:
            bucket = Bucket(limits.ONE_PEER if pinned else limits.ONE_NETWORK, now)
        self._buckets[key] = bucket
        bucket.take(now)
        if not pinned:
            self._all.take(now)
        while len(self._buckets) > limits.MAX_BUCKETS:
            self._buckets.popitem(last=False)


def network(caller: str) -> str:
    """The network that an address belongs to, from gRPC's ``ipv4:1.2.3.4:5`` and the like."""
    kind, _, rest = unquote(caller).partition(":")
    host = rest.rpartition(":")[0].strip("[]").partition("%")[0]
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ELSEWHERE if kind != "unix" else kind
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    prefix = V4_PREFIX if address.version == 4 else V6_PREFIX  # noqa: PLR2004 - IP's own numbers
    return str(ipaddress.ip_network((address, prefix), strict=False))
