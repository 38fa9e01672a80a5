"""``lianping backup``, ``lianping restore``: what is put back, kept aside, refused."""

import asyncio
import json
import os
import random
import sqlite3
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from typing_extensions import override

from node import config
from node.cli import main
from node.clock import SystemClock, stamp
from node.keystore import backups, center, chain, root_file
from node.keystore import keys as key_folder
from node.keystore.backup_file import BadBackup
from node.local_socket import listening
from node.store import migrations, recovery
from node.store.database import Database
from node.store.peers import PeerRow, put
from tests.node.keystore.test_root_file import CHEAP
from tests.node.test_config import GOOD, write

ROOT_PASSPHRASE = "月落乌啼霜满天江枫渔火"
PARTNER = "lp1odcmx3cvrrefugutbc7hrs3csw6uo7p3"


@pytest.fixture
def node(tmp_path: Path) -> Path:
    """The configuration of a center that was set up, has a partner, and does not run."""
    path = write(tmp_path, GOOD.replace("/var/lib/lianping", str(tmp_path / "data")))
    chance = random.Random(1).randbytes
    root = root_file.make(tmp_path / "root.pem", ("intl-1",), ROOT_PASSPHRASE, chance, CHEAP)
    secret(tmp_path / "root.pass", ROOT_PASSPHRASE)
    now_ms = SystemClock().now_ms()
    center.complete(tmp_path / "data" / "keys", config.load(path), root, chance, now_ms)

    async def fill() -> None:
        database = await Database.open(tmp_path / "data" / "node.db")
        await database.alone(
            lambda connection: migrations.migrate(connection, migrations.load(), now_ms)
        )
        await database.transact(
            lambda connection: put(connection, PeerRow(PARTNER, b"descriptor", 1, now_ms))
        )
        await database.close()

    asyncio.run(fill())
    return path


