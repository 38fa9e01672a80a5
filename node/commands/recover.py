"""``lianping recover``: how the recovery of lost words stands, and what only a person can do.

Most of it happens by itself. A person leaves a partner out that is away for long, or announces
the logs' next epoch with the root key, which a running node does not have.
"""

import base64
import json
from pathlib import Path
from typing import Any

import click

from federation.trust.keys import LogBegin
from node.clock import SystemClock, SystemRandom
from node.commands import keys as keys_command
from node.commands.link import CannotDo, Link, configured, open_link
from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option
from node.config import Config
from node.domain.workday import local_time
from node.keystore import files, rotation
from node.wiring import KEYS_FOLDER


@click.command(
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping recover",
        "lianping recover --new-epoch --root-key /media/usb/root.pem",
        "lianping recover --without lp1abcdefghijklmnopqrstuvwxyz234567",
    ),
)
@config_option
@json_option
@click.option("--without", metavar="CENTER", help="不再等待该伙伴 · do not wait for it")
@click.option(
    "--new-epoch",
    is_flag=True,
    help="宣布日志的新纪元,需要根密钥 · announce the logs' next epoch; takes the root key",
)
@click.option(
    "--root-key",
    type=click.Path(path_type=Path),
    help="根密钥文件,缺省为配置旁的 root.pem · the root key's file",
)
@click.option(
    "--passphrase-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="根密钥口令文件;缺省时提示输入 · its passphrase, one line; asked for if missing",
)
def recover(
    config_path: Path,
    as_json: bool,
    without: str | None,
    new_epoch: bool,
    root_key: Path | None,
    passphrase_file: Path | None,
) -> None:
    """数据库退回旧备份之后的恢复。· Recovery after the database went back to an old copy.

    节点自动向每个伙伴取回自己说过的话;这里查看进度。
    The node fetches its own words from every partner by itself; this shows how far it is.
    """
    settings = configured(config_path)
    with open_link(settings) as link:
        if without is not None:
            link.post("/api/recovery/without", {"center": without})
        if new_epoch:
            _announce(settings, link, config_path, root_key, passphrase_file)
        state = link.get("/api/recovery")
    if as_json:
        click.echo(json.dumps(state, ensure_ascii=False, indent=2))
        return
    _show(state)


def _announce(
    settings: Config,
    link: Link,
    config_path: Path,
    root_key: Path | None,
    passphrase_file: Path | None,
) -> None:
    state = link.get("/api/recovery")
    if not state["epoch_needed"]:
        raise CannotDo(
            "不需要新纪元:伙伴联署的日志都在",
            "no new epoch is needed: what partners cosigned is here",
        )
    begins = tuple(
        LogBegin(each["suite"], each["size"], base64.b64decode(each["root"]))
        for each in state["heads"]
    )
    folder = settings.storage.folder / KEYS_FOLDER
    with keys_command.complaining():
        root = keys_command.opened_root(config_path, root_key, passphrase_file)
        with files.alone(folder):
            rotation.begin_epoch(
                rotation.Where(
                    folder=folder,
                    root=root,
                    holding=settings.keys,
                    random=SystemRandom().bytes,
                    now_ms=SystemClock().now_ms(),
                ),
                begins,
            )
    link.post("/api/keys/reload")


def _show(state: Any) -> None:
    if not state["recovering"]:
        click.echo("正常:没有丢失的消息 · all is well: no words are missing")
    else:
        click.echo(f"RECOVERING 自 · since {local_time(state['since_ms'])}: {state['reason']}")
    for each in state["waited"]:
        error = f"  ({each['error']})" if each["error"] else ""
        click.echo(f"  等待 · waiting for {each['name']} {each['center']}{error}")
    for peer in state["without"]:
        click.echo(f"  未等待 · left out: {peer}")
    if state["epoch_needed"]:
        click.echo(
            "  须用根密钥宣布日志的新纪元 · the root key must announce the logs' next epoch: "
            "lianping recover --new-epoch"
        )
    click.echo(f"日志纪元 · logs' epoch: {state['epoch']}")
