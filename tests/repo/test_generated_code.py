"""proto/gen is what the pinned generator makes of proto/lianping, and runs on what we allow."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
GEN = ROOT / "proto" / "gen" / "lianping"
GENERATED = sorted(GEN.rglob("*_pb2.py"))
STAMP = re.compile(r"^# Protobuf Python Version: (\S+)$", re.MULTILINE)


def project() -> dict[str, list[str]]:
    """Read the project table of pyproject.toml."""
    table: dict[str, list[str]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def lower_bound(distribution: str) -> str:
    """Find the version that pyproject.toml asks for at least."""
    start = f"{distribution}>="
    bounds = [line.removeprefix(start) for line in project()["dependencies"] if start in line]
    assert len(bounds) == 1, f"pyproject.toml must say {start}VERSION exactly once"
    return bounds[0]


def test_every_protocol_file_has_its_module_and_its_stub() -> None:
    sources = sorted((ROOT / "proto" / "lianping").rglob("*.proto"))
    assert sources, "no .proto file below proto/lianping"
    for source in sources:
        module = GEN.parent / source.relative_to(ROOT / "proto").with_suffix("")
        assert module.with_name(f"{module.name}_pb2.py").is_file()
        assert module.with_name(f"{module.name}_pb2.pyi").is_file()
    assert len(GENERATED) == len(sources)
    assert (GEN / "py.typed").is_file(), "without it mypy sees Any"


def test_the_generators_version_is_the_lower_bound_for_the_runtime() -> None:
    """Generated code refuses an older runtime, so asking for less would be a lie."""
    stamps = {stamp for path in GENERATED for stamp in STAMP.findall(path.read_text())}
    assert stamps == {lower_bound("protobuf")}


def test_no_grpc_stub_is_generated() -> None:
    """A handler takes the signed bytes; a stub would hand it a parsed message."""
    assert list(GEN.rglob("*_grpc.py")) == []


def test_the_generated_code_is_fresh() -> None:
    check = subprocess.run(
        [sys.executable, ROOT / "proto" / "generate.py", "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr


def test_a_release_leaves_something_to_compare_the_protocol_with() -> None:
    """`make lint` compares with the last tag or, in a clone without tags, with this image."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changelog, re.MULTILINE)
    image = ROOT / "proto" / "released.binpb"
    assert image.is_file() or not released, (
        f"CHANGELOG.md names release {released[0]}, but {image.name} is missing: make proto-release"
    )
