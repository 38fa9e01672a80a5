"""A configuration is read whole, or refused with every problem named."""

from datetime import date
from pathlib import Path

import pytest

from node.config import MAX_SECRET_BYTES, BadConfig, NoSystem, RestTrading, load, read_secret
from node.config_values import split_address
from node.domain.workday import midnight_ms

GOOD = """
[center]
name = "吉安市公共资源交易中心"
region_code = "360800"
uscc = "12360800MB00000004"
[listen]
advertise = "jian.example.cn:7443"
[storage]
folder = "/var/lib/lianping"
[mode]
production = false
[adapters.trading]
kind = "stand_in"
url = "http://127.0.0.1:8090"
[adapters.messaging]
kind = "stand_in"
[adapters.identity]
kind = "stand_in"
[adapters.signing]
kind = "stand_in"
[adapters.video]
kind = "rest"
url = "https://video.example.cn/v1"
[adapters.experts]
kind = "stand_in"
"""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIANPING_OPERATOR_PASSWORD", raising=False)


def write(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(BadConfig) as caught:
        load(write(folder, text))
    return caught.value.problems


def test_what_is_left_out_has_a_safe_default(tmp_path: Path) -> None:
    config = load(write(tmp_path, GOOD.replace("[mode]\nproduction = false\n", "")))
    assert config.mode.production
    assert config.listen.api == "127.0.0.1:8080"
    assert config.policy.draw_window.earliest_offset == 1


def test_production_loses_no_messages_on_purpose(tmp_path: Path) -> None:
    lossy = GOOD.replace("production = false\n", "production = false\nlose_messages_percent = 10\n")
    assert load(write(tmp_path, lossy)).mode.lose_messages_percent == 10

    (problem,) = problems(tmp_path, lossy.replace("production = false", "production = true"))
    assert "loses no messages on purpose" in problem
    assert problems(tmp_path, lossy.replace("percent = 10", "percent = 51"))


def test_the_environment_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIANPING_LISTEN__PEERS", "127.0.0.1:9")
    monkeypatch.setenv("LIANPING_ADAPTERS__TRADING__URL", "http://other:1")
    config = load(write(tmp_path, GOOD))
    assert config.listen.peers == "127.0.0.1:9"
    assert config.listen.advertise == "jian.example.cn:7443"
    trading = config.adapters.trading
    assert not isinstance(trading, NoSystem)
    assert trading.url == "http://other:1"


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ("region_code", "region_kode", "'region_code'"),
        ("advertise", "advertize", "'advertise'"),
        ('kind = "rest"\nurl', 'kind = "rest"\nulr', "'url'"),
        ("[mode]", "[moed]", "'mode'"),
    ],
)
def test_a_misspelt_key_is_refused_with_a_guess(
    tmp_path: Path, old: str, new: str, named: str
) -> None:
    assert any(
        "unknown" in each and named in each for each in problems(tmp_path, GOOD.replace(old, new))
    )


def test_a_misspelt_variable_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANPING_LISTNE__PEERS", "127.0.0.1:9")
    assert "'listen'" in problems(tmp_path, GOOD)[0]


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("LIANPING_LISTEN__PEARS", "did you mean 'peers'"),
        ("LIANPING_LISTEN", "LIANPING_LISTEN__PEERS"),
        ("LIANPING_ADAPTERS__VIDEO__ULR", "did you mean 'url'"),
        ("LIANPING_ADAPTERS__VIDOE__URL", "did you mean 'video'"),
        ("LIANPING_ADAPTERS__VIDEO", "LIANPING_ADAPTERS__VIDEO__KIND"),
        ("LIANPING_MODE__PRODUCTION__NOW", "no keys below"),
        ("lianping_mode__produktion", "did you mean 'production'"),
    ],
)
def test_a_nested_variable_that_overrides_nothing_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    monkeypatch.setenv(variable, "x")
    (problem,) = problems(tmp_path, GOOD)
    assert variable in problem
    assert said in problem


