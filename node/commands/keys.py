"""``lianping keys``: look at our keys, make new ones, revoke one, hand the public halves out.

Only the root signs what is published, and a running node never has the root: these commands
open its file, write the key folder, and tell the node, which goes on serving meanwhile.
"""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from federation.trust.keys import Purpose
from federation.trust.suite import SUITES, SuiteUnavailable
from node.clock import SystemClock, SystemRandom
from node.commands.link import CannotDo, configured, open_link
from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option
from node.config import BadConfig, Config, passphrase_from_environment, read_secret
from node.domain.workday import local_time
from node.keystore import chain, files, root_file, rotation
from node.keystore.errors import BadKeys, Taken
from node.keystore.overview import TLS, KeyState, is_gone, overview
from node.keystore.rotation import OVERLAP_DAYS, Change, Where
from node.local_socket import is_served, path_in
from node.services import chain_file
from node.wiring import KEYS_FOLDER

DAY_MS: Final = 86_400_000
ROOT_FILE: Final = "root.pem"
FILE_MODE: Final = 0o644
FEWEST_DIGITS: Final = 8
ALL: Final = "all"
MAX_OVERLAP_DAYS: Final = 180
_STATES: Final = {"current": "现用", "next": "待用", "old": "旧", "revoked": "已撤销"}

_root_option = click.option(
    "--root-key",
    type=click.Path(path_type=Path),
    help="根密钥文件,缺省为配置旁的 root.pem · the root key's file",
)
_passphrase_option = click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="根密钥口令文件;缺省时提示输入 · its passphrase, one line; asked for if missing",
)


@click.group(
    context_settings=COMMAND_SETTINGS,
    epilog=examples("lianping keys list", "lianping keys rotate --purpose message"),
)
def keys() -> None:
    """本中心的密钥:查看、更换、撤销、导出。· Our keys: list, rotate, revoke, export."""


@keys.command("list", epilog=examples("lianping keys list", "lianping keys list --json"))
@config_option
@json_option
def every(config_path: Path, as_json: bool) -> None:
    """已公布的密钥和证书,及其期限。· Published keys and certificates, and when they end."""
    folder = _folder(configured(config_path))
    with complaining():
        descriptor = chain.current(folder, _chain(folder))
    found = overview(descriptor, SystemClock().now_ms())
    if as_json:
        _print_json(
            {
                "center": descriptor.center_id,
                "sequence": descriptor.sequence,
                "keys": [asdict(each) for each in found],
            }
        )
        return
    click.echo(f"{descriptor.name} {descriptor.center_id} 名片 · descriptor {descriptor.sequence}")
    for each in found:
        click.echo(
            f"{each.purpose:<8} {each.suite or '-':<7} {each.id}  "
            f"{local_time(each.not_before_ms)} – {local_time(each.not_after_ms)}  "
            f"{each.days_left:>4} 天/d  {each.state.value} {_STATES[each.state]}"
        )


@keys.command(
    epilog=examples(
        "lianping keys rotate --purpose all --root-key /media/usb/root.pem",
        "lianping keys rotate --purpose tls",
        "lianping keys rotate --purpose message --suite intl-1 --overlap-days 14",
        "lianping keys rotate --suite gm-1 --add --new-root-key /media/usb/root-2.pem",
    )
)
@config_option
@json_option
@click.option(
    "--purpose",
    "purposes",
    multiple=True,
    type=click.Choice([*(each.name.lower() for each in Purpose), TLS, ALL]),
    help="换哪些,可重复 · which; may be given several times",
)
@click.option("--suite", type=click.Choice(list(SUITES)), help="只换该套件的 · of this suite only")
@click.option("--add", is_flag=True, help="增加套件 · add the suite to a center that lacks it")
@click.option(
    "--overlap-days",
    type=click.IntRange(0, MAX_OVERLAP_DAYS),
    default=OVERLAP_DAYS,
    show_default=True,
    help="旧密钥再用几天 · how long old keys stay good; certificates end by themselves",
)
@_root_option
@_passphrase_option
@click.option(
    "--new-root-key",
    type=click.Path(path_type=Path),
    help="增加套件后的新根密钥文件 · with --add: the file of the root with both suites",
)
def rotate(
    config_path: Path,
    as_json: bool,
    purposes: tuple[str, ...],
    suite: str | None,
    add: bool,
    overlap_days: int,
    **root: Path | None,
) -> None:
    """换钥:业务不中断,旧密钥在重叠期内仍有效。· New keys; nothing stops, old ones overlap."""
    if add:
        _add_suite(config_path, as_json, suite, **root)
        return
    if not purposes:
        raise CannotDo(
            "请用 --purpose 指明换哪些(message、log、witness、sealing、tls、all)",
            "name what to rotate with --purpose",
        )
    settings = configured(config_path)
    _as_owner(_folder(settings))
    with complaining():
        published = chain.current(_folder(settings), _chain(_folder(settings)))
        opened = opened_root(config_path, root["root_key"], root["passphrase_file"])
    with _changing(settings, opened) as where:
        change = rotation.rotate(
            where,
            [each for each in Purpose if ALL in purposes or each.name.lower() in purposes],
            published.suites if suite is None else [suite],
            tls=TLS in purposes or ALL in purposes,
            overlap_ms=overlap_days * DAY_MS,
        )
    _finish(settings, change, as_json=as_json)


