"""Client of the video platform's REST API (see ``port``)."""

from collections.abc import Sequence
from typing import Final

from adapters.http_client import OutsideHttp, path_segment
from adapters.video.port import Recording, Room, check_sites


class RestVideo:
    """``Video`` over HTTP.

    Args:
        http: The connection to the platform; closed with this object.
    """

    stand_in: Final = False

    def __init__(self, *, http: OutsideHttp) -> None:
        self._http = http

    async def self_test(self) -> None:
        """The platform answers."""
        await self._http.check_health()

    async def aclose(self) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def open_room(self, key: str, title: str, sites: Sequence[str]) -> Room:
        """POST the room; see ``Video``."""
        check_sites(sites)
        reply = await self._http.post_json(
            "/rooms", {"title": title, "sites": list(sites)}, idempotency_key=f"room:{key}"
        )
        return Room(reply.text("room_id"), reply.texts("join_urls", count=len(sites)))

    async def close_room(self, room_id: str) -> Recording:
        """POST the closing; see ``Video``."""
        reply = await self._http.post_json(
            f"/rooms/{path_segment(room_id)}/close", {}, idempotency_key=f"close:{room_id}"
        )
        return Recording(
            sha256=reply.sha256("sha256"),
            size_bytes=reply.count("size_bytes"),
            location=reply.text("location"),
        )
