"""``lianping verify-receipt``: what an expert types, and what it says."""

import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from node.cli import main
from tests.evidence.receipted import Receipted, receipted


@pytest.fixture
async def made() -> AsyncIterator[Receipted]:
    async with receipted() as found:
        yield found


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["verify-receipt", *arguments])


async def test_a_receipt_is_checked_and_a_changed_one_is_refused(
    made: Receipted, tmp_path: Path
) -> None:
    file = tmp_path / "expert.receipt"
    file.write_bytes(await made.file(made.unreached))
    done = run(str(file), "--lang", "zh_CN")
    assert done.exit_code == 0
    assert "未应答" in done.output
    done = run(str(file), "--lang", "en")
    assert "NO_ANSWER" in done.output
    told = json.loads(run(str(file), "--json").output)
    assert told["holds"]
    assert told["invitations"][0]["reported"][0]["response"] == "NO_ANSWER"
    assert run(str(file), "--expect", told["maker"]).exit_code == 0
    other = run(str(file), "--expect", made.table.pair.host.id, "--json")
    assert other.exit_code == 1
    assert json.loads(other.output)["where"] == "maker"
    file.write_bytes(file.read_bytes().replace(b'"made_at_ms": 1', b'"made_at_ms": 2'))
    done = run(str(file))
    assert done.exit_code == 1
    assert "the seal is not the maker's" in done.output


def test_what_is_no_receipt_is_said_so(tmp_path: Path) -> None:
    file = tmp_path / "expert.receipt"
    file.write_bytes(b"lianping dossier 1\n")
    done = run(str(file))
    assert done.exit_code == 1
    assert "first line" in done.output
    assert run(str(tmp_path / "none")).exit_code == 2
    assert run(str(file), "--expect", "somebody").exit_code == 2


NEITHER = ("grpc", "sqlite3", "node.services", "node.store")


def test_it_needs_neither_a_node_nor_a_network(tmp_path: Path) -> None:
    file = tmp_path / "expert.receipt"
    file.write_bytes(b"nothing")
    told = subprocess.run(
        [
            sys.executable,
            "-c",
            f"from node.cli import main; main(['verify-receipt', {str(file)!r}])",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 1, told.stderr
    probe = (
        "import sys\nfrom node.commands import verify_receipt\n"
        f"print([name for name in {NEITHER!r} if name in sys.modules])\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == "[]"
    assert shutil.which("lianping", path=str(Path(sys.executable).parent))
