"""``lianping backup`` and ``lianping restore``: a copy of the database, and putting it back.

A backup is taken by the node that runs; a restore refuses while one runs. A restored node is an
old copy of itself, and knows it: it starts as RECOVERING and gets its words back from its
partners (``lianping recover``). Nothing is deleted: the database that was there stays beside.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from federation.engine.identity import Identity
from node.clock import SystemClock, SystemRandom, stamp
from node.commands.link import CannotDo, configured, open_link
from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option
from node.config import BadConfig, Config, read_secret
from node.domain.workday import local_time
from node.keystore import backup_file, files, passphrase, root_file, rotation
from node.keystore import keys as key_folder
from node.keystore.backup_file import BadBackup, Opened
from node.keystore.errors import BadKeys
from node.local_socket import SocketUnavailable, is_served, path_in, reserved
from node.store import snapshot
from node.store.snapshot import BadSnapshot, Contents
from node.wiring import DATABASE_FILE, KEYS_FOLDER

ROOT_FILE: Final = "root.pem"
DRAFT: Final = ".restoring.db"
BESIDE: Final = ("", "-wal", "-shm")
"""What belongs to a database's file: its log of writes may hold what the file has not yet."""
_AGAIN: Final = ("", *(f"-{number}" for number in range(2, 1_000)))  # restores in one second

_passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="备份口令文件(一行) · the backup's passphrase, one line",
)


@click.command(
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping backup --to /var/backups/lianping",
        "lianping backup --to /media/usb/node.lpbak --passphrase-file /etc/lianping/backup.pass",
        "lianping backup --to /var/backups/lianping --json",
    ),
)
@config_option
@json_option
@click.option(
    "--to",
    type=click.Path(path_type=Path),
    default=Path(),
    help="文件或文件夹,缺省为当前文件夹 · a file or a folder; the current folder unless given",
)
@_passphrase_option
def backup(config_path: Path, as_json: bool, to: Path, passphrase_file: Path | None) -> None:
    """在线备份数据库,业务不中断。· Back the database up while the node runs.

    备份不含密钥:keys 文件夹请在每次 lianping keys 之后另行备份。
    Keys are not in it: copy the folder `keys` after each `lianping keys`.
    """
    text = _secret(passphrase_file)
    if text:
        try:
            passphrase.check(text)
        except passphrase.WeakPassphrase as error:
            raise _cannot(error) from error
    with open_link(configured(config_path)) as link:
        told = link.post("/api/backup", {"to": str(to.absolute()), "passphrase": text})
    if as_json:
        _print_json(told)
        return
    click.echo(f"已备份 · backed up: {told['file']}")
    seal = "加密 · sealed" if told["sealed"] else "未加密 · plain"
    click.echo(f"  {told['bytes']:,} 字节 · bytes, {seal}")
    for log in told["logs"]:
        click.echo(f"  日志 · log {log['suite']}: {log['size']}")
    click.echo(f"  发出 · said: {told['said']}, 收到 · heard: {told['heard']}")


