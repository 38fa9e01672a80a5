"""Two real nodes: the sub's pool has nobody left of a specialty, another one fills the seat.

The whole main job through the API. The list stays short, the staff read what is missing and choose
another specialty. Its only expert leaves while the evaluation runs, so that the list falls short
on the day itself: a third specialty fills the seat, everybody begins again with the new member,
and the evaluation ends with a dossier that anybody can verify.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest
from typing_extensions import override

from node.demo import world
from node.demo.caller import CallFailed
from node.demo.narrator import Narrator
from node.demo.nodes import Nodes
from node.demo.setting import when
from node.demo.story import Story
from node.demo.world import CHANGLE, JIAN, SPECIALTIES, TWO_CENTERS, CenterWorld

SPENT: Final = SPECIALTIES[1]
SECOND: Final = "A0802"
THIRD: Final = "A0804"
LEAD_SECONDS: Final = 15  # one draw more is made before the hour than in the demonstration


@dataclass(frozen=True, slots=True)
class Scarce(CenterWorld):
    """Of two specialties there is one expert each."""

    @property
    @override
    def experts(self) -> list[dict[str, str]]:
        found, left = [], [SPENT, SECOND]
        for row in CenterWorld.experts.__get__(self):
            codes = [each for each in row["专业"].split(";") if each not in {SPENT, SECOND}]
            if left and row["状态"] == "在库":
                codes = [left.pop(0)]
            found.append({**row, "专业": ";".join(codes or [THIRD])})
        return found


class Supplemented(Story):
    """The demonstration with two supplements."""

    gone = ""

    @property
    def _path(self) -> str:
        return f"/api/projects/{self._project}/supplement"

    @override
    def draw(self) -> None:
        super().draw()
        staff = self._host["staff"]
        short = self._short()
        self.told.oversight["short"] = short
        for wrong in (SPENT, "Z9999"):
            self._refused(422, short["draw"], wrong)
        made = staff.post(self._path, _body(short["draw"], SECOND))
        found = self._sealed(3)
        self.told.oversight["added"] = next(one for one in found if one["id"] == made["id"])
        self._refused(409, short["draw"], THIRD)
        assert staff.get(self._path) == []
        assert "draw_short" not in {one["kind"] for one in staff.get("/api/todos")}

    @override
    def start(self) -> None:
        super().start()
        (sub,) = self._subs
        there = dict(zip(self._attending(), self._experts, strict=True))
        (leaving,) = (row for row in sub.center.experts if row["专业"] == SECOND)
        called = len(self._spool(sub.center))
        sub["staff"].post(f"/api/experts/{leaving['编号']}/depart", {"why": "LEAVE"})
        self._host_in("REPLACING")
        self._host["staff"].post(self._path, _body(self._short()["draw"], THIRD))
        self._sealed(4)
        (phone,) = {item.phone for item in self._spool(sub.center)[called:] if item.kind == "call"}
        self.gone = leaving["手机"]
        del there[self.gone]
        door = self._door(self._nodes.url(sub.center))
        number = world.by_phone(sub.center.experts)[phone]["身份证号"]
        there[phone] = (sub, self._enter(door, number))
        self._experts = [there[each] for each in self._attending()]
        sub["staff"].post(f"/api/sessions/{sub.session}/ready")
        self._host_in("READY")
        self._host["staff"].post(f"/api/sessions/{self._joint}/start")
        self._subs_in("RUNNING")

    @override
    def _attending(self) -> list[str]:
        return [phone for phone in super()._attending() if phone != self.gone]

    def _short(self) -> dict[str, Any]:
        (found,) = self._host["staff"].until(
            lambda caller: when(caller.get(self._path), lambda lists: len(lists) == 1),
            "the list to be short",
        )
        return dict(found)

    def _sealed(self, count: int) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._host["agency"].until(
            lambda caller: when(
                caller.get(f"/api/projects/{self._project}")["draws"],
                lambda draws: len(draws) == count and all(one["list_delivered"] for one in draws),
            ),
            f"{count} lists to be sealed",
        )
        return found

    def _refused(self, status: int, draw: str, specialty: str) -> None:
        with pytest.raises(CallFailed) as refused:
            self._host["staff"].post(self._path, _body(draw, specialty))
        assert refused.value.status == status


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
    assert {SECOND, THIRD} <= set(short["specialties"])
    assert (added["phase"], added["accepted"]) == ("SEALED", 1)


def test_the_evaluation_is_held_with_the_members_of_all_draws(story: Supplemented) -> None:
    assert story.told.committee["size"] == 7
    assert sorted(story.told.committee["experts_by_center"].values()) == [2, 3]
    assert story.told.roster["lists"] == 3
    assert story.told.evaluation["signatures"] == 7
    assert story.told.evaluation["state"] == "ARCHIVED"


def test_its_dossier_verifies_with_all_draws(story: Supplemented) -> None:
    code, verdict = story._verify(Path(story.told.dossier["path"]))
    assert code == 0
    assert verdict["members"] == 7
    assert sorted(draw["members"] for draw in verdict["draws"]) == [0, 1, 2, 2]
    assert sorted(draw["adds"] for draw in verdict["draws"]) == [False, False, True, True]
