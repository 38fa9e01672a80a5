"""What the page asks Python: the verdict on one file, as ``lianping verify`` gives it.

The command itself is run, on a file in Pyodide's memory, so what the page shows cannot differ
from what the command says. Besides: the names of the steps, and the timeline of a file that holds.
"""

import io
import json
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Any, Final

import click

from federation.evidence.case import Step
from federation.evidence.rules import rule
from federation.evidence.whole import Whole
from federation.trust.suite import SUITES
from node import verify_command

STEPS: Final = {
    Step.FILE: ("文件格式", "the file's shape"),
    Step.DESCRIPTORS: ("各中心密钥说明", "the centers' keys"),
    Step.AGREEMENT: ("协议与双方签名", "the agreement and both signatures"),
    Step.ENVELOPES: ("每条消息的签名", "the signature of every word"),
    Step.CONVERSATIONS: ("会话次序合乎规程", "every conversation follows the protocol"),
    Step.RECEIPTS: ("对方回执", "the other side's receipts"),
    Step.LOGS: ("双方存证日志", "both evidence logs"),
    Step.POOLS: ("专家库承诺", "the commitments to the pools"),
    Step.DRAWS: ("专家抽取", "the draws of experts"),
    Step.COMMITTEE: ("评标委员会组成", "the committee"),
    Step.EVALUATION: ("评标经过", "the evaluation"),
    Step.ARCHIVE: ("档案移交", "the hand-over of the archive"),
    Step.TIMELINE: ("时间线", "the timeline"),
    Step.SEAL: ("封签", "the seal"),
    Step.JOINT: ("各分卷彼此一致", "the parts of a joint file agree"),
    Step.SELECTION: ("副场的产生", "the choice of the sub-venue"),
    Step.OPENINGS: ("事后公开的姓名", "the names that were opened later"),
}  # fmt: skip
"""What people read for each step. One that is not here yet appears by its name."""

_IN_ORDER: Final = Step.LOGS
"""Up to here steps run by their numbers; those beyond share what they look at."""

_LOOK: Final = "look"
"""How the command calls the verification. It is run three times, for each way to print."""

_HOLDS: Final = 0


@dataclass(slots=True)
class _Said:
    """What one run of the command left: its exit status and both its outputs."""

    status: int
    text: str


class _Remembered:
    """The verification, done once for all ways to print it."""

    def __init__(self, look: Callable[..., Whole]) -> None:
        self._look = look
        self._found: Whole | Exception | None = None

    def __call__(self, *arguments: Any) -> Whole:
        if self._found is None:
            try:
                self._found = self._look(*arguments)
            except Exception as error:  # noqa: BLE001 - raised again, as often as asked
                self._found = error
        if isinstance(self._found, Exception):
            raise self._found
        return self._found

    def timeline(self) -> list[dict[str, str]]:
        """The story of a file that holds."""
        if not isinstance(self._found, Whole):
            return []
        return [
            {"at": moment.at, "by": moment.by, "zh": moment.zh, "en": moment.en}
            for part in self._found.parts
            for moment in part.case.dossier.timeline
        ]


def ready() -> None:
    """Both suites' known-answer tests.

    Raises:
        SuiteUnavailable: This browser answers wrong.
    """
    for one in SUITES.values():
        one.ready()


def judge(path: str, expected: Sequence[str]) -> str:
    """Verify one file.

    Args:
        path: Where it lies in Pyodide's memory.
        expected: Ids of centers and agreements, as ``--expect`` takes them.

    Returns:
        JSON: ``status`` (the command's exit status), ``document`` (its ``--json``, or null),
        ``zh`` and ``en`` (its text), ``rule`` (that was broken), ``steps``, ``timeline``.
    """
    look = getattr(verify_command, _LOOK)
    remembered = _Remembered(look)
    setattr(verify_command, _LOOK, remembered)
    try:
        options = [word for each in expected for word in ("--expect", each)]
        told = _run(["--json", *options, path])
        zh = _run(["--lang", "zh", *options, path])
        en = _run(["--lang", "en", *options, path])
    finally:
        setattr(verify_command, _LOOK, look)
    try:
        document = json.loads(told.text)
    except ValueError:
        document = None  # the command was used wrongly, or this browser lacks a suite
    answer = {
        "status": told.status,
        "document": document,
        "zh": zh.text,
        "en": en.text,
        "rule": None if document is None else _rule(document.get("rule")),
        "steps": [] if document is None else _steps(document),
        "timeline": remembered.timeline() if told.status == _HOLDS else [],
    }
    return json.dumps(answer, ensure_ascii=False)


def _run(arguments: Sequence[str]) -> _Said:
    out = io.StringIO()
    with redirect_stdout(out), redirect_stderr(out):
        try:
            verify_command.verify.main(list(arguments), prog_name="verify", standalone_mode=False)
        except SystemExit as end:
            return _Said(int(end.code or 0), out.getvalue())
        except click.ClickException as error:
            return _Said(error.exit_code, error.format_message())
    return _Said(_HOLDS, out.getvalue())


def _rule(name: str | None) -> dict[str, str] | None:
    if name is None:
        return None
    found = rule(name)
    return {"name": found.name, "zh": found.zh, "en": found.en}


def _steps(document: dict[str, Any]) -> list[dict[str, Any]]:
    """Each step: passed, failed, or not decided because another failed before it."""
    failed = document.get("step")
    found = []
    for step in Step:
        zh, en = STEPS.get(step, (step.name, step.name.lower()))
        state = "undecided"
        if step.value == failed:
            state = "failed"
        elif failed is None or step.value < min(failed, _IN_ORDER.value + 1):
            state = "passed"
        found.append({"number": step.value, "name": step.name, "zh": zh, "en": en, "state": state})
    return found
