"""A node is a center or a regulator; each has the outside systems that fit it."""

import base64
from pathlib import Path

import pytest

from federation.trust.suite import INTL_1
from node.config import BadConfig, load
from node.outside import check_production, connect

REGULATOR = """\
[center]
role = "regulator"
name = "吉安市招标投标监督部门"
region_code = "360800"
uscc = "12360800MB00000004"
{center}
[listen]
advertise = "127.0.0.1:7443"
[storage]
folder = "{folder}"
{more}
"""
MESSAGING = '[adapters.messaging]\nkind = "rest"\nurl = "https://sms.example.cn/v1"'


def written(folder: Path, more: str = "", center: str = "") -> Path:
    path = folder / "node.toml"
    path.write_text(REGULATOR.format(folder=folder, more=more, center=center), encoding="utf-8")
    return path


async def test_a_regulator_needs_no_outside_system_even_in_earnest(tmp_path: Path) -> None:
    settings = load(written(tmp_path))
    assert settings.regulates
    assert settings.mode.production
    check_production(settings)
    outsides = connect(settings, pytest.fail)
    assert not any(each.stand_in for each in outsides.named().values())
    await outsides.aclose()


def test_a_regulator_may_send_text_messages(tmp_path: Path) -> None:
    settings = load(written(tmp_path, MESSAGING, 'duty_phones = ["13800000000"]'))
    assert settings.adapters.messaging.kind == "rest"
    assert settings.adapters.trading.kind == "none"


@pytest.mark.parametrize(
    ("more", "center", "said"),
    [
        ('[adapters.video]\nkind = "stand_in"', "", "adapters.video: 监管节点没有"),
        ("", 'duty_phones = ["13800000000"]', "center.duty_phones"),
    ],
)
def test_what_does_not_fit_a_regulator_is_named(
    tmp_path: Path, more: str, center: str, said: str
) -> None:
    with pytest.raises(BadConfig, match=said):
        load(written(tmp_path, more, center))


def test_systems_that_are_no_table_are_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_text("adapters = 3\n" + path.read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(BadConfig, match="adapters"):
        load(path)


def test_a_center_cannot_do_without(tmp_path: Path) -> None:
    path = written(tmp_path, '[adapters.trading]\nkind = "none"')
    text = path.read_text(encoding="utf-8").replace('role = "regulator"', 'role = "center"')
    for each in ("messaging", "identity", "signing", "video", "experts"):
        text += f'[adapters.{each}]\nkind = "none"\n'
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadConfig, match="a center needs these systems"):
        load(path)


def test_there_is_no_third_role(tmp_path: Path) -> None:
    path = written(tmp_path)
    text = path.read_text(encoding="utf-8").replace('role = "regulator"', 'role = "king"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadConfig, match=r"center\.role"):
        load(path)


def test_a_regulator_says_how_many_answers_it_checks_and_whose_records_count(
    tmp_path: Path,
) -> None:
    usual = load(written(tmp_path)).regulator
    assert (usual.call_back_percent, usual.registered) == (10, {})
    key = INTL_1.public_signing(bytes(range(32)))
    encoded = base64.b64encode(key).decode()
    more = f'[regulator]\ncall_back_percent = 25\ngateway_keys = ["{encoded}"]'
    chosen = load(written(tmp_path, more)).regulator
    assert chosen.call_back_percent == 25
    assert chosen.registered == {"intl-1": frozenset({key})}
    for wrong in ("call_back_percent = 101", 'gateway_keys = ["no key"]'):
        with pytest.raises(BadConfig, match=f"regulator.{wrong.split()[0]}"):
            load(written(tmp_path, f"[regulator]\n{wrong}"))
