"""An agreement's terms as a file that people write: TOML, with durations, dates and yuan.

``template`` prints the file with every key, its usual value and what it means; ``read`` makes
terms of one. Both are the one table of ``terms_keys.py``, so that nothing is documented that is
not read. What is unknown, misspelt or of the wrong kind is said at once, all of it; what
contradicts itself is ``federation.protocol.contradictions``.
"""

import difflib
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final

from federation.protocol.agreement import MAX_DOCUMENT_BYTES, AgreementTerms, Direction
from federation.protocol.terms import DataProtection, Fees, FeeSchedule, Party, Settlement
from node.services.errors import Invalid
from node.services.terms_keys import KEYS, SECTIONS

MAX_FILE_CHARS: Final = MAX_DOCUMENT_BYTES
YEAR: Final = timedelta(days=364)  # with its first and its last day
MAX_PROBLEMS: Final = 50  # whoever sends another kind of file need not read all of it
_BY_PATH: Final = {key.path: key for key in KEYS}
_USUAL: Final = {
    key.path: tomllib.loads(f"value = {key.usual}")["value"] for key in KEYS if key.usual
}
_PAY: Final = ("money.ours", "money.theirs")


def read(source: str, ours: Party, theirs: Party) -> AgreementTerms:
    """Make terms of a file.

    Args:
        source: The file's text.
        ours: Our side as our descriptor has it; the file adds supervisor and contacts.
        theirs: The same of the other side.

    Raises:
        Invalid: It is no TOML, or keys are unknown, missing or wrong; each is named.
    """
    if len(source) > MAX_FILE_CHARS:
        raise Invalid(
            f"协议文件超过{MAX_FILE_CHARS}个字符",
            f"the file has more than {MAX_FILE_CHARS} characters",
        )
    try:
        table = tomllib.loads(source)
    except (ValueError, RecursionError) as error:  # also of a number with thousands of digits
        raise Invalid("协议文件不是有效的 TOML", f"the file is not TOML: {error}") from error
    found = dict(_leaves(table))
    problems = [_unknown(path) for path in found if path not in _BY_PATH]
    values: dict[str, Any] = {}
    for key in KEYS:
        if key.path not in found and key.path not in _USUAL:
            problems.append(f"{key.path}: 缺少此项 · is missing ({key.zh} · {key.en})")
            continue
        try:
            values[key.sets] = key.parse(found.get(key.path, _USUAL.get(key.path)))
        except ValueError as error:
            problems.append(f"{key.path}: {error}")
    if problems:
        raise Invalid(
            "协议文件有误,请逐条修改",
            "the file cannot be read; mend each of these",
            detail=tuple(problems[:MAX_PROBLEMS]),
        )
    paid = {section for section in _PAY if any(path.startswith(section) for path in found)}
    return _assembled(values, paid, ours, theirs)


def template(today: date) -> str:
    """A file with every key at its usual value, explained; for a year from today."""
    given = {
        "title": '"工程建设项目招投标远程异地评标合作协议"',
        "from": today.isoformat(),
        "until": (today + YEAR).isoformat(),
    }
    lines = ["# 远程异地评标合作协议 · lianping agreement propose FILE", ""]
    for section, (zh, en) in SECTIONS.items():
        lines += [f"# {zh} · {en}"] + ([f"[{section}]"] if section else [])
        for key in KEYS:
            if key.section == section:
                lines += [
                    f"# {key.zh} · {key.en}",
                    f"{key.name} = {given.get(key.path, key.usual)}",
                ]
        lines.append("")
    return "\n".join(lines)


def _leaves(table: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Each key with its path; a table that is no section is a leaf, too, and unknown."""
    for name, value in table.items():
        path = f"{before}{name}"
        if isinstance(value, Mapping) and path in SECTIONS:
            yield from _leaves(value, f"{path}.")
        else:
            yield path, value


def _unknown(path: str) -> str:
    name = path.rpartition(".")[2]
    same = [key.path for key in KEYS if key.name == name]  # right name, wrong section
    close = same or difflib.get_close_matches(path, [*_BY_PATH, *SECTIONS], n=1)
    close = close or difflib.get_close_matches(name, [key.name for key in KEYS], n=1)
    hint = f";是否为 {close[0]} · did you mean {close[0]}" if close else ""
    return f"{path[:64]}: 未知的项 · unknown key{hint}"


def _assembled(
    values: Mapping[str, Any], paid: set[str], ours: Party, theirs: Party
) -> AgreementTerms:
    def part(name: str) -> dict[str, Any]:
        return {
            sets.removeprefix(f"{name}."): value
            for sets, value in values.items()
            if sets.startswith(f"{name}.")
        }

    sides = {"ours": ours, "theirs": theirs}
    schedules = tuple(
        FeeSchedule(side.center_id, **part(f"{name}_pay"))
        for name, side in sides.items()
        if f"money.{name}" in paid
    )
    hosts = part("directions")
    directions = (
        (hosts["we"], Direction(ours.center_id, theirs.center_id)),
        (hosts["they"], Direction(theirs.center_id, ours.center_id)),
    )
    plain = {sets: value for sets, value in values.items() if "." not in sets}
    return AgreementTerms(
        version=1,
        parties=tuple(_party(side, part(name)) for name, side in sides.items()),
        directions=tuple(line for wanted, line in directions if wanted),
        fees=Fees(schedules=schedules, **part("fees")),
        settlement=Settlement(**part("settlement")),
        data_protection=DataProtection(**part("data_protection")),
        **plain,
    )


def _party(side: Party, added: Mapping[str, Any]) -> Party:
    return Party(
        side.center_id,
        side.name,
        side.uscc,
        side.region_code,
        added["supervisor"],
        added["contacts"],
        side.root_key_ids,
    )
