"""Takes a backup of the node that runs: copied online, checked, signed, whole or not at all."""

import asyncio
import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from federation.engine.identity import Identity
from federation.ports import Clock
from node.keystore import backup_file
from node.keystore.backup_file import BadBackup, Manifest
from node.store import snapshot
from node.store.database import Database

NAME: Final = "node-{stamp}" + backup_file.SUFFIX
TARGETS_FAULTS: Final = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY}
"""The node's own database is only read: these are of the volume that the copy is for."""
DAY_DIGITS: Final = "%Y%m%dT%H%M%SZ"


class Backups:
    """Takes backups, one at a time.

    Args:
        database: What is copied.
        identity: Whose message key signs.
        clock: The time.
        random: Gives that many bytes fit for keys.
        software: What made it.
        stamp: The time as it stands in a file's name.
    """

    def __init__(
        self,
        *,
        database: Database,
        identity: Identity,
        clock: Clock,
        random: Callable[[int], bytes],
        software: str,
        stamp: Callable[[int], str],
    ) -> None:
        self._database = database
        self._identity = identity
        self._clock = clock
        self._random = random
        self._software = software
        self._stamp = stamp
        self._busy = asyncio.Lock()

    async def take(self, to: Path, passphrase: str = "") -> tuple[Path, Manifest]:
        """Take a backup into a new file, or into a folder under a name of its time.

        Raises:
            BadBackup: The file exists, or the copy is not sound.
            StoreUnavailable: The database cannot be read.
            OSError: It cannot be written.
        """
        async with self._busy:
            now_ms = self._clock.now_ms()
            target = await asyncio.to_thread(self._target, to, now_ms)
            draft = target.with_name(f".{target.name}.db")
            try:
                await self._database.alone(partial(_copy, draft))
                told = await asyncio.to_thread(self._write, target, draft, now_ms, passphrase)
            finally:
                await asyncio.to_thread(draft.unlink, missing_ok=True)
            return target, told

    def _target(self, to: Path, now_ms: int) -> Path:
        target = to / NAME.format(stamp=self._stamp(now_ms)) if to.is_dir() else to
        if target.exists():
            raise BadBackup(f"{target} 已存在 · exists already: give another name")
        return target

    def _write(self, target: Path, draft: Path, now_ms: int, passphrase: str) -> Manifest:
        with snapshot.opened(draft) as copy:
            try:
                snapshot.check(copy)
            except snapshot.BadSnapshot as error:
                zh, _, en = str(error).partition(" · ")
                raise BadBackup(
                    f"数据库{zh};请停止节点并检查磁盘 · the database {en or zh}: stop the node and "
                    "check the disk"
                ) from error
            contents = snapshot.contents(copy)
        descriptor = self._identity.descriptor
        return backup_file.write(
            target,
            draft,
            lambda size, digest, sealed: Manifest(
                center=self._identity.center,
                software=self._software,
                made_at_ms=now_ms,
                epoch=descriptor.log_epoch,
                sequence=descriptor.sequence,
                contents=contents,
                size=size,
                digest=digest,
                sealed=sealed,
            ),
            self._identity,
            now_ms,
            passphrase=passphrase,
            random=self._random,
        )


def _copy(draft: Path, connection: sqlite3.Connection) -> None:
    try:
        draft.unlink(missing_ok=True)  # what a kill left
        snapshot.copy(connection, draft)
    except OSError as error:
        raise BadBackup(
            f"{draft.parent} 无法写入({error.strerror}) · cannot be written ({error.strerror})"
        ) from error
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode not in TARGETS_FAULTS:
            raise
        raise BadBackup(
            f"{draft.parent} 无法写入({error}) · cannot be written ({error}): free space there, or "
            "give another folder"
        ) from error
