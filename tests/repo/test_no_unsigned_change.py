"""No table and no code path takes an unsigned or unversioned change.

Agreements, amendments, descriptors and peers change only by what somebody signed. The database
is asked directly, past all of the program; the program is read as a tree, for the few places
that may write.
"""

import ast
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from federation.wire.words import TERMS
from tests.node.services.agreement_office import negotiating
from tests.support.agreed import put_signed
from tests.support.pair import NOON, Center

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = (ROOT / "node/store/sql/0001_the_main_job.sql").read_text(encoding="utf-8")
PRODUCT = [path for top in ("node", "federation") for path in sorted((ROOT / top).rglob("*.py"))]


# The database, asked directly


async def change(center: Center, statement: str) -> None:
    """Write past all of the program, as whoever holds the file could."""
    await center.do(lambda desk: desk.ledger.connection.execute(statement))


UNSIGNED = {
    "a document without its author's signature": "proposer_signature = NULL",
    "an empty signature": "proposer_signature = x''",
    "a signature by no key": "proposer_key_id = x''",
    "no document": "document = x''",
    "no version": "version = 0",
    "an amendment of nothing": "version = 2",
    "a first version that replaces something": f"supersedes = x'{'00' * 32}'",
    "in force at once": "state = 'ACTIVE'",
    "a state that is none": "state = 'AGREED'",
    "half a signature": "answerer_signature = x'01'",
    "an id that is no digest": "id = x'01'",
    "a word that nobody said": "changed_by = x'01'",
    "another conversation's word": "changed_in = x'01', conversation = x'01'",
}


@pytest.mark.parametrize("missing", UNSIGNED.values(), ids=UNSIGNED.keys())
async def test_the_table_takes_no_agreement_that_is_not_signed(missing: str) -> None:
    """A row that was accepted once is offered again with one thing missing."""
    async with negotiating() as office:
        await office.propose()
        columns = await office.pair.host.sql("SELECT name FROM pragma_table_info('agreement')")
        names = [name for (name,) in columns]
        changed = dict(part.split(" = ") for part in missing.split(", "))
        fresh = {"id": "randomblob(32)", "round": "round + 1", **changed}
        picked = ", ".join(fresh.get(name, name) for name in names)
        # Without the change the very same statement is taken.
        kept = ", ".join({"id": "randomblob(32)", "round": "round + 1"}.get(n, n) for n in names)
        insert = f"INSERT INTO agreement ({', '.join(names)}) SELECT "
        with pytest.raises(sqlite3.IntegrityError):
            await change(office.pair.host, f"{insert}{picked} FROM agreement")
        await change(office.pair.host, f"{insert}{kept} FROM agreement")


NEVER = [
    "document = x'00'",
    "version = 7",
    "supersedes = x'00'",
    "proposer_signature = x'00'",
    "proposer_key_id = randomblob(16)",
    "peer = 'lp1'",
    "conversation = x'00'",
    "id = randomblob(32)",
    "round = 5",
    "we_proposed = 1 - we_proposed",
    "answerer_signature = x'00'",
    "answerer_key_id = randomblob(16)",
    "signed_at_ms = 1",
    "state = 'PROPOSED'",
    "state = 'WITHDRAWN'",
    "changed_by = randomblob(32)",
    "suspended_by_us = 1, changed_by = randomblob(32)",
    "ends_at_ms = 1, changed_by = x''",
    "superseded_by = id, superseded_from_ms = 1, changed_in = x''",
]


@pytest.mark.parametrize("what", NEVER)
async def test_what_was_signed_never_changes(what: str) -> None:
    async with negotiating() as office:
        await office.agreed()
        for center in office.pair.centers:
            before = await center.sql("SELECT * FROM agreement")
            with pytest.raises(sqlite3.IntegrityError):
                await change(center, f"UPDATE agreement SET {what}")
            assert await center.sql("SELECT * FROM agreement") == before


@pytest.mark.parametrize("state", ["PROPOSED", "DECLINED", "WITHDRAWN"])
async def test_nothing_comes_into_force_without_both_signatures(state: str) -> None:
    async with negotiating() as office:
        agreement = await office.propose()
        if state == "DECLINED":
            await office.pair.sub.do(lambda desk: office.sub.decline(desk, agreement, "no"))
        elif state == "WITHDRAWN":
            await office.pair.host.do(lambda desk: office.host.withdraw(desk, agreement, "no"))
        await office.pair.settle()
        assert await office.states(agreement) == [state, state]
        with pytest.raises(sqlite3.IntegrityError):
            await change(office.pair.host, "UPDATE agreement SET state = 'ACTIVE'")


