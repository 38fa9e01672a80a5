"""The command ``lianping``.

Here: words to functions, exceptions to one line and an exit code. 0: done; 1: it is not so
(a dossier that does not hold, a demonstration that failed); 2: it cannot be done as asked;
3: a token refused its PIN, so nobody should try again before a person has looked.
"""

import sys
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NoReturn

import click
from typing_extensions import override

from federation.trust.suite import SUITES, SuiteUnavailable
from node.commands.options import COMMAND_SETTINGS, config_option, examples

NOT_SO: Final = 1
CANNOT: Final = 2
WRONG_PIN: Final = 3
DISTRIBUTION: Final = "lianping-node"

COMMANDS: Final = MappingProxyType({
    "agreement": "node.commands.agreement:agreement",
    "audit": "node.commands.audit:group",
    "availability": "node.commands.availability:availability",
    "backup": "node.commands.backup:backup",
    "calendar": "node.commands.calendar:calendar",
    "check-config": "node.commands.config:check",
    "config": "node.commands.config:group",
    "dossier": "node.commands.dossier:group",
    "init": "node.commands.init:init",
    "keys": "node.commands.keys:keys",
    "opening": "node.commands.opening:opening",
    "log": "node.commands.log:log",
    "peer": "node.commands.peer:peer",
    "pool": "node.commands.pool:pool",
    "recover": "node.commands.recover:recover",
    "regulator": "node.commands.regulator:regulator",
    "restore": "node.commands.backup:restore",
    "verify": "node.verify_command:verify",
    "verify-receipt": "node.commands.verify_receipt:verify_receipt",
    "why": "node.commands.why:why",
})  # fmt: skip
"""Where each command is. Imported only when it is called: whoever verifies a dossier needs
neither gRPC nor a database, on a machine that has no node."""

_PIN: Final = ("node.keystore.errors", "WrongPin")
_USE_CASE: Final = ("node.services.errors", "UseCaseError")
_MENDABLE: Final = (
    ("node.config", "BadConfig"),
    ("node.keystore.errors", "BadKeys"),
    ("node.local_socket", "SocketUnavailable"),
    ("node.outside", "StandInRefused"),
    ("node.store.database", "ForeignFile"),
    ("node.store.database", "StoreUnavailable"),
    ("node.store.migrations", "MigrationError"),
    ("node.wiring", "HalfAFolder"),
)
"""What an operator can mend, by module and class: no such thing is raised by a module that was
never imported."""


def _is(error: Exception, what: tuple[str, str]) -> bool:
    module = sys.modules.get(what[0])
    return module is not None and isinstance(error, getattr(module, what[1]))


class Complaining(click.Group):
    """The root of the command: whatever an operator can mend is one message and an exit code."""

    @override
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            raise  # click's own ways of ending, though some of these are RuntimeErrors
        except SuiteUnavailable as error:
            _complain(f"本机不支持所需的密码套件 · {error}")
        except Exception as error:
            if _is(error, _PIN):
                _complain(str(error), WRONG_PIN)
            if _is(error, _USE_CASE):
                _complain(f"{error.zh} · {error.en}")  # type: ignore[attr-defined]  # its class
            if any(_is(error, each) for each in _MENDABLE):
                _complain(str(error))
            if isinstance(error, OSError | RuntimeError | ValueError):
                _complain(f"{type(error).__name__}: {error}")
            raise

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name].partition(":")
        found: click.Command = getattr(import_module(module), name)
        return found


@click.group(
    cls=Complaining,
    epilog=examples("lianping demo", "lianping COMMAND --help"),
    context_settings=COMMAND_SETTINGS,
)
@click.version_option(package_name=DISTRIBUTION, prog_name="lianping")
def main() -> None:
    """联评节点 · Lianping, a federation node for public resource trading centers."""


@main.command(epilog=examples("lianping serve --config /etc/lianping/node.toml"))
@config_option
@click.option("--verbose", is_flag=True, help="更详细的日志 · more log lines")
def serve(config_path: Path, verbose: bool) -> None:
    """运行节点,直到收到终止信号。· Run the node until it is told to stop."""
    import uvloop  # noqa: PLC0415 - nothing else runs a loop

    from node import logs, serving  # noqa: PLC0415 - only this command is a node
    from node.config import load  # noqa: PLC0415

    logs.configure(verbose=verbose)
    uvloop.run(serving.serve(load(config_path)))


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
    from node.config_values import split_address  # noqa: PLC0415
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
        "lianping demo --regulator",
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
@click.option(
    "--regulator",
    is_flag=True,
    help="监管节点参加:外部随机数、托管、两人审计专家库 · with a regulator's node: it gives"
    " random values, keeps escrows, and two officers audit the pools",
)
def demo(
    *,
    as_json: bool,
    keep: Path | None,
    lang: str,
    suite: str,
    provinces: int,
    chaos: bool,
    regulator: bool,
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
            regulator=regulator,
        )
    )


def _complain(message: str, code: int = CANNOT) -> NoReturn:
    click.echo(f"错误 · error: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
