"""Where each value of a configuration comes from: a line, a variable, or nowhere.

Here: which line of a TOML text says which key. The standard library's parser knows no lines, so
the text is cut into its statements (a table's head, or one key with all lines of its value) by
letting the parser itself say where one ends; each is then read alone.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from node import config

Key = tuple[str, ...]


class Source(StrEnum):
    """Who said a value."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


@dataclass(frozen=True, slots=True)
class Setting:
    """One key as it counts.

    Attributes:
        key: ``section.key``.
        value: As JSON has it.
        source: Who said it.
        place: ``file:line``, the variable's name, or empty for a default.
    """

    key: str
    value: Any
    source: Source
    place: str


def settings(path: Path) -> list[Setting]:
    """Every key of a configuration, in the order of its sections.

    Raises:
        BadConfig: It cannot be used.
    """
    text, table = config.read(path)
    checked = config.check(path, table)
    lines = lines_of(text)
    variables = config.overrides()
    found = []
    for key, value in _leaves(checked.model_dump(mode="json")):
        name = ".".join(key)
        if key in variables:
            found.append(Setting(name, value, Source.ENVIRONMENT, variables[key]))
        elif key in lines:
            found.append(Setting(name, value, Source.FILE, f"{path}:{lines[key]}"))
        else:
            found.append(Setting(name, value, Source.DEFAULT, ""))
    return found


def lines_of(text: str) -> dict[Key, int]:
    """The line, counted from 1, on which each key of a valid TOML text stands."""
    found: dict[Key, int] = {}
    table: Key = ()
    statement, begins = "", 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        if not statement:
            begins = number
        statement += line
        try:
            said = tomllib.loads(statement)
        except tomllib.TOMLDecodeError:
            continue  # a value that goes on over the next lines
        if statement.lstrip().startswith("["):
            table = _head(said)
        else:
            for key, _ in _leaves(said):
                found[(*table, *key)] = begins
        statement = ""
    return found


def _head(said: Mapping[str, Any]) -> Key:
    """The path of the one table that a head opens."""
    path: Key = ()
    while said:
        (name, inner), *_ = said.items()
        path = (*path, name)
        said = inner if isinstance(inner, Mapping) else {}
    return path


def _leaves(value: Any, path: Key = ()) -> Iterator[tuple[Key, Any]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, name))
    else:
        yield path, value