async def test_an_agreement_cannot_be_deleted() -> None:
    async with negotiating() as office:
        await office.agreed()
        with pytest.raises(sqlite3.IntegrityError, match="kept"):
            await change(office.pair.host, "DELETE FROM agreement")


async def test_an_agreement_of_one_peer_does_not_change_by_the_words_of_another() -> None:
    """A word is looked for among those said to, or heard from, the very peer."""
    async with negotiating() as office:
        agreement = await office.agreed()
        terms = TERMS.encode(office.pair.terms(title="with somebody else"))

        def store(desk: Any) -> None:
            put_signed(
                desk.ledger.connection,
                agreement=bytes(range(32)),
                peer="lp1" + "x" * 32,
                document=terms,
                we_proposed=True,
                at_ms=NOON,
            )

        await office.pair.host.do(store)
        with pytest.raises(sqlite3.IntegrityError, match="signed word"):
            await change(
                office.pair.host,
                "UPDATE agreement SET suspended_by_peer = 1, (changed_by, changed_in) ="
                f" (SELECT changed_by, changed_in FROM agreement WHERE id = x'{agreement.hex()}')"
                " WHERE peer LIKE 'lp1xxx%'",
            )


@pytest.mark.parametrize(
    "what",
    [
        "descriptor = x'00'",
        "sequence = sequence - 1",
        "descriptor = x''",
        "sequence = 0",
        "center = 'lp1'",
    ],
)
async def test_a_pinned_descriptor_changes_only_with_its_sequence(what: str) -> None:
    async with negotiating() as office:
        host = office.pair.host
        await change(
            host,
            "INSERT INTO peer (center, descriptor, sequence, pinned_at_ms)"
            " VALUES ('lp1x', x'01', 2, 1)",
        )
        with pytest.raises(sqlite3.IntegrityError):
            await change(host, f"UPDATE peer SET {what}")
        await change(host, "UPDATE peer SET descriptor = x'02', sequence = 3")


@pytest.mark.parametrize(
    "what",
    [
        "UPDATE descriptor SET signed = x'02'",
        "UPDATE descriptor SET sequence = 7",
        "DELETE FROM descriptor",
        "UPDATE revoked_key SET key_id = x'02'",
        "DELETE FROM revoked_key",
        "INSERT INTO descriptor VALUES ('lp1x', 0, randomblob(32), x'01')",
        "INSERT INTO descriptor VALUES ('lp1x', 4, randomblob(32), x'')",
    ],
)
async def test_a_chain_of_descriptors_is_only_added_to(what: str) -> None:
    async with negotiating() as office:
        host = office.pair.host
        await change(host, "INSERT INTO descriptor VALUES ('lp1x', 3, randomblob(32), x'01')")
        await change(host, "INSERT INTO revoked_key VALUES ('lp1x', x'01', 3)")
        with pytest.raises(sqlite3.IntegrityError):
            await change(host, what)


# The program, read as a tree


def _calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Each call of a module: the name of what is called, dotted, and the call."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


def _sql(path: Path) -> Iterator[str]:
    """Each text of a module that may be SQL, joined as Python joins it."""
    inside: set[int] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):  # parents come first
        if isinstance(node, ast.JoinedStr):
            inside |= {id(part) for part in node.values}
            parts = [part.value if isinstance(part, ast.Constant) else "?" for part in node.values]
            yield "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from () if id(node) in inside else (node.value,)


WRITES = re.compile(r"\b(?:INSERT(?: OR \w+)? INTO|UPDATE|DELETE FROM|REPLACE INTO)\s+(\w+)")


def _writers(table: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in PRODUCT
        for text in _sql(path)
        if table in WRITES.findall(text)
    }


def _callers(name: str) -> set[str]:
    return {
        str(path.relative_to(ROOT))
        for path in PRODUCT
        for called, _ in _calls(path)
        if called == name or called.endswith(f".{name}")
    }


