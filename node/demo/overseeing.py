"""What the regulator does in the demonstration, beside giving values.

Two officers audit every pool, and call one expert of each center back. Everything else of its
part happens in the other steps by itself: it joins the centers, gives a random value to every
draw, keeps the sealers' escrows, examines the records of calls, and cosigns the logs.
"""

from typing import Any

from node.demo import world
from node.demo.caller import Caller
from node.demo.setting import Setting, Side


class Overseeing(Setting):
    """The step that only a demonstration with a regulator has."""

    def oversee(self) -> None:
        """Every center hands its sealed pool over, and two officers open it."""
        assert self._regulator is not None, "the step is only there with one"
        self._step(
            "监管部门两人启封并审计各中心的专家库",
            "two officers of the regulator open and audit every center's pool",
        )
        first, second = (self._regulator[name] for name in world.OFFICERS)
        found = []
        for side in self._sides:
            body = {"file": self._exported(side), "grounds": "演示"}
            proposed = first.post("/api/oversight/audits", body)["id"]
            audit = second.post(f"/api/oversight/audits/{proposed}/confirm", {"file": body["file"]})
            self._demand(audit["rebuilt"], f"the pool does not rebuild: {audit['why_not']}")
            self._demand(audit["members"] == world.POOL_SIZE, "the pool has other members")
            found.append(
                {
                    "center": audit["center"],
                    "members": audit["members"],
                    "entries": audit["entries"],
                    "rebuilt": True,
                    "duplicates": len(audit["duplicates"]),
                    "ghosts": len(audit["ghosts"]),
                }
            )
            self._tell(
                f"{side.center.name}: {audit['members']} 名专家, 与公布的承诺一致; "
                f"疑似重复 {len(audit['duplicates'])} 组",
                f"{side.center.english}: {audit['members']} experts, the announced root; "
                f"groups that may be one person: {len(audit['duplicates'])}",
            )
        self.told.oversight["audits"] = found
        self._call_back(first, second)

    def _call_back(self, first: Caller, second: Caller) -> None:
        """All answers were reported of by now: each record holds, and one expert of each is asked.

        A center's experts are of the stand-in's making; they say what was recorded.
        """
        path = "/api/oversight/call-backs"
        expected = sum(draw["invited"] for draw in self.told.draws)

        def examined(caller: Caller) -> list[dict[str, Any]] | None:
            rows: list[dict[str, Any]] = caller.get(path)
            done = [each for each in rows if each["state"] != "ASKED"]
            return done if len(done) == expected else None

        rows = first.until(examined, "the regulator to examine the records of all calls")
        faults = [each["wrong"] for each in rows if each["wrong"]]
        self._demand(not faults, f"records of calls did not pass: {faults}")
        for owner in sorted({each["owner"] for each in rows}):
            one = next(each["id"] for each in rows if each["owner"] == owner)
            call = first.get(f"{path}/{one}")["call"]
            self._demand(bool(call["phone"]), "nobody could be called")
            first.post(f"{path}/{one}/propose", {"finding": "MATCH", "grounds": "演示: 专家确认"})
            second.post(f"{path}/{one}/confirm")
        self._tell(
            f"抽查 {len(rows)} 次邀请: 通话回执全部通过核验, 回访的专家均确认属实",
            f"{len(rows)} invitations checked: every record of a call holds, and the experts who "
            "were called back say the same",
        )
        self.told.oversight["call_backs"] = {"checked": len(rows), "faults": len(faults)}

    def _exported(self, side: Side) -> str:
        return side["operator"].download("/api/pools/audit").decode()