def secret(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def data(node: Path) -> Path:
    return node.parent / "data"


def take(node: Path, to: Path, passphrase: str = "") -> Path:
    """A backup, as the node that runs takes it."""

    async def run() -> Path:
        database = await Database.open(data(node) / "node.db")
        try:
            taker = backups.Backups(
                database=database,
                identity=key_folder.load(data(node) / "keys").identity(),
                clock=SystemClock(),
                random=random.Random(2).randbytes,
                software="test",
                stamp=stamp,
            )
            return (await taker.take(to, passphrase))[0]
        finally:
            await database.close()

    return asyncio.run(run())


def restore(node: Path, *arguments: str | Path) -> Result:
    words = [str(each) for each in arguments]
    return CliRunner().invoke(main, ["restore", "--config", str(node), *words])


def sql(node: Path, statement: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(data(node) / "node.db")
    try:
        found = connection.execute(statement).fetchall()
        connection.commit()
        return found
    finally:
        connection.close()


def forget(node: Path) -> None:
    """Something is written after the backup."""
    sql(node, "INSERT INTO venue (name) VALUES ('later')")


def test_a_restored_node_knows_that_it_is_an_old_copy(node: Path) -> None:
    file = take(node, node.parent / "one.lpbak")
    forget(node)
    done = restore(node, file, "--yes", "--json")
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    assert told["peers"] == [PARTNER]
    assert told["epoch"] is None
    assert sql(node, "SELECT name FROM venue") == []
    ((peer, state, reason),) = sql(node, "SELECT peer, state, reason FROM recovery")
    assert (peer, state) == (PARTNER, "WAITED")
    assert "restored from a backup of" in reason
    with sqlite3.connect(told["kept"]) as kept:
        assert kept.execute("SELECT name FROM venue").fetchall() == [("later",)]
    connection = sqlite3.connect(data(node) / "node.db")
    assert recovery.recovering(connection)
    connection.close()


def test_a_backup_goes_into_a_folder_under_a_name_of_its_time(node: Path) -> None:
    folder = node.parent / "backups"
    folder.mkdir()
    file = take(node, folder)
    assert [each.name for each in folder.iterdir()] == [file.name]
    assert file.name.startswith("node-2")
    assert file.suffix == ".lpbak"
    with pytest.raises(BadBackup, match="exists already"):
        take(node, file)


def test_people_are_told_what_happens_and_may_say_no(node: Path) -> None:
    file = take(node, node.parent / "one.lpbak")
    forget(node)
    done = CliRunner().invoke(main, ["restore", "--config", str(node), str(file)], input="n\n")
    assert done.exit_code == 1
    assert "will replace" in done.output
    assert "does not come back" in done.output
    assert sql(node, "SELECT name FROM venue") == [("later",)]
    assert not list(data(node).glob("*restoring*"))


def test_with_the_root_key_the_next_epoch_is_announced_at_once(node: Path) -> None:
    sql(
        node,
        "INSERT INTO log_entry (suite, idx, data, envelope_hash)"
        " VALUES ('intl-1', 0, x'00', x'00')",
    )
    file = take(node, node.parent / "one.lpbak")
    opening = ("--root-key", node.parent / "root.pem")
    secretly = ("--root-passphrase-file", node.parent / "root.pass")
    done = restore(node, file, "--yes", "--json", *opening, *secretly)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["epoch"] == 1
    keys = data(node) / "keys"
    descriptor = chain.current(keys, chain.read(keys))
    assert descriptor.log_epoch == 1
    assert [(each.suite, each.size) for each in descriptor.log_begins] == [("intl-1", 1)]


def test_a_sealed_backup_takes_its_passphrase(node: Path) -> None:
    text = "玉兰 花开 三月 十七 号院"
    file = take(node, node.parent / "one.lpbak", text)
    assert restore(node, file, "--yes").exit_code == 2
    wrong = secret(node.parent / "wrong", "another one of some length")
    done = restore(node, file, "--yes", "--passphrase-file", wrong)
    assert done.exit_code == 2
    assert "passphrase" in done.output
    right = secret(node.parent / "right", text)
    assert restore(node, file, "--yes", "--passphrase-file", right).exit_code == 0


def test_a_running_node_is_not_restored(node: Path) -> None:
    file = take(node, node.parent / "one.lpbak")
    with listening(data(node)):
        done = restore(node, file, "--yes")
    assert done.exit_code == 2
    assert "the node is running" in done.output
    assert sql(node, "SELECT 1 FROM recovery") == []


class Killed(BaseException):
    """As by kill -9: nothing tidies up that a process that is gone could not have done."""


@pytest.mark.parametrize("step", range(5))
def test_a_restore_that_is_killed_leaves_the_old_database_or_the_restored_one(
    node: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = take(node, node.parent / "one.lpbak")
    forget(node)
    left = step

    def deadly(act: Callable[..., None]) -> Callable[..., None]:
        def acted(*arguments: Any, **more: Any) -> None:
            nonlocal left
            if left == 0 and "node.db" in f"{arguments}":
                raise Killed
            left -= "node.db" in f"{arguments}"
            act(*arguments, **more)

        return acted

    for name in ("rename", "replace", "link"):
        monkeypatch.setattr(os, name, deadly(getattr(os, name)))
    with suppress(Killed):
        restore(node, file, "--yes")
    assert (data(node) / "node.db").exists(), "a node that starts would make an empty one"
    old = sql(node, "SELECT name FROM venue") == [("later",)]
    assert old or sql(node, "SELECT state FROM recovery") == [("WAITED",)]
    monkeypatch.undo()
    done = restore(node, file, "--yes")
    assert done.exit_code == 0, done.output
    assert sql(node, "SELECT name FROM venue") == []


def test_two_restores_in_one_second_keep_both_databases(node: Path) -> None:
    file = take(node, node.parent / "one.lpbak")
    forget(node)
    for _ in range(3):
        assert restore(node, file, "--yes").exit_code == 0
    kept = [
        each for each in data(node).glob("node.db.before-*") if not each.name.endswith("-journal")
    ]
    assert len(kept) == 3
    found = []
    for each in kept:
        with closing(sqlite3.connect(each)) as connection:
            found += connection.execute("SELECT name FROM venue").fetchall()
    assert found == [("later",)]


def test_a_backup_of_a_node_that_restored_words_then_asks_for_all_of_them_again(node: Path) -> None:
    sql(
        node,
        "INSERT INTO recovery (peer, state, reason, since_ms, asked_from_ms, heard_to, said_to)"
        f" VALUES ('{PARTNER}', 'ANSWERED', 'then', 1, 7, 8, 9)",
    )
    file = take(node, node.parent / "one.lpbak")
    assert restore(node, file, "--yes").exit_code == 0
    # What was said after that backup came after the answer that is in it.
    assert sql(node, "SELECT state, asked_from_ms, heard_to, said_to FROM recovery") == [
        ("WAITED", 0, 0, 0)
    ]


class Full(sqlite3.Connection):
    """A database whose copy finds no room where it is written."""

    @override
    def backup(self, *_: Any, **__: Any) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error


def test_a_full_volume_of_the_backups_is_no_fault_of_the_database(node: Path) -> None:
    draft = node.parent / ".x.db"
    with (
        closing(sqlite3.connect(data(node) / "node.db", factory=Full)) as connection,
        pytest.raises(BadBackup, match="disk is full"),
    ):
        backups._copy(draft, connection)


@pytest.mark.parametrize("harm", ["cut", "flip", "nothing"])
def test_what_is_not_whole_replaces_nothing(node: Path, harm: str) -> None:
    file = take(node, node.parent / "one.lpbak")
    forget(node)
    raw = bytearray(file.read_bytes())
    if harm == "cut":
        del raw[-4096:]
    elif harm == "flip":
        raw[-1] ^= 1
    else:
        raw = bytearray(b"no backup at all")
    file.write_bytes(raw)
    done = restore(node, file, "--yes")
    assert done.exit_code == 2, done.output
    assert sql(node, "SELECT name FROM venue") == [("later",)]
    assert sorted(each.name for each in data(node).iterdir()) == ["keys", "node.db"]


def test_a_damaged_database_is_backed_up_by_nobody(node: Path) -> None:
    sql(node, "PRAGMA foreign_keys=OFF")
    sql(node, "INSERT INTO room (venue, name, overnight) VALUES (99, 'nowhere', 0)")
    with pytest.raises(BadBackup, match="point nowhere"):
        take(node, node.parent / "one.lpbak")
    assert not (node.parent / "one.lpbak").exists()


@pytest.mark.parametrize("command", ["backup", "restore", "recover"])
def test_each_command_says_how_it_is_typed(command: str) -> None:
    shown = CliRunner().invoke(main, [command, "--help"]).output
    assert "示例 · Examples" in shown
    assert f"lianping {command}" in shown
