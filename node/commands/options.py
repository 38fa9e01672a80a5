"""Options that several commands share, so that they are spelled and explained alike."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

DEFAULT_CONFIG: Final = Path("/etc/lianping/node.toml")
COMMAND_SETTINGS: Final = {"help_option_names": ["-h", "--help"]}

F = TypeVar("F", bound=Callable[..., Any])

config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="配置文件 · the configuration",
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="输出 JSON · print JSON for programs"
)


def person_options(command: F) -> F:
    """Who carries the command out: ``account``, ``password_file`` and ``totp``."""
    for option in (
        click.option("--totp", metavar="CODE", help="动态口令 · the one-time code"),
        click.option(
            "--password-file",
            type=click.Path(path_type=Path, exists=True, dir_okay=False),
            help="密码文件(一行);缺省时提示输入 · the password, one line; asked for if missing",
        ),
        click.option("--account", metavar="NAME", help="以该账号办理 · act as this account"),
    ):
        command = option(command)
    return command


def examples(*lines: str) -> str:
    """The end of a command's help: what to type, as typed."""
    return "\b\n" + "\n".join(("示例 · Examples:", *(f"  {line}" for line in lines)))
