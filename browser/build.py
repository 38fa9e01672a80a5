"""Makes the verifier a single page: ``build/lianping-verifier.html``.

    python -m browser.build            as `make verifier-page` does

Everything is inside: Pyodide, the verifier's own modules as they lie in this repository, and what
stands in for compiled libraries. The page's policy forbids it every address, so nothing can be
fetched and nothing can be sent. The same sources give the same bytes.
"""

import argparse
import base64
import gzip
import hashlib
import io
import json
import re
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from browser import modules, packages

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "build" / "lianping-verifier.html"
KEPT: Final = ROOT / "build" / "npm"
HERE: Final = ROOT / "browser" / "verifier"

_PREFIX: Final = "lianping:"
"""How an import names a module inside the page; at run time it becomes an address in memory."""

_OWN: Final = ("sm3.js", "sm2.js", "ed25519.js", "worker.js")
_PACKED: Final = {
    "pyodide.mjs": ("pyodide", "pyodide.mjs"),
    "pyodide.asm.mjs": ("pyodide", "pyodide.asm.mjs"),
    "libsodium": ("libsodium", "dist/modules-esm/libsodium.mjs"),
}
_FILES: Final = {"pyodide.asm.wasm": "pyodide.asm.wasm", "python_stdlib.zip": "python_stdlib.zip"}
_NOBLE: Final = ("@noble/curves", "@noble/hashes")
_STATIC_IMPORT: Final = re.compile(
    r"""^((?:import|export)\b[^'"`;]*?\bfrom\s*)(["'])([^"']+)\2""", re.MULTILINE
)
_EPOCH: Final = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say; it is nobody's business
_BEST: Final = 9
_WORTH_TELLING: Final = 100_000  # bytes; the rest is small


@dataclass(frozen=True, slots=True)
class Module:
    """One JavaScript module: its text, with imports that name others by ``lianping:``."""

    name: str
    text: str
    imports: tuple[str, ...]


class _Scripts:
    """Gathers modules in the order in which they can be loaded: what is imported comes first."""

    def __init__(self, files: Mapping[str, Mapping[str, bytes]]) -> None:
        self._files = files
        self.found: dict[str, Module] = {}

    def add(self, name: str) -> None:
        if name in self.found:
            return
        imports: list[str] = []

        def named(match: re.Match[str]) -> str:
            target = self._target(name, match[3])
            imports.append(target)
            return f'{match[1]}"{_PREFIX}{target}"'

        text = _STATIC_IMPORT.sub(named, self._source(name))
        for target in imports:
            self.add(target)
        self.found[name] = Module(name, text, tuple(dict.fromkeys(imports)))

    def _source(self, name: str) -> str:
        if name in _OWN:
            return (HERE / name).read_text(encoding="utf-8")
        if name in _PACKED:
            package, path = _PACKED[name]
            return self._files[package][path].decode()
        package, path = self._noble(name)
        return self._files[package][path].decode()

    def _target(self, importer: str, wanted: str) -> str:
        if wanted.startswith(_PREFIX):
            return wanted.removeprefix(_PREFIX)
        if wanted.startswith("."):
            package, path = self._noble(importer)
            parts = [*path.split("/")[:-1]]
            for part in wanted.split("/"):
                if part == "..":
                    parts.pop()
                elif part != ".":
                    parts.append(part)
            return f"{package}/{'/'.join(parts)}"
        return wanted

    @staticmethod
    def _noble(name: str) -> tuple[str, str]:
        for package in _NOBLE:
            if name.startswith(f"{package}/"):
                return package, name.removeprefix(f"{package}/")
        raise packages.NoPackage(f"{name} is imported, but no listed package has it")


def page(kept: Path, sources: Mapping[str, bytes]) -> bytes:
    """The whole page.

    Args:
        kept: Folder where npm packages are kept.
        sources: The Python modules, by their paths: ``modules.sources()``.

    Raises:
        NoPackage: An npm package cannot be had.
    """
    files = {}
    for name, package in packages.listed().items():
        _tell(f"{name} {package.version}")
        files[name] = package.files(kept)
    _tell(f"{len(sources)} Python modules, {sum(map(len, sources.values())):,} bytes")
    scripts = _Scripts(files)
    scripts.add("worker.js")
    found = scripts.found.values()
    _tell(f"{len(found)} JavaScript modules")
    parts = {module.name: module.text.encode() for module in found}
    parts |= {name: files["pyodide"][path] for name, path in _FILES.items()}
    parts["python"] = archive(sources)
    parts["lock"] = _lock(files["pyodide"]["pyodide-lock.json"])
    for name, content in parts.items():
        if len(content) > _WORTH_TELLING:
            _tell(f"  {name}: {len(content):,} bytes")
    table = {
        "modules": [{"name": each.name, "imports": each.imports} for each in found],
        "files": list(_FILES),
        "versions": {name: each.version for name, each in packages.listed().items()},
    }
    return _html(table, parts)


def archive(sources: Mapping[str, bytes]) -> bytes:
    """Python sources as a zip that Python can import from; the same bytes every time."""
    room = io.BytesIO()
    with zipfile.ZipFile(room, "w", zipfile.ZIP_STORED) as zipped:  # gzip packs all of it, later
        for name, source in sources.items():
            zipped.writestr(zipfile.ZipInfo(name, _EPOCH), source)
    return room.getvalue()


def _lock(lock: bytes) -> bytes:
    """Pyodide's list of packages, without the packages: the page has none of them."""
    return json.dumps({"info": json.loads(lock)["info"], "packages": {}}).encode()


def _html(table: Mapping[str, object], parts: Mapping[str, bytes]) -> bytes:
    script = (HERE / "page.js").read_text(encoding="utf-8")
    style = (HERE / "page.css").read_text(encoding="utf-8")
    policy = "; ".join([
        "default-src 'none'",
        f"script-src {_hash(script)} blob: 'wasm-unsafe-eval'",
        f"style-src {_hash(style)}",
        "worker-src data: blob:",
        "connect-src 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ])  # fmt: skip
    data = "\n".join(
        f'<script type="text/plain" data-part="{name}">{_packed(content)}</script>'
        for name, content in sorted(parts.items())
    )
    made_of = hashlib.sha256(data.encode()).hexdigest()
    whole = (HERE / "page.html").read_text(encoding="utf-8")
    for mark, text in {
        "{{policy}}": policy,
        "{{style}}": style,
        "{{parts}}": data,
        "{{made-of}}": made_of,
        "{{table}}": json.dumps(table, sort_keys=True).replace("<", "\\u003c"),
        "{{script}}": script,
    }.items():
        assert whole.count(mark) == 1, f"page.html must have {mark} once"
        whole = whole.replace(mark, text)
    return whole.encode()


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _packed(content: bytes) -> str:
    return base64.b64encode(gzip.compress(content, _BEST, mtime=0)).decode()


def _tell(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    """Make the page."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--output", type=Path, default=PAGE, help="where to (default: %(default)s)")
    parser.add_argument("--kept", type=Path, default=KEPT, help="where npm packages are kept")
    options = parser.parse_args()
    try:
        made = page(options.kept, modules.sources())
    except (packages.NoPackage, modules.Unfound) as error:
        _tell(f"网页未生成 / The page was not made: {error}")
        return 1
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(made)
    _tell(f"{options.output}: {len(made):,} bytes, sha256 {hashlib.sha256(made).hexdigest()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
