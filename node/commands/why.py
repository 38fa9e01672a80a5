"""``lianping why ID``: why something does not go on, told by the running node.

The node reads its books and asks the peer; this prints what it found.
"""

import json
from pathlib import Path
from urllib.parse import quote

import click

from node.commands.link import configured, open_link
from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option


@click.command(
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping why 019ab7c2", "lianping why 019ab7c25f0c7e9a8b3d42688e0a1c2d --json"
    ),
)
@click.argument("anything", metavar="ID")
@config_option
@json_option
def why(anything: str, config_path: Path, as_json: bool) -> None:
    """为何停滞:轮到谁、到何时、如何继续。· Why does it not go on: whose turn, what next.

    ID 为预约、预约组、抽取、评标、项目、协议的编号或消息的哈希,十六进制,可只写开头。

    ID: of a booking, bundle, draw, evaluation, project or agreement, or a word's hash; in hex,
    its beginning is enough.
    """
    with open_link(configured(config_path)) as link:
        found = link.get(f"/api/why/{quote(anything, safe='')}")
    text = found.pop("text")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        click.echo(text, nl=False)