@keys.command(
    epilog=examples(
        "lianping keys revoke 5f0c1e9a7b3d4268 --reason 服务器失窃",
        'lianping keys revoke 5f0c1e9a --reason "stolen" --since 2026-11-20T08:00:00+08:00',
    )
)
@config_option
@json_option
@click.argument("key_id", metavar="KEYID")
@click.option("--reason", required=True, metavar="TEXT", help="理由,伙伴会看到 · partners read it")
@click.option(
    "--since",
    metavar="TIME",
    help="从何时起可能被他人掌握(ISO 8601)· from when on others may have had it",
)
@_root_option
@_passphrase_option
def revoke(
    config_path: Path,
    as_json: bool,
    key_id: str,
    reason: str,
    since: str | None,
    root_key: Path | None,
    passphrase_file: Path | None,
) -> None:
    """紧急撤销一把密钥,并立即换新。· Revoke a key at once, and put a new one in its place.

    已被伙伴日志记在撤销之前的消息仍然有效;其余一律不认,不论其自称的时间。
    What stands in a partner's log before the revocation stays valid; nothing else under the key.
    再次执行不会再撤销,只会再次通知节点和伙伴。
    Typed again, it revokes nothing more, and tells node and partners again.
    """
    settings = configured(config_path)
    folder = _folder(settings)
    _as_owner(folder)
    now_ms = SystemClock().now_ms()
    since_ms = now_ms if since is None else _moment_ms(since)
    with complaining():
        signed = _chain(folder)
        descriptor = chain.current(folder, signed)
        if is_gone(signed, key_id, FEWEST_DIGITS):
            _finish(settings, Change(descriptor, ()), as_json=as_json)
            return
        found = _find(overview(descriptor, now_ms), key_id)
        opened = opened_root(config_path, root_key, passphrase_file)
    with _changing(settings, opened) as where:
        if found.purpose == TLS:
            (certificate,) = (
                each
                for each in descriptor.tls_certificates
                if rotation.certificate_id(each).hex() == found.id
            )
            change = rotation.withdraw_certificate(where, certificate)
        else:
            change = rotation.revoke(
                where, bytes.fromhex(found.id), reason=reason, since_ms=since_ms
            )
    _finish(settings, change, as_json=as_json)


@keys.command(epilog=examples("lianping keys export --out jian.keys"))
@config_option
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="名片文件 · the file to write",
)
def export(config_path: Path, out: Path) -> None:
    """导出全部名片(只有公钥),交给落后的伙伴。· Write all our descriptors; public halves only."""
    folder = _folder(configured(config_path))
    with complaining():
        signed = _chain(folder)
        newest = chain.current(folder, signed)
        try:
            files.write_new(out.absolute(), chain_file.write(signed, newest).encode(), FILE_MODE)
        except Taken as error:
            raise CannotDo(
                f"{out} 已存在:请换一个文件名", f"{out} exists: give another name"
            ) from error
    click.echo(f"已写入 · written: {out}")
    click.echo("伙伴执行 · partners run: lianping peer accept FILE")


def _add_suite(
    config_path: Path,
    as_json: bool,
    suite: str | None,
    root_key: Path | None,
    passphrase_file: Path | None,
    new_root_key: Path | None,
) -> None:
    if suite is None or new_root_key is None:
        raise CannotDo(
            "增加套件须同时给出 --suite 和 --new-root-key(新根密钥文件,旧文件仍须保存)",
            "adding a suite takes --suite and --new-root-key, the file of the root with both "
            "suites; keep the old file, too",
        )
    settings = configured(config_path)
    _as_owner(_folder(settings))
    with complaining():
        text = _passphrase(passphrase_file)
        root = root_file.open_file(_root_path(config_path, root_key), text)
        if suite not in root.private:
            root = root_file.extend(new_root_key, root, suite, text, SystemRandom().bytes)
    with _changing(settings, root) as where:
        change = rotation.add_suite(where, suite)
    _finish(settings, change, as_json=as_json)
    if not as_json:
        click.echo(
            "请把配置 trust.suites 改为 · now set in the configuration: "
            f"{json.dumps(list(change.descriptor.suites))}"
        )


