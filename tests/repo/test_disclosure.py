"""Names reach people by one way only, which asks the stage: read off the program's text.

Whoever adds a place that opens a sealed column of a person must say here what the node needs it
for. Pages and routes never may: they take names from ``node.services.disclosing`` and
``node.services.openings``, which take them from ``node.store.shown``.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NODE = sorted((ROOT / "node").rglob("*.py"))

MACHINES = {
    "node/services/calling_off.py": "tells an expert by telephone that nothing comes of it",
    "node/services/draw_errands.py": "seals the list of those who were drawn",
    "node/services/recusal.py": "seals to the regulator who stands in two centers' pools",
    "node/services/expert_receipts.py": "answers an expert who asks of himself",
    "node/services/experts.py": "takes the register in",
    "node/services/inviting.py": "calls those who were drawn",
    "node/services/pool_announcements.py": "builds the pool that is committed to",
    "node/services/session_look.py": "compares card and face, and has the report signed",
    "node/services/sessions.py": "knows at the door who stands there",
    "node/store/shown.py": "shows what a sight allows, and nothing else",
}
"""Who may open a person's columns, and what the node does with them."""
REGISTERS = {
    ("experts", "get"),
    ("experts", "all"),
    ("experts", "by_id_number"),
    ("projects", "person"),
}
SHOWS = {"node/services/disclosing.py", "node/services/openings.py"}
SEALED = ("expert.", "representative.", "name_opening.")
KEEPERS = {"node/store/experts.py", "node/store/projects.py", "node/store/openings.py"}


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """(module or object, call) of every call of an attribute."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            named = of.id if isinstance(of, ast.Name) else getattr(of, "attr", "")
            yield named, node


def imports(path: Path) -> set[str]:
    """What a module imports, each with its full name."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{each.name}" for each in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found


def opened() -> dict[str, set[str]]:
    """Which modules read a register of persons, and how."""
    found: dict[str, set[str]] = {}
    for path in NODE:
        known = {
            each.rsplit(".", 1)[-1] for each in imports(path) if each.startswith("node.store.")
        }
        for of, call in calls(path):
            assert isinstance(call.func, ast.Attribute)
            if (of, call.func.attr) in REGISTERS and of in known and name_of(path) not in KEEPERS:
                found.setdefault(name_of(path), set()).add(f"{of}.{call.func.attr}")
    return found


def test_only_those_who_need_it_open_what_is_known_of_persons() -> None:
    unknown = sorted(set(opened()) - set(MACHINES))
    assert unknown == [], (
        "each opens a person's columns: take it from node.store.shown with a Sight, or say in "
        "MACHINES what the node itself needs it for"
    )


def test_nobody_is_on_the_list_who_opens_nothing() -> None:
    assert sorted(set(MACHINES) - set(opened())) == []


@pytest.mark.parametrize("path", sorted((ROOT / "node" / "api").glob("*.py")), ids=name_of)
def test_a_route_has_no_way_to_a_name_but_by_the_stage(path: Path) -> None:
    found = imports(path)
    assert not found & {"node.store.experts", "node.store.shown"}
    asked = {
        (of, call.func.attr) for of, call in calls(path) if isinstance(call.func, ast.Attribute)
    }
    assert not asked & {("experts", "get"), ("experts", "all"), ("cipher", "open")}


def test_names_are_shown_by_two_services_only() -> None:
    using = {name_of(path) for path in NODE if "node.store.shown" in imports(path)}
    assert using == SHOWS


def test_sealed_columns_of_persons_are_opened_where_they_are_kept() -> None:
    for path in NODE:
        for of, call in calls(path):
            assert isinstance(call.func, ast.Attribute)
            if not of.endswith("cipher") or call.func.attr != "open" or not call.args:
                continue
            column = call.args[0]
            if isinstance(column, ast.Constant) and str(column.value).startswith(SEALED):
                assert name_of(path) in KEEPERS, f"{name_of(path)}:{call.lineno}"


@pytest.mark.parametrize("reader", ["project_name", "lot_code"])
def test_a_session_s_project_is_read_by_the_gate_alone(reader: str) -> None:
    """The column may hold it early; only ``store.shown`` decides whether it is told."""
    for path in (*(ROOT / "node" / "api").glob("*.py"), *(ROOT / "node" / "services").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == reader:
                of = node.value.id if isinstance(node.value, ast.Name) else ""
                allowed = {
                    "codes": "not a project's, but how such a code is read",
                    "project": "the host's own project",
                    "word": "what the host tells at the start",
                }
                shown = name_of(path) == "node/api/evaluation.py" and of == "row"  # an Overview
                assert of in allowed or shown, f"{name_of(path)}:{node.lineno}"
