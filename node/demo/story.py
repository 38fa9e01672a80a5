"""The main job, step by step, through the HTTP API only, as an integrator would do it.

Everything a person would do is done by a person's account; what an expert does is done by
whoever holds the telephone that rang. Nothing here looks into a node's database.
"""

import hashlib
from typing import Final

from adapters.identity.stand_in import sample_of
from node.demo import world
from node.demo.first_act import FirstAct
from node.demo.overseeing import Overseeing
from node.demo.setting import (
    first,
    in_base64,
    when,
)
from node.demo.told import Told

STEPS: Final = (
    "prepare",
    "meet",
    "agree",
    "test_jointly",
    "announce_pools",
    "enter_project",
    "book",
    "draw",
    "open_roster",
    "convene",
    "check_in",
    "start",
    "elect",
    "sign_report",
    "hand_over",
    "prove",
)
OVERSEE: Final = "oversee"
"""The step more that there is with a regulator, before the last one."""


class Story(FirstAct, Overseeing):
    """Drives the running nodes through the whole main job."""

    def run(self) -> Told:
        """All steps, in order.

        Raises:
            StoryFailed, CallFailed, TimeoutError: A step failed.
        """
        try:
            for name in self.steps:
                self._before(name)
                getattr(self, name)()
        finally:
            for connection in self._connections.values():
                connection.close()
        self.told.elapsed_seconds = round(self._narrator.elapsed_seconds, 2)
        return self.told

    @property
    def steps(self) -> tuple[str, ...]:
        """What is done, in order."""
        return STEPS if self._regulator is None else (*STEPS[:-1], OVERSEE, STEPS[-1])

    @property
    def _joint(self) -> str:
        """What the host does in one of the sessions, it does in all."""
        return self._subs[0].session

    def draw(self) -> None:
        """A draw from each pool, with a decline and a no-answer replaced."""
        self._step(
            f"抽取专家 ({self._case.phrases.sealing[0]})",
            f"draw the experts ({self._case.phrases.sealing[1]})",
        )
        asked = self._host["staff"].get(f"/api/projects/{self._project}/draw")
        self._host["staff"].post(f"/api/projects/{self._project}/draw/verify")
        self._tell(
            f"工作人员核验抽取信息: {len(asked['sites'])}处副场",
            f"the staff verify what is to be drawn at {len(asked['sites'])} sub-venues",
        )
        self._host["agency"].post(f"/api/projects/{self._project}/draw")
        self._amid("draw")
        draws = self._host["agency"].until(
            lambda caller: when(
                caller.get(f"/api/projects/{self._project}")["draws"],
                lambda found: (
                    len(found) == len(self._sides)  # one for each pool
                    and all(draw["list_delivered"] for draw in found)
                ),
            ),
            "all lists to be sealed and delivered",
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
        rosters = self._door(self._nodes.trading_url).until(
            lambda caller: when(
                caller.get("/rosters"), lambda found: len(found) >= len(self._sides)
            ),
            "the e-trading system to have all lists",
        )
        self.told.roster = {
            "opened_by": rosters[0]["by"],
            "members": sum(roster["members"] for roster in rosters),
            "lists": len(rosters),
        }
        self._tell(
            f"{self.told.roster['members']} 名专家; "
            f"{self._case.phrases.staff[0]}工作人员均未见名单",
            f"{self.told.roster['members']} experts; "
            f"no staff of {self._case.phrases.staff[1]} has seen a name",
        )

    def convene(self) -> None:
        """The host calls the evaluation."""
        self._step("主场召集评标", "the host convenes the evaluation")
        called = self._host["staff"].post(f"/api/projects/{self._project}/convene")["ids"]
        by_peer = {
            self._host["staff"].get(f"/api/sessions/{session}")["peer"]: session
            for session in called
        }
        for sub in self._subs:
            sub.session = by_peer[sub.id]
            sub["staff"].until(
                lambda caller, sub=sub: first(  # type: ignore[misc]
                    caller.get("/api/sessions"), "id", sub.session
                ),
                "the call to arrive at the sub",
            )

    def check_in(self) -> None:
        """Everybody checks in with ID and face at their own center."""
        self._step("专家凭身份证和人脸签到", "experts check in with ID and face")
        for side in self._sides:
            people = world.by_phone(side.center.experts)
            door = self._door(self._nodes.url(side.center))
            calls = {
                item.phone: item.answer for item in self._spool(side.center) if item.kind == "call"
            }
            for phone in sorted(phone for phone, answer in calls.items() if answer == "attend"):
                number = people[phone]["身份证号"]
                self._experts.append((side, self._enter(door, number)))
        door = self._door(self._nodes.url(self._host.center))
        self._representatives = [
            self._enter(door, number) for _, number in self._case.representatives
        ]
        counts = {side.id: sum(at is side for at, _ in self._experts) for side in self._sides}
        self.told.committee = {
            "size": len(self._experts) + len(self._representatives),
            "representatives": len(self._representatives),
            "experts_by_center": counts,
        }
        own, *others = counts.values()
        self._tell(
            f"业主代表 2, 主场专家 {own}, 副场专家 {' + '.join(map(str, others))}",
            f"2 representatives, {own} host and {' + '.join(map(str, others))} sub experts",
        )

    def start(self) -> None:
        """One start for all sites, not before the hour and not before all are ready."""
        self._step("副场确认, 统一开始", "the sub is ready, one start for all")
        for sub in self._subs:
            sub["staff"].post(f"/api/sessions/{sub.session}/ready")
        self._host_in("READY")
        self._host["staff"].until(
            lambda _caller: True if self._clock.now_ms() >= self._start_ms else None,
            "the hour of the evaluation",
        )
        self._host["staff"].post(f"/api/sessions/{self._joint}/start")
        self._subs_in("RUNNING")

    def elect(self) -> None:
        """All members elect the chair."""
        self._step("推荐评标组长", "the members elect the chair")
        me = self._experts[0][1].get("/api/me")
        everybody = [caller for _, caller in self._experts] + self._representatives
        for caller in everybody:
            caller.post("/api/me/ballot", {"candidate": me["code"]})
        self._session_at(
            self._host,
            self._joint,
            lambda session: session["ballots"] == len(everybody),
            "all ballots",
        )
        self._host["staff"].post(f"/api/sessions/{self._joint}/elect")
        self._subs_in("CHAIRED")
        self.told.evaluation["chair"] = me["code"]

    def sign_report(self) -> None:
        """The report is presented and signed by everybody."""
        self._step("评标报告由全体成员签名", "all members sign the report")
        report = "评标报告 (演示): 推荐第一中标候选人……\n".encode()
        self._host["staff"].upload(f"/api/sessions/{self._joint}/present", "report.txt", report)
        self._subs_in("SIGNING")
        signers = [(caller, number) for caller, number in self._signers()]
        for caller, number in signers:
            caller.post("/api/me/sign", {"face": in_base64(sample_of(number))})
        self._session_at(
            self._host,
            self._joint,
            lambda session: session["signatures"] == len(signers),
            "all signatures",
        )
        self._host["staff"].post(f"/api/sessions/{self._joint}/finish")
        self._subs_in("FINISHED")
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
        for sub in self._subs:
            sub["staff"].post(f"/api/sessions/{sub.session}/hand-over", {"items": items})
        self._host_in("HANDED_OVER")
        for sub in self._subs:
            self._host["staff"].post(f"/api/sessions/{sub.session}/receive")
        self._subs_in("ARCHIVED")
        self.told.evaluation["state"] = "ARCHIVED"
        for side in self._sides:
            side["staff"].until(
                lambda caller: when(
                    caller.get("/api/bookings"),
                    lambda found: all(leg["phase"] == "COMPLETED" for leg in found),
                ),
                "the booking to be completed",
            )
        for leg in self.told.bookings:
            leg["state"] = "COMPLETED"

    def prove(self) -> None:
        """The dossier: written, verified, and refused when one byte is changed."""
        self._step("生成并验证卷宗", "the dossier is written and verified")
        self._insist(self._host["staff"], f"/api/sessions/{self._joint}/dossier")
        content = self._host["supervisor"].download(f"/api/sessions/{self._joint}/dossier")
        path = self._nodes.folder / "evaluation.dossier"
        path.write_bytes(content)
        code, verdict = self._verify(path)
        self._demand(code == 0, f"the dossier was refused: {verdict}")
        audited = {draw["owner"]: draw for draw in verdict["draws"]}
        counts = ("invited", "accepted", "supplements")
        for draw in self.told.draws:
            found = audited.get(draw["owner"], {})
            draw["verified"] = all(found.get(name) == draw[name] for name in counts)
        self._tell(
            f"卷宗验证通过: {verdict['words']} 条签名消息",
            f"the dossier is accepted: {verdict['words']} signed words",
        )
        if self._regulator is not None:
            outside = verdict["outside_contributors"]
            self._demand(outside == 1, f"the dossier shows {outside} outside contributors")
            self.told.oversight["outside_contributors"] = outside
            self._tell(
                f"外部见证方 {outside} 个: {self._regulator.center.name}",
                f"{outside} outside contributor: {self._regulator.center.english}",
            )
        spoilt = bytearray(content)
        spoilt[len(spoilt) // 2] ^= 1
        copy = self._nodes.folder / "evaluation.tampered.dossier"
        copy.write_bytes(spoilt)
        code, fault = self._verify(copy)
        self._demand(code == 1, "a changed copy was accepted")
        self._tell(
            f"改动一个字节的副本被拒绝: {fault['where']}: {fault['zh']}",
            f"a copy with one byte changed is refused: {fault['where']}: {fault['en']}",
        )
        self.told.dossier = {
            "path": str(path),
            "size": len(content),
            "verified": True,
            "tampered_refused": True,
            "fault_named": f"{fault['where']}: {fault['en']}",
        }
