"""The locks hold every dependency: at a version we allow, by hash, and from no named place."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
GROUPS: dict[str, list[str]] = PYPROJECT["dependency-groups"]
RUNTIME: list[str] = [*PYPROJECT["project"]["dependencies"], *GROUPS["build"]]
TOKENS: list[str] = [*RUNTIME, *PYPROJECT["project"]["optional-dependencies"]["pkcs11"]]
WANTED = {
    "requirements.lock": RUNTIME,
    "requirements-pkcs11.lock": TOKENS,
    "requirements-dev.lock": [*TOKENS, *(line for group in GROUPS.values() for line in group)],
}
PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """Read a lock as name -> version."""
    found = PIN.findall((ROOT / lock).read_text())
    return {canonicalize_name(name): version for name, version in found}


@pytest.mark.parametrize("lock", WANTED)
def test_every_dependency_is_locked_at_a_version_that_is_allowed(lock: str) -> None:
    locked = pins(lock)
    for line in WANTED[lock]:
        wanted = Requirement(line)
        version = locked.get(canonicalize_name(wanted.name))
        assert version is not None, f"{lock} lacks {wanted.name}: make lock"
        assert version in wanted.specifier, f"{lock} has {wanted.name} {version}, not {line}"


@pytest.mark.parametrize("lock", WANTED)
def test_every_pin_has_a_hash(lock: str) -> None:
    entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / lock).read_text().strip())
    assert len(entries) == len(pins(lock))
    assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("lock", WANTED)
def test_no_lock_names_an_index_or_a_path(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    assert [line for line in lines if "://" in line or "--index" in line or "--find" in line] == []


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-pkcs11.lock"])
def test_what_runs_in_production_is_what_was_tested(lock: str) -> None:
    runtime, tested = pins(lock), pins("requirements-dev.lock")
    assert {name: tested.get(name) for name in runtime} == runtime
