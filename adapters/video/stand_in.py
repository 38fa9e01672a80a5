"""Rooms without pictures: opening writes a file, closing writes a recording manifest and hashes it.

The digest that goes into the evidence is so that of a real file, which a demonstration can
change to show that the change is found out.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from adapters.durable import make_folder, write_whole
from adapters.errors import Rejected
from adapters.outside import Log, announce_stand_in
from adapters.video.port import Recording, Room, check_sites

STAND_IN: Final = True
SYSTEM: Final = "模拟音视频平台 (stand-in video platform)"


class FolderVideo:
    """``Video`` in a folder. One process at a time per folder.

    Args:
        folder: Where rooms and manifests are kept; created when missing.
        log: Where to be loud.
    """

    stand_in: Final = STAND_IN

    def __init__(self, *, folder: Path, log: Log | None = None) -> None:
        announce_stand_in("音视频平台", "video platform", log)
        self._rooms = folder / "rooms"
        self._recordings = folder / "recordings"
        make_folder(self._rooms)
        make_folder(self._recordings)

    async def self_test(self) -> None:
        """There is nothing that could fail."""

    async def aclose(self) -> None:
        """Nothing is held open."""

    async def open_room(self, key: str, title: str, sites: Sequence[str]) -> Room:
        """Write the room down; see ``Video``."""
        check_sites(sites)
        room_id = f"SI-{hashlib.sha256(key.encode()).hexdigest()[:24]}"
        wanted = {"room_id": room_id, "title": title, "sites": list(sites)}
        path = self._rooms / f"{room_id}.json"
        # Nothing is awaited between looking and writing: two tasks cannot both be first.
        if not path.exists():
            write_whole(path, json.dumps(wanted, ensure_ascii=False).encode())
        elif json.loads(path.read_bytes()) != wanted:
            raise Rejected(
                SYSTEM,
                f"room {key!r} was opened before with another title or other sites. "
                "A key names one room; take a new one.",
            )
        # ".invalid" is reserved (RFC 2606): nobody can be behind it.
        urls = (
            f"https://video.stand-in.invalid/{room_id}/{number}" for number in range(len(sites))
        )
        return Room(room_id, tuple(urls))

    async def close_room(self, room_id: str) -> Recording:
        """Write the manifest and hash it; see ``Video``."""
        # Looked up among the names that exist: a room id cannot name a file elsewhere.
        if f"{room_id}.json" not in {path.name for path in self._rooms.glob("*.json")}:
            raise Rejected(SYSTEM, f"there is no room {room_id!r}")
        path = self._recordings / f"{room_id}.manifest.json"
        if not path.exists():
            room = json.loads((self._rooms / f"{room_id}.json").read_bytes())
            manifest = {
                "note": "模拟录像清单, 没有真实画面 / stand-in manifest, there are no pictures",
                "room": room,
                "tracks": [f"{site}: 全景, 桌面 / room view, desktop" for site in room["sites"]],
            }
            write_whole(path, json.dumps(manifest, ensure_ascii=False, indent=2).encode())
        content = path.read_bytes()
        return Recording(hashlib.sha256(content).digest(), len(content), str(path))
