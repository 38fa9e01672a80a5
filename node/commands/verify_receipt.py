"""``lianping verify-receipt FILE``: an expert checks a receipt. Needs no node and no network.

Exit status 0: it holds. 1: it does not, and the first thing that is wrong is named. 2: the
command was used wrongly, or this machine lacks the receipt's suite.
"""

import json
from pathlib import Path
from typing import Final, NoReturn

import click

from federation.evidence.receipt import ReceiptRefuted, verify
from federation.evidence.receipt_file import MAX_RECEIPT_BYTES
from federation.ids import center_id
from federation.trust.errors import SuiteUnavailable
from federation.wire.evidence import DECODE
from node.commands.options import COMMAND_SETTINGS, examples, json_option

REFUTED: Final = 1


def _center(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        try:
            center_id(value)
        except ValueError as error:
            raise click.BadParameter(str(error)) from error
    return value


@click.command(
    "verify-receipt",
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping verify-receipt expert.receipt",
        "lianping verify-receipt expert.receipt --expect lp1… --json",
    ),
)
@click.argument(
    "receipt", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path)
)
@click.option(
    "--expect",
    metavar="CENTER_ID",
    callback=_center,
    help="须由该中心出具(与公布的编号核对)· must be made by this center, by its published id",
)
@click.option(
    "--lang",
    default="",
    envvar=["LC_ALL", "LC_MESSAGES", "LANG"],
    help="zh 中文;其他 English,默认依环境 · by LANG unless given",
)
@json_option
def verify_receipt(receipt: Path, expect: str | None, lang: str, *, as_json: bool) -> None:
    """离线核对专家回执。· Check an expert's receipt offline.

    成立时退出码为0,不成立为1。· Exit code 0 if it holds, 1 if not.
    """
    try:
        with receipt.open("rb") as file:
            document = file.read(MAX_RECEIPT_BYTES + 1)
        found = verify(document, DECODE)
    except OSError as error:
        raise click.UsageError(f"{receipt}: {error.strerror}") from error
    except SuiteUnavailable as error:
        raise click.UsageError(f"此机器无法核对 · this machine cannot tell: {error}") from error
    except ReceiptRefuted as error:
        _refuted(error.where, error.zh, error.en, as_json=as_json)
    if expect is not None and found.maker != expect:
        _refuted(
            "maker",
            f"由另一中心出具:{found.maker}",
            f"it was made by another center: {found.maker}",
            as_json=as_json,
        )
    if as_json:
        click.echo(json.dumps(found.document(), ensure_ascii=False, indent=1))
    else:
        click.echo(found.summary("zh" if lang.startswith("zh") else "en"))


def _refuted(where: str, zh: str, en: str, *, as_json: bool) -> NoReturn:
    if as_json:
        click.echo(
            json.dumps(
                {"holds": False, "where": where, "zh": zh, "en": en}, ensure_ascii=False, indent=1
            )
        )
    else:
        click.echo(f"回执不成立:{where}:{zh}\n  The receipt does not hold: {where}: {en}", err=True)
    raise SystemExit(REFUTED)
