"""Which Python modules the page needs: what ``judge.py`` imports, and what those import.

Found by reading the sources, not by running them: an import inside a function counts, too. What
belongs to Python itself comes with Pyodide; what is compiled cannot come along, and each of
those is named here with what stands in for it.
"""

import ast
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent / "verifier"
ROOT: Final = Path(__file__).resolve().parents[1]

_ROOTS: Final = (ROOT, ROOT / "proto" / "gen", Path(sysconfig.get_path("purelib")))

ENTRIES: Final = ("sm3", "judge")
"""The modules that the page calls."""

STANDING_IN: Final = {
    "federation.trust.intl": HERE / "intl.py",
    "federation.trust.gm": HERE / "gm.py",
    "judge": HERE / "judge.py",
    "sm3": HERE / "sm3.py",
}
"""Modules of the page. The suites are what libsodium, OpenSSL and libcrypto are for in a node."""

OURS: Final = ("federation", "node", "lianping")
THEIRS: Final = ("click", "google", "typing_extensions")
"""Packages of others that are Python all through, as far as the verifier needs them."""

_LEFT_OUT: Final = frozenset({"node.services.dossier_page"})
"""What the command imports only to write a report; the page is one."""

_OF_THE_PAGE: Final = frozenset({"lianping_browser", "pyodide"})
_COMPILED: Final = frozenset({"google._upb"})
"""The compiled half of protobuf, which asks for it and goes on without."""


class Unfound(Exception):
    """A module that the verifier imports is not there."""


def sources() -> Mapping[str, bytes]:
    """Path inside the page's archive -> source, sorted.

    Raises:
        Unfound: A module is missing, or may be compiled and has no stand-in.
    """
    found: dict[str, bytes] = {}
    waiting = [(entry, entry) for entry in ENTRIES]
    seen: set[str] = set()
    while waiting:
        name, importer = waiting.pop()
        if name in seen or not _travels(name):
            continue
        seen.add(name)
        path, is_package = _where(name, importer)
        if path is None:
            continue
        source = path.read_bytes()
        inside = name.replace(".", "/")
        found[f"{inside}/__init__.py" if is_package else f"{inside}.py"] = source
        waiting += [(each, name) for each in _imports(name, is_package, source)]
    return dict(sorted(found.items()))


def _travels(name: str) -> bool:
    top = name.partition(".")[0]
    return (
        top not in sys.stdlib_module_names
        and name not in _LEFT_OUT
        and top not in _OF_THE_PAGE
        and not any(name == each or name.startswith(f"{each}.") for each in _COMPILED)
    )


def _where(name: str, importer: str) -> tuple[Path | None, bool]:
    """The source of a module, and whether it is a package; no source if it is only a folder."""
    if name in STANDING_IN:
        return STANDING_IN[name], False
    if name.partition(".")[0] not in OURS + THEIRS:
        if importer.partition(".")[0] in THEIRS:
            return None, False  # libraries ask for what they can do without
        raise Unfound(
            f"{importer} imports {name}, which is not known to run in a browser: modules.py"
        )
    for root in _ROOTS:
        place = root.joinpath(*name.split("."))
        if place.joinpath("__init__.py").is_file():
            return place / "__init__.py", True
        if place.with_suffix(".py").is_file():
            return place.with_suffix(".py"), False
        if place.is_dir():
            return None, True  # a namespace, like google
    if importer.partition(".")[0] in THEIRS:
        return None, False
    raise Unfound(f"{importer} imports {name}, of which there is no Python source")


def _imports(name: str, is_package: bool, source: bytes) -> Iterator[str]:
    package = name if is_package else name.rpartition(".")[0]
    yield from _parents(name)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            yield base
            for alias in node.names:
                if _is_module(f"{base}.{alias.name}"):
                    yield f"{base}.{alias.name}"


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name


def _is_module(name: str) -> bool:
    return _travels(name) and (
        name in STANDING_IN
        or any(
            root.joinpath(*name.split(".")).with_suffix(".py").is_file()
            or root.joinpath(*name.split("."), "__init__.py").is_file()
            for root in _ROOTS
        )
    )
