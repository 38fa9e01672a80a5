"""The first act: accounts, agreement, joint test, pools, project, booking."""

import json
import time
from typing import Any, Final

from node.demo import world
from node.demo.nodes import PASSWORD
from node.demo.setting import HOURS, SLOWNESS, YEAR_MS, Setting, Side, first, when

TESTS_AGAIN: Final = 10  # a node that is just being started again fails some
REST_SECONDS: Final = 1.0  # before it is tested once more
MOST_TESTS: Final = 150  # where messages are lost one in six passes, by chance


class FirstAct(Setting):
    """From strangers to confirmed seats."""

    def prepare(self) -> None:
        """Accounts, venues, experts."""
        self._step(
            f"{self._case.phrases.centers[0]}准备账号、场地和专家库",
            f"{self._case.phrases.centers[1]} set up accounts, venues and experts",
        )
        for side in self._sides:
            center, callers = side.center, side.callers
            door = self._door(self._nodes.url(center))
            operator = self._operator(door, center)
            callers["operator"] = operator
            for role in ("staff", "agency", "supervisor"):
                operator.post(
                    "/api/accounts",
                    {
                        "name": role,
                        "role": role,
                        "display_name": f"{center.name} {role}",
                        "password": PASSWORD,
                    },
                )
                callers[role] = door.log_in("/api/login", {"name": role, "password": PASSWORD})
            callers["staff"].upload("/api/import/venues", *center.venues_file())
            callers["staff"].upload("/api/import/experts", *center.experts_file())
            self._tell(
                f"{center.name}: 16 个席位, {world.POOL_SIZE} 名专家 (合成数据)",
                f"{center.english}: 16 seats, {world.POOL_SIZE} experts (synthetic)",
            )
        if self._regulator is not None:
            self._prepare_regulator(self._regulator)

    def _prepare_regulator(self, side: Side) -> None:
        """An operator and two officers; neither venues nor experts."""
        door = self._door(self._nodes.url(side.center))
        operator = side.callers["operator"] = self._operator(door, side.center)
        for name in world.OFFICERS:
            body = {"name": name, "role": "officer", "display_name": name, "password": PASSWORD}
            operator.post("/api/accounts", body)
            side.callers[name] = door.log_in("/api/login", {"name": name, "password": PASSWORD})
        self._tell(f"{side.center.name}: 2 名监管人员", "the regulator: 2 officers")

    def meet(self) -> None:
        """An invitation, a reply, and both fingerprints read aloud in one phone call."""
        self._step("邀请与回执, 电话核对指纹", "an invitation, a reply, fingerprints by phone")
        for sub in self._subs:
            ours, theirs = self._join(self._host, sub)
            if sub is self._subs[0]:
                self._tell(f"主场指纹 {ours}", f"the host's fingerprint {ours}")
            self._tell(f"副场指纹 {theirs}", f"the sub's fingerprint {theirs}")
        if self._regulator is not None:
            for side in self._sides:
                self._join(self._regulator, side)
            self._tell("监管节点与各中心互相登记", "the regulator and every center have joined")
        for side in self._everybody:
            side.id = side["operator"].get("/api/node")["center"]

    def _join(self, one: Side, other_side: Side) -> tuple[str, str]:
        host, other = one["operator"], other_side["operator"]
        invitation = host.post("/api/invitations", {"to": other_side.center.name})
        read_aloud = other.post("/api/invitations/read", {"file": invitation["file"]})
        self._demand(
            read_aloud["theirs"] == invitation["fingerprint"], "the invitation was swapped"
        )
        joined = other.post(
            "/api/peers", {"file": invitation["file"], "fingerprint": invitation["fingerprint"]}
        )
        host.post("/api/peers", {"file": joined["reply"], "fingerprint": read_aloud["ours"]})
        return invitation["fingerprint"], joined["ours"]

    def agree(self) -> None:
        """The agreements, each signed on both sides over the same bytes."""
        self._step("签署合作协议", "sign the agreement")
        found = [self._sign(sub) for sub in self._subs]
        self.told.agreements = found
        self._tell("双方各持两个签名的同一份文本", "both hold the same bytes with two signatures")

    def _sign(self, sub: Side) -> dict[str, Any]:
        now_ms = self._clock.now_ms()
        made = self._host["operator"].post(
            "/api/agreements",
            {
                "peer": sub.id,
                "terms": {
                    "title": "工程建设项目招投标跨省远程异地评标合作协议",
                    "effective_from_ms": now_ms - 1_000,
                    "effective_until_ms": now_ms + YEAR_MS,
                    "sealed_disclosure": True,
                    "suite": self._nodes.suite,
                    **self._overseen_by,
                },
            },
        )
        agreement = made["id"]
        sub["operator"].until(
            lambda caller: self._agreement(caller, agreement), "the proposal to arrive"
        )
        sub["operator"].post(f"/api/agreements/{agreement}/sign")
        held = [
            side["operator"].until(
                lambda asked: self._agreement(asked, agreement, "ACTIVE"), "both signatures"
            )
            for side in (self._host, sub)
        ]
        return {
            "id": agreement,
            "signatures": min(each["signatures"] for each in held),
            "title": held[0]["title"],
            "suite": held[0]["suite"],
        }

    @property
    def _overseen_by(self) -> dict[str, Any]:
        """What the agreement says of the regulator."""
        if self._regulator is None:
            return {}
        return {
            "outside_contributors": [self._regulator.id],
            "min_outside_contributors": 1,
            "regulator": self._regulator.id,
        }

    def test_jointly(self) -> None:
        """The joint test with each sub."""
        self._step("联调联试", "joint test")
        for sub in self._subs:
            done = self._test(sub)
            for _ in range(MOST_TESTS if self._nodes.lost_percent else TESTS_AGAIN):
                if done["passed"]:
                    break
                checks = [*done["our_checks"], *done["their_checks"], *done["findings"]]
                failed = [each for each in checks if not each["passed"]]
                zh = "、".join(sorted({each["zh"] for each in failed}))
                en = ", ".join(sorted({each["en"] for each in failed}))
                self._tell(
                    f"未通过({zh}), 重做联调联试", f"it did not pass ({en}): tested once more"
                )
                time.sleep(REST_SECONDS)
                done = self._test(sub)
            self._demand(done["passed"], f"the joint test failed: {json.dumps(done)}")
            self.told.joint_tests.append({"id": done["id"], "passed": True})
            checks = [*done["our_checks"], *done["their_checks"], *done["findings"]]
            self._tell(f"{len(checks)} 项检查全部通过", f"all {len(checks)} checks passed")

    def _test(self, sub: Side) -> Any:
        started = self._insist(self._host["operator"], f"/api/peers/{sub.id}/test")
        return self._host["operator"].until(
            lambda caller: when(
                caller.get(f"/api/joint-tests/{started['id']}"),
                lambda test: test["passed"] is not None,
            ),
            "the joint test to end",
        )

    def announce_pools(self) -> None:
        """All pools are committed before there is any project to tailor them to."""
        self._step(
            f"{self._case.phrases.sides[0]}公布专家库承诺",
            f"{self._case.phrases.sides[1]} commit to their expert pools",
        )
        for side in self._sides:
            (root,) = side["operator"].post("/api/pools", {})["roots"].values()
            self._tell(f"{side.center.name}: {root[:16]}…", f"{side.center.english}: {root[:16]}…")

    def enter_project(self) -> None:
        """The agency enters the project; staff accept it."""
        self._step(
            "代理机构录入项目, 主场受理", "the agency enters the project, the host accepts it"
        )
        # Booking must be done by then: a machine that was slow so far will be slow at it, too.
        slow_ms = int(self._narrator.elapsed_seconds * SLOWNESS * 1_000)
        self._start_ms = self._clock.now_ms() + max(self._lead_ms, slow_ms)
        body = self._case.project_body(self._start_ms, HOURS)
        self._project = self._host["agency"].post("/api/projects", body)["id"]
        self._host["staff"].post(f"/api/projects/{self._project}/accept")
        self._tell(f"{body['name']}", f"{body['name']}")

    def book(self) -> None:
        """Seats: found, held, voted, confirmed; all sub-venues or none."""
        self._step("查找、预留、表决、确认副场席位", "seats found, held, voted on, confirmed")
        end_ms = self._start_ms + HOURS * 3_600_000
        for sub, counts in zip(self._subs, self._case.needs, strict=True):
            free = self._host["agency"].get(
                "/api/availability",
                peer=sub.id,
                start_ms=self._start_ms,
                end_ms=end_ms,
                seats=sum(counts),
            )
            self._tell(
                f"{sub.center.short}可用席位 {free['free_seats']} 个",
                f"{free['free_seats']} seats free at {sub.center.english}",
            )
        self._host["agency"].post(
            f"/api/projects/{self._project}/plan",
            self._case.plan_body(self._start_ms, end_ms, [sub.id for sub in self._subs]),
        )
        held = [
            sub["staff"].until(
                lambda caller: first(caller.get("/api/bookings"), "phase", "HELD"),
                "the hold to arrive at the sub",
            )
            for sub in self._subs
        ]
        self._tell("副场席位已预留, 等待副场表决", "seats held, waiting for the sub's vote")
        for sub, booking in zip(self._subs, held, strict=True):
            sub["staff"].post(f"/api/bookings/{booking['id']}/vote", {"answer": "YES"})
        legs = [
            side["staff"].until(
                lambda asked: when(
                    asked.get("/api/bookings"),
                    lambda found: all(leg["phase"] == "CONFIRMED" for leg in found),
                ),
                "the booking to be confirmed",
            )
            for side in self._sides
        ]
        self.told.bookings = [
            {"id": leg["id"], "role": leg["role"], "state": leg["phase"], "seats": leg["seats"]}
            for found in legs
            for leg in found
        ]
        self._tell("副场同意, 主场确认", "the sub said yes, the host confirmed")
