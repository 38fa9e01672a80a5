"""``lianping demo``: runs the story, prints what happened, cleans up."""

import json
import shutil
import signal
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Final

from node.demo import world
from node.demo.caller import CallFailed
from node.demo.chaos import LEAD_SECONDS, LOST_PERCENT, Chaos
from node.demo.narrator import Narrator
from node.demo.nodes import Nodes
from node.demo.processes import DidNotStart
from node.demo.setting import StoryFailed
from node.demo.story import Story
from node.demo.told import Told

FAILED: Final = 1
INTERRUPTED: Final = 130
_COUNTS_ZH: Final = {2: "两", 3: "三", 4: "四"}
_COUNTS_EN: Final = {2: "two", 3: "three", 4: "four"}


def run(
    *,
    as_json: bool,
    keep: Path | None,
    chinese: bool,
    suite: str,
    provinces: int = 2,
    chaos: bool = False,
    regulator: bool = False,
) -> int:
    """Run the demonstration; answers the exit code: 0 only if all of it holds.

    Args:
        as_json: One JSON object on standard output, the talk on standard error.
        keep: A folder to keep everything in; it must be empty or not exist.
        chinese: The language of the talk.
        suite: Of all nodes and their agreements.
        provinces: How many centers, each of another province; see ``world.CASES``.
        chaos: Whether messages are lost and a node is killed; see ``chaos``.
        regulator: Whether a regulator's node takes part; see ``overseeing``.
    """
    narrator = Narrator(sys.stderr if as_json else sys.stdout, chinese=chinese)
    if keep is not None and keep.exists() and any(keep.iterdir()):
        narrator.tell(f"文件夹 {keep} 不是空的", f"the folder {keep} is not empty")
        return 2
    folder = keep.resolve() if keep else Path(tempfile.mkdtemp(prefix="lianping-demo-"))
    case = world.CASES[provinces]
    nodes = Nodes(
        folder, suite, case, lost_percent=LOST_PERCENT if chaos else 0, regulator=regulator
    )
    trouble = Chaos(nodes, narrator) if chaos else None
    # Whoever ends it otherwise than by Ctrl-C must not find keys and processes left, either.
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        narrator.step(
            f"启动{_COUNTS_ZH[len(nodes.everybody)]}个节点和模拟交易系统 (密码套件 {suite})",
            f"start {_COUNTS_EN[len(nodes.everybody)]} nodes and the stand-in e-trading system "
            f"(suite {suite})",
        )
        nodes.start()
        told = _story(nodes, narrator, trouble).run()
        if trouble is not None:
            told.chaos = trouble.done()
    except KeyboardInterrupt:
        narrator.tell("已中断", "interrupted")
        return INTERRUPTED
    except (StoryFailed, CallFailed, TimeoutError, DidNotStart) as error:
        narrator.tell(f"演示失败: {error}", f"the demonstration failed: {error}")
        return FAILED
    finally:
        signal.signal(signal.SIGTERM, before)
        nodes.stop()
        if keep is None:
            shutil.rmtree(folder, ignore_errors=True)
    _report(narrator, told, folder if keep else None)
    if as_json:
        document = {
            "agreement": told.agreements[0],
            "joint_test": told.joint_tests[0],
            **asdict(told),
        }
        json.dump(document, sys.stdout, ensure_ascii=False, indent=2)
        sys.stdout.write("\n")
    return 0 if told.holds else FAILED


def _story(nodes: Nodes, narrator: Narrator, trouble: Chaos | None) -> Story:
    if trouble is None:
        return Story(nodes, narrator)
    return Story(nodes, narrator, lead_seconds=LEAD_SECONDS, amid=trouble.amid)


def _report(narrator: Narrator, told: Told, kept: Path | None) -> None:
    experts = " + ".join(str(count) for count in told.committee["experts_by_center"].values())
    narrator.table(
        ("结果", "What happened"),
        [
            (("密码套件", "Suite"), told.agreements[0]["suite"]),
            (
                ("协议签名", "Agreement signatures"),
                " + ".join(str(each["signatures"]) for each in told.agreements),
            ),
            (("副场预约", "Bookings"), ", ".join(leg["state"] for leg in told.bookings)),
            (
                ("评标委员会", "Committee"),
                f"{told.committee['size']} = {told.committee['representatives']} + {experts}",
            ),
            *(
                (
                    ("抽取: 邀请/接受/补抽", "Draw: invited/accepted/replaced"),
                    "{owner} {invited}/{accepted}/{supplements}".format_map(draw),
                )
                for draw in told.draws
            ),
            (("名单开启方", "List opened by"), told.roster["opened_by"]),
            (("评标状态", "Evaluation"), told.evaluation["state"]),
            (("卷宗", "Dossier"), f"{told.dossier['size']:,} B"),
            *_oversight(told),
            *_damage(told),
            (("用时", "Time"), f"{told.elapsed_seconds:.1f} s"),
            (
                ("文件", "Files"),
                str(kept)
                if kept
                else narrator.pick(
                    "已清理; 用 --keep DIR 保留", "cleaned up; keep them with --keep DIR"
                ),
            ),
        ],
    )


def _oversight(told: Told) -> list[tuple[tuple[str, str], str]]:
    if not told.oversight:
        return []
    audits = told.oversight["audits"]
    return [
        (("外部见证方", "Outside contributors"), str(told.oversight["outside_contributors"])),
        (
            ("审计的专家库", "Pools audited by two officers"),
            f"{sum(each['rebuilt'] for each in audits)}/{len(audits)}",
        ),
    ]


def _damage(told: Told) -> list[tuple[tuple[str, str], str]]:
    if not told.chaos:
        return []
    return [
        (
            ("丢失的消息", "Messages lost"),
            f"{told.chaos['messages_lost']} ({told.chaos['lost_percent']} %)",
        ),
        (("被终止并重启的节点", "Nodes killed and restarted"), ", ".join(told.chaos["killed"])),
    ]
