"""Files of the stand-ins that are there after a power cut, whole or not at all.

Two shapes, as small as can be: a file replaced as a whole, and a file of lines that only
grows. Everything is readable by its owner alone, because stand-ins hold what the real systems
would hold: names, telephone numbers, keys. The node's own data are in ``node.store``, not here.
"""

import os
from pathlib import Path
from typing import Final

OWNER_ONLY: Final = 0o600
FOLDER_OWNER_ONLY: Final = 0o700


def make_folder(folder: Path) -> None:
    """Create ``folder`` and its parents, the last one readable by its owner alone."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_OWNER_ONLY)


def write_whole(path: Path, content: bytes) -> None:
    """Replace ``path`` by ``content``; on return it survives a power cut.

    A reader sees the old content or the new, never a part. One writer at a time per path.
    """
    beside = path.with_name(path.name + ".new")
    # A left-over from a crash may have another mode, and O_CREAT would keep it.
    beside.unlink(missing_ok=True)
    _write_synced(beside, content, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    beside.replace(path)
    _sync_folder(path.parent)


def append_line(path: Path, line: bytes) -> None:
    """Add ``line`` and a newline to ``path``; on return they survive a power cut.

    Raises:
        ValueError: ``line`` contains a newline, so that it would be read as two.
    """
    if b"\n" in line:
        raise ValueError(f"a line for {path.name} must not contain a newline; encode it first")
    is_new = not path.exists()
    _write_synced(path, line + b"\n", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    if is_new:
        _sync_folder(path.parent)


def whole_lines(path: Path) -> list[bytes]:
    """The lines that were written completely; a torn last line is left out."""
    if not path.exists():
        return []
    return path.read_bytes().split(b"\n")[:-1]


def cut_torn_line(path: Path) -> None:
    """Remove what a writer killed in the middle left behind the last newline."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole == len(content):
        return
    with path.open("r+b") as file:
        file.truncate(whole)
        os.fsync(file.fileno())


def _write_synced(path: Path, content: bytes, flags: int) -> None:
    descriptor = os.open(path, flags, OWNER_ONLY)
    with os.fdopen(descriptor, "ab" if flags & os.O_APPEND else "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    # A rename is durable only once the folder that holds the name is.
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