@click.command(
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping restore /var/backups/lianping/node-20261122T020000Z.lpbak",
        "lianping restore node.lpbak --root-key /media/usb/root.pem --yes",
    ),
)
@config_option
@json_option
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_passphrase_option
@click.option(
    "--root-key",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="根密钥文件:立即宣布日志的新纪元 · the root key: announce the logs' next epoch at once",
)
@click.option(
    "--root-passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="根密钥口令文件 · the root key's passphrase, one line",
)
@click.option("--yes", is_flag=True, help="不再询问 · do not ask")
def restore(
    config_path: Path,
    as_json: bool,
    file: Path,
    passphrase_file: Path | None,
    root_key: Path | None,
    root_passphrase_file: Path | None,
    yes: bool,
) -> None:
    """用备份恢复;节点须已停止,旧库保留。· Put a backup back; the old database is kept aside.

    启动后节点处于 RECOVERING:向伙伴取回备份之后的消息,其间不受理新业务。
    The node then starts as RECOVERING and gets the words since the backup from its partners.
    """
    settings = configured(config_path)
    folder = settings.storage.folder
    if is_served(path_in(folder)):
        raise _running()
    with _complaining(), reserved(folder):
        identity = key_folder.load(folder / KEYS_FOLDER, settings.keys).identity()
        found = backup_file.read(file, identity)
        text = _secret(passphrase_file)
        if found.manifest.sealed and not text:
            raise CannotDo(
                "该备份已加密,请用 --passphrase-file 给出口令",
                "the backup is sealed: give its passphrase with --passphrase-file",
            )
        draft = folder / DRAFT
        draft.unlink(missing_ok=True)
        try:
            plan = _prepared(file, found, draft, text, identity)
            if not as_json:
                _tell(file, found, plan, folder)
            if not yes and not click.confirm("恢复?· restore?", err=True):
                raise click.Abort
            told = _carry_out(settings, found, draft, plan, root_key, root_passphrase_file)
        finally:
            draft.unlink(missing_ok=True)
    if as_json:
        _print_json(told)
        return
    click.echo(f"已恢复;旧库在 · restored; the old database is {told['kept']}")
    if told["epoch"] is not None:
        click.echo(f"日志进入第 {told['epoch']} 纪元 · the logs are in epoch {told['epoch']}")
    click.echo("下一步 · next: lianping serve, lianping recover")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a restore would do: what the backup holds, and what the present database does."""

    then: Contents
    now: Contents | None
    unreadable: str


def _prepared(file: Path, found: Opened, draft: Path, text: str, identity: Identity) -> _Plan:
    """Extract and check all of it, before anything is replaced."""
    backup_file.extract(file, found, draft, text)
    with snapshot.opened(draft) as copy:
        snapshot.check(copy)
        then = snapshot.contents(copy)
        chain = snapshot.own_chain(copy, identity.center)
    if then != found.manifest.contents:
        raise BadBackup(f"{file} 的内容与清单不符 · does not hold what its manifest says")
    if chain != list(identity.chain[: len(chain)]):
        raise BadBackup(
            f"密钥文件夹比{file}旧,或属于另一节点 · the key folder is older than {file}, or of "
            "another node: restore it first"
        )
    present = draft.with_name(DATABASE_FILE)
    if not present.exists():
        return _Plan(then, None, "")
    try:
        with snapshot.opened(present) as connection:
            return _Plan(then, snapshot.contents(connection), "")
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it is why one restores
        return _Plan(then, None, str(error))


def _carry_out(
    settings: Config,
    found: Opened,
    draft: Path,
    plan: _Plan,
    root_key: Path | None,
    root_passphrase_file: Path | None,
) -> dict[str, Any]:
    folder, now_ms = settings.storage.folder, SystemClock().now_ms()
    epoch = None
    with snapshot.opened(draft) as copy:
        when = local_time(found.manifest.made_at_ms)
        peers = snapshot.mark_lost(copy, f"restored from a backup of {when}", now_ms)
    if root_key is not None:
        text = _secret(root_passphrase_file) or click.prompt(
            "根密钥口令 · passphrase of the root key", hide_input=True, err=True
        )
        root = root_file.open_file(root_key, text)
        with files.alone(folder / KEYS_FOLDER):
            change = rotation.begin_epoch(
                rotation.Where(
                    folder=folder / KEYS_FOLDER,
                    root=root,
                    holding=settings.keys,
                    random=SystemRandom().bytes,
                    now_ms=now_ms,
                ),
                plan.then.logs,
            )
        epoch = change.descriptor.log_epoch
    kept = _aside(folder, stamp(now_ms))
    draft.replace(folder / DATABASE_FILE)
    files.sync_folder(folder)
    return {
        "kept": str(kept) if kept else "",
        "epoch": epoch,
        "peers": list(peers),
        "said": plan.then.said,
        "heard": plan.then.heard,
        "logs": {each.suite: each.size for each in plan.then.logs},
    }


def _aside(folder: Path, when: str) -> Path | None:
    """Keep the database that is there, with what was written to it last.

    It has a second name then, and its own until the restored one takes it in one step: a node
    that starts after a kill in between must not find none, and begin an empty one.
    """
    present = folder / DATABASE_FILE
    found = [suffix for suffix in BESIDE if Path(f"{present}{suffix}").exists()]
    if not found:
        return None
    names = (f"{present}.before-{when}{again}" for again in _AGAIN)
    kept = next(name for name in names if not any(Path(name + each).exists() for each in BESIDE))
    for suffix in found:
        if suffix:  # one that was left is of a database that could not be read
            Path(f"{present}{suffix}").rename(f"{kept}{suffix}")
        else:
            _second_name(present, Path(kept))
    return Path(kept)


def _second_name(present: Path, kept: Path) -> None:
    try:
        kept.hardlink_to(present)
    except OSError:  # not every volume knows second names
        present.rename(kept)


def _tell(file: Path, found: Opened, plan: _Plan, folder: Path) -> None:
    """What it will do, and what will be lost."""
    manifest, then, now = found.manifest, plan.then, plan.now
    click.echo(f"备份 · backup: {file} ({local_time(manifest.made_at_ms)}, {manifest.software})")
    if found.revoked:
        click.echo("  注意:签名密钥此后已撤销 · note: the key that signed it was revoked since")
    for log in then.logs:
        click.echo(f"  日志 · log {log.suite}: {log.size}")
    click.echo(f"将替换 · will replace: {folder / DATABASE_FILE} (旧库保留 · which is kept)")
    if plan.unreadable:
        click.echo(f"  现库不可读 · it cannot be read: {plan.unreadable}")
    if now is None:
        return
    sizes = {log.suite: log.size for log in now.logs}
    for log in then.logs:
        lost = sizes.get(log.suite, 0) - log.size
        click.echo(
            f"  日志将退回 · log {log.suite} goes back by {lost}: 伙伴持有的消息将取回 · "
            "what partners hold comes back"
        )
    click.echo(f"  发出 · said {now.said} → {then.said}, 收到 · heard {now.heard} → {then.heard}")
    click.echo(
        f"  备份之后录入的内容不会恢复 · what was entered since does not come back: "
        f"项目 · projects {now.projects} → {then.projects}, 账号 · accounts {now.accounts} → "
        f"{then.accounts}, 专家 · experts {now.experts} → {then.experts}"
    )


def _secret(file: Path | None) -> str:
    if file is None:
        return ""
    try:
        return read_secret(file)
    except BadConfig as error:
        raise _cannot(error) from error


@contextmanager
def _complaining() -> Iterator[None]:
    """What files and keys raise, as a command says it."""
    try:
        yield
    except SocketUnavailable as error:
        raise _running() from error
    except (BadBackup, BadSnapshot, BadKeys, BadConfig) as error:
        raise _cannot(error) from error
    except OSError as error:
        raise CannotDo(
            f"{error.filename} 无法读写:{error.strerror}",
            f"{error.filename} cannot be read or written: {error.strerror}",
        ) from error


def _cannot(error: Exception) -> CannotDo:
    zh, _, en = str(error).partition(" · ")
    return CannotDo(zh, en or zh)


def _running() -> CannotDo:
    return CannotDo(
        "节点正在运行:请先停止,再恢复", "the node is running: stop it before you restore"
    )


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
