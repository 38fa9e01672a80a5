"""The report of a dossier in a real Chromium: it loads nothing, runs nothing, prints on A4."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.opened import opened
from tests.node.services.test_dossier_page import HOSTILE, hostile_page

A4_POINTS = (595, 842)


def looked_at(page: Page) -> tuple[str, float, int, int]:
    """What is shown, whether the page's own style is in force, its rows and its scripts."""
    border = page.eval_on_selector(".verdict", "each => getComputedStyle(each).borderTopWidth")
    return (
        page.inner_text("body"), float(str(border).removesuffix("px")),
        page.locator("tr").count(), page.locator("script, img, iframe, link, object").count(),
    )  # fmt: skip


@pytest.mark.parametrize("hostile", HOSTILE[:4], ids=["script", "image", "frame", "bidi"])
def test_a_hostile_report_runs_nothing_asks_for_nothing_and_keeps_its_shape(
    hostile: str, tmp_path: Path
) -> None:
    file = tmp_path / "report.html"
    file.write_text(hostile_page(hostile), encoding="utf-8")
    with opened(file) as page:
        text, border, rows, foreign = page.do(looked_at)
        assert page.asked == [file.as_uri()]
        assert page.complaints == []
    shown = "".join(each if each.isprintable() else "\ufffd" for each in hostile)
    assert shown in text
    assert border == 2
    assert (rows > 30, foreign) == (True, 0)


def test_a_report_prints_on_a4(tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    file.write_text(hostile_page("吉安"), encoding="utf-8")
    with opened(file) as page:
        printed = page.do(lambda shown: shown.pdf(prefer_css_page_size=True))
    boxes = re.findall(rb"/MediaBox ?\[ ?0 0 ([\d.]+) ([\d.]+) ?\]", printed)
    assert boxes
    assert {(round(float(wide)), round(float(high))) for wide, high in boxes} == {A4_POINTS}
