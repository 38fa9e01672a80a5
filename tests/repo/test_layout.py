"""Rules of the house that no linter knows: sizes, names, what may be written down."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("node", "federation", "adapters")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

# More than this is two things in one file: nobody reviews it in one sitting.
LONGEST_MODULE = 500
# Names that say where code was put because nobody knew where it belongs.
NAMELESS = {"utils", "util", "helpers", "helper", "manager", "managers", "base", "common", "misc"}
# What each of these decides is the protocol, so each has tests that carry its name.
TESTED_BY_NAME = ("protocol", "trust", "lottery", "evidence")
# A note without a number is a promise to nobody. Written apart, so that this file passes.
UNNUMBERED_NOTE = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|XX" + r"X)\b(?!\s*\(?#\d+)")
# Where somebody's machine or somebody's mirror shows through.
MACHINE_PATHS = re.compile(
    r"(?<![\w./-])/(?:root|home/[a-z]\w*|Users/\w+|work)/[\w.]" + r"|file:/{3}(?!usr/share)"
)
REGISTRY_HOSTS = re.compile(
    # Spelled so that this file does not name them itself.
    r"py[p]i\.(?:org|python\.org)|files\.python[h]osted\.org|registry\.npm[j]s\.org"
    r"|deb\.[d]ebian\.org"
    r"|mirrors?\.(?:aliyun|tuna|ustc|cloud\.tencent)|proxy\.[g]olang\.org|index\.[c]rates\.io"
)
# They hold the patterns themselves, or somebody else's words.
EXEMPT = {"tests/repo/test_layout.py", "LICENSE"}


def tracked() -> list[Path]:
    """List the files that the repository holds, or will hold after the next commit."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    paths = [ROOT / name for name in listing.stdout.splitlines() if name not in EXEMPT]
    return [path for path in paths if path.is_file()]


def findings(pattern: re.Pattern[str]) -> list[str]:
    """List every line that matches, as path:line: text."""
    found: list[str] = []
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture, an image of the protocol: nobody writes addresses into those
        for number, line in enumerate(text.splitlines(), start=1):
            if pattern.search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    return found


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_modules_to_check() -> None:
    assert len(MODULES) > len(PACKAGES)
    assert {path.relative_to(ROOT).parts[0] for path in MODULES} == set(PACKAGES)


def test_no_module_is_too_long_to_review() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in MODULES}
    assert {name: lines for name, lines in lengths.items() if lines > LONGEST_MODULE} == {}


def test_every_module_says_what_lives_in_it() -> None:
    without = [
        name_of(path)
        for path in [*MODULES, *(path for path in TESTS if path.name.startswith("test_"))]
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert without == []


def test_no_module_is_named_after_nothing() -> None:
    named = [path for path in [*MODULES, *TESTS] if {path.stem, path.parent.name} & NAMELESS]
    assert [name_of(path) for path in named] == []


@pytest.mark.parametrize("package", TESTED_BY_NAME)
def test_every_module_of_the_core_has_a_test_file_of_its_name(package: str) -> None:
    modules = {path.stem for path in (ROOT / "federation" / package).glob("*.py")} - {"__init__"}
    assert modules, f"federation/{package} is empty"
    tests = {path.stem.removeprefix("test_") for path in (ROOT / "tests" / package).glob("test_*")}
    assert sorted(modules - tests) == []


def test_every_test_file_tests_something() -> None:
    empty = [
        name_of(path)
        for path in TESTS
        if path.name.startswith("test_")
        and not re.search(r"^\s*(?:async )?def test_|TestCase\b", path.read_text(), re.MULTILINE)
    ]
    assert empty == []


def test_no_test_is_skipped_or_excused() -> None:
    excuse = re.compile(r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b")
    mine = Path(__file__).name
    assert [line for line in findings(excuse) if mine not in line] == []


def test_no_file_names_a_package_registry() -> None:
    assert findings(REGISTRY_HOSTS) == []


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    assert findings(MACHINE_PATHS) == []


def test_every_note_to_do_something_later_has_a_number() -> None:
    assert findings(UNNUMBERED_NOTE) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (REGISTRY_HOSTS, "index-url = https://py" + "pi.org/simple"),
        (MACHINE_PATHS, "see /home/wang/lianping/x.py"),
        (MACHINE_PATHS, "path = '/root/.cache'"),
        (UNNUMBERED_NOTE, "# TO" + "DO later"),
    ],
)
def test_the_rules_find_what_they_are_for(pattern: re.Pattern[str], line: str) -> None:
    assert pattern.search(line)


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (MACHINE_PATHS, "https://example.cn/home/index.html and POST /v1/wo" + "rk/orders"),
        (UNNUMBERED_NOTE, "# TO" + "DO(#12): when 1.2 is the oldest peer"),
    ],
)
def test_the_rules_leave_the_rest_alone(pattern: re.Pattern[str], line: str) -> None:
    assert not pattern.search(line)
