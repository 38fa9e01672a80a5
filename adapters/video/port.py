"""What the node needs of the video platform: a room for the sites, and its recording's digest.

Pictures and sound never pass through the node. It opens a room, hands each site its entrance,
closes the room, and puts the recording's SHA-256 into the evidence; the recording itself stays
with the platform for as long as the archive rules ask (``domain.md`` §1.8).

REST API, to be implemented by the platform or a thin layer before it. JSON in UTF-8.
Errors: status and ``{"code": "…", "detail": "…"}``. ``Authorization: Bearer``.

``GET /health`` → 200 ``{"status": "ok"}``

``POST /rooms`` with ``Idempotency-Key`` ``{"title": str, "sites": [str, …]}``
    → 200 or 201 ``{"room_id": str, "join_urls": [str, …]}``: one entrance per site, in the order
    of ``sites``. The same key → the same room; 409 with another title or sites.

``POST /rooms/{room_id}/close`` with ``Idempotency-Key``, body ``{}``
    → 200 ``{"sha256": 64 hex digits, "size_bytes": int, "location": str}`` once the recording
    is final; closing again gives the same answer. 503 while it is still being written: the room is
    closed, and the request is repeated later. 404 no such room.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from adapters.outside import Outside

SITES_MAX: Final = 32
"""One host and its sub-venues; the largest joint evaluations known had fewer than ten."""


@dataclass(frozen=True, slots=True)
class Room:
    """An open room.

    Attributes:
        room_id: The platform's name for it.
        join_urls: One entrance per site, in the order the sites were given. Whoever has the URL
            may enter: it is a secret of that site.
    """

    room_id: str
    join_urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Recording:
    """A finished recording.

    Attributes:
        sha256: Over the recording as stored, 32 bytes.
        size_bytes: Its length.
        location: Where the platform keeps it, in the platform's words.
    """

    sha256: bytes
    size_bytes: int
    location: str


class Video(Outside, Protocol):
    """The video platform of this center."""

    async def open_room(self, key: str, title: str, sites: Sequence[str]) -> Room:
        """Open a room; the same ``key`` gives the same room.

        Args:
            key: Names this one room.
            title: Shown to those inside: a session number, not the project's name.
            sites: 1 to ``SITES_MAX`` different names of sites.

        Raises:
            Rejected: The platform will not, or the key came before with other arguments.
            Unreachable: No answer; open again under the same key.
            ValueError: The sites are none, too many, or not different: our own mistake.
        """
        ...

    async def close_room(self, room_id: str) -> Recording:
        """End the meeting for everyone; repeating it gives the same recording.

        Raises:
            Rejected: There is no such room.
            Unreachable: No answer, or the recording is not final yet; close again later.
        """
        ...


def check_sites(sites: Sequence[str]) -> None:
    """Raise ``ValueError`` unless there are 1 to ``SITES_MAX`` different non-empty names."""
    if not 0 < len(sites) <= SITES_MAX or len(set(sites)) != len(sites) or "" in sites:
        raise ValueError(f"a room is for 1 to {SITES_MAX} different sites, not {list(sites)}")
