"""Generate proto/gen from proto/lianping; with --check, only tell whether it is fresh.

Messages and their type stubs only. There are no gRPC stubs: a handler takes the raw
bytes, because what a peer signed is the bytes and never a message parsed from them.
"""

import shutil
import subprocess
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

HERE = Path(__file__).resolve().parent
GEN = HERE / "gen"


def generate(target: Path) -> None:
    """Run the pinned protoc into ``target``.

    Args:
        target: An existing, empty folder; the packages are written below it.

    Raises:
        SystemExit: There is nothing to generate from, or protoc refused it; its own
            messages, with file and line, are on standard error.
    """
    sources = sorted(str(path) for path in (HERE / "lianping").rglob("*.proto"))
    if not sources:
        sys.exit("no .proto file below proto/lianping")
    # The plugin must be the one of this interpreter's environment, whatever the PATH says.
    plugin = Path(sys.executable).with_name("protoc-gen-mypy")
    command = [
        sys.executable,
        "-m",
        "grpc_tools.protoc",
        f"-I{HERE}",
        f"-I{files('grpc_tools') / '_proto'}",
        f"--plugin=protoc-gen-mypy={plugin}",
        f"--python_out={target}",
        f"--mypy_out=quiet:{target}",
        *sources,
    ]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit("protoc refused proto/lianping; its messages are above")
    (target / "lianping" / "py.typed").touch()


def contents(root: Path) -> dict[str, bytes]:
    """Read every file below ``root``, keyed by its path from there; no caches."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def main() -> None:
    """Generate, or check.

    Raises:
        SystemExit: With --check, a sentence that names what is stale.
    """
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        if sys.argv[1:] == ["--check"]:
            if not GEN.is_dir():
                sys.exit("proto/gen is missing: run `make proto`")
            fresh, kept = contents(Path(scratch)), contents(GEN)
            stale = sorted(
                name for name in fresh.keys() | kept.keys() if fresh.get(name) != kept.get(name)
            )
            if stale:
                sys.exit(f"proto/gen is stale: run `make proto` ({', '.join(stale)})")
            return
        if sys.argv[1:]:
            sys.exit(f"unknown arguments {sys.argv[1:]}; the only one is --check")
        shutil.rmtree(GEN, ignore_errors=True)
        shutil.copytree(scratch, GEN)


if __name__ == "__main__":
    main()
