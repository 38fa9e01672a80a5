"""``lianping peer test CENTER``: start a joint test (联调联试), watch it, print its report.

The node does the testing; this asks it how far it is. Hung up on, the test goes on and the
report is kept: ``GET /api/joint-tests``.
"""

import json
import time
from pathlib import Path
from typing import Any, Final

import click

from node.commands.link import CannotDo, Link, configured, open_link
from node.commands.options import COMMAND_SETTINGS, config_option, examples, json_option

FAILED: Final = 1
LOOK_SECONDS: Final = 0.5
MAX_WAIT_SECONDS: Final = 1_860.0  # ten steps of three minutes each, and one minute more

_STEPS: Final = {
    "MEASURING": "测量网络与本方系统 · measuring the line and our own systems",
    "TESTING": "对方正在测量 · the peer is measuring",
    "HELD": "演练场地预约 · rehearsing a booking",
    "DECIDED": "演练抽取 · rehearsing a draw",
    "CONCLUDED": "等待对方会签报告 · waiting for the peer's signature",
}


@click.command(
    "test",
    context_settings=COMMAND_SETTINGS,
    epilog=examples(
        "lianping peer test lp1aaaabbbbccccddddeeeeffffgggghhhh",
        "lianping peer test lp1aaaabbbbccccddddeeeeffffgggghhhh --json",
    ),
)
@click.argument("center")
@config_option
@json_option
def test(center: str, config_path: Path, as_json: bool) -> None:
    """与伙伴中心联调联试。· Test jointly with a partner: line, clocks, keys, rehearsals.

    全部通过时退出码为0,未通过为1。· Exit code 0 if all passed, 1 if not.
    """
    with open_link(configured(config_path)) as link:
        done = watch(link, center, quiet=as_json)
    if as_json:
        click.echo(json.dumps(done, ensure_ascii=False, indent=2))
    else:
        click.echo(done["text"], nl=False)
    if not done["passed"]:
        raise SystemExit(FAILED)


def watch(link: Link, center: str, *, quiet: bool) -> dict[str, Any]:
    """Start a test and wait for its end, telling each step once.

    Returns:
        As ``GET /api/joint-tests/ID`` gives it.

    Raises:
        CannotDo: The node refuses, or the test does not end.
    """
    started = link.post(f"/api/peers/{center}/test")["id"]
    told = ""
    until = time.monotonic() + MAX_WAIT_SECONDS
    while time.monotonic() < until:
        now: dict[str, Any] = link.get(f"/api/joint-tests/{started}")
        if now["state"] != "RUNNING":
            return now
        step = _STEPS.get(now["phase"], told)
        if step != told and not quiet:
            click.echo(f"  … {step}", err=True)
        told = step
        time.sleep(LOOK_SECONDS)
    raise CannotDo(
        f"联调联试{started}仍未结束,请查看节点日志",
        f"joint test {started} has not ended; look at the node's log",
    )