def test_one_module_writes_agreements_and_one_writes_peers() -> None:
    assert _writers("agreement") == {"node/store/agreements.py"}
    # A pinned descriptor is a copy of the newest of its chain, which is only ever added to.
    pins = re.compile(r"INTO peer \(|UPDATE peer SET (?:descriptor|sequence|center)")
    found = {str(path.relative_to(ROOT)) for path in PRODUCT if any(map(pins.search, _sql(path)))}
    assert found == {"node/store/peers.py", "node/store/descriptors.py"}
    assert _writers("descriptor") == {"node/store/descriptors.py"}
    assert _writers("revoked_key") == {"node/store/descriptors.py"}


def test_only_the_words_of_the_conversation_change_an_agreement() -> None:
    changes = ("set_signed", "set_suspended", "set_ending", "set_superseded")
    for name in changes:
        assert _callers(name) == {"node/services/agreement_hearing.py"}, name
    for path in PRODUCT:
        for called, _ in _calls(path):
            if called in {"agreements.add", "agreements.set_state"}:
                assert path.name == "agreement_hearing.py", f"{path}: {called}"


def test_only_the_second_signature_puts_an_agreement_into_force() -> None:
    active = re.compile(r"UPDATE agreement SET state = 'ACTIVE'")
    found = [path.name for path in PRODUCT for text in _sql(path) if active.search(text)]
    assert found == ["agreements.py"]
    tree = ast.parse((ROOT / "node/store/agreements.py").read_text(encoding="utf-8"))
    (function,) = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef)
        and any("state = 'ACTIVE', answerer_signature" in text for text in _texts(node))
    ]
    assert function == "set_signed"


def _texts(node: ast.AST) -> Iterator[str]:
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def test_every_change_of_an_agreement_names_its_word() -> None:
    """Each UPDATE of the table sets the word's hash, its conversation and its time."""
    statements = [
        text for text in _sql(ROOT / "node/store/agreements.py") if "UPDATE agreement" in text
    ]
    assert len(statements) >= 5
    for text in statements:
        for column in ("changed_by = ?", "changed_in = ?", "changed_at_ms = ?"):
            assert column in text, text


def test_documents_are_read_by_one_function_that_checks_them() -> None:
    """Whatever is signed or admitted went through ``agreement_papers.read``."""
    admitted = ast.parse((ROOT / "node/services/agreement_hearing.py").read_text(encoding="utf-8"))
    body = {node.name: node for node in ast.walk(admitted) if isinstance(node, ast.FunctionDef)}
    document = ast.unparse(body["_admit_document"])
    for check in (
        "papers.read(",
        "papers.outside(",
        "papers.not_replaceable(",
        "check_signatures(",
    ):
        assert check in document, f"_admit_document does not call {check}"
    assert "check_signatures(" in ast.unparse(body["_admit_signature"])


def test_only_a_checked_descriptor_is_pinned_or_stored() -> None:
    """A peer and its chain are stored where they were verified, and nowhere else."""
    stored = {
        str(path.relative_to(ROOT))
        for path in PRODUCT
        for called, _ in _calls(path)
        if called == "peers.put"
    }
    assert stored == {"node/services/peers.py"}
    source = (ROOT / "node/services/peers.py").read_text(encoding="utf-8")
    (pinning,) = [
        ast.unparse(node)
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.FunctionDef) and "peers.put(" in ast.unparse(node)
    ]
    assert pinning.index("self.check_fits(") < pinning.index("peers.put(")
    assert _callers("put_descriptor") == {
        "federation/engine/acquaintance.py",
        "node/services/peers.py",
        "node/keystore/renewal.py",  # our own chain, as the offline root signed it
    }
    assert "federation/engine/acquaintance.py" in _callers("check_successor")


@pytest.mark.parametrize("table", ["agreement", "peer"])
def test_the_tables_are_versioned(table: str) -> None:
    """A descriptor has its sequence, an agreement its version; neither may be missing."""
    created = re.search(rf"CREATE TABLE {table} \((.*?)\n\)", SCHEMA, re.DOTALL)
    assert created is not None
    number = {"agreement": "version", "peer": "sequence"}[table]
    assert re.search(rf"^\s+{number} INTEGER NOT NULL", created[1], re.MULTILINE)
