"""The bench runs, ends, and writes what the README quotes. Never how fast: that is its output."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
EXPECTED = {
    "tls_1",
    "tls_64",
    "words_one_1",
    "words_one_64",
    "words_holds_64",
    "words_batch_1",
    "words_batch_4",
    "words_batch_apart_4",
    "words_batch_holds_4",
    "queue",
    "queue_10000",
    "bundle_2",
    "bundle_4",
    "bundle_8",
    "bundle_2_line",
    "bundle_4_line",
    "bundle_8_line",
    "draw",
    "dossier",
    "latency",
    "group_commit",
    "log_append",
    "log_check",
    "log_verify",
    "ranking",
    "merkle",
    "ranking_sm3",
    "merkle_sm3",
    "sm2_sign",
    "sm2_verify",
}


def bench(path: Path) -> subprocess.CompletedProcess[str]:
    # In a process of its own: it brings its own event loop and leaves with its children.
    code = (
        f"import runpy, sys; sys.path[:] = {sys.path!r}; "
        f"sys.argv = ['bench', '--quick', '--json', {str(path)!r}]; "
        "runpy.run_module('tests.bench', run_name='__main__', alter_sys=True)"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,  # a minute where nobody else works
        check=False,
    )


def test_a_quick_run_measures_everything_and_says_so_in_json_and_in_a_table(
    tmp_path: Path,
) -> None:
    path = tmp_path / "made" / "bench.json"
    done = bench(path)
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    assert told["quick"] is True
    assert {"python", "machine", "sqlite", "grpc", "cryptography"} == set(told["about"])
    figures = {figure["name"]: figure for figure in told["figures"]}
    assert set(figures) == EXPECTED
    for figure in figures.values():
        assert figure["ratio"] > 0
        assert len(figure["values"]) == len(figure["yardsticks"]) == 1, figure["name"]
        assert all(value > 0 for value in (*figure["values"], *figure["yardsticks"]))
        assert figure["zh"] in done.stdout
        assert figure["en"] in done.stdout
    promised = {name: figure["wanted"] for name, figure in figures.items() if figure["wanted"]}
    assert promised == {"words_one_64": 0.25, "words_batch_1": 0.7, "words_batch_4": 0.7}
    at_most = {name: figure["most"] for name, figure in figures.items() if figure["most"]}
    assert at_most == {
        "draw": 1.0, "dossier": 1.0, "log_check": 2.5, "ranking": 2.5, "ranking_sm3": 2.5,
    }  # fmt: skip
