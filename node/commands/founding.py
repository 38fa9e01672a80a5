"""What ``lianping init`` does once it knows everything: one step after the other, each once.

Every step looks first whether it was done before, writes its files whole, and leaves something
that the next run recognises; so a run that was killed anywhere is completed by running it
again. The order is such that nothing is told that is not kept: the operator's one-time codes
are written down before the account exists.

Not here: asking (``node.commands.init``).
"""

import os
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from node import logs
from node.clock import SystemClock, SystemRandom
from node.commands.link import CannotDo
from node.config import Config
from node.keystore import center, chain, files, keys, root_file
from node.keystore.errors import BadKeys
from node.keystore.root_file import FLOOR, Cost, RootKeys
from node.local_socket import is_served, path_in
from node.services import totp
from node.services.accounts import FIRST_OPERATOR, Accounts, Role
from node.store import accounts, migrations
from node.store.cipher import NONCE_BYTES, ColumnCipher
from node.store.database import Database
from node.wiring import DATABASE_FILE, KEYS_FOLDER, half_a_folder

CONFIG_MODE: Final = 0o640
LOG: Final = logs.logger("node.commands.founding")


@dataclass(slots=True)
class Report:
    """What was found, and what was made, in words for people; filled in as it happens."""

    made: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)


def check_places(config: Config, root_key: Path) -> None:
    """The storage folder can be written to, and the root key would not lie in it.

    Raises:
        CannotDo: Says which, and why; or the storage folder is another user's.
        SocketUnavailable: The storage folder's path is too long for the node's socket.
    """
    storage = config.storage.folder.resolve()
    path_in(storage)
    if root_key.resolve().is_relative_to(storage):
        raise CannotDo(
            f"根密钥不能放在数据目录 {storage} 里,否则每份备份都带着它:请用 --root-key 另选位置",
            f"the root key must not lie in the storage folder {storage}, or every backup would "
            "carry it: choose another place with --root-key",
        )
    keys = storage / KEYS_FOLDER
    if keys.exists() and keys.stat().st_uid != os.geteuid():
        raise CannotDo(
            f"请以节点的用户执行本命令:{keys} 不属于当前用户,新文件节点将无法读取",
            f"run this as the node's user: {keys} belongs to somebody else, and the node could "
            "not read what is made now",
        )
    _check_writable(storage)


def check_new_root(root_key: Path) -> None:
    """The root key's file can be made. Its folder is not: a medium that is not there has none.

    Raises:
        CannotDo: Says why not.
    """
    folder = root_key.resolve().parent
    if not folder.is_dir():
        raise CannotDo(
            f"没有文件夹 {folder}:请接上根密钥的介质(或先建立该文件夹),或用 --root-key 另选位置",
            f"there is no folder {folder}: attach the root key's medium, or make the folder, or "
            "choose another place with --root-key",
        )
    _check_writable(folder)


def _check_writable(folder: Path) -> None:
    probe = folder / ".lianping-init"
    try:
        folder.mkdir(parents=True, mode=files.FOLDER_MODE, exist_ok=True)
        probe.unlink(missing_ok=True)
        probe.touch(exist_ok=False)
        probe.unlink()
    except OSError as error:
        raise CannotDo(
            f"文件夹 {folder} 无法写入:{error.strerror}",
            f"the folder {folder} cannot be written to: {error.strerror}",
        ) from error


def check_config(path: Path) -> None:
    """The configuration's file can be made; its folder is, if need be. Raises CannotDo."""
    _check_writable(path.resolve().parent)


def write_config(path: Path, text: str, report: Report) -> None:
    """Write the configuration file, which does not exist yet. Its folder does."""
    files.write_new(path, text.encode(), CONFIG_MODE)
    report.made.append(f"配置 · configuration: {path}")


def needs_root(config: Config) -> bool:
    """Whether the root key has something to sign.

    Raises:
        HalfAFolder: There is a database whose keys are missing.
        BadKeys: What is published is damaged.
        CannotDo: The configuration names other suites than were published.
    """
    folder = config.storage.folder / KEYS_FOLDER
    if not chain.exists(folder):
        if (config.storage.folder / DATABASE_FILE).exists():
            raise half_a_folder(config.storage.folder)
        return True
    current = chain.current(folder, chain.read(folder))
    if current.suites != config.trust.suites:
        raise CannotDo(
            f"已公布的密码套件为 {'、'.join(current.suites)},与配置 trust.suites 不同;"
            "套件在设立时确定,请改回配置",
            f"the published suites are {', '.join(current.suites)}, and trust.suites says "
            "otherwise; they are chosen when a center is set up: change the configuration back",
        )
    return chain.published(current) != chain.named(config)


def make_root(
    path: Path, config: Config, passphrase: str, report: Report, cost: Cost = FLOOR
) -> RootKeys:
    """Make the root key's file. See ``root_file.make`` for the errors."""
    made = root_file.make(path, config.trust.suites, passphrase, SystemRandom().bytes, cost)
    report.made.append(f"根密钥 · root key: {path}")
    return made


