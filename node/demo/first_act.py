"""The first act: accounts, agreement, joint test, pools, project, booking."""

import json

from node.demo import world
from node.demo.nodes import PASSWORD
from node.demo.setting import HOURS, YEAR_MS, Setting, first, when
from node.demo.world import CHANGLE, JIAN


class FirstAct(Setting):
    """From two strangers to confirmed seats."""

    def prepare(self) -> None:
        """Accounts, venues, experts."""
        self._step(
            "两个中心准备账号、场地和专家库", "both centers set up accounts, venues and experts"
        )
        for center, callers in ((JIAN, self._host), (CHANGLE, self._sub)):
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

    def meet(self) -> None:
        """An invitation, a reply, and both fingerprints read aloud in one phone call."""
        self._step("邀请与回执, 电话核对指纹", "an invitation, a reply, fingerprints by phone")
        host, sub = self._host["operator"], self._sub["operator"]
        invitation = host.post("/api/invitations", {"to": CHANGLE.name})
        read_aloud = sub.post("/api/invitations/read", {"file": invitation["file"]})
        self._demand(
            read_aloud["theirs"] == invitation["fingerprint"], "the invitation was swapped"
        )
        joined = sub.post(
            "/api/peers", {"file": invitation["file"], "fingerprint": invitation["fingerprint"]}
        )
        host.post("/api/peers", {"file": joined["reply"], "fingerprint": read_aloud["ours"]})
        for zh, en, digits in (
            ("主场", "host's", invitation["fingerprint"]),
            ("副场", "sub's", joined["ours"]),
        ):
            self._tell(f"{zh}指纹 {digits}", f"the {en} fingerprint {digits}")
        self._centers = [
            caller["operator"].get("/api/node")["center"] for caller in (self._host, self._sub)
        ]

    def agree(self) -> None:
        """The agreement, signed on both sides over the same bytes."""
        self._step("签署合作协议", "sign the agreement")
        now_ms = self._clock.now_ms()
        made = self._host["operator"].post(
            "/api/agreements",
            {
                "peer": self._centers[1],
                "terms": {
                    "title": "工程建设项目招投标跨省远程异地评标合作协议",
                    "effective_from_ms": now_ms - 1_000,
                    "effective_until_ms": now_ms + YEAR_MS,
                    "sealed_disclosure": True,
                    "suite": self._nodes.suite,
                },
            },
        )
        agreement = made["id"]
        self._sub["operator"].until(
            lambda caller: self._agreement(caller, agreement), "the proposal to arrive"
        )
        self._sub["operator"].post(f"/api/agreements/{agreement}/sign")
        held = [
            caller.until(
                lambda asked: self._agreement(asked, agreement, "ACTIVE"), "both signatures"
            )
            for caller in (self._host["operator"], self._sub["operator"])
        ]
        self.told.agreement = {
            "id": agreement,
            "signatures": min(each["signatures"] for each in held),
            "title": held[0]["title"],
            "suite": held[0]["suite"],
        }
        self._tell("双方各持两个签名的同一份文本", "both hold the same bytes with two signatures")

    def test_jointly(self) -> None:
        """The joint test."""
        self._step("联调联试", "joint test")
        started = self._host["operator"].post(f"/api/peers/{self._centers[1]}/test")
        done = self._host["operator"].until(
            lambda caller: when(
                caller.get(f"/api/joint-tests/{started['id']}"),
                lambda test: test["passed"] is not None,
            ),
            "the joint test to end",
        )
        self._demand(done["passed"], f"the joint test failed: {json.dumps(done)}")
        self.told.joint_test = {"id": started["id"], "passed": True}
        checks = [*done["our_checks"], *done["their_checks"], *done["findings"]]
        self._tell(f"{len(checks)} 项检查全部通过", f"all {len(checks)} checks passed")

    def announce_pools(self) -> None:
        """Both pools are committed before there is any project to tailor them to."""
        self._step("双方公布专家库承诺", "both centers commit to their expert pools")
        for callers, center in ((self._host, JIAN), (self._sub, CHANGLE)):
            (root,) = callers["operator"].post("/api/pools", {})["roots"].values()
            self._tell(f"{center.name}: {root[:16]}…", f"{center.english}: {root[:16]}…")

    def enter_project(self) -> None:
        """The agency enters the project; staff accept it."""
        self._step(
            "代理机构录入项目, 主场受理", "the agency enters the project, the host accepts it"
        )
        self._start_ms = self._clock.now_ms() + self._lead_ms
        body = world.project(self._start_ms, HOURS)
        self._project = self._host["agency"].post("/api/projects", body)["id"]
        self._host["staff"].post(f"/api/projects/{self._project}/accept")
        self._tell(f"{body['name']}", f"{body['name']}")

    def book(self) -> None:
        """Seats: found, held, voted, confirmed."""
        self._step("查找、预留、表决、确认副场席位", "seats found, held, voted on, confirmed")
        end_ms = self._start_ms + HOURS * 3_600_000
        free = self._host["agency"].get(
            "/api/availability",
            peer=self._centers[1],
            start_ms=self._start_ms,
            end_ms=end_ms,
            seats=3,
        )
        self._tell(
            f"长乐可用席位 {free['free_seats']} 个", f"{free['free_seats']} seats free at Changle"
        )
        self._host["agency"].post(
            f"/api/projects/{self._project}/plan",
            world.plan(self._start_ms, end_ms, self._centers[1]),
        )
        booking = self._sub["staff"].until(
            lambda caller: first(caller.get("/api/bookings"), "phase", "HELD"),
            "the hold to arrive at the sub",
        )
        self._tell("副场席位已预留, 等待副场表决", "seats held, waiting for the sub's vote")
        self._sub["staff"].post(f"/api/bookings/{booking['id']}/vote", {"answer": "YES"})
        legs = [
            caller.until(
                lambda asked: first(asked.get("/api/bookings"), "phase", "CONFIRMED"),
                "the booking to be confirmed",
            )
            for caller in (self._host["staff"], self._sub["staff"])
        ]
        self.told.bookings = [
            {"id": leg["id"], "role": leg["role"], "state": leg["phase"], "seats": leg["seats"]}
            for leg in legs
        ]
        self._tell("副场同意, 主场确认", "the sub said yes, the host confirmed")
