"""Whether a power cut's image is a database that the node may go on from.

Each image is opened as the node opens its own, with the shipped library, real PRAGMAs and
migrations. Then its whole content is compared, byte for byte, with what the database was
after each commit: it must be the state after a commit that had been begun, and no older than
the last one that had been reported. That says at once that nothing acknowledged is lost, that
later work survives only on top of all earlier work, and that no transaction is there by half.
Whether such a state fits together in itself (no word without its log entry and receipt, no
seat without its booking) is asked once for each state, of ``books``, together with SQLite's
``integrity_check``. Now and then the node goes on from an image: writes, checkpoints, closes,
and opens again.
"""

import sqlite3
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum
from hashlib import sha256
from pathlib import Path
from typing import Final

from node.store import migrations
from node.store.database import Database, ForeignFile, StoreUnavailable
from node.store.migrations import MigrationError
from tests.faults.books import faults_in
from tests.faults.disk import Image
from tests.support import prompt
from tests.support.pair import NOON

GO_ON_EVERY: Final = 32  # images; each goes on as all of the same state would
MIGRATION: Final = 2
"""The commit that brings the schema: the first is the one with which the file is taken."""
_MARK: Final = "INSERT INTO command (subject, key, path, result, at_ms) VALUES (?, ?, '', '', 0)"

_MIGRATIONS: Final = migrations.load()


class Fault(Enum):
    """What can be wrong with an image."""

    LOST = "lost"
    """It is an older state: something that was reported as committed is gone."""
    CORRUPT = "corrupt"
    """It cannot be opened, or is a state that the database never was in."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One image that is not as it must be."""

    fault: Fault
    image: Image
    said: str


@dataclass
class Judge:
    """Judges the images of one record, in one folder of its own."""

    folder: Path
    name: str
    states: Sequence[str]
    _places: dict[str, list[int]] = field(init=False)
    _sound: dict[str, list[str]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._places = defaultdict(list)
        for number, state in enumerate(self.states, start=1):
            self._places[state].append(number)

    async def judge(self, image: Image) -> Finding | None:
        """What is wrong with an image, if anything."""
        path = self._lay_out(image)
        try:
            database = await prompt.opened(path, busy_timeout_ms=0)
        except (StoreUnavailable, ForeignFile) as error:
            return Finding(Fault.CORRUPT, image, f"does not open: {error}")
        try:
            finding = await self._opened(database, image)
            if finding is None and image.number % GO_ON_EVERY == 0:
                await database.transact(lambda at: at.execute(_MARK, ("faults", "mark")).rowcount)
        except (StoreUnavailable, MigrationError, sqlite3.Error) as error:
            return Finding(Fault.CORRUPT, image, f"cannot be used: {error}")
        finally:
            await database.close()
        if finding is None and image.number % GO_ON_EVERY == 0:
            finding = await self._goes_on(path, image)
        return finding

    def _lay_out(self, image: Image) -> Path:
        for old in self.folder.iterdir():
            old.unlink()
        for name, content in image.files.items():
            (self.folder / name).write_bytes(content)
        return self.folder / f"{self.name}.db"

    async def _opened(self, database: Database, image: Image) -> Finding | None:
        to_do, state = await database.alone(_taken_in)
        if to_do and image.acknowledged < MIGRATION:
            return await self._begun_anew(database, image)
        if to_do:
            return Finding(Fault.LOST, image, f"the schema is gone: {to_do} migrations to do")
        found = self._places.get(state)
        if found is None:
            return Finding(Fault.CORRUPT, image, "is a state that the database never was in")
        at = bisect_left(found, image.acknowledged)
        if at == len(found):
            return Finding(
                Fault.LOST,
                image,
                f"is as after commit {found[-1]}; {image.acknowledged} were acknowledged",
            )
        if found[at] > image.begun:
            return Finding(Fault.CORRUPT, image, f"holds commit {found[at]}, not begun so far")
        return await self._examined(database, image, state)

    async def _begun_anew(self, database: Database, image: Image) -> Finding | None:
        """Nothing was promised so far: the node must be able to begin."""
        await database.alone(lambda at: migrations.migrate(at, _MIGRATIONS, NOON))
        _, state = await database.alone(_taken_in)
        return await self._examined(database, image, state)

    async def _examined(self, database: Database, image: Image, state: str) -> Finding | None:
        if state not in self._sound:
            self._sound[state] = await database.alone(faults_in)
        faults = self._sound[state]
        return Finding(Fault.CORRUPT, image, "; ".join(faults)) if faults else None

    async def _goes_on(self, path: Path, image: Image) -> Finding | None:
        database = await prompt.opened(path, busy_timeout_ms=0)
        try:
            marks = await database.read(
                lambda at: at.execute("SELECT count(*) FROM command").fetchone()[0]
            )
            faults = await database.alone(faults_in)
        finally:
            await database.close()
        if marks != 1 or faults:
            said = "; ".join([f"{marks} marks of one", *faults])
            return Finding(Fault.CORRUPT, image, f"a node that goes on from it: {said}")
        return None


def _taken_in(connection: sqlite3.Connection) -> tuple[int, str]:
    """How many migrations the database lacks, and the SHA-256 of all of it."""
    to_do = migrations.pending(connection, _MIGRATIONS)
    return len(to_do), sha256(connection.serialize()).hexdigest()
