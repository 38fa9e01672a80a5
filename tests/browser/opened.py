"""The page in a real Chromium, opened from a file, with every way to a network taken away."""

import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from playwright.sync_api import ConsoleMessage, FilePayload, Page, sync_playwright

T = TypeVar("T")

EXECUTABLES: Final = ("chromium", "chromium-browser", "google-chrome")
FLAGS: Final = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    # Nothing resolves, not even if something were asked for.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip
LOADED_MS: Final = 150_000  # 4 s alone on the machine; other tests run beside it
ANSWERED_MS: Final = 120_000


@dataclass(frozen=True)
class Answer:
    """What the page shows of one file."""

    status: str
    document: Any
    text: str


class Opened:
    """The page. Playwright has an event loop of its own, so it lives on a thread of its own."""

    def __init__(self, thread: Executor) -> None:
        self._thread = thread
        self.asked: list[str] = []
        self.complaints: list[str] = []

    def start(self, path: Path, flags: Sequence[str], *, offline: bool) -> None:
        self._driver = sync_playwright().start()
        self._browser = self._driver.chromium.launch(executable_path=chromium(), args=list(flags))
        context = self._browser.new_context(offline=offline, locale="zh-CN")
        self._page = context.new_page()
        self._page.on("request", lambda request: self.asked.append(request.url))
        self._page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self._page.on("console", self._said)
        self._page.goto(path.as_uri())

    def stop(self) -> None:
        self._browser.close()
        self._driver.stop()

    def _said(self, said: ConsoleMessage) -> None:
        if said.type == "error":
            self.complaints.append(said.text)

    def do(self, work: Callable[[Page], T]) -> T:
        """Do something with the page, on its thread."""
        return self._thread.submit(work, self._page).result()

    def ask(self, file: bytes, *expect: str, name: str = "evaluation.dossier") -> Answer:
        """Give the page a file and wait for what it says."""

        def give(page: Page) -> None:
            page.fill("#expect", "\n".join(expect))
            page.evaluate("delete document.getElementById('state').dataset.stage")
            page.set_input_files("#file", files=[])
            page.set_input_files("#file", files=[FilePayload(name=name, mimeType="", buffer=file)])

        self.do(give)
        return self.answer()

    def answer(self) -> Answer:
        """Wait for an answer."""
        return self.do(_answer)

    def wait_until_loaded(self) -> None:
        """Until a file may be given."""
        assert self.do(_loaded) == "ready", self.complaints


def _answer(page: Page) -> Answer:
    _until(page, "done", ANSWERED_MS)
    shown = page.locator("#json")
    return Answer(
        page.get_attribute("#result", "data-status") or "",
        json.loads(shown.text_content() or "") if shown.count() else None,
        page.inner_text("#result"),
    )


def _loaded(page: Page) -> str | None:
    _until(page, "ready", LOADED_MS)
    return page.get_attribute("#state", "data-stage")


def _until(page: Page, stage: str, limit_ms: float) -> None:
    either = f"#state[data-stage={stage}], #state[data-stage=failed]"
    page.wait_for_selector(either, state="attached", timeout=limit_ms)


def chromium() -> str:
    """Debian's Chromium. `make test-tools` installs it."""
    found = next((path for path in map(shutil.which, EXECUTABLES) if path), None)
    assert found, "no Chromium on this machine: make test-tools (Debian: apt-get install chromium)"
    return found


@contextmanager
def opened(path: Path, flags: Sequence[str] = FLAGS, *, offline: bool = True) -> Iterator[Opened]:
    """The page of a file, before it is loaded."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        found = Opened(thread)
        thread.submit(found.start, path, flags, offline=offline).result()
        try:
            yield found
        finally:
            thread.submit(found.stop).result()
