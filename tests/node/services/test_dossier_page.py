"""The page that a clerk reads: whole, one file, and nothing that somebody said can break it."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from federation.evidence.checks import Unchecked
from federation.evidence.report import report
from federation.evidence.rules import RULES
from federation.evidence.voided import VoidDraw
from federation.evidence.whole import Whole, look
from federation.trust.keys import fingerprint
from federation.wire.evidence import DECODE
from node.services.dossier_page import render
from tests.evidence.evaluated import made

XHTML = "{http://www.w3.org/1999/xhtml}"
ELEMENTS = {
    "html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "span", "br", "table",
    "thead", "tbody", "tr", "th", "td", "ul", "li", "bdi",
}  # fmt: skip
HOSTILE = [
    "<script>alert(1)</script>",
    "</td></tr></table><img src=x onerror=alert(1)>",
    "\"'><iframe src=//a.test></iframe>",
    "\u202e评标结果 \u2066invisible\u2069",
    "{{ 7 * 7 }}{% raw %}",
    "\x00\x1b[31m red",
    "&lt;b&gt; ]]> <!-- ",
    "好" * 4_000,
]


def whole() -> Whole:
    return look(made().file, DECODE)


def parsed(page: str) -> ET.Element:
    """Strictly: one tag left open, one bare ampersand, and there is no tree."""
    return ET.fromstring(page.removeprefix("<!DOCTYPE html>\n"))


def text(page: str) -> str:
    return "".join(parsed(page).itertext())


def test_the_page_tells_result_parties_ranks_rules_and_the_story() -> None:
    found = whole()
    page = text(render(found, "a.dossier", made().file))
    assert "卷宗属实" in page
    for party in found.verdict.parties:
        assert fingerprint(party.center) in page
    for draw in report(found)[0].draws:
        for rank in draw.ranks:
            assert rank.handle in page
            assert rank.zh in page
    for each in RULES:
        assert each.zh in page
        assert each.en in page
    for check in found.verdict.checks:
        for gap in check.unchecked:
            assert gap.zh in page
    for moment in report(found)[0].timeline:
        assert moment.zh in page
        assert moment.en in page
    assert hashlib.sha256(made().file).hexdigest() in page


def test_the_page_loads_nothing_and_its_policy_allows_only_its_own_style() -> None:
    root = parsed(render(whole(), "a.dossier", made().file))
    assert {element.tag.removeprefix(XHTML) for element in root.iter()} <= ELEMENTS
    names = {name for element in root.iter() for name in element.attrib}
    assert names <= {"lang", "charset", "http-equiv", "content", "name", "class"}
    (style,) = root.iter(f"{XHTML}style")
    (policy,) = (element.get("content", "") for element in root.iter() if element.get("http-equiv"))
    digest = base64.b64encode(hashlib.sha256((style.text or "").encode()).digest()).decode()
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'")
    assert not re.search(r"url\(|@import|https?:", style.text or "")
    assert "@page { size: A4" in (style.text or "")


def hostile_page(hostile: str) -> str:
    """The page of a dossier in which everybody is called so, says so and is about that."""
    honest = whole()
    (part,), verdict = honest.parts, honest.verdict.parts[0]
    parties = tuple(replace(party, name=hostile) for party in verdict.parties)
    verdict = replace(
        verdict, project_name=hostile, lot_code=hostile, agreement=hostile,
        parties=(parties[0], parties[1]),
    )  # fmt: skip
    told = replace(part.case.dossier.timeline[0], by=hostile, zh=hostile, en=hostile)
    dossier = replace(part.case.dossier, timeline=(told,) * 3)
    names = {center: replace(each, name=hostile) for center, each in part.case.parties.items()}
    case = replace(part.case, dossier=dossier, parties=names)
    return render(Whole(verdict, (replace(part, case=case),)), hostile, b"")


def test_a_draw_that_was_given_up_when_its_order_was_known_is_told_aloud() -> None:
    found = whole()
    (part,) = found.parts
    verdict = found.verdict.parts[0]
    host, sub = (party.center for party in verdict.parties)
    gap = Unchecked(1, "无从核对之处", "what is left open")
    void = VoidDraw(
        "ab", sub, host, 1, host, "WALKING", "没有<b>回音", 1_760_000_000_000,
        order_known=True, leave=False, invited=2, words=9, unchecked=(gap,),
    )  # fmt: skip
    quiet = render(found, "a.dossier", b"")
    assert "作废的抽取" not in text(quiet)
    loud = text(render(Whole(replace(verdict, voided=(void,)), (part,)), "a.dossier", b""))
    assert "警告: 1次抽取在封定方已知抽取结果之后作废" in loud
    assert "1 draws were given up after their sealer knew" in loud
    for each in (*void.lines({host: "甲", sub: "乙"}, "zh")[1:], "没有<b>回音", gap.zh, gap.en):
        assert each.strip() in loud


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_names_and_titles_are_shown_as_text_and_change_nothing(hostile: str) -> None:
    page = hostile_page(hostile)
    root = parsed(page)
    assert {element.tag.removeprefix(XHTML) for element in root.iter()} <= ELEMENTS
    shown = "".join(each if each.isprintable() else "\ufffd" for each in hostile)
    assert "".join(root.itertext()).count(shown) >= 9
    assert not any(mark in page for mark in ("\u202e", "\u2066", "\x00", "\x1b"))
