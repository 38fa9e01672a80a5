"""What a joint verdict tells people and programs: the whole first, then each part."""

from federation.evidence.joint_verdict import JointVerdict
from federation.evidence.verdict import DrawSummary, Party, Verdict

HOST, WEST, EAST = (f"lp1{letter * 32}" for letter in "abc")


def _part(sub: str, name: str, session: str, *draws: DrawSummary) -> Verdict:
    return Verdict(
        maker=HOST,
        session=session,
        parties=(
            Party(HOST, "济阳", "HOST", 116, 1_778_040_000_000),
            Party(sub, name, "SUB", 71, 1_778_040_000_000),
        ),
        agreement="合作协议",
        agreement_id="f" * 64,
        project_name="供水管网改造",
        lot_code="L1",
        started_ms=1_778_040_000_000,
        finished_ms=1_778_050_000_000,
        received_ms=1_778_060_000_000 + len(session),
        draws=draws,
        void_draws=1,
        members=9,
        representatives=2,
        words=50,
        other_venues=True,
    )


def _draw(owner: str, sealer: str, members: int) -> DrawSummary:
    return DrawSummary(owner, sealer, members, members, 0, members, "NONE")


VERDICT = JointVerdict(
    (
        _part(WEST, "宿州", "01", _draw(WEST, HOST, 3), _draw(HOST, WEST, 2)),
        _part(EAST, "南阳", "0203", _draw(EAST, HOST, 2)),
    )
)


def test_programs_get_the_whole_and_each_part() -> None:
    told = VERDICT.document()

    assert told["holds"]
    assert [party["center"] for party in told["parties"]] == [HOST, WEST, EAST]
    assert told["sessions"] == ["01", "0203"]
    assert [draw["members"] for draw in told["draws"]] == [3, 2, 2]
    assert (told["members"], told["words"], told["void_draws"]) == (9, 100, 2)
    assert told["received_ms"] == 1_778_060_000_004
    assert not told["other_venues"]
    assert told["parts"] == [part.document() for part in VERDICT.parts]


def test_people_read_the_sum_first_in_either_language() -> None:
    zh, en = VERDICT.summary("zh").splitlines(), VERDICT.summary("en").splitlines()

    assert "2个副场" in zh[0]
    assert "9人 = 招标人代表2人 + 各库抽取7人 (3次抽取)" in zh[4]
    assert "2 sub-venues" in en[0]
    assert "9 members = 2 representatives + 7 drawn (3 draws)" in en[4]
    assert [line for line in zh if line.startswith("第")] == ["第1分卷: 宿州", "第2分卷: 南阳"]
    assert [line for line in en if line.startswith("Part ")] == ["Part 1: 宿州", "Part 2: 南阳"]


def test_no_part_says_that_others_are_elsewhere() -> None:
    assert "另有其他副场" in VERDICT.parts[0].summary("zh")
    assert "另有其他副场" not in VERDICT.summary("zh")
    assert "Further sub-venues" not in VERDICT.summary("en")
