"""What an invitation may say."""

import pytest

from node.domain.invitation_text import CALL, CONFIRMED, Texts, filled
from node.domain.refusal import Inadmissible


def test_the_usual_texts_fill_and_name_no_project() -> None:
    texts = Texts()
    for template in (texts.call, texts.confirmed, texts.declined, texts.not_reached):
        said = filled(
            template, time="2026-05-06 09:00", place="某中心", phone="0", code="7KQ2-M0XD"
        )
        assert "{" not in said
        assert "项目" not in said
        assert len(said) < 500


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"call": CALL + "{project}"}, "not project"),
        ({"call": CALL + "{code}"}, "not code"),
        ({"call": "项目评审:" + CALL}, "tells nothing of a project"),
        ({"call": "Bidder X. " + CALL}, "tells nothing of a project"),
        ({"confirmed": CONFIRMED + "招标编号见附件"}, "tells nothing of a project"),
        ({"call": CALL.replace("{time}", "")}, "lacks time"),
        ({"call": CALL.replace("重听请按3", "")}, "must tell the keys"),
        ({"confirmed": CONFIRMED.replace("{code}", "")}, "lacks code"),
        ({"declined": "{time}{phone}"}, "lacks code"),
        ({"not_reached": ""}, "1 to 300"),
        ({"call": CALL + "x" * 300}, "1 to 300"),
        ({"call": CALL + "\n"}, "1 to 300"),
        ({"call": CALL + "{"}, "braces"),
        ({"call": CALL + "{time!r}"}, "may use"),
        ({"call": CALL + "{time:>99}"}, "may use"),
        ({"call": CALL + "{}"}, "may use"),
        ({"call": CALL + "{time.__class__}"}, "may use"),
    ],
)
def test_a_template_that_says_too_much_or_too_little_is_refused(
    changes: dict[str, str], words: str
) -> None:
    with pytest.raises(Inadmissible, match=words) as caught:
        Texts(**changes)
    assert caught.value.zh.startswith("模板")
