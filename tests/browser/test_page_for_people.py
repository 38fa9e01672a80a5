"""People use the page: by mouse, by keyboard, with a screen reader, on paper, in two languages."""

import asyncio
from pathlib import Path
from typing import Final

import pytest
from playwright.sync_api import Page

from browser import build
from browser.packages import Package
from federation.protocol.draw import WALKING
from tests.browser.opened import Opened, opened
from tests.evidence.evaluated import furnish, made
from tests.evidence.given_up import GivenUp
from tests.support.pair import two_centers

AXE: Final = Package(
    "axe-core",
    "4.14.1",
    "sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==",
)
A4_PX: Final = round((210 - 2 * 16) / 25.4 * 96)
"""The width of A4 between the margins of page.css, in CSS pixels."""


def test_a_file_can_be_dropped_before_the_program_is_loaded(
    page_file: Path, tmp_path: Path
) -> None:
    file = made("host", "intl-1").file
    dossier = tmp_path / "evaluation.dossier"
    dossier.write_bytes(file)

    def drop(page: Page) -> None:
        page.set_input_files("#file", dossier)  # the same File object as a drop would bring
        page.evaluate(
            """() => {
                const moved = new DataTransfer();
                moved.items.add(document.getElementById("file").files[0]);
                const drop = document.getElementById("drop");
                for (const type of ["dragover", "drop"]) {
                    drop.dispatchEvent(new DragEvent(
                        type, { dataTransfer: moved, bubbles: true, cancelable: true }));
                }
            }"""
        )

    with opened(page_file) as found:
        found.do(drop)
        assert found.answer().status == "0"


def test_the_keyboard_reaches_everything(verifier: Opened) -> None:
    verifier.ask(made("host", "intl-1").file)

    def walk(page: Page) -> list[str]:
        page.evaluate("document.activeElement.blur()")
        seen = []
        for _ in range(5):
            page.keyboard.press("Tab")
            seen.append(
                page.evaluate("document.activeElement.id || document.activeElement.tagName")
            )
        return seen

    # From the verdict, which has the focus after an answer: its details, then round again.
    seen = verifier.do(walk)
    assert {"file", "expect", "again", "SUMMARY"} <= {*seen, *verifier.do(walk)}

    def again(page: Page) -> None:
        page.evaluate("delete document.getElementById('state').dataset.stage")
        page.focus("#again")
        page.keyboard.press("Enter")

    verifier.do(again)
    assert verifier.answer().status == "0"
    assert verifier.do(lambda page: page.evaluate("document.activeElement.id")) == "verdict"


@pytest.mark.parametrize("holds", [True, False])
def test_no_rule_of_accessibility_is_broken(verifier: Opened, holds: bool) -> None:
    file = made("host", "intl-1").file
    assert (verifier.ask(file if holds else file[:-1]).status == "0") is holds
    script = AXE.files(build.KEPT)["axe.min.js"].decode()

    def examine(page: Page) -> list[dict[str, object]]:
        page.evaluate(script)
        found: dict[str, list[dict[str, object]]] = page.evaluate("axe.run()")
        return found["violations"]

    found = verifier.do(examine)
    assert [(each["id"], each["impact"], each["help"]) for each in found] == []


def test_chinese_comes_first_and_english_is_marked(verifier: Opened) -> None:
    verifier.ask(made("host", "intl-1").file)

    def headings(page: Page) -> list[tuple[str, str]]:
        return [
            (each.inner_text(), each.locator("[lang=en]").inner_text())
            for each in page.locator("h1, h2, h3").all()
        ]

    for whole, english in verifier.do(headings):
        assert not whole.isascii()
        assert english.isascii()
        assert whole.endswith(english)
    assert verifier.do(lambda page: page.get_attribute("html", "lang")) == "zh-CN"


def test_on_paper_the_verdict_fits_and_the_form_is_gone(verifier: Opened) -> None:
    verifier.ask(made("host", "intl-1").file)

    def printed(page: Page) -> tuple[bool, bool, int, bytes]:
        page.set_viewport_size({"width": A4_PX, "height": 900})
        page.emulate_media(media="print")
        try:
            return (
                page.is_visible("#asking"),
                page.is_visible("#verdict table"),
                page.evaluate("document.documentElement.scrollWidth"),
                page.pdf(format="A4"),
            )
        finally:
            page.emulate_media(media="screen")
            page.set_viewport_size({"width": 1280, "height": 720})

    form, table, width, paper = verifier.do(printed)
    assert (form, table) == (False, True)
    assert width <= A4_PX
    assert paper.startswith(b"%PDF-")


async def _given_up(folder: Path) -> bytes:
    async with two_centers(furnish, suites=("intl-1",)) as pair:
        played = GivenUp(pair, void_first=True, up_to=WALKING)
        await played.play()
        path = await played.dossiers(played.host, folder).make(played.session)
        return path.read_bytes()


def test_a_draw_given_up_when_its_order_was_known_is_told_aloud_and_fits_on_paper(
    verifier: Opened, tmp_path: Path
) -> None:
    file = asyncio.run(_given_up(tmp_path))
    assert verifier.ask(file).status == "0"
    shown = verifier.do(lambda page: page.inner_text("#result"))
    assert "警告: 1次抽取在封定方已知抽取结果之后作废" in shown
    assert "1 draws were given up after their sealer knew" in shown
    assert "没有回音" in shown
    assert "双方若串通可假作沉默" in shown

    def width(page: Page) -> int:
        page.set_viewport_size({"width": A4_PX, "height": 900})
        page.emulate_media(media="print")
        try:
            found: int = page.evaluate("document.documentElement.scrollWidth")
            return found
        finally:
            page.emulate_media(media="screen")
            page.set_viewport_size({"width": 1280, "height": 720})

    assert verifier.do(width) <= A4_PX
