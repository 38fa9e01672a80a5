"""The wheel alone, installed elsewhere, is a working node: nothing leans on the checkout."""

import configparser
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("node", "federation", "adapters", "lianping")


def run(*command: str | Path, cwd: Path) -> str:
    """Run a command that must succeed; what it said is the failure's message."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the pinned hatchling."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation"]
    run(*build, "--outdir", folder, ROOT, cwd=folder)
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel into a folder that is not this environment."""
    target = tmp_path_factory.mktemp("elsewhere")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    run(*pip, "--target", target, wheel, cwd=target)
    return target


def run_installed(installed: Path, code: str, cwd: Path) -> str:
    """Run Python with the installed packages before the checkout's editable ones."""
    preamble = f"import sys; sys.path.insert(0, {str(installed)!r})\n"
    return run(sys.executable, "-P", "-c", preamble + code, cwd=cwd)


def test_the_wheel_holds_our_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_every_data_file_of_our_packages_is_in_the_wheel(wheel: Path) -> None:
    """SQL, templates and pages travel with the code that reads them."""
    with zipfile.ZipFile(wheel) as archive:
        shipped = set(archive.namelist())
    tracked = run("git", "ls-files", "node", "federation", "adapters", cwd=ROOT).splitlines()
    # The index may still name a file that an edit has just removed.
    assert {name for name in tracked if (ROOT / name).is_file()} - shipped == set()


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_is_imported_from_where_the_wheel_was_installed(
    installed: Path, package: str, tmp_path: Path
) -> None:
    code = f"import {package}; print(list({package}.__path__)[0])"
    assert Path(run_installed(installed, code, tmp_path).strip()) == installed / package


def test_every_module_of_the_wheel_can_be_imported(installed: Path, tmp_path: Path) -> None:
    code = f"""
import importlib, pkgutil
for package in {PACKAGES!r}:
    found = importlib.import_module(package)
    for module in pkgutil.walk_packages(found.__path__, package + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
"""
    run_installed(installed, code, tmp_path)


def test_the_console_script_tells_how_it_is_used(installed: Path, tmp_path: Path) -> None:
    (info,) = installed.glob("lianping_node-*.dist-info")
    scripts = configparser.ConfigParser()
    scripts.read(info / "entry_points.txt")
    module, function = scripts["console_scripts"]["lianping"].split(":")
    code = f"""
sys.argv = ["lianping", "--help"]
from {module} import {function}
{function}()
"""
    usage = run_installed(installed, code, tmp_path)
    assert "Usage: lianping" in usage
    assert "demo" in usage
    assert "serve" in usage
