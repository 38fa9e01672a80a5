"""The files that ``lianping peer`` reads and writes: invitations, replies, descriptors.

Here: reading no more than such a file can have, and having a place to write to before the node
does anything. What is in them is ``node.services.armour``'s and ``chain_file``'s.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from node.commands.link import CannotDo

FILE_MODE: Final = 0o600  # an invitation's secret is for one center
MAX_FILE_BYTES: Final = 2 * 1024 * 1024  # the node itself takes far less; read no film into memory


def read(file: Path) -> str:
    """A file's text. Raises CannotDo."""
    try:
        with file.open("rb") as source:
            content = source.read(MAX_FILE_BYTES + 1)
        if len(content) > MAX_FILE_BYTES:
            raise CannotDo(f"{file} 过大,不是邀请文件", f"{file} is too large for an invitation")
        return content.decode("utf-8-sig")
    except OSError as error:
        raise CannotDo(
            f"无法读取 {file}:{error.strerror}", f"{file} cannot be read: {error.strerror}"
        ) from error
    except UnicodeDecodeError as error:
        raise CannotDo(
            f"{file} 不是文本文件,请向对方重新索取", f"{file} is no text file; ask for it again"
        ) from error


@contextmanager
def reserved(file: Path) -> Iterator[Callable[[str], None]]:
    """A new file, made before anything is done that has to be written down; never overwritten.

    Yields the function that fills it. If that is not called, the file is gone again.

    Raises:
        CannotDo: It exists, or cannot be written.
    """
    written = False

    def write(text: str) -> None:
        nonlocal written
        try:
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise _cannot_write(file, error) from error
        written = True

    _make(file)
    try:
        yield write
    finally:
        if not written:
            file.unlink(missing_ok=True)


def nowhere(_text: str) -> None:
    """Where there is nothing to write."""


def _make(file: Path) -> None:
    if not file.absolute().parent.is_dir():
        raise CannotDo(f"没有文件夹 {file.parent}", f"there is no folder {file.parent}")
    try:
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE))
    except FileExistsError as error:
        raise CannotDo(
            f"{file} 已存在,不予覆盖,请换一个名字",
            f"{file} exists and is not overwritten; choose another name",
        ) from error
    except OSError as error:
        raise _cannot_write(file, error) from error


def _cannot_write(file: Path, error: OSError) -> CannotDo:
    return CannotDo(
        f"无法写入 {file}:{error.strerror}", f"{file} cannot be written: {error.strerror}"
    )
