"""The command ``lianping``.

Here: words to functions, exceptions to one line and an exit code. 0: done; 1: it is not so
(a dossier that does not hold, a demonstration that failed); 2: it cannot be done as asked;
3: a token refused its PIN, so nobody should try again before a person has looked.
"""

import sys
from pathlib import Path
from typing import Any, Final, NoReturn

import click
import uvloop
from typing_extensions import override

from federation.trust.suite import SUITES, SuiteUnavailable
from node import logs, serving, wiring
from node.commands import agreement as agreement_commands
from node.commands import availability as availability_command
from node.commands import backup as backup_commands
from node.commands import calendar as calendar_commands
from node.commands import config as config_commands
from node.commands import init as init_command
from node.commands import keys as keys_commands
from node.commands import peer as peer_commands
from node.commands import recover as recover_command
from node.commands import why as why_command
from node.commands.options import COMMAND_SETTINGS, config_option, examples
from node.config import BadConfig, load
from node.config_values import split_address
from node.keystore.errors import BadKeys, WrongPin
from node.local_socket import SocketUnavailable
from node.outside import StandInRefused
from node.services.errors import UseCaseError
from node.store.database import ForeignFile, StoreUnavailable
from node.store.migrations import MigrationError
from node.verify_command import verify
from node.wiring import HalfAFolder

NOT_SO: Final = 1
CANNOT: Final = 2
WRONG_PIN: Final = 3


class Complaining(click.Group):
    """The root of the command: whatever an operator can mend is one message and an exit code."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click's own ways of ending, though some of these are RuntimeErrors
        except WrongPin as error:
            _complain(str(error), WRONG_PIN)
        except (
            BadConfig,
            BadKeys,
            ForeignFile,
            HalfAFolder,
            MigrationError,
            SocketUnavailable,
            StandInRefused,
            StoreUnavailable,
        ) as error:
            _complain(str(error))
        except SuiteUnavailable as error:
            _complain(f"本机不支持所需的密码套件 · {error}")
        except UseCaseError as error:
            _complain(f"{error.zh} · {error.en}")
        except (OSError, RuntimeError, ValueError) as error:
            _complain(f"{type(error).__name__}: {error}")


@click.group(
    cls=Complaining,
    epilog=examples("lianping demo", "lianping COMMAND --help"),
    context_settings=COMMAND_SETTINGS,
)
@click.version_option(package_name=wiring.DISTRIBUTION, prog_name="lianping")
def main() -> None:
    """联评节点 · Lianping, a federation node for public resource trading centers."""


@main.command(epilog=examples("lianping serve --config /etc/lianping/node.toml"))
@config_option
@click.option("--verbose", is_flag=True, help="更详细的日志 · more log lines")
def serve(config_path: Path, verbose: bool) -> None:
    """运行节点,直到收到终止信号。· Run the node until it is told to stop."""
    logs.configure(verbose=verbose)
    uvloop.run(serving.serve(load(config_path)))


main.add_command(init_command.init)
main.add_command(config_commands.group)
main.add_command(config_commands.check, "check-config")
main.add_command(peer_commands.peer)
main.add_command(agreement_commands.agreement)
main.add_command(calendar_commands.calendar)
main.add_command(keys_commands.keys)
main.add_command(backup_commands.backup)
main.add_command(backup_commands.restore)
main.add_command(recover_command.recover)
main.add_command(availability_command.availability)
main.add_command(verify)
main.add_command(why_command.why)


@main.group("stand-in", epilog=examples("lianping stand-in trading"))
def stand_in() -> None:
    """模拟的外部系统,仅供演示。· Stand-ins of outside systems, for demonstrations only."""


@stand_in.command(
    epilog=examples("lianping stand-in trading --listen 127.0.0.1:8090 --folder trading")
)
@click.option("--listen", default="127.0.0.1:8090", show_default=True, metavar="HOST:PORT")
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default=Path("trading-stand-in"),
    show_default=True,
    help="密钥与名单 · its key and the lists",
)
def trading(listen: str, folder: Path) -> None:
    """模拟电子交易系统。· The stand-in e-trading system."""
    from adapters.trading import stand_in as server  # noqa: PLC0415 - only this command serves it
    from node.outside import stand_in_schemes  # noqa: PLC0415

    try:
        host, port = split_address(listen)
    except ValueError as error:
        _complain(str(error))
    server.main(["--folder", str(folder), "--host", host, "--port", str(port)], stand_in_schemes())


@main.command(
    epilog=examples(
        "lianping demo",
        "lianping demo --lang en --keep ./demo",
        "lianping demo --suite gm-1",
        "lianping demo --provinces 3",
        "lianping demo --provinces 3 --chaos --lang en",
        "lianping demo --json > result.json",
    )
)
@click.option("--json", "as_json", is_flag=True, help="结果为一个 JSON 对象 · one JSON object")
@click.option(
    "--keep", type=click.Path(path_type=Path), help="保留全部文件的文件夹 · keep all files here"
)
@click.option(
    "--lang",
    default="zh",
    envvar=["LC_ALL", "LC_MESSAGES", "LANG"],
    metavar="[zh|en]",
    help="语言,默认依环境 LANG · language, by LANG unless given",
)
@click.option(
    "--suite",
    type=click.Choice(tuple(SUITES)),
    default="intl-1",
    show_default=True,
    help="密码套件:gm-1 为国密 SM2/SM3/SM4 · cryptographic suite of nodes and agreement",
)
@click.option(
    "--provinces",
    type=click.IntRange(2, 3),
    default=2,
    show_default=True,
    help="参加的中心数,分属各省:3 为一主两副(济阳、宿州、南阳) · how many centers, each of"
    " another province; 3: a host and two subs",
)
@click.option(
    "--chaos",
    is_flag=True,
    help="丢弃一成消息,并强制终止、重启一个节点 · lose one message in ten, kill and restart a node",
)
def demo(
    as_json: bool, keep: Path | None, lang: str, suite: str, provinces: int, chaos: bool
) -> None:
    """演示:两个或三个中心完成一次远程异地评标。· Centers evaluate one project, on this machine."""
    from node.demo import command  # noqa: PLC0415 - a node that serves needs no demonstration

    sys.exit(
        command.run(
            as_json=as_json,
            keep=keep,
            chinese=not lang.startswith("en"),
            suite=suite,
            provinces=provinces,
            chaos=chaos,
        )
    )


def _complain(message: str, code: int = CANNOT) -> NoReturn:
    click.echo(f"错误 · error: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