def test_a_list_in_a_variable_is_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANPING_TRUST__SUITES", '["gm-1", "intl-1"]')
    assert load(write(tmp_path, GOOD)).trust.suites == ("gm-1", "intl-1")
    monkeypatch.setenv("LIANPING_TRUST__SUITES", "gm-1")
    assert "JSON" in problems(tmp_path, GOOD)[0]


@pytest.mark.parametrize("suites", ["[]", '["intl-1", "intl-1"]', '["rsa"]'])
def test_suites_are_known_and_each_once(tmp_path: Path, suites: str) -> None:
    found = problems(tmp_path, f"{GOOD}\n[trust]\nsuites = {suites}\n")
    assert {each.split(":")[0].split(".0")[0] for each in found} == {"trust.suites"}


def test_a_suite_is_dealt_under_to_the_end_of_its_last_day(tmp_path: Path) -> None:
    text = f'{GOOD}\n[trust]\nsuites = ["gm-1", "intl-1"]\nintl_1_not_after = 2030-12-31\n'
    assert load(write(tmp_path, text)).trust.until_ms == {
        "gm-1": None,
        "intl-1": midnight_ms(date(2031, 1, 1)),
    }
    (problem,) = problems(tmp_path, text.replace("2030-12-31", '"soon"'))
    assert "trust.intl_1_not_after" in problem


def test_every_problem_is_named_at_once(tmp_path: Path) -> None:
    text = GOOD.replace("12360800MB00000004", "12360800MB00000005").replace(
        "jian.example.cn:7443", "0.0.0.0:7443"
    )
    found = problems(tmp_path, text)
    assert [each.split(":")[0] for each in found] == ["center.uscc", "listen.advertise"]


def test_a_pinned_key_must_be_32_bytes(tmp_path: Path) -> None:
    text = GOOD.replace(
        'kind = "stand_in"\nurl = "http://127.0.0.1:8090"',
        'kind = "rest"\nurl = "https://t.example.cn"\npinned_key = "AAAA"',
    )
    assert "32" in problems(tmp_path, text)[0]


POINT = (  # the public key of GB/T 32918.5 A.2
    "BAn53zEeVCGhUN19Fh5LxcZyF5+tGDP8B2uwj/NW81AgzOpJDOJndaUtxupxjMGqYArtBfvzXghKZjL2By2prRM="
)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("AAAA", "65字节"),
        (POINT[:-4] + "rRQ=", "not a point"),
        ("JRdxlYeZcRMmBUP3bJgiaW/EZX0NBtuKlbq4M6VfLAM=", "65字节"),
        ("?", "Base64"),
    ],
)
def test_a_pinned_key_of_gm_1_must_be_a_point_of_sm2(tmp_path: Path, key: str, words: str) -> None:
    assert words in problems(tmp_path, trading(f'pinned_key_gm = "{key}"'))[0]


def trading(pins: str) -> str:
    return GOOD.replace(
        'kind = "stand_in"\nurl = "http://127.0.0.1:8090"',
        f'kind = "rest"\nurl = "https://t.example.cn"\n{pins}',
    )


def test_lists_are_sealed_to_one_key_for_each_suite_in_use(tmp_path: Path) -> None:
    key = "JRdxlYeZcRMmBUP3bJgiaW/EZX0NBtuKlbq4M6VfLAM="
    for pins, suites in (
        (f'pinned_key = "{key}"', ["intl-1"]),
        (f'pinned_key_gm = "{POINT}"', ["gm-1"]),
        (f'pinned_key = "{key}"\npinned_key_gm = "{POINT}"', ["intl-1", "gm-1"]),
    ):
        spoken = f"\n[trust]\nsuites = {suites}\n"
        chosen = load(write(tmp_path, trading(pins) + spoken)).adapters.trading
        assert isinstance(chosen, RestTrading)
        assert list(chosen.pinned_keys) == suites
    assert "至少配置一个" in problems(tmp_path, trading(""))[0]


def test_a_suite_that_is_spoken_and_has_no_key_for_lists_is_found_at_the_start(
    tmp_path: Path,
) -> None:
    text = trading(f'pinned_key_gm = "{POINT}"') + '\n[trust]\nsuites = ["gm-1", "intl-1"]\n'
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("adapters.trading 缺少 pinned_key:")


