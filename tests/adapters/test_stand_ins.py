"""Stand-ins are loud, and what they did survives a kill."""

import logging
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from adapters.errors import Rejected
from adapters.experts.stand_in import FileExpertLibrary, write_export
from adapters.identity.stand_in import StandInIdentity
from adapters.messaging.port import Answer
from adapters.messaging.stand_in import SPOOL_FILE, SpoolMessaging, read_spool
from adapters.outside import Outside
from adapters.signing.stand_in import FolderSigning
from adapters.trading.rest import RestTradingSystem
from adapters.trading.stand_in import RosterStore, create_app
from adapters.video.stand_in import FolderVideo
from federation.trust.suite import INTL_1
from tests.support.outside import connect

REPOSITORY = Path(__file__).parents[2]
ROSTER = b'{"draw": "d", "owner": "o", "members": []}'
SCRIPT = (Answer.DECLINE, Answer.NO_ANSWER)


def test_every_stand_in_says_so_loudly_and_owns_up(tmp_path: Path) -> None:
    said: list[str] = []

    stand_ins: list[Outside] = [
        FileExpertLibrary(path=tmp_path / "x.csv", log=said.append),
        StandInIdentity(log=said.append),
        SpoolMessaging(folder=tmp_path / "spool", log=said.append),
        FolderSigning(folder=tmp_path / "signing", log=said.append),
        FolderVideo(folder=tmp_path / "video", log=said.append),
    ]
    create_app(tmp_path / "trading", said.append)

    assert all(port.stand_in for port in stand_ins)
    assert len(said) == 6
    assert all(
        "模拟系统 STAND-IN" in line and "never use it in production" in line for line in said
    )


def test_without_a_log_a_stand_in_is_loud_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    StandInIdentity()

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "STAND-IN" in record.getMessage()


async def test_the_script_of_answers_goes_on_after_a_restart(tmp_path: Path) -> None:
    await SpoolMessaging(folder=tmp_path, answers=SCRIPT).invite("a", "1", "text")

    restarted = SpoolMessaging(folder=tmp_path, answers=SCRIPT)

    assert (await restarted.invite("a", "1", "text")).answer is Answer.DECLINE
    assert (await restarted.invite("b", "2", "text")).answer is Answer.NO_ANSWER
    assert (await restarted.invite("c", "3", "text")).answer is Answer.ATTEND


async def test_a_process_killed_after_a_call_does_not_call_again(tmp_path: Path) -> None:
    program = (
        "import asyncio, os, pathlib, signal, sys\n"
        "from adapters.messaging.port import Answer\n"
        "from adapters.messaging.stand_in import SpoolMessaging\n"
        "spool = SpoolMessaging(folder=pathlib.Path(sys.argv[1]), answers=[Answer.DECLINE])\n"
        "asyncio.run(spool.invite('k', '1', 'text'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run(  # noqa: ASYNC221  (nothing else runs in this loop)
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=REPOSITORY,
        check=False,
        capture_output=True,
    )
    assert killed.returncode == -signal.SIGKILL

    result = await SpoolMessaging(folder=tmp_path).invite("k", "1", "text")

    (call,) = read_spool(tmp_path)
    assert result.answer is Answer.DECLINE
    assert result.receipt == call.receipt


async def test_a_call_torn_in_the_spool_did_not_happen(tmp_path: Path) -> None:
    await SpoolMessaging(folder=tmp_path).invite("a", "1", "text")
    with (tmp_path / SPOOL_FILE).open("ab") as file:
        file.write(b'{"kind": "call", "key": "b"')

    spool = SpoolMessaging(folder=tmp_path)
    await spool.invite("b", "2", "text")

    assert [call.key for call in read_spool(tmp_path)] == ["a", "b"]


async def test_the_written_export_is_served(tmp_path: Path) -> None:
    path = tmp_path / "library" / "experts.csv"
    write_export(path, seed=1, count=5, region="360821", prefix="JX")

    export = await FileExpertLibrary(path=path).fetch()

    assert export.content.decode(export.format.encoding).count("\r\n") == 6


@contextmanager
def trading_process(folder: Path) -> Iterator[tuple[str, str]]:
    """The stand-in server as its own process, killed without warning; its loud line and URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "adapters.trading.stand_in", "--folder", folder, "--port", "0"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={"PYTHONIOENCODING": "utf-8"},
    ) as process:
        try:
            assert process.stdout is not None
            loud = process.stdout.readline()
            url = re.search(r"http://\S+", process.stdout.readline())
            assert url is not None
            yield loud, url[0]
        finally:
            process.kill()


async def test_the_trading_server_keeps_key_and_receipts_over_a_kill(tmp_path: Path) -> None:
    receipts = []
    keys = []
    sealed = b""
    for _ in range(2):
        with trading_process(tmp_path) as (loud, url):
            assert "模拟系统 STAND-IN" in loud
            pins = {"intl-1": RosterStore(tmp_path).public_key("intl-1")}
            system = RestTradingSystem(http=connect(url), pinned_keys=pins, stand_in=True)
            keys.append(await system.sealing_key("intl-1"))
            sealed = sealed or INTL_1.seal(keys[0], b"info", ROSTER)
            receipts.append(await system.deliver_roster("intl-1", "d", 0, b"info", sealed))
            await system.aclose()

    assert keys[0] == keys[1]
    assert receipts[0] == receipts[1]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b'{"suite": "intl-1", "draw_id": "", "revision": 0, "info": "", "sealed": ""}', 400),
        (b'{"suite": "intl-1", "draw_id": "d", "revision": true, "info": "", "sealed": ""}', 400),
        (b'{"suite": "intl-1", "draw_id": "d", "revision": -1, "info": "", "sealed": ""}', 400),
        (b'{"suite": "intl-1", "draw_id": "d", "revision": 0, "info": "?", "sealed": ""}', 400),
        (b'{"suite": "intl-1", "draw_id": "d", "revision": 0, "info": 1, "sealed": ""}', 400),
        (b'{"suite": "intl-1", "draw_id": "d", "revision": 0, "info": "", "sealed": ""}', 422),
        (b'{"suite": 1, "draw_id": "d", "revision": 0, "info": "", "sealed": ""}', 400),
        (b'{"suite": "intl-2", "draw_id": "d", "revision": 0, "info": "", "sealed": ""}', 404),
        (bytes(2 * 1024 * 1024), 413),
    ],
)
async def test_the_trading_server_answers_nonsense_with_a_code(
    tmp_path: Path, body: bytes, status: int
) -> None:
    transport = httpx.ASGITransport(app=create_app(tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://trading") as client:
        answer = await client.post("/rosters", content=body)
        held = await client.get("/rosters")

    assert answer.status_code == status
    assert answer.json()["code"]
    assert held.json() == []


async def test_an_unknown_draw_is_not_found(tmp_path: Path) -> None:
    transport = httpx.ASGITransport(app=create_app(tmp_path))
    async with httpx.AsyncClient(transport=transport, base_url="http://trading") as client:
        answer = await client.get("/rosters/never/heard of")

    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_draw")


async def test_rejections_of_stand_ins_do_not_name_people(tmp_path: Path) -> None:
    spool = SpoolMessaging(folder=tmp_path)
    await spool.sms("k", "15400000001", "text")

    with pytest.raises(Rejected) as caught:
        await spool.sms("k", "15400000002", "text")

    assert "1540000000" not in str(caught.value)
