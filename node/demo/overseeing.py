"""What the regulator does in the demonstration, beside giving values: two officers audit a pool.

Everything else of its part happens in the other steps by itself: it joins the centers, gives a
random value to every draw, keeps the sealers' escrows, and cosigns the logs.
"""

from node.demo import world
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

    def _exported(self, side: Side) -> str:
        return side["operator"].download("/api/pools/audit").decode()