def _finish(settings: Config, change: Change, *, as_json: bool) -> None:
    """Tell the running node, and people."""
    told: dict[str, Any] = {
        "sequence": change.descriptor.sequence,
        "made": list(change.made),
        "running": is_served(path_in(settings.storage.folder)),
    }
    if told["running"]:
        with open_link(settings) as link:
            told |= link.post("/api/keys/reload")
    if as_json:
        _print_json(told)
        return
    if change.made:
        click.echo(f"名片第 {told['sequence']} 份已签发 · descriptor {told['sequence']} was signed")
    else:
        click.echo("此前已撤销,未作更改 · was revoked already; nothing was changed")
    for each in told["made"]:
        click.echo(f"  新密钥 · new: {each}")
    if not told["running"]:
        click.echo(
            "节点未运行,下次启动时启用 · the node is not running; it takes them when it starts"
        )
        return
    click.echo("节点已启用,未中断 · the running node has them in force")
    for label, peers in (
        ("已采用 · have taken it", told["reached"]),
        ("尚未采用,连通后自动采用 · have not yet, and will once reached", told["missed"]),
    ):
        for peer in peers:
            click.echo(f"  {label}: {peer}")


def opened_root(
    config_path: Path, root_key: Path | None, passphrase_file: Path | None
) -> root_file.RootKeys:
    """The root key of a command's options. Raises CannotDo, BadKeys."""
    path = _root_path(config_path, root_key)
    if not path.exists():
        raise CannotDo(
            f"没有根密钥文件 {path}:请接上离线介质,用 --root-key 指明",
            f"there is no root key's file {path}: attach the offline medium and name it with "
            "--root-key",
        )
    return root_file.open_file(path, _passphrase(passphrase_file))


@contextmanager
def _changing(settings: Config, root: root_file.RootKeys) -> Iterator[Where]:
    """Change the key folder while nobody else does; people were asked everything before."""
    folder = _folder(settings)
    with complaining(), files.alone(folder):
        yield Where(
            folder=folder,
            root=root,
            holding=settings.keys,
            random=SystemRandom().bytes,
            now_ms=SystemClock().now_ms(),
        )


def _root_path(config_path: Path, root_key: Path | None) -> Path:
    return root_key or config_path.resolve().with_name(ROOT_FILE)


def _passphrase(file: Path | None) -> str:
    text = passphrase_from_environment() if file is None else read_secret(file)
    if text is not None:
        return text
    if not sys.stdin.isatty():
        raise CannotDo(
            "缺少根密钥口令:用 --passphrase-file 给出",
            "the root key's passphrase is missing: give it with --passphrase-file",
        )
    asked: str = click.prompt("根密钥口令 · passphrase of the root key", hide_input=True, err=True)
    return asked


def _folder(settings: Config) -> Path:
    return settings.storage.folder / KEYS_FOLDER


def _chain(folder: Path) -> tuple[bytes, ...]:
    signed = chain.read(folder)
    if not signed:
        raise CannotDo(
            f"{folder} 中没有密钥,请先执行 lianping init",
            f"{folder} has no keys: run `lianping init` first",
        )
    return signed


def _as_owner(folder: Path) -> None:
    """Key files belong to whoever runs this, and the node must be able to read them."""
    if folder.exists() and folder.stat().st_uid != os.geteuid():
        raise CannotDo(
            f"请以节点的用户执行本命令:{folder} 不属于当前用户",
            f"run this as the node's user: {folder} belongs to somebody else",
        )


def _find(found: Sequence[KeyState], wanted: str) -> KeyState:
    text = wanted.strip().lower()
    fits = [each for each in found if each.id.startswith(text)]
    if len(text) < FEWEST_DIGITS or len(fits) != 1:
        raise CannotDo(
            f"没有(或不止一把)密钥以 {wanted} 开头,至少给出{FEWEST_DIGITS}位",
            f"no key, or more than one, begins with {wanted}; give {FEWEST_DIGITS} digits or more",
            [f"{each.purpose} {each.suite} {each.id}" for each in found],
        )
    return fits[0]


def _moment_ms(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CannotDo(f"时间 {text} 无法理解", f"{text} is no ISO 8601 time") from error
    if moment.tzinfo is None:
        raise CannotDo(f"时间 {text} 缺少时区,如 +08:00", f"{text} lacks its zone, e.g. +08:00")
    return int(moment.timestamp() * 1000)


@contextmanager
def complaining() -> Iterator[None]:
    """What keys and files raise, as a command says it."""
    try:
        yield
    except (BadKeys, BadConfig, SuiteUnavailable) as error:
        zh, _, en = str(error).partition(" · ")
        raise CannotDo(zh, en or zh) from error
    except OSError as error:
        raise CannotDo(
            f"无法写入 {error.filename}:{error.strerror}",
            f"{error.filename} cannot be written: {error.strerror}",
        ) from error


def _print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
