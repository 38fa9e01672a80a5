"""What the pages at the top say can be run, called and opened is there, in both languages."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from node.api.app import ROUTED
from node.cli import main

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(ROOT.glob("*.md"))
READMES = (ROOT / "README.md", ROOT / "README.zh-CN.md")
OPENAPI = "/api/openapi.json"


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def paths() -> Iterator[str]:
    """Every path that the node serves, with the names of its parameters left out."""
    yield OPENAPI
    for module in ROUTED:
        for route in module.router.routes:
            yield re.sub(r"\{\w+\}", "{}", f"/api{getattr(route, 'path', '')}")


def routes_in(page: Path) -> list[str]:
    return re.findall(r"/api/[\w/{}.-]+", text_of(page))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_that_a_page_links_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text_of(page))
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.mark.parametrize("page", READMES, ids=lambda page: page.name)
def test_every_route_that_a_readme_names_is_served(page: Path) -> None:
    named = [re.sub(r"\{\w+\}", "{}", route) for route in routes_in(page)]
    assert OPENAPI in named
    assert sorted(set(named) - set(paths())) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_that_a_page_names_can_be_run(page: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+):.*## ", (ROOT / "Makefile").read_text()))
    named = re.findall(r"(?:`|^)make ([a-z-]+)", text_of(page), re.MULTILINE)
    assert sorted(set(named) - targets) == []
    commands = re.findall(r"(?:`|bin/)lianping ([a-z-]+)", text_of(page))
    known = main.list_commands(click.Context(main))
    assert sorted(set(commands) - set(known)) == []


def test_the_two_readmes_say_the_same() -> None:
    english, chinese = map(text_of, READMES)
    commands = re.compile(r"`(make [a-z]+)")
    assert commands.findall(english) == commands.findall(chinese)
    for pattern in (r"(?m)^(##?) ", r"(?m)^(\|)"):  # headings, rows
        assert len(re.findall(pattern, english)) == len(re.findall(pattern, chinese)), pattern
    assert routes_in(READMES[0]) == routes_in(READMES[1])
    number = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*")
    assert _measured(number, english) == _measured(number, chinese)


def _measured(number: re.Pattern[str], text: str) -> list[list[str]]:
    """The numbers of each row that says how to get them, in no order."""
    commands = ("`make bench`", "`make simulate", "`make demo` |", "`lianping verify` |", "VmRSS")
    rows = [row for row in text.splitlines() if row.startswith("|")]
    return [sorted(number.findall(row)) for row in rows if any(each in row for each in commands)]
