"""The main job, step by step, through the HTTP API only, as an integrator would do it.

Everything a person would do is done by a person's account; what an expert does is done by
whoever holds the telephone that rang. Nothing here looks into a node's database.
"""

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from adapters.identity.stand_in import sample_of
from adapters.messaging.stand_in import read_spool
from node.clock import SystemClock, SystemRandom
from node.demo import world
from node.demo.caller import Caller
from node.demo.narrator import Narrator
from node.demo.nodes import PASSWORD, Nodes
from node.demo.told import Told
from node.demo.world import CHANGLE, JIAN, CenterWorld

YEAR_MS: Final = 365 * 86_400_000
HOURS: Final = 9  # an observed evaluation of nine hours: domain.md §1.6
LEAD_SECONDS: Final = 9  # from the project's entry to its start; a real one has days


class StoryFailed(Exception):
    """A step did not come out as it must."""


class Story:
    """Drives two running nodes through the whole main job.

    Args:
        nodes: The running processes.
        narrator: Tells.
        between: Called after every step; tests kill nodes there.
    """

    def __init__(
        self, nodes: Nodes, narrator: Narrator, between: Callable[[str], None] = lambda _step: None
    ) -> None:
        self._nodes = nodes
        self._narrator = narrator
        self._between = between
        self._clock = SystemClock()
        self.told = Told()
        self._host: dict[str, Caller] = {}
        self._sub: dict[str, Caller] = {}
        self._start_ms = 0
        self._project = ""
        self._session = ""
        self._experts: list[tuple[CenterWorld, Caller]] = []
        self._representatives: list[Caller] = []

    def run(self) -> Told:
        """All steps, in order.

        Raises:
            StoryFailed, CallFailed, TimeoutError: A step failed.
        """
        for step in (
            self.prepare,
            self.meet,
            self.agree,
            self.test_jointly,
            self.announce_pools,
            self.enter_project,
            self.book,
            self.draw,
            self.open_roster,
            self.convene,
            self.check_in,
            self.start,
            self.elect,
            self.sign_report,
            self.hand_over,
            self.prove,
        ):
            step()
            self._between(step.__name__)
        self.told.elapsed_seconds = round(self._narrator.elapsed_seconds, 2)
        return self.told

    def prepare(self) -> None:
        """Accounts, venues, experts."""
        self._step(
            "两个中心准备账号、场地和专家库", "both centers set up accounts, venues and experts"
        )
        for center, callers in ((JIAN, self._host), (CHANGLE, self._sub)):
            door = Caller(self._nodes.url(center), _new_key)
            operator = door.log_in("/api/login", {"name": "operator", "password": PASSWORD})
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
        """Each pins the other's descriptor, as after a phone call about fingerprints."""
        self._step("互相登记节点身份", "the nodes pin each other's identity")
        for mine, theirs in ((self._host, self._sub), (self._sub, self._host)):
            invitation = theirs["operator"].get("/api/descriptor")
            mine["operator"].post("/api/peers", {"descriptor": invitation["descriptor"]})
            self._tell(
                f"指纹 {invitation['fingerprint']}", f"fingerprint {invitation['fingerprint']}"
            )
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
        }
        self._tell("双方各持两个签名的同一份文本", "both hold the same bytes with two signatures")

    def test_jointly(self) -> None:
        """The joint test."""
        self._step("联调联试", "joint test")
        started = self._host["operator"].post(f"/api/peers/{self._centers[1]}/test")
        done = self._host["operator"].until(
            lambda caller: _when(
                caller.get(f"/api/tests/{started['id']}"), lambda test: test["passed"] is not None
            ),
            "the joint test to end",
        )
        self._demand(done["passed"], f"the joint test failed: {json.dumps(done)}")
        self.told.joint_test = {"id": started["id"], "passed": True}
        checks = [*done["our_checks"], *done["their_checks"]]
        self._tell(f"{len(checks)} 项检查全部通过", f"all {len(checks)} checks passed")

    def announce_pools(self) -> None:
        """Both pools are committed before there is any project to tailor them to."""
        self._step("双方公布专家库承诺", "both centers commit to their expert pools")
        for callers, center in ((self._host, JIAN), (self._sub, CHANGLE)):
            root = callers["operator"].post("/api/pools", {})["root"]
            self._tell(f"{center.name}: {root[:16]}…", f"{center.english}: {root[:16]}…")

    def enter_project(self) -> None:
        """The agency enters the project; staff accept it."""
        self._step(
            "代理机构录入项目, 主场受理", "the agency enters the project, the host accepts it"
        )
        self._start_ms = self._clock.now_ms() + LEAD_SECONDS * 1_000
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
            lambda caller: _first(caller.get("/api/bookings"), "phase", "HELD"),
            "the hold to arrive at the sub",
        )
        self._tell("副场席位已预留, 等待副场表决", "seats held, waiting for the sub's vote")
        self._sub["staff"].post(f"/api/bookings/{booking['id']}/vote", {"answer": "YES"})
        legs = [
            caller.until(
                lambda asked: _first(asked.get("/api/bookings"), "phase", "CONFIRMED"),
                "the booking to be confirmed",
            )
            for caller in (self._host["staff"], self._sub["staff"])
        ]
        self.told.bookings = [
            {"id": leg["id"], "role": leg["role"], "state": leg["phase"], "seats": leg["seats"]}
            for leg in legs
        ]
        self._tell("副场同意, 主场确认", "the sub said yes, the host confirmed")

    def draw(self) -> None:
        """Both draws, with a decline and a no-answer replaced."""
        self._step(
            "抽取专家 (双方互为封存方)", "draw the experts (each center seals the other's draw)"
        )
        self._host["agency"].post(f"/api/projects/{self._project}/draw")
        draws = self._host["agency"].until(
            lambda caller: _when(
                caller.get(f"/api/projects/{self._project}")["draws"],
                lambda found: (
                    len(found) == 2  # noqa: PLR2004 (one for each pool)
                    and all(draw["list_delivered"] for draw in found)
                ),
            ),
            "both lists to be sealed and delivered",
        )
        for draw in draws:
            name = self._center(draw["owner"])
            self._tell(
                f"{name.name}: 邀请 {draw['invited']}, 接受 {draw['accepted']}, "
                f"补抽 {draw['supplements']}",
                f"{name.english}: invited {draw['invited']}, accepted {draw['accepted']}, "
                f"replaced {draw['supplements']}",
            )
        self.told.draws = [
            {
                "id": draw["id"],
                "owner": draw["owner"],
                "invited": draw["invited"],
                "accepted": draw["accepted"],
                "supplements": draw["supplements"],
                "verified": False,
            }
            for draw in draws
        ]

    def open_roster(self) -> None:
        """The e-trading system, and nobody else, opens the lists."""
        self._step("交易系统开启加密名单", "the e-trading system opens the sealed lists")
        rosters = Caller(self._nodes.trading_url, _new_key).until(
            lambda caller: _when(caller.get("/rosters"), lambda found: len(found) >= 2),  # noqa: PLR2004
            "the e-trading system to have both lists",
        )
        self.told.roster = {
            "opened_by": rosters[0]["by"],
            "members": sum(roster["members"] for roster in rosters),
            "lists": len(rosters),
        }
        self._tell(
            f"{self.told.roster['members']} 名专家; 两中心工作人员均未见名单",
            f"{self.told.roster['members']} experts; no staff of either center has seen a name",
        )

    def convene(self) -> None:
        """The host calls the evaluation."""
        self._step("主场召集评标", "the host convenes the evaluation")
        self._session = self._host["staff"].post(f"/api/projects/{self._project}/convene")["id"]
        self._sub["staff"].until(
            lambda caller: _first(caller.get("/api/sessions"), "id", self._session),
            "the call to arrive at the sub",
        )

    def check_in(self) -> None:
        """Everybody checks in with ID and face at their own center."""
        self._step("专家凭身份证和人脸签到", "experts check in with ID and face")
        for center in (JIAN, CHANGLE):
            people = world.by_phone(center.experts)
            door = Caller(self._nodes.url(center), _new_key)
            calls = {item.phone: item.answer for item in self._spool(center) if item.kind == "call"}
            for phone in sorted(phone for phone, answer in calls.items() if answer == "attend"):
                number = people[phone]["身份证号"]
                self._experts.append((center, self._enter(door, number)))
        door = Caller(self._nodes.url(JIAN), _new_key)
        self._representatives = [self._enter(door, number) for _, number in world.REPRESENTATIVES]
        counts = [sum(1 for at, _ in self._experts if at is center) for center in (JIAN, CHANGLE)]
        self.told.committee = {
            "size": len(self._experts) + len(self._representatives),
            "representatives": len(self._representatives),
            "experts_by_center": dict(zip(self._centers, counts, strict=True)),
        }
        self._tell(
            f"业主代表 2, 主场专家 {counts[0]}, 副场专家 {counts[1]}",
            f"2 representatives, {counts[0]} host and {counts[1]} sub experts",
        )

    def start(self) -> None:
        """One start for all sites, not before the hour."""
        self._step("副场确认, 统一开始", "the sub is ready, one start for all")
        self._sub["staff"].post(f"/api/sessions/{self._session}/ready")
        self._phase(self._host, "READY")
        self._host["staff"].until(
            lambda _caller: True if self._clock.now_ms() >= self._start_ms else None,
            "the hour of the evaluation",
        )
        self._host["staff"].post(f"/api/sessions/{self._session}/start")
        self._phase(self._sub, "RUNNING")

    def elect(self) -> None:
        """All members elect the chair."""
        self._step("推荐评标组长", "the members elect the chair")
        me = self._experts[0][1].get("/api/me")
        everybody = [caller for _, caller in self._experts] + self._representatives
        for caller in everybody:
            caller.post("/api/me/ballot", {"candidate": me["code"]})
        self._session_at(
            self._host, lambda session: session["ballots"] == len(everybody), "all ballots"
        )
        self._host["staff"].post(f"/api/sessions/{self._session}/elect")
        self._phase(self._sub, "CHAIRED")
        self.told.evaluation["chair"] = me["code"]

    def sign_report(self) -> None:
        """The report is presented and signed by everybody."""
        self._step("评标报告由全体成员签名", "all members sign the report")
        report = "评标报告 (演示): 推荐第一中标候选人……\n".encode()
        self._host["staff"].upload(f"/api/sessions/{self._session}/present", "report.txt", report)
        self._phase(self._sub, "SIGNING")
        signers = [(caller, number) for caller, number in self._signers()]
        for caller, number in signers:
            caller.post("/api/me/sign", {"face": _b64(sample_of(number))})
        self._session_at(
            self._host, lambda session: session["signatures"] == len(signers), "all signatures"
        )
        self._host["staff"].post(f"/api/sessions/{self._session}/finish")
        self._phase(self._sub, "FINISHED")
        self.told.evaluation["signatures"] = len(signers)
        self.told.evaluation["report_sha256"] = hashlib.sha256(report).hexdigest()

    def hand_over(self) -> None:
        """The sub hands its archive over."""
        self._step("副场移交档案", "the sub hands its archive over")
        items = [
            {"name": name, "digest": hashlib.sha256(name.encode()).hexdigest(), "size": size,
             "retention": "15y"}
            for name, size in (("评标室1音视频", 4_800_000_000), ("专家桌面录像", 2_100_000_000))
        ]  # fmt: skip
        self._sub["staff"].post(f"/api/sessions/{self._session}/hand-over", {"items": items})
        self._phase(self._host, "HANDED_OVER")
        self._host["staff"].post(f"/api/sessions/{self._session}/receive")
        self._phase(self._sub, "ARCHIVED")
        self.told.evaluation["state"] = "ARCHIVED"
        for leg in self.told.bookings:
            leg["state"] = "COMPLETED"
        self._host["staff"].until(
            lambda caller: _first(caller.get("/api/bookings"), "phase", "COMPLETED"),
            "the booking to be completed",
        )

    def prove(self) -> None:
        """The dossier: written, verified, and refused when one byte is changed."""
        self._step("生成并验证卷宗", "the dossier is written and verified")
        self._host["staff"].post(f"/api/sessions/{self._session}/dossier")
        content = self._host["supervisor"].download(f"/api/sessions/{self._session}/dossier")
        path = self._nodes.folder / "evaluation.dossier"
        path.write_bytes(content)
        code, said = self._verify(path)
        self._demand(code == 0, f"the dossier was refused: {said}")
        for draw in self.told.draws:
            draw["verified"] = True  # lianping verify has audited every draw in the dossier
        self._tell("卷宗验证通过", "the dossier is accepted")
        spoilt = bytearray(content)
        middle = len(spoilt) // 2
        spoilt[middle] ^= 1
        copy = self._nodes.folder / "evaluation.tampered.dossier"
        copy.write_bytes(spoilt)
        code, said = self._verify(copy)
        self._demand(code == 1, "a changed copy was accepted")
        self._tell(
            f"改动一个字节的副本被拒绝: {said}", f"a copy with one byte changed is refused: {said}"
        )
        self.told.dossier = {
            "path": str(path),
            "size": len(content),
            "verified": True,
            "tampered_refused": True,
            "fault_named": said,
        }

    # Small things

    def _signers(self) -> list[tuple[Caller, str]]:
        numbers = [(caller, world.by_phone(center.experts)) for center, caller in self._experts]
        signers = []
        for (caller, people), phone in zip(numbers, self._attending(), strict=True):
            signers.append((caller, people[phone]["身份证号"]))
        signers += [
            (caller, number)
            for caller, (_, number) in zip(
                self._representatives, world.REPRESENTATIVES, strict=True
            )
        ]
        return signers

    def _attending(self) -> list[str]:
        return [
            phone
            for center in (JIAN, CHANGLE)
            for phone in sorted(
                {
                    item.phone
                    for item in self._spool(center)
                    if item.kind == "call" and item.answer == "attend"
                }
            )
        ]

    def _spool(self, center: CenterWorld) -> Any:
        return read_spool(self._nodes.messaging_folder(center))

    def _enter(self, door: Caller, id_number: str) -> Caller:
        return door.log_in(
            "/api/check-in", {"id_number": id_number, "face": _b64(sample_of(id_number))}
        )

    def _verify(self, path: Path) -> tuple[int, str]:
        done = subprocess.run(  # noqa: S603 (our own command)
            [sys.executable, "-m", "node.cli", "verify", str(path)],
            capture_output=True,
            text=True,
            check=False,
            env=self._nodes.environment,
        )
        lines = (done.stdout + done.stderr).strip().splitlines()
        return done.returncode, lines[0] if lines else ""

    def _agreement(
        self, caller: Caller, agreement: str, state: str = "PROPOSED"
    ) -> dict[str, Any] | None:
        found = _first(caller.get("/api/agreements"), "id", agreement)
        return found if found and found["state"] == state else None

    def _phase(self, callers: dict[str, Caller], phase: str) -> None:
        self._session_at(callers, lambda session: session["phase"] == phase, f"phase {phase}")

    def _session_at(
        self, callers: dict[str, Caller], holds: Callable[[Any], bool], what: str
    ) -> None:
        callers["staff"].until(
            lambda caller: _when(caller.get(f"/api/sessions/{self._session}"), holds), what
        )

    def _center(self, identifier: str) -> CenterWorld:
        return JIAN if identifier == self._centers[0] else CHANGLE

    def _demand(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise StoryFailed(otherwise)

    def _step(self, zh: str, en: str) -> None:
        self._narrator.step(zh, en)

    def _tell(self, zh: str, en: str) -> None:
        self._narrator.tell(zh, en)


def _when(found: Any, holds: Callable[[Any], bool]) -> Any | None:
    return found if holds(found) else None


def _first(found: list[dict[str, Any]], key: str, value: str) -> dict[str, Any] | None:
    return next((item for item in found if item[key] == value), None)


def _new_key() -> str:
    return SystemRandom().bytes(16).hex()


def _b64(raw: bytes) -> str:

    return base64.b64encode(raw).decode()
