"""What is told of two logs is told to programs in full."""

import json

from federation.evidence.log_comparison import MISSING, Comparison, Difference, Side

SIDES = (
    Side("lp1a", "济阳", 5, 10, 8, 1, 1, 4),
    Side("lp1b", "宿州", 6, 9, 7, 0, 1, 4),
)


def test_nothing_found_is_equal_and_one_thing_is_not() -> None:
    assert Comparison(SIDES, False, (), 3, 1, more=False).equal
    found = Difference(MISSING, "lp1b", "缺", "missing", only_in="lp1a", word="00")
    assert not Comparison(SIDES, False, (found,), 0, 0, more=False).equal


def test_programs_get_every_field() -> None:
    found = Difference(MISSING, "lp1b", "缺", "missing", only_in="lp1a", proof="receipt", at_ms=7)
    told = json.loads(json.dumps(Comparison(SIDES, False, (found,), 2, 1, more=True).document()))
    assert (told["equal"], told["more"], told["later"], told["unreceipted"]) == (False, True, 2, 1)
    assert [side["name"] for side in told["files"]] == ["济阳", "宿州"]
    assert told["differences"][0]["proof"] == "receipt"
    assert told["differences"][0]["at_ms"] == 7
