"""``lianping config``: what the node is told, where each value comes from, whether it will do.

Nothing secret is shown, because nothing secret is in a configuration: only names of files.
"""

import json
from dataclasses import asdict
from pathlib import Path

import click

from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option
from node.commands.origins import Setting, Source, settings
from node.config import load
from node.outside import check_production


@click.group(
    "config",
    context_settings=COMMAND_SETTINGS,
    epilog=examples("lianping config show --origin", "lianping config check"),
)
def group() -> None:
    """查看、检查配置。· Show and check the configuration."""


@group.command(
    epilog=examples(
        "lianping config show --config /etc/lianping/node.toml",
        "lianping config show --origin",
        "lianping config show --json",
    )
)
@config_option
@click.option("--origin", is_flag=True, help="每项的来源 · where each value comes from")
@json_option
def show(config_path: Path, origin: bool, as_json: bool) -> None:
    """列出全部配置项及其取值。· Every key and its value; secrets are files and never shown."""
    found = settings(config_path)
    if as_json:
        click.echo(json.dumps([asdict(each) for each in found], ensure_ascii=False, indent=2))
        return
    for each in found:
        line = f"{each.key} = {json.dumps(each.value, ensure_ascii=False)}"
        click.echo(f"{line}    # {_origin(each)}" if origin else line)


@group.command(epilog=examples("lianping config check --config node.toml"))
@config_option
@json_option
def check(config_path: Path, as_json: bool) -> None:
    """检查配置文件。· Check the configuration; changes nothing, contacts nobody."""
    check_production(load(config_path))
    if as_json:
        click.echo(json.dumps({"config": str(config_path), "good": True}))
    else:
        click.echo(f"配置无误 · the configuration is good: {config_path}")


def _origin(setting: Setting) -> str:
    match setting.source:
        case Source.DEFAULT:
            return "默认 · default"
        case Source.ENVIRONMENT:
            return f"环境变量 · environment {setting.place}"
        case Source.FILE:
            return setting.place
