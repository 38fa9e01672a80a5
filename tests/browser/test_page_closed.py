"""The page reaches no network, takes what a dossier says for text, and comes back after a crash."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Final

import pytest
from playwright.sync_api import Error, Page

from federation.evidence.dossier import read, write
from federation.protocol.conversation import Word
from federation.protocol.session import Start
from tests.browser.opened import FLAGS, LOADED_MS, Opened, opened
from tests.evidence.evaluated import Evaluation, furnish, made
from tests.evidence.test_verify import under
from tests.support.pair import two_centers

MARKUP: Final = '"><img src=x onerror="document.title=1"><script>document.title=2</script>'
BIDI: Final = "\u202e\u2066"
OWN: Final = ("file:", "blob:", "data:")

# Each way in which a page or a worker may reach another machine.
WAYS: Final = {
    "fetch": "fetch(URL)",
    "XMLHttpRequest": """new Promise((done, no) => {
        const asked = new XMLHttpRequest();
        asked.onload = done; asked.onerror = () => no(new Error("refused"));
        asked.open("GET", URL); asked.send(); })""",
    "EventSource": """new Promise((done, no) => {
        const asked = new EventSource(URL);
        asked.onopen = done;
        asked.onerror = () => { asked.close(); no(new Error("refused")); } })""",
    "WebSocket": """new Promise((done, no) => {
        const asked = new WebSocket(URL.replace("http", "ws"));
        asked.onopen = done; asked.onerror = () => no(new Error("refused")); })""",
    "import": "import(URL + '/module.js')",
}
IN_PAGE: Final = {
    "image": """new Promise((done, no) => {
        const asked = new Image();
        asked.onload = done; asked.onerror = () => no(new Error("refused"));
        asked.src = URL; })""",
    "script": """new Promise((done, no) => {
        const asked = document.createElement("script");
        asked.onload = done; asked.onerror = () => no(new Error("refused"));
        asked.src = URL; document.head.append(asked); })""",
    "inline script": """new Promise((done, no) => {
        const asked = document.createElement("script");
        asked.textContent = "window.ran = true"; document.head.append(asked);
        window.ran ? done() : no(new Error("refused")); })""",
}


class Listener:
    """Somebody on this machine who would be reached if the page could reach anybody."""

    def __init__(self) -> None:
        self.calls = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        while True:
            try:
                called, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            called.close()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


@pytest.fixture(scope="module")
def online(page_file: Path) -> Iterator[Opened]:
    """The page in a browser that has a network: only the page's own policy keeps it from it."""
    with opened(page_file, FLAGS[:-1], offline=False) as found:
        found.wait_until_loaded()
        yield found


def refused(run: Callable[[str], object], script: str) -> bool:
    try:
        run(script)
    except Error:
        return True
    return False


def test_neither_page_nor_worker_reaches_another_machine(
    online: Opened, listener: Listener
) -> None:
    def all_ways(page: Page) -> dict[str, bool]:
        (worker,) = page.workers
        url = f"const URL = '{listener.url}';"
        found = {
            f"page, {name}": refused(page.evaluate, f"async () => {{ {url} await {way}; }}")
            for name, way in {**WAYS, **IN_PAGE}.items()
        }
        for name, way in WAYS.items():
            script = f"async () => {{ {url} await {way}; }}"
            found[f"worker, {name}"] = refused(worker.evaluate, script)
        return found

    found = online.do(all_ways)
    assert {way for way, was_refused in found.items() if not was_refused} == set()
    assert listener.calls == 0


def test_the_listener_would_have_noticed(listener: Listener) -> None:
    host, port = listener.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))):
        deadline = time.monotonic() + 5
        while listener.calls == 0 and time.monotonic() < deadline:
            pass
    assert listener.calls == 1


def test_the_page_asks_for_nothing_but_itself(verifier: Opened) -> None:
    verifier.ask(made("host", "intl-1").file)
    assert verifier.asked
    assert [url for url in verifier.asked if not url.startswith(OWN)] == []
    assert sum(url.startswith("file:") for url in verifier.asked) == 1
    assert verifier.complaints == []


def spoken(change: Callable[[Word], Word]) -> bytes:
    """A dossier whose maker said something else."""

    async def run() -> bytes:
        async with two_centers(furnish) as pair:
            played = Evaluation(pair, change=change)
            await played.play()
            with TemporaryDirectory() as folder:
                path = await played.dossiers(pair.host, Path(folder)).make(played.session)
                return path.read_bytes()

    return asyncio.run(run())


def test_what_a_dossier_says_is_text_and_never_markup(verifier: Opened) -> None:
    def hostile(word: Word) -> Word:
        return replace(word, project_name=MARKUP) if isinstance(word, Start) else word

    elements = verifier.do(lambda page: page.locator("img, script").count())
    shown = verifier.ask(spoken(hostile), name=f"{MARKUP}{BIDI}.dossier")
    assert shown.status == "0"
    assert shown.text.count(MARKUP) >= 3  # the project, the timeline, the file's name
    assert BIDI[0] not in shown.text
    assert BIDI[1] not in shown.text
    assert verifier.do(lambda page: page.locator("img, script").count()) == elements
    assert "Lianping" in verifier.do(lambda page: page.title())


def test_what_a_forged_dossier_says_is_text_too(verifier: Opened) -> None:
    honest = made("host", "intl-1")
    shown = verifier.ask(write(under(read(honest.file)[0], "<b>x</b>"), honest.sign))
    assert shown.status == "1"
    assert "<b>x</b>" in shown.text
    assert verifier.do(lambda page: page.locator("#result b").count()) == 0


def test_after_a_crash_the_next_file_is_verified(online: Opened) -> None:
    crash = "postMessage({ kind: 'broken', during: 'verify', message: 'out of memory' })"
    online.do(lambda page: page.workers[0].evaluate(crash))
    said = online.answer()
    assert (said.status, said.document) == ("error", None)
    assert "对卷宗不作结论" in said.text
    online.do(
        lambda page: page.wait_for_selector(
            "#state[data-stage=ready]", state="attached", timeout=LOADED_MS
        )
    )
    assert online.ask(made("host", "intl-1").file).status == "0"


def test_a_browser_without_what_is_needed_is_told_so(page_file: Path, tmp_path: Path) -> None:
    poor = tmp_path / "poor.html"
    poor.write_bytes(page_file.read_bytes().replace(b"'wasm-unsafe-eval'", b""))
    with opened(poor) as found:
        said = found.answer()
        assert said.status == "error"
        assert "lianping verify" in said.text
