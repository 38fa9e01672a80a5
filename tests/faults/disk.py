"""A disk below SQLite that remembers every write, and what a power cut leaves of it.

Here: an apsw VFS that notes each write, truncation, deletion and sync on its way to the file
system (``RecordingDisk``), and the images that a power cut at any point of that record could
leave (``images``). Not here: who writes (``bridge``, ``workload``) and how an image is judged
(``judge``).

The model is the one that SQLite itself is built against (sqlite.org/atomiccommit.html §3),
with nothing better assumed: what was synced stays; of what was not, each write may be there,
be missing, or be there in some of its sectors only, in any combination and whatever the order
it was issued in; a file that was never synced may be missing altogether, and one whose
deletion was not synced may be back. A folder is synced by a deletion that asks for it, and,
as SQLite's unix VFS has it, by the first sync of a journal or WAL that was created in it.
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum, auto
from pathlib import Path
from typing import Final

import apsw
from typing_extensions import override

SECTOR: Final = 512  # the smallest piece that a drive writes whole
TEARING: Final = 0.5  # of the mixtures tear some of what survives
EVERY_TORN: Final = 0.25  # of the writes that survive in those
MOST_ROOM: Final = 64  # of one point; from seven unsynced acts on there are always more
MOST_TRIES: Final = 64  # for each different image of a point that has room for it
SURVIVAL: Final = (0.1, 0.3, 0.5, 0.7, 0.9)  # how much of the unsynced an image keeps


class Act(Enum):
    """What was done to a file."""

    WRITE = auto()
    TRUNCATE = auto()
    DELETE = auto()
    SYNC = auto()
    BEGIN_COMMIT = auto()
    """From here on the next transaction may be there after a cut."""
    ACKNOWLEDGE = auto()
    """From here on the transaction must be there after a cut."""


@dataclass(frozen=True, slots=True)
class Op:
    """One act, in the order in which SQLite issued it."""

    act: Act
    file: str = ""
    offset: int = 0
    data: bytes = b""


class RecordingFile(apsw.VFSFile):
    """An open file: notes, then does."""

    def __init__(
        self, disk: "RecordingDisk", name: str, filename: str | apsw.URIFilename, flags: list[int]
    ) -> None:
        self._disk = disk
        self._name = name
        super().__init__("unix", filename, flags)

    @override
    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.note(Op(Act.WRITE, self._name, offset, bytes(data)))
        super().xWrite(data, offset)

    @override
    def xTruncate(self, newsize: int) -> None:
        self._disk.note(Op(Act.TRUNCATE, self._name, newsize))
        super().xTruncate(newsize)

    @override
    def xSync(self, flags: int) -> None:
        super().xSync(flags)
        self._disk.note(Op(Act.SYNC, self._name))


class RecordingDisk(apsw.VFS):
    """A VFS with the name ``name`` that notes what passes through it.

    ``keeps_syncs`` False is a drive that answers "synced" and has done nothing.
    """

    def __init__(self, name: str, *, keeps_syncs: bool = True) -> None:
        self.name = name
        self.ops: list[Op] = []
        self._keeps_syncs = keeps_syncs
        super().__init__(name, "unix", maxpathname=0)

    def note(self, op: Op) -> None:
        """Append to the record."""
        if op.act is not Act.SYNC or self._keeps_syncs:
            self.ops.append(op)

    @override
    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:
        assert name is not None, "temporary files are kept in memory: PRAGMA temp_store"
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        return RecordingFile(self, Path(path).name, name, flags)

    @override
    def xDelete(self, filename: str, syncdir: bool) -> None:
        super().xDelete(filename, syncdir)
        name = Path(filename).name
        self.note(Op(Act.DELETE, name))
        if syncdir:
            self.note(Op(Act.SYNC, name))


@dataclass(frozen=True, slots=True)
class Image:
    """What a power cut left.

    Attributes:
        number: Its place among the images of one record and seed, from 0.
        point: After how many acts the power went.
        kept: In words, what of the unsynced acts survived.
        files: Name and content.
        begun: How many commits had been begun.
        acknowledged: How many had been reported as committed.
    """

    number: int
    point: int
    kept: str
    files: dict[str, bytes]
    begun: int
    acknowledged: int


_WHOLE: Final = -1  # a mask with every sector
Survivors = tuple[tuple[int, int], ...]
"""(number of the act, mask of its sectors) of what survives, in order."""


@dataclass(slots=True)
class _Platter:
    """What is durable, and what is not yet, after some of the acts."""

    durable: dict[str, bytearray] = field(default_factory=dict)
    pending: dict[int, Op] = field(default_factory=dict)
    begun: int = 0
    acknowledged: int = 0

    def take(self, number: int, op: Op) -> None:
        if op.act is Act.SYNC:
            # See os_unix.c, UNIXFILE_DIRSYNC.
            new = op.file not in self.durable and op.file.endswith(("-journal", "-wal"))
            for at, waiting in list(self.pending.items()):
                if waiting.file == op.file or (new and waiting.act is Act.DELETE):
                    _apply(self.durable, self.pending.pop(at), _WHOLE)
        elif op.act is Act.BEGIN_COMMIT:
            self.begun += 1
        elif op.act is Act.ACKNOWLEDGE:
            self.acknowledged += 1
        else:
            self.pending[number] = op

    def cut(self, survivors: Survivors) -> dict[str, bytes]:
        touched = {self.pending[at].file for at, _ in survivors}
        files = {
            name: bytearray(content) if name in touched else content
            for name, content in self.durable.items()
        }
        for at, mask in survivors:
            _apply(files, self.pending[at], mask)
        return {name: bytes(content) for name, content in files.items()}


def images(ops: list[Op], rng: random.Random, count: int) -> Iterator[Callable[[], Image]]:
    """``count`` images over all points at which power may go, no two of them alike.

    What a point adds to the one before it: after a write, the images in which it survives, whole
    or torn, with any of the unsynced ones before it; after a sync or an acknowledgement, the
    image in which nothing unsynced survives. Points take turns.

    Answers functions that build the image, so that one which is only counted costs nothing;
    they must be called before the iteration goes on.

    Raises:
        ValueError: The record does not hold that many different images.
    """
    number = 0
    platter = _Platter()
    for done, (op, share) in enumerate(zip(ops, _shares(ops, count), strict=True)):
        platter.take(done, op)
        seen: set[Survivors] = set()
        for tries in range(MOST_TRIES * share):
            if len(seen) == share:
                break
            survivors = _survivors(platter.pending, done, rng, tries)
            if survivors in seen:
                continue
            seen.add(survivors)

            def build(
                survivors: Survivors = survivors, done: int = done, number: int = number
            ) -> Image:
                return Image(
                    number=number,
                    point=done + 1,
                    kept=_in_words(platter.pending, survivors),
                    files=platter.cut(survivors),
                    begun=platter.begun,
                    acknowledged=platter.acknowledged,
                )

            yield build
            number += 1
        assert len(seen) == share, f"act {done} has not {share} different images"


def _shares(ops: list[Op], count: int) -> list[int]:
    """How many of ``count`` images each point gives: round by round, one each with room."""
    room = _room(ops)
    if count > sum(room):
        raise ValueError(f"{count} images of a record that surely has {sum(room)} different ones")
    shares = [0] * len(ops)
    while count:
        free = [at for at, most in enumerate(room) if shares[at] < most]
        turn = min(count, len(free))
        for number in range(turn):
            shares[free[number * len(free) // turn]] += 1
        count -= turn
    return shares


def _room(ops: list[Op]) -> list[int]:
    """How many images each point adds, at least, up to ``MOST_ROOM``."""
    platter = _Platter()
    room = []
    for done, op in enumerate(ops):
        platter.take(done, op)
        if op.act is Act.BEGIN_COMMIT:
            room.append(0)
        elif done in platter.pending:
            tears = max(0, 2 ** _sectors(op) - 2)
            room.append(min(2 ** (len(platter.pending) - 1) * (1 + tears), MOST_ROOM))
        else:
            room.append(1)
    return room


def _sectors(op: Op) -> int:
    return -(-len(op.data) // SECTOR)


def _survivors(pending: dict[int, Op], newest: int, rng: random.Random, turn: int) -> Survivors:
    if newest not in pending:
        return ()
    if turn == 0:
        return tuple((at, _WHOLE) for at in pending)
    if turn == 1:
        return ((newest, _WHOLE),)
    keep = rng.choice(SURVIVAL)
    tears = rng.random() < TEARING
    chosen = []
    for at, op in pending.items():
        if at != newest and rng.random() >= keep:
            continue
        mask = _WHOLE
        if tears and len(op.data) > SECTOR and rng.random() < EVERY_TORN:
            mask = rng.randrange(1, 2 ** _sectors(op) - 1)
        chosen.append((at, mask))
    return tuple(chosen)


def _apply(files: dict[str, bytearray], op: Op, mask: int) -> None:
    if op.act is Act.DELETE:
        files.pop(op.file, None)
        return
    content = files.setdefault(op.file, bytearray())
    if op.act is Act.TRUNCATE:
        del content[op.offset :]
        return
    end = op.offset + len(op.data)
    if len(content) < end:  # a write past the end: what lies between reads as zeros
        content.extend(bytes(end - len(content)))
    if mask == _WHOLE:
        content[op.offset : end] = op.data
        return
    for sector, start in enumerate(range(0, len(op.data), SECTOR)):
        if mask >> sector & 1:
            piece = op.data[start : start + SECTOR]
            content[op.offset + start : op.offset + start + len(piece)] = piece


def _in_words(pending: dict[int, Op], survivors: Survivors) -> str:
    torn = sum(mask != _WHOLE for _, mask in survivors)
    return f"{len(survivors)} of {len(pending)} unsynced acts survive, {torn} of them torn"
