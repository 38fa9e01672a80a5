"""Two real nodes: the sub's pool has nobody left of a specialty, another one fills the seat.

The whole main job through the API: the list stays short, the staff read what is missing, choose
another specialty, and the evaluation ends with a dossier that anybody can verify.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from typing_extensions import override

from node.demo.caller import CallFailed
from node.demo.narrator import Narrator
from node.demo.nodes import Nodes
from node.demo.setting import when
from node.demo.story import Story
from node.demo.world import CHANGLE, JIAN, SPECIALTIES, TWO_CENTERS, CenterWorld

SPENT: Final = SPECIALTIES[1]
OTHER: Final = "A0804"
LEAD_SECONDS: Final = 15  # one draw more is made before the hour than in the demonstration


@dataclass(frozen=True, slots=True)
class Scarce(CenterWorld):
    """Of one specialty there is one expert, who will not come."""

    @property
    @override
    def experts(self) -> list[dict[str, str]]:
        found, left = [], 1
        for row in CenterWorld.experts.__get__(self):
            codes = row["专业"].split(";")
            if SPENT in codes and left and row["状态"] == "在库":
                left, codes = 0, [SPENT]
            elif SPENT in codes:
                codes = [each for each in codes if each != SPENT] or [OTHER]
            found.append({**row, "专业": ";".join(codes)})
        return found


class Supplemented(Story):
    """The demonstration with a supplement."""

    @override
    def draw(self) -> None:
        super().draw()
        path = f"/api/projects/{self._project}/supplement"
        staff = self._host["staff"]
        (short,) = staff.get(path)
        self.told.oversight["short"] = short
        for wrong, status in ((SPENT, 422), ("Z9999", 422)):
            with pytest.raises(CallFailed) as refused:
                staff.post(path, _body(short["draw"], wrong))
            assert refused.value.status == status
        made = staff.post(path, _body(short["draw"], OTHER))
        found = self._host["agency"].until(
            lambda caller: when(
                caller.get(f"/api/projects/{self._project}")["draws"],
                lambda draws: len(draws) == 3 and all(one["list_delivered"] for one in draws),
            ),
            "the supplement to be sealed",
        )
        self.told.oversight["added"] = next(one for one in found if one["id"] == made["id"])
        with pytest.raises(CallFailed) as refused:
            staff.post(path, _body(short["draw"], OTHER))
        assert refused.value.status == 409
        assert staff.get(path) == []
        kinds = {one["kind"] for one in staff.get("/api/todos")}
        assert "draw_short" not in kinds


def _body(draw: str, specialty: str) -> dict[str, Any]:
    return {"draw": draw, "experts": [{"specialty": specialty, "count": 1}]}


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supplemented]:
    fields = {name: getattr(CHANGLE, name) for name in CenterWorld.__dataclass_fields__}
    scarce = Scarce(**{**fields, "answers": ("attend", "attend", "no_answer")})
    case = replace(TWO_CENTERS, centers=(JIAN, scarce))
    nodes = Nodes(tmp_path_factory.mktemp("nodes"), "intl-1", case)
    with (tmp_path_factory.mktemp("told") / "told.txt").open("w") as out:
        nodes.start()
        try:
            played = Supplemented(nodes, Narrator(out, chinese=False), lead_seconds=LEAD_SECONDS)
            played.run()
            yield played
        finally:
            nodes.stop()


def test_what_is_missing_is_said_and_drawn_from_another_specialty(story: Supplemented) -> None:
    short, added = story.told.oversight["short"], story.told.oversight["added"]
    assert (short["missing"], short["exhausted"]) == (1, [SPENT])
    assert OTHER in short["specialties"]
    assert (added["phase"], added["accepted"]) == ("SEALED", 1)


def test_the_evaluation_is_held_with_the_members_of_all_draws(story: Supplemented) -> None:
    assert story.told.committee["size"] == 7
    assert sorted(story.told.committee["experts_by_center"].values()) == [2, 3]
    assert story.told.roster["lists"] == 3
    assert story.told.evaluation["state"] == "ARCHIVED"


def test_its_dossier_verifies_with_both_draws(story: Supplemented) -> None:
    code, verdict = story._verify(Path(story.told.dossier["path"]))
    assert code == 0
    assert sorted(draw["members"] for draw in verdict["draws"]) == [1, 2, 2]
