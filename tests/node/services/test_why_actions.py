"""Every phase in which somebody is waited for has a row that says what lets it go on."""

import re
from pathlib import Path

import pytest

from federation.protocol.bundle import BundlePhase
from federation.protocol.conversation import REFUSED, Kind, Phase
from federation.protocol.tables import TABLES
from node.domain.project import ProjectState
from node.services.why_actions import BUNDLE_STEPS, PROJECT_STEPS, STEPS, Step

ROOT = Path(__file__).parents[3]
ROUTE = re.compile(r'@router\.(?:get|post)\(\s*"([^"]+)"')
PREFIX = re.compile(r'APIRouter\(\s*prefix="([^"]+)"')
NAMES = {"id", "bundle", "project", "agreement", "peer"}
EVERY = [*STEPS.values(), *BUNDLE_STEPS.values(), *PROJECT_STEPS.values()]


def waiting_phases() -> set[tuple[Kind, Phase]]:
    """Phases with a deadline, and those that are neither over nor waited in."""
    return {
        (kind, phase)
        for kind, table in TABLES.items()
        for phase in table.phases - table.over - {table.start, REFUSED}
    }


def test_every_phase_that_waits_says_what_lets_it_go_on() -> None:
    missing = sorted(f"({kind.name}, {phase})" for kind, phase in waiting_phases() - set(STEPS))
    assert not missing, (
        "node/services/why_actions.py: add a row to STEPS for each of these, with who takes the "
        f"step, what it is in zh and en, and the command or API call: {missing}"
    )
    extra = sorted(f"({kind.name}, {phase})" for kind, phase in set(STEPS) - waiting_phases())
    assert not extra, f"these rows of STEPS are for phases that no table waits in: {extra}"


def test_where_the_table_waits_for_nobody_the_row_may_name_a_turn_else_it_must_not() -> None:
    for (kind, phase), step in STEPS.items():
        assert step.turn is None or phase not in TABLES[kind].waits, (kind, phase)


def test_bundles_and_projects_have_a_row_for_each_state() -> None:
    assert set(BUNDLE_STEPS) == set(BundlePhase)
    assert set(PROJECT_STEPS) == set(ProjectState)


def routes() -> set[str]:
    found = set()
    for path in (ROOT / "node" / "api").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        prefix = PREFIX.search(text)
        found |= {(prefix[1] if prefix else "") + route for route in ROUTE.findall(text)}
    return {re.sub(r"\{[^}]*\}", "*", route) for route in found}


@pytest.mark.parametrize("step", EVERY, ids=lambda step: step.en)
def test_what_is_advised_exists(step: Step) -> None:
    assert step.zh
    assert step.en
    assert set(re.findall(r"\{(\w+)\}", step.how)) <= NAMES
    if " /api/" in step.how:
        path = step.how.split(" /api", 1)[1]
        assert re.sub(r"\{[^}]*\}|SESSION", "*", path) in routes(), step.how
    elif step.how:
        command = step.how.split()[1]
        assert (ROOT / "node" / "commands" / f"{command}.py").exists(), step.how
