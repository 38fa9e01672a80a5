"""The door inside the node's own folder: where its Unix socket is, and how it is made.

Whoever can open the socket can read the node's keys beside it, so it asks for no log-in. It
is open to the node's own user alone (0600), and it is one node's: a lock on the folder, which
the kernel gives back however the node ends, tells a socket that is served from one that a
killed node left behind.

Not here: what is served on it (``node.serving``), who calls on it (``node.commands.link``).
"""

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SOCKET_FILE: Final = "node.sock"
MAX_PATH_BYTES: Final = 107  # Linux: 108 in sockaddr_un with the final zero, unix(7)
MODE: Final = 0o600
BACKLOG: Final = 16  # commands that people type; more wait in connect


class SocketUnavailable(Exception):
    """The socket cannot be made or reached; the words say what to do."""


def path_in(folder: Path) -> Path:
    """Where the socket of a storage folder is.

    Raises:
        SocketUnavailable: The path is too long for a Unix socket.
    """
    path = folder.absolute() / SOCKET_FILE
    length = len(os.fsencode(path))
    if length > MAX_PATH_BYTES:
        raise SocketUnavailable(
            f"{path} 共{length}字节,套接字路径至多{MAX_PATH_BYTES}字节,请缩短 storage.folder"
            f" · is {length} bytes long and a socket's path has at most {MAX_PATH_BYTES}: "
            "choose a shorter storage.folder"
        )
    return path


@contextmanager
def listening(folder: Path) -> Iterator[socket.socket]:
    """Listen on a folder's socket, and remove it at the end.

    Raises:
        SocketUnavailable: Another node serves this folder, or something that is no socket
            is in the way.
    """
    path = path_in(folder)
    with _only_one(folder):
        _clear(path)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with listener:
            listener.bind(os.fspath(path))
            try:
                # Nobody can connect before listen(), so nobody does before the mode is right.
                path.chmod(MODE)
                listener.listen(BACKLOG)
                yield listener
            finally:
                path.unlink(missing_ok=True)


def is_served(path: Path) -> bool:
    """Whether somebody listens there whom this user may call and may trust.

    Passwords go through the socket, so it counts only if the folder's owner or this user made
    it: in a folder that others can write to, anybody can lay one.
    """
    try:
        made_by = path.lstat().st_uid
        if made_by not in {path.parent.stat().st_uid, os.geteuid()}:
            return False
    except OSError:
        return False
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as caller:
        try:
            caller.connect(os.fspath(path))
        except OSError:
            return False
    return True


@contextmanager
def reserved(folder: Path) -> Iterator[None]:
    """Keep a folder for oneself while no node serves it. Raises SocketUnavailable."""
    with _only_one(folder):
        yield


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SocketUnavailable(
                f"已有节点在使用 {folder} · another node serves this folder already: "
                "先停止它 · stop it first"
            ) from error
        yield
    finally:
        os.close(held)


def _clear(path: Path) -> None:
    """Remove what a node that was killed left behind, and nothing else."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SocketUnavailable(
            f"{path} 不是套接字,不予覆盖,请移走 · is no socket and is not overwritten: move it away"
        )
    path.unlink()
