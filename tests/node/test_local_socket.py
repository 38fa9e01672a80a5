"""The socket in the node's folder: one node's, one user's, and never somebody else's file."""

import os
import socket
import stat
from pathlib import Path

import pytest

from node.local_socket import (
    MAX_PATH_BYTES,
    SOCKET_FILE,
    SocketUnavailable,
    is_served,
    listening,
    path_in,
)


def test_only_the_nodes_user_can_open_it_and_it_is_gone_at_the_end(tmp_path: Path) -> None:
    with listening(tmp_path) as listener:
        path = tmp_path / SOCKET_FILE
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            listener.accept()[0].close()
    assert not path.exists()


def test_what_a_killed_node_left_behind_is_replaced(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(tmp_path / SOCKET_FILE))
    assert (tmp_path / SOCKET_FILE).exists()
    with listening(tmp_path), socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / SOCKET_FILE))


def test_a_second_node_in_the_same_folder_is_refused_and_the_first_serves_on(
    tmp_path: Path,
) -> None:
    with listening(tmp_path):
        with pytest.raises(SocketUnavailable, match="another node"), listening(tmp_path):
            pass
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(tmp_path / SOCKET_FILE))
    with listening(tmp_path):
        assert (tmp_path / SOCKET_FILE).exists()


def test_a_file_that_is_no_socket_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / SOCKET_FILE).write_text("notes")
    with pytest.raises(SocketUnavailable, match="move it away"), listening(tmp_path):
        pass
    assert (tmp_path / SOCKET_FILE).read_text() == "notes"


def test_a_folder_whose_path_is_too_long_is_named(tmp_path: Path) -> None:
    room = MAX_PATH_BYTES - len(os.fsencode(tmp_path)) - len(f"//{SOCKET_FILE}")
    fitting = tmp_path / ("x" * room)
    fitting.mkdir()
    with listening(fitting):
        assert len(os.fsencode(path_in(fitting))) == MAX_PATH_BYTES
    with pytest.raises(SocketUnavailable, match=r"storage\.folder"):
        path_in(tmp_path / ("x" * (room + 1)))


def test_a_socket_that_somebody_else_laid_there_is_not_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening(tmp_path):
        path = path_in(tmp_path)
        assert is_served(path)
        if os.geteuid() == 0:
            os.chown(path, 65_534, -1)
        else:
            mine = Path.stat
            monkeypatch.setattr(Path, "stat", lambda self, **how: _by_another(mine(self, **how)))
            monkeypatch.setattr(os, "geteuid", lambda: -1)
        assert not is_served(path)


def _by_another(found: os.stat_result) -> os.stat_result:
    fields = list(found)
    fields[4] += 1
    return os.stat_result(fields)
