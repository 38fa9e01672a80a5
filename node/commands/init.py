"""``lianping init``: from an empty machine to a node that can be served.

Here: asking, in a terminal or not at all, and saying what was done. What is done is
``node.commands.founding``'s, what an answer may be ``node.commands.answers``'.
"""

import json
import shlex
import sys
from pathlib import Path
from typing import Any, Final

import click
import uvloop

from federation.trust.keys import fingerprint
from federation.trust.suite import SUITES
from node import config as configuration
from node import logs
from node.commands import answers, config_text, founding, init_secrets
from node.commands.answers import Table
from node.commands.asking import LISTENING, Run, check_suite, complete, get, put
from node.commands.link import CannotDo
from node.commands.options import config_option, examples, json_option
from node.config import BadConfig, Config
from node.keystore import chain, files
from node.outside import check_production
from node.services.accounts import FIRST_OPERATOR
from node.wiring import KEYS_FOLDER

_KEY_OF_OPTION: Final = {
    "role": "center.role",
    "name": "center.name",
    "uscc": "center.uscc",
    "region": "center.region_code",
    "advertise": "listen.advertise",
    "peers": "listen.peers",
    "api": "listen.api",
    "metrics": "listen.metrics",
    "storage": "storage.folder",
}


@click.command(
    epilog=examples(
        "lianping init --config /etc/lianping/node.toml",
        "lianping init --non-interactive --from answers.toml",
        "lianping init --non-interactive --trial --name 吉安中心 --uscc 12360800MB00000004 "
        "--region 360800 --advertise 127.0.0.1:7443 --storage ./data --config node.toml "
        "--root-key ./root.pem --root-passphrase-file passphrase --operator-password-file password",
        "lianping init --role regulator --name 吉安市招标投标监督部门",
    )
)
@config_option
@click.option("--non-interactive", is_flag=True, help="不提问 · ask nothing")
@click.option(
    "--from",
    "from_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="答案文件(TOML)· answers: a configuration with a table [init]",
)
@click.option(
    "--role",
    type=click.Choice(("center", "regulator")),
    help="角色:交易中心(缺省)或监管部门 · a trading center (default), or its regulator",
)
@click.option("--name", help="中心名称 · the center's name")
@click.option("--uscc", help="统一社会信用代码 · unified social credit code")
@click.option("--region", help="行政区划代码 · administrative division")
@click.option("--advertise", metavar="HOST:PORT", help="伙伴拨打的地址 · what partners dial")
@click.option("--peers", metavar="HOST:PORT", help="伙伴端口 · where peers are listened for")
@click.option("--api", metavar="HOST:PORT", help="本中心接口 · the API")
@click.option("--metrics", metavar="HOST:PORT", help="指标 · metrics")
@click.option("--storage", metavar="FOLDER", help="数据目录 · storage folder")
@click.option(
    "--suite",
    "suites",
    multiple=True,
    type=click.Choice(sorted(SUITES)),
    help="密码套件,首个决定中心编号 · suites, the first makes the center id",
)
@click.option(
    "--production/--trial",
    default=None,
    help="正式,或以模拟系统试用 · in earnest, or with stand-ins for a trial",
)
@click.option("--trading-url", help="试用的模拟交易系统 · the stand-in e-trading system of a trial")
@click.option(
    "--root-key", type=click.Path(path_type=Path), help="根密钥文件 · the root key's file"
)
@click.option("--root-passphrase-file", type=click.Path(path_type=Path), help="根密钥口令(一行)")
@click.option("--operator-password-file", type=click.Path(path_type=Path), help="运维密码(一行)")
@click.option("--totp-file", type=click.Path(path_type=Path), help="动态口令写入此文件 · codes")
@json_option
def init(
    *,
    config_path: Path,
    non_interactive: bool,
    from_file: Path | None,
    suites: tuple[str, ...],
    production: bool | None,
    trading_url: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """设立节点:配置、密钥、数据库、首个运维账号。· Set up a node; safe to repeat.

    已有的不会改动,缺少的补齐。· What exists is kept, what is missing is made.
    """
    logs.configure()
    table, init_table = answers.read_file(from_file) if from_file else ({}, {})
    flags: Table = {}
    for option, key in _KEY_OF_OPTION.items():
        if options[option] is not None:
            put(flags, key, options[option])
    if suites:
        put(flags, "trust.suites", list(suites))
    if production is not None:
        put(flags, "mode.production", production)
    init_table |= {key: str(options[key]) for key in answers.INIT_KEYS if options[key] is not None}
    interactive = not non_interactive and sys.stdin.isatty()
    run = Run(config_path, interactive, as_json, init_table)
    given = answers.merge(table, flags)
    storage = get(given, "storage.folder")
    if storage is not None:  # the node is started from elsewhere than this terminal
        put(given, "storage.folder", str(Path(storage).absolute()))
    settings = _configure(run, given, trading_url)
    _report(run, settings, _found(run, settings))


def _configure(run: Run, given: Table, trading_url: str | None) -> Config:
    """The configuration: the one that exists, or one of the answers."""
    if run.config_path.exists():
        settings = configuration.load(run.config_path)
        other = answers.differing(configuration.read(run.config_path)[1], given)
        if other:
            raise CannotDo(
                f"{run.config_path} 已存在,且与所给答案不同:{'、'.join(other)};请修改该文件后重试",
                f"{run.config_path} exists and says otherwise: {', '.join(other)}; edit it, then "
                "run this again",
            )
        run.report.found.append(f"配置 · configuration: {run.config_path}")
        check_production(settings)
        return settings
    table = complete(run, given, trading_url)
    settings = _checked(run, table)
    check_production(settings)
    answers.check_ports({key: get(settings.model_dump(mode="json"), key) for key in LISTENING})
    root_path = init_secrets.root_path(run, settings)
    init_secrets.check(run, root_path)
    founding.check_config(run.config_path)
    founding.check_places(settings, root_path)
    if founding.needs_root(settings) and not root_path.exists():
        founding.check_new_root(root_path)
    text = config_text.write(str(run.config_path), table)
    founding.write_config(run.config_path, text, run.report)
    return configuration.load(run.config_path)


def _checked(run: Run, table: Table) -> Config:
    path = run.file("from") or run.config_path
    try:
        return configuration.check(path, table)
    except BadConfig as error:
        raise CannotDo(
            "所给答案有误或不全,没有改动任何东西", "the answers will not do; nothing was changed",
            error.problems,
        ) from error  # fmt: skip


def _found(run: Run, settings: Config) -> dict[str, Any]:
    """Keys, database, account: whatever is missing."""
    root_path = init_secrets.root_path(run, settings)
    founding.check_places(settings, root_path)
    keys = settings.storage.folder / KEYS_FOLDER
    for each in settings.trust.suites:
        check_suite(each)
    if founding.needs_root(settings):
        founding.check_first_use(settings, root_path)
        root = init_secrets.root(run, settings, root_path)
        founding.make_keys(settings, root, root_path, run.report)
    else:
        founding.mark_used(settings, root_path)
        run.report.found.append(f"密钥 · keys: {keys}")
    descriptor = chain.current(keys, chain.read(keys))
    outcome: dict[str, Any] = {
        "center": descriptor.center_id,
        "fingerprint": fingerprint(descriptor.center_id),
        "suites": list(descriptor.suites),
        "descriptor": descriptor.sequence,
        "root_key": str(root_path),
        "operator": FIRST_OPERATOR,
        "totp_file": None,
    }
    if founding.is_running(settings):
        run.report.found.append("节点正在运行,账号未检查 · the node runs; accounts not looked at")
    elif _has_operator(settings, keys):
        run.report.found.append("运维账号 · an operator's account")
    else:
        outcome["totp_file"] = init_secrets.operator(run, settings)
    return outcome


def _has_operator(settings: Config, keys: Path) -> bool:
    with files.alone(keys):  # a database has one user at a time
        return uvloop.run(founding.has_operator(settings))


def _report(run: Run, settings: Config, outcome: dict[str, Any]) -> None:
    outcome["role"] = settings.center.role
    folder = str(settings.storage.folder)
    where = shlex.quote(str(run.config_path))
    steps = [
        f"lianping serve --config {where}",
        f"lianping peer invite --config {where} --out partner.invitation",
    ]
    if settings.regulates:
        steps.append(f"lianping regulator officer --config {where} NAME")
    if run.as_json:
        body = {
            **outcome,
            "config": str(run.config_path),
            "storage": folder,
            "made": run.report.made,
            "found": run.report.found,
            "next": steps,
        }
        click.echo(json.dumps(body, ensure_ascii=False, indent=2))
        return
    for each in run.report.found:
        click.echo(f"已有 · found  {each}")
    for each in run.report.made:
        click.echo(f"新建 · made   {each}")
    click.echo(f"中心编号 · center id: {outcome['center']}")
    click.echo(f"指纹 · fingerprint: {outcome['fingerprint']}")
    if founding.is_our_root(settings, Path(outcome["root_key"])):
        run.tell(
            f"请把 {outcome['root_key']} 移到离线介质,另备一份,与口令分开存放;运行节点不需要它。",
            "Move that file to an offline medium, keep a copy, and the passphrase elsewhere; a "
            "running node does not need it.",
        )
    if outcome["totp_file"]:
        run.tell(
            f"动态口令写在 {outcome['totp_file']}:导入手机验证器后请删除该文件。",
            "The one-time codes are in that file: add it to an authenticator, then delete it.",
        )
    if run.report.made:
        run.tell(f"请立刻备份 {folder}。", "Back that folder up now.")
    click.echo("接下来 · next:")
    for step in steps:
        click.echo(f"  {step}")