def make_keys(config: Config, root: RootKeys, root_path: Path, report: Report) -> None:
    """Make what is missing of the keys, and publish. See ``center.complete`` for the errors."""
    folder = config.storage.folder / KEYS_FOLDER
    with files.alone(folder):
        done = center.complete(folder, config, root, SystemRandom().bytes, SystemClock().now_ms())
    if done.made:
        report.made.append(f"密钥 · keys: {', '.join(done.made)}")
    mark_used(config, root_path)


def mark_used(config: Config, root_path: Path) -> None:
    """Put a copy of the first descriptor beside the root key, if that is there and lacks one."""
    used = _used(root_path)
    if used.exists() or not is_our_root(config, root_path):
        return
    try:
        files.write_new(used, chain.read(config.storage.folder / KEYS_FOLDER)[0])
    except OSError as error:  # a medium that is read only; the chain itself is safe
        LOG.info("the root key's medium was not written to", path=str(used), why=error.strerror)


def is_our_root(config: Config, root_path: Path) -> bool:
    """Whether a file says to be the root key of the center that was published here."""
    keys = config.storage.folder / KEYS_FOLDER
    if not root_path.is_file():
        return False
    try:
        public = root_file.public_keys(root_path)
    except BadKeys:
        return False
    roots = chain.current(keys, chain.read(keys)).roots
    return {each.suite: each.key for each in roots} == public


def check_first_use(config: Config, root_path: Path) -> None:
    """A root key begins one chain of descriptors only: partners take a second for an impostor's.

    Raises:
        CannotDo: It has begun one, and that is not here.
    """
    folder = config.storage.folder / KEYS_FOLDER
    if not chain.exists(folder) and _used(root_path).exists():
        raise CannotDo(
            f"根密钥 {root_path} 已签发过名片,而 {folder} 里没有:请恢复数据目录的备份;"
            "若要另立新中心,请用 --root-key 另选新文件",
            f"the root key {root_path} has published a descriptor already, which {folder} does not "
            "hold: restore a backup of the storage folder; for a new center choose a new file "
            "with --root-key",
        )


def _used(root_path: Path) -> Path:
    """The copy of the first descriptor beside the root key that signed it."""
    return root_path.with_name(f"{root_path.name}.published")


def is_running(config: Config) -> bool:
    """Whether a node serves the storage folder now."""
    return is_served(path_in(config.storage.folder))


async def has_operator(config: Config) -> bool:
    """Whether an operator can log in; makes and migrates the database.

    Raises:
        StoreUnavailable, ForeignFile, MigrationError: The database cannot be used.
    """
    database = await _open(config)
    try:
        every = await database.read(accounts.every)
    finally:
        await database.close()
    return any(each.role == Role.OPERATOR for each in every)


async def make_operator(config: Config, password: str, secret: str, report: Report) -> None:
    """Make the first operator's account, with one-time codes.

    Raises:
        Invalid: The password.
        Others: See ``has_operator`` and ``keys.load``.
    """
    random = SystemRandom()
    own = keys.load(config.storage.folder / KEYS_FOLDER, config.keys)
    service = Accounts(
        random=random.bytes,
        cipher=ColumnCipher(own.data, lambda: random.bytes(NONCE_BYTES)),
        center=config.center.name,
    )
    account = await service.new(
        FIRST_OPERATOR, Role.OPERATOR, FIRST_OPERATOR, password, totp_secret=secret
    )

    def store(connection: sqlite3.Connection) -> bool:
        return accounts.add(connection, account, SystemClock().now_ms())

    database = await _open(config)
    try:
        if await database.transact(store):
            report.made.append(f"运维账号 · operator's account: {FIRST_OPERATOR}")
    finally:
        await database.close()


def totp_secret(path: Path | None, center_name: str) -> tuple[str, str]:
    """The secret of the operator's codes and its address; kept in ``path`` before it is used.

    A file that an earlier, interrupted run left is taken, so that what was written down counts.

    Raises:
        CannotDo: The file holds something else.
        OSError: It cannot be written.
    """
    if path is None or not path.exists():
        secret = totp.new_secret(SystemRandom().bytes)
        address = totp.address(secret, FIRST_OPERATOR, center_name)
        if path is not None:
            _check_writable(path.resolve().parent)
            files.write_new(path, f"{address}\n".encode())
        return secret, address
    address = path.read_text(encoding="utf-8").strip()
    secret = totp.secret_of(address) or ""
    if not secret:
        raise CannotDo(
            f"{path} 已存在而不是动态口令文件,请移走或用 --totp-file 另选",
            f"{path} exists and holds no one-time codes: move it away, or choose another with "
            "--totp-file",
        )
    return secret, address


async def _open(config: Config) -> Database:
    database = await Database.open(config.storage.folder / DATABASE_FILE)
    try:
        now_ms = SystemClock().now_ms()
        await database.alone(
            lambda connection: migrations.migrate(connection, migrations.load(), now_ms)
        )
    except BaseException:
        await database.close()
        raise
    return database