def test_a_configuration_cannot_be_changed(tmp_path: Path) -> None:
    config = load(write(tmp_path, GOOD))
    with pytest.raises(ValueError, match="frozen"):
        config.mode.production = True


@pytest.mark.parametrize("text", ["", "7443", "host:", ":7443", "host:99999", "::1:80"])
def test_an_address_needs_host_and_port(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|brackets"):
        split_address(text)


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert split_address("[::1]:7443") == ("::1", 7443)


def test_a_secret_that_everybody_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("secret\n")
    path.chmod(0o604)
    with pytest.raises(BadConfig, match="chmod"):
        read_secret(path)
    path.chmod(0o640)
    assert read_secret(path) == "secret"


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="cannot be read"):
        load(tmp_path / "nothing.toml")


@pytest.mark.parametrize(
    "content", [b"two lines\nof text", "口令".encode("gbk"), b"x" * (MAX_SECRET_BYTES + 1)]
)
def test_a_secret_that_is_not_one_line_of_text_is_refused_and_not_shown(
    tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "secret"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(BadConfig, match="must be one line") as caught:
        read_secret(path)
    assert "0x" not in str(caught.value)
    assert "two" not in str(caught.value)


def test_a_configuration_from_an_editor_that_adds_a_mark_is_read(tmp_path: Path) -> None:
    path = write(tmp_path, "\ufeff" + GOOD)
    assert load(path).center.region_code == "360800"


def test_a_configuration_without_end_or_without_bottom_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadConfig, match="is larger"):
        load(Path("/dev/zero"))
    with pytest.raises(BadConfig, match="is not TOML"):
        load(write(tmp_path, "x = " + "[" * 20_000))


GATEWAY = """
[adapters.messaging]
kind = "rest"
url = "https://sms.example.cn/v1"
"""


def with_gateway(keys: str) -> str:
    """The usual configuration with a gateway, in production but for the other systems."""
    before, _, rest = GOOD.partition("[adapters.messaging]")
    _, _, after = rest.partition("\n[")
    return f"{before}{GATEWAY}{keys}\n[{after}"


def test_without_the_gateways_key_no_answer_could_count_in_production(tmp_path: Path) -> None:
    key = 'receipt_key = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="\n'
    assert load(write(tmp_path, with_gateway(""))).adapters.messaging.kind == "rest"
    real = "production = true"
    (problem,) = problems(tmp_path, with_gateway("").replace("production = false", real))
    assert "receipt_key" in problem
    config = load(write(tmp_path, with_gateway(key).replace("production = false", real)))
    assert config.adapters.messaging.kind == "rest"
    (problem,) = problems(tmp_path, with_gateway('receipt_key = "AAAA"\n'))
    assert "32" in problem


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ('[invitations]\ncall = "参加{project}请按1, 2, 3"', "project"),
        ('[invitations]\nno_calls_from = "25:00"', "no_calls_from"),
        ("[invitations]\nlast_call_minutes = -1", "last_call_minutes"),
        ("[pool]\nepoch_hours = 12", "epoch_hours"),
        ("[pool]\nmax_draws_per_expert = 3", "draw_period_days"),
        ('[pool]\nannounce_at = "6 am"', "announce_at"),
    ],
)
def test_a_rule_on_experts_that_cannot_be_kept_is_named(
    tmp_path: Path, section: str, words: str
) -> None:
    (problem,) = problems(tmp_path, f"{GOOD}\n{section}\n")
    assert words in problem


def test_the_rules_on_experts_are_read(tmp_path: Path) -> None:
    rules = "[pool]\nmax_draws_per_expert = 3\ndraw_period_days = 30\nannounce_every_hours = 0\n"
    config = load(write(tmp_path, f"{GOOD}\n{rules}"))
    assert config.pool.own_cap is not None
    assert (config.pool.own_cap.draws, config.pool.own_cap.days) == (3, 30)
    assert config.pool.rule.every_hours == 0
    assert config.invitations.hours.quiet_from == 21 * 60 + 30
