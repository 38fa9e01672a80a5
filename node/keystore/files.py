"""Secret files: there whole or not at all, for the node's user only, never overwritten."""

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from node.keystore.errors import BadKeys, Taken

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


def make_folder(folder: Path) -> None:
    """A folder that only its owner can enter."""
    folder.mkdir(parents=True, mode=FOLDER_MODE, exist_ok=True)
    folder.chmod(FOLDER_MODE)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Nobody else who asks for it changes a folder meanwhile; waits, and makes the folder.

    The kernel gives the lock back however its holder ends.
    """
    make_folder(folder)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def write_new(path: Path, content: bytes, mode: int = FILE_MODE) -> None:
    """Write a file that is there whole or not at all, also after a power cut.

    A draft that was left by a kill is replaced: nothing ever read it.

    Raises:
        Taken: The file exists; no key is ever overwritten.
        OSError: It cannot be written; it names the file.
    """
    try:
        _write_new(path, content, mode)
    except OSError as error:  # people know the file, not its draft; a full disk names neither
        error.filename, error.filename2 = str(path), None
        raise


def _write_new(path: Path, content: bytes, mode: int) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.unlink(missing_ok=True)
    try:
        with open(draft, "xb", opener=lambda name, flags: os.open(name, flags, mode)) as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, it never replaces
    except FileExistsError as error:
        raise _taken(path) from error
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP}:
            raise
        if path.exists():  # a memory stick's file system knows no links
            raise _taken(path) from error
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def _taken(path: Path) -> Taken:
    return Taken(f"{path} 已存在,不会覆盖任何密钥 · exists, and no key is ever overwritten")


def clear_drafts(folder: Path) -> None:
    """Remove drafts that a kill left: they hold keys that nobody has ever used."""
    for draft in folder.glob(".*.new"):
        draft.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def read(path: Path, size: int | None = None) -> bytes:
    """A secret file's bytes. Raises BadKeys."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise BadKeys(
            f"{path} 无法读取 · cannot be read ({error.strerror}): 恢复备份 · restore a backup"
        ) from error
    if size is not None and len(raw) != size:
        raise BadKeys(
            f"{path} 应为 {size} 字节 · must have {size} bytes, not {len(raw)}: "
            "恢复备份 · restore a backup"
        )
    return raw
