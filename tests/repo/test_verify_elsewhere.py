"""A dossier verifies on another machine: an empty environment, the wheel, and no network.

The environment has no pip, no site packages of this one, and of all that a node needs only what
the verifier needs. It runs in a network namespace of its own where the system lets it, and in
any case under a guard that refuses every socket.
"""

import json
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from tests.evidence.evaluated import made
from tests.evidence.logs import at_word, files, hidden
from tests.repo.test_wheel import ROOT, run

NEEDED = (
    "cffi", "click", "cryptography", "jinja2", "markupsafe", "protobuf", "pynacl",
    "typing-extensions",
)  # fmt: skip
"""Everything that verifying needs; a node needs three times as many."""
GUARD = """
import sys

def refuse(event, arguments):
    if event.startswith("socket."):
        raise RuntimeError(f"verifying must not reach out: {event}")

sys.addaudithook(refuse)
"""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel, what the verifier needs, and nothing else."""
    folder = tmp_path_factory.mktemp("another-machine")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    run(*build, "--outdir", folder, ROOT, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    run(sys.executable, "-m", "venv", "--without-pip", folder / "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet"]
    run(*pip, "--no-deps", "--no-index", wheel, cwd=folder)
    (packages,) = (folder / "env" / "lib").glob("python3*/site-packages")
    for name in NEEDED:
        for file in metadata.files(name) or ():
            source, target = Path(str(file.locate())), packages / file
            if source.is_file() and packages in target.resolve().parents:
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target)
    (packages / "sitecustomize.py").write_text(GUARD)
    return folder


def offline() -> list[str]:
    """A network namespace without any network, where one may be made."""
    unshare = ["unshare", "--user", "--map-root-user", "--net"]
    try:
        done = subprocess.run([*unshare, "true"], check=False, capture_output=True)
    except FileNotFoundError:
        return []
    return unshare if done.returncode == 0 else []


def lianping(machine: Path, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [*offline(), str(machine / "env" / "bin" / "lianping"), *map(str, words)]
    return subprocess.run(
        command, cwd=machine, env={"LANG": "C.UTF-8"}, capture_output=True, text=True, check=False
    )


def test_the_other_machine_has_no_node_and_no_network(machine: Path) -> None:
    python = machine / "env" / "bin" / "python"
    for code in ("import grpc", "import pydantic", "import socket; socket.socket()"):
        done = subprocess.run([python, "-c", code], cwd=machine, capture_output=True, check=False)
        assert done.returncode == 1
    where = run(python, "-c", "import node; print(node.__file__)", cwd=machine)
    assert Path(where.strip()).is_relative_to(machine)


@pytest.mark.parametrize("suite_id", ["intl-1", "gm-1"])
def test_a_dossier_of_either_suite_verifies_there_and_has_its_report(
    machine: Path, suite_id: str
) -> None:
    file = machine / f"{suite_id}.dossier"
    file.write_bytes(made("host", suite_id).file)
    page = machine / f"{suite_id}.html"
    done = lianping(machine, "verify", "--json", "--report", page, file)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert told["holds"] is True
    assert len(told["checks"]) == 15
    assert "卷宗属实" in page.read_text(encoding="utf-8")


def test_a_changed_dossier_is_refused_there(machine: Path) -> None:
    file = machine / "changed.dossier"
    file.write_bytes(made().file.replace("召集评标".encode(), "召集评审".encode(), 1))
    assert lianping(machine, "verify", file).returncode == 1
    file.write_bytes(made().file[:-80])
    assert lianping(machine, "verify", file).returncode == 2


def test_two_logs_are_laid_side_by_side_there(machine: Path) -> None:
    host, sub = machine / "host.log", machine / "sub.log"
    host.write_bytes(files()[0])
    sub.write_bytes(files()[1])
    done = lianping(machine, "audit", "diff", host, sub)
    assert (done.returncode, done.stderr) == (0, "")
    sub.write_bytes(hidden(files()[1], at_word(files()[1], "Start", "in")))
    assert lianping(machine, "audit", "diff", host, sub).returncode == 1
