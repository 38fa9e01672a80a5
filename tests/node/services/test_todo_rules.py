"""Every kind of to-do that a service leaves has its time in the table.

A new kind needs a line in ``node/domain/todo_rules.py``: what it is called in a text message,
how many working minutes it may take, and what caps them. The kind itself is a constant of the
service's module, so that this test finds it: ``kind=MY_KIND`` in ``todos.add``, or an argument
of a wrapper of it that has a parameter called ``kind``.
"""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from node.domain.todo_rules import DEFAULT, RULES, Cap, rule_of
from node.domain.working_time import MAX_WORKING_MINUTES
from node.services.todos import BY_DOING

SERVICES = Path(__file__).parents[3] / "node" / "services"
LOOPS = {"usage": {"usage_dispute", "usage_dispute_operator"}}
"""Kinds that a module leaves in a loop, so that no call names them."""
TREES = {path.stem: ast.parse(path.read_text()) for path in sorted(SERVICES.glob("*.py"))}

WHAT_TO_DO = (
    "{where}: the to-do kind {kind!r} has no time. Add a line to RULES in "
    "node/domain/todo_rules.py: its name in a text message (zh, en), working minutes until it "
    "is due, and what caps them (Cap.CONVERSATION, Cap.START)."
)


def left() -> Iterator[tuple[str, str]]:
    """(where, kind) of every to-do that a service leaves."""
    wrappers = dict(_wrappers())
    for name, tree in TREES.items():
        module = importlib.import_module(f"node.services.{name}")
        inside = {
            id(call)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and getattr(module, node.name, None) in wrappers
            for call in ast.walk(node)
        }
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            kind = _added(node)
            if kind is None:
                position = wrappers.get(_named(node.func, module))
                if position is None:
                    continue
                named = {each.arg: each.value for each in node.keywords}
                kind = named["kind"] if "kind" in named else node.args[position]
            elif id(node) in inside:
                continue  # its callers say the kind
            where = f"{name}.py:{kind.lineno}"
            found = _named(kind, module)
            if isinstance(found, str):
                yield where, found
                continue
            assert name in LOOPS, (
                f"{where}: name the kind by a constant of the module, or wrap todos.add in a "
                "function of the module that has a parameter called kind"
            )
            for each in LOOPS[name]:
                yield where, each


def _wrappers() -> Iterator[tuple[object, int]]:
    """Functions that pass a parameter ``kind`` on to ``todos.add``, and where they have it."""
    for name, tree in TREES.items():
        module = importlib.import_module(f"node.services.{name}")
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                names = [each.arg for each in node.args.args]
                passes = any(
                    isinstance(kind := _added(call), ast.Name) and kind.id == "kind"
                    for call in ast.walk(node)
                )
                if passes and "kind" in names:
                    yield getattr(module, node.name), names.index("kind")


def _added(node: ast.AST) -> ast.expr | None:
    """The kind, if this is a call of ``todos.add``."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in {"todos.add", "store.add"}:
        named = {each.arg: each.value for each in node.keywords}
        return named.get("kind") if "role" in named else None
    return None


def _named(expression: ast.expr, module: ModuleType) -> object:
    """What a name, plain or of another module, stands for; None if it is none of a module's."""
    found: object = module
    for part in ast.unparse(expression).split("."):
        found = getattr(found, part, None)
    return found


def test_every_kind_that_a_service_leaves_has_a_time() -> None:
    found = set(left())
    missing = [(where, kind) for where, kind in sorted(found) if kind not in RULES]
    assert not missing, "\n".join(
        WHAT_TO_DO.format(where=where, kind=kind) for where, kind in missing
    )
    assert len({kind for _, kind in found}) > 25, "the search has lost what it looks for"


def test_every_line_of_the_table_is_of_a_kind_that_is_left() -> None:
    unused = set(RULES) - {kind for _, kind in left()}
    assert not unused, f"no service leaves these; delete them from todo_rules.py: {unused}"


def test_what_only_the_deed_closes_has_a_time() -> None:
    assert set(RULES) >= BY_DOING


@pytest.mark.parametrize("kind", sorted(RULES))
def test_every_line_is_fit_for_a_text_message(kind: str) -> None:
    rule = RULES[kind]
    assert 0 < rule.minutes <= MAX_WORKING_MINUTES
    assert 0 < len(rule.zh) <= 16
    assert rule.en
    assert isinstance(rule.cap, Cap)


def test_a_kind_of_another_version_has_a_time_too() -> None:
    assert rule_of("from the future") is DEFAULT
