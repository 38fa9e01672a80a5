"""How the page is made: the same bytes every time, of what is listed and nothing else."""

import ast
import re
import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Final

import pytest

from browser import build, modules, packages
from browser.packages import NoPackage, Package
from federation.evidence.case import Step

MAX_PAGE_BYTES: Final = 12_000_000  # an e-mail's attachment still carries it

# What would tie the page to a machine or could call another one.
COMPILED: Final = ("cryptography", "nacl", "grpc", "pydantic", "asyncio", "socket", "ssl")


def test_the_same_sources_give_the_same_bytes(
    made_page: bytes, sources: Mapping[str, bytes]
) -> None:
    assert list(sources) == sorted(sources)
    assert build.page(build.KEPT, dict(sources)) == made_page
    assert len(made_page) < MAX_PAGE_BYTES


def test_the_policy_of_the_page_forbids_every_address(made_page: bytes) -> None:
    found = re.search(rb'<meta http-equiv="Content-Security-Policy" content="([^"]+)">', made_page)
    assert found
    policy = dict(line.strip().partition(" ")[::2] for line in found[1].decode().split(";"))
    assert policy["default-src"] == policy["connect-src"] == "'none'"
    assert policy["base-uri"] == policy["form-action"] == "'none'"
    allowed = set(" ".join(policy.values()).split())
    assert all(
        each in {"'none'", "blob:", "data:", "'wasm-unsafe-eval'"} or each.startswith("'sha256-")
        for each in allowed
    )
    # Before anything that it is to govern.
    assert made_page.index(b"Content-Security-Policy") < made_page.index(b"<style")


def test_the_page_has_no_element_that_loads_anything(made_page: bytes) -> None:
    markup = re.sub(rb"(?s)<(script|style)\b[^>]*>.*?</\1>", b"", made_page).decode()
    assert re.findall(r"\b(?:src|href|action)\s*=\s*\"([^\"]*)\"", markup) == ["#verdict"]


def test_the_verifier_travels_whole_and_without_what_is_compiled(
    sources: Mapping[str, bytes],
) -> None:
    for name in (
        "judge.py", "sm3.py", "node/verify_command.py", "federation/evidence/verify.py",
        "federation/wire/words.py", "google/protobuf/internal/python_message.py",
    ):  # fmt: skip
        assert name in sources
    imported = {
        alias.partition(".")[0]
        for name, source in sources.items()
        if name.startswith(("federation/", "node/", "judge"))
        for node in ast.walk(ast.parse(source))
        for alias in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported.isdisjoint(COMPILED)
    # Nothing but the suites is another one than a node runs.
    ours = {name for name in sources if name.startswith(("federation/", "node/"))}
    other = {name for name in ours if sources[name] != (modules.ROOT / name).read_bytes()}
    assert other == {"federation/trust/gm.py", "federation/trust/intl.py"}


def test_what_cannot_travel_is_named_with_who_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(modules.STANDING_IN, "federation.trust.intl")
    with pytest.raises(modules.Unfound, match=r"^federation\.trust\.intl imports (?:crypto|nacl)"):
        modules.sources()


def test_the_archive_has_no_time_and_no_order_of_a_machine() -> None:
    found = build.archive({"b.py": b"2", "a.py": b"1"})
    assert found == build.archive({"b.py": b"2", "a.py": b"1"})
    with zipfile.ZipFile(BytesIO(found)) as zipped:
        assert {each.date_time for each in zipped.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_a_package_with_another_digest_is_not_used_and_not_kept(tmp_path: Path) -> None:
    listed = packages.listed()["@noble/hashes"]
    kept = build.KEPT / listed.tarball
    assert listed.files(build.KEPT)
    spoilt = tmp_path / listed.tarball
    packed = kept.read_bytes()
    spoilt.write_bytes(packed[:500] + bytes([packed[500] ^ 1]) + packed[501:])
    with pytest.raises(NoPackage, match="its digest is"):
        listed.files(tmp_path)
    assert not spoilt.exists()


def test_a_package_that_cannot_be_fetched_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no npm there
    with pytest.raises(NoPackage, match="npm cannot fetch nothing 1"):
        Package("nothing", "1", "sha512-").files(tmp_path)


def test_every_package_is_pinned_by_its_digest() -> None:
    for package in packages.listed().values():
        assert re.fullmatch(r"\d+\.\d+\.\d+", package.version)
        assert re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", package.integrity)


def test_every_step_has_a_name_for_people() -> None:
    tree = ast.parse((modules.HERE / "judge.py").read_text())
    (table,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and node.target.id == "STEPS"
    ]
    assert isinstance(table, ast.Dict)
    named = {key.attr for key in table.keys if isinstance(key, ast.Attribute)}
    assert named == {step.name for step in Step}
