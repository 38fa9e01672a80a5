"""``lianping calendar`` on a running node: shown, closed, opened, imported, in both languages."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from node.cli import main
from node.commands.calendar import _days, _moment
from node.commands.link import CannotDo
from node.config import load
from node.local_socket import path_in
from tests.node.commands.test_peer import serving

NOTICE = "日期,结束日期,名称,类型\n2027-10-01,2027-10-03,国庆节,放假\n2027-10-09,,国庆节,上班\n"
SEATS = "场地,评标室,席位\n交易中心,一室,1\n交易中心,一室,2\n"


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with serving(tmp_path_factory.mktemp("nodes") / "one", "某市交易中心") as found:
        socket = path_in(load(found).storage.folder)
        with httpx.Client(
            transport=httpx.HTTPTransport(uds=str(socket)), base_url="http://node"
        ) as http:
            person = {"name": "zhang", "role": "staff", "display_name": "张", "password": "x" * 12}
            assert http.post("/api/accounts", json=person).status_code == 201
            login = http.post("/api/login", json={"name": "zhang", "password": "x" * 12})
            imported = http.post(
                "/api/import/venues",
                files={"file": ("seats.csv", SEATS.encode())},
                headers={"Authorization": f"Bearer {login.json()['token']}"},
            )
            assert imported.status_code == 201, imported.text
        (found.parent / "password").write_text("x" * 12)
        (found.parent / "password").chmod(0o600)
        yield found


def run(config: Path, *words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, ["calendar", *words, "--config", str(config)])
    assert done.exit_code == code, done.output
    return done


def told(config: Path, *words: str) -> Any:
    return json.loads(run(config, *words, "--json").stdout)


def test_a_year_is_previewed_imported_and_edited(config: Path, tmp_path: Path) -> None:
    file = tmp_path / "2027.csv"
    file.write_text(NOTICE)
    shown = run(config, "holidays", "import", str(file), "--preview").stdout
    assert "+ 2027-10-01 放假 OFF 国庆节" in shown
    assert "nothing was changed" in shown
    assert 2027 not in told(config, "holidays", "list")["years"]
    assert 2027 in told(config, "holidays", "import", str(file))["years"]
    run(config, "holidays", "set", "2027-10-03", "ordinary")
    days = told(config, "holidays", "list", "--year", "2027")["days"]
    assert [each["day"] for each in days] == ["2027-10-01", "2027-10-02", "2027-10-09"]
    file.write_text(NOTICE.replace("2027-10-09", "2027-10-08"))
    refused = run(config, "holidays", "import", str(file), code=2)
    assert "nothing was imported" in refused.output
    assert "2027-10-08" in refused.output


def test_a_room_is_closed_shown_and_opened(config: Path) -> None:
    made = told(
        config, "close", "交易中心", "一室", "--from", "2030-05-07", "--until", "2030-05-08",
        "--reason", "空调检修",
    )  # fmt: skip
    assert made["bookings"] == []
    shown = run(config, "show").stdout
    assert "交易中心/一室 2030-05-07 00:00 – 2030-05-09 00:00 空调检修" in shown
    run(config, "open", str(made["id"]))
    assert "lifted" in run(config, "show").stdout
    run(config, "open", str(made["id"]), code=2)
    nowhere = run(
        config, "close", "交易中心", "没有", "--from", "2030-05-07", "--until", "2030-05-08",
        "--reason", "x", code=2,
    )  # fmt: skip
    assert "no such room" in nowhere.output


def test_hours_are_set_for_a_venue_and_taken_back(config: Path) -> None:
    run(config, "hours", "交易中心", "mon-fri=08:30-12:00,13:30-18:00", "sat=9:00-12:00")
    shown = run(config, "show").stdout
    assert "周五 fri: 08:30-12:00, 13:30-18:00" in shown
    assert "周六 sat: 09:00-12:00" in shown
    assert "交易中心/一室: 同场地 · as its venue" in shown
    run(config, "hours", "交易中心", "--always")
    assert "always open" in run(config, "show").stdout
    run(config, "hours", "交易中心", code=2)
    run(config, "office-hours", "08:30-12:00", "14:00-17:30")
    assert "office hours: 08:30-12:00, 14:00-17:30" in run(config, "show").stdout
    assert "write 08:30" in run(config, "office-hours", "noon", code=2).output


def test_a_feed_is_made_by_a_person_listed_and_revoked(config: Path) -> None:
    person = ("--account", "zhang", "--password-file", str(config.parent / "password"))
    made = told(config, "feed", "add", *person)
    assert made["path"].startswith("/api/calendar/")
    assert made["path"] not in run(config, "feed", "list").stdout
    run(config, "feed", "revoke", made["id"])
    assert "revoked" in run(config, "feed", "list").stdout
    run(config, "feed", "revoke", "x", code=2)
    assert "--account" in run(config, "feed", "add", code=2).output


@pytest.mark.parametrize("text", ["mon", "mon=8-9", "fri-mon-sun=08:00-09:00", "noday=08:00-09:00"])
def test_hours_that_cannot_be_read_say_how_to_write_them(text: str) -> None:
    with pytest.raises(CannotDo, match="mon-fri="):
        _days([text])


def test_a_last_day_is_included_and_a_last_moment_is_not() -> None:
    day = 86_400_000
    assert _moment("2026-05-07", whole_day=True) == _moment("2026-05-07", whole_day=False) + day
    half_past_one = _moment("2026-05-07", whole_day=False) + 13 * 3_600_000 + 1_800_000
    assert _moment("2026-05-07 13:30", whole_day=True) == half_past_one
    with pytest.raises(CannotDo, match="no date"):
        _moment("tomorrow", whole_day=True)
    with pytest.raises(CannotDo, match="no date comes after"):
        _moment("9999-12-31", whole_day=True)


@pytest.mark.parametrize("words", [(), ("holidays",), ("feed",), ("close",), ("hours",)])
def test_every_command_says_what_it_is_for(words: tuple[str, ...]) -> None:
    shown = CliRunner().invoke(main, ["calendar", *words, "--help"])
    assert shown.exit_code == 0
    assert "· " in shown.output
    assert "示例 · Examples" in shown.output
