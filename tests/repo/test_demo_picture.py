"""The README's pictures show the demonstration that there is, not one that there was."""

import ast
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.repo.demo_picture import PICTURES, ROOT, columns, cut, drawn, pieces

MOST_BYTES = 200_000  # a README opens at once, over any line
LANGUAGES = {"zh": 0, "en": 1}
ANY_FOLDER = re.compile(r"(?<!\w)/(?:tmp|root|home|work|var|Users)/")


def steps(language: str) -> list[str]:
    """What the demonstration calls its steps, out of its source, in no order."""
    sources = sorted((ROOT / "node" / "demo").glob("*.py"))
    return [
        str(said.value)
        for path in sources
        for each in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(each, ast.Call)
        and isinstance(each.func, ast.Attribute)
        and each.func.attr in {"step", "_step"}
        and isinstance(said := each.args[LANGUAGES[language]], ast.Constant)
    ]


def shown(path: Path) -> list[str]:
    """All texts of a picture."""
    return [
        text.text or "" for text in ET.parse(path).getroot().iter() if text.tag.endswith("text")
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_picture_shows_every_step_of_the_demonstration(language: str) -> None:
    texts = shown(PICTURES / f"demo.{language}.svg")
    wanted = steps(language)
    assert wanted
    missing = [step for step in wanted if step not in texts]
    assert missing == [], "run python tests/repo/demo_picture.py"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_picture_is_small_and_names_no_folder_of_a_machine(language: str) -> None:
    path = PICTURES / f"demo.{language}.svg"
    assert path.stat().st_size < MOST_BYTES
    assert ANY_FOLDER.findall(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("readme", "language"), [("README.md", "en"), ("README.zh-CN.md", "zh")])
def test_each_readme_shows_the_picture_in_its_language(readme: str, language: str) -> None:
    assert f"(deploy/pictures/demo.{language}.svg)" in (ROOT / readme).read_text(encoding="utf-8")


def test_a_piece_begins_where_a_terminal_puts_it() -> None:
    assert [at for at, _, _ in pieces("[  0.0s]  1. 启动")] == [0, 8, 13]
    assert pieces("  协议签名  2")[1][0] == 2 + columns("协议签名") + 2


def test_a_line_that_is_too_wide_is_cut_and_says_so() -> None:
    assert cut("评标委员会", 7) == "评标委…"
    assert cut("short", 7) == "short"


def test_what_was_printed_cannot_break_the_picture() -> None:
    root = ET.fromstring(drawn("x", "[  0.0s]  1. a < b & c"))
    assert "a < b & c" in [each.text for each in root.iter()]
