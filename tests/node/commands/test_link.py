"""The line from a command to the node: clear words when there is none, one identity per door."""

from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner

from node.api.app import create_doors
from node.commands.link import CannotDo, Link, Refused, as_person, configured, open_link
from node.commands.options import person_options
from node.local_socket import SOCKET_FILE
from tests.node.api.test_app import assembled, error, log_in
from tests.node.test_config import GOOD, write

FORGED = {
    "lianping.local": "true",
    "X-Lianping-Local": "1",
    "X-Forwarded-For": "unix:",
    "X-Real-IP": "127.0.0.1",
    "Forwarded": "for=_local",
    "Host": "node",
    "Authorization": "Basic bG9jYWw6",
}


def door(app: object) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://node")


async def test_the_sockets_door_is_the_operator_and_the_networks_door_never_is(
    tmp_path: Path,
) -> None:
    async with assembled(tmp_path) as node:
        public, own = create_doors(node.parts)
        async with door(own) as http:
            found = await http.get("/api/whoami")
            assert found.json() == {"role": "operator", "subject": "local"}
            # The network's requests at the same time change nothing about it.
            async with door(public) as stranger:
                for name, value in FORGED.items():
                    answer = await stranger.get("/api/whoami", headers={name: value})
                    assert (answer.status_code, error(answer)["code"]) == (401, "LOG_IN"), name
                everything = await stranger.get("/api/whoami", headers=FORGED)
                assert everything.status_code == 401
            assert (await http.get("/api/node")).status_code == 200


async def test_a_scope_that_claims_to_be_local_is_overwritten_at_the_networks_door(
    tmp_path: Path,
) -> None:
    async with assembled(tmp_path) as node:
        public, _ = create_doors(node.parts)

        async def liar(scope: dict[str, object], receive: object, send: object) -> None:
            await public({**scope, "lianping.local": True}, receive, send)  # type: ignore[arg-type]

        async with door(liar) as http:
            assert (await http.get("/api/whoami")).status_code == 401


async def test_a_token_on_the_socket_speaks_for_its_account_and_a_bad_one_for_nobody(
    tmp_path: Path,
) -> None:
    async with assembled(tmp_path) as node:
        token = await log_in(node)
        _, own = create_doors(node.parts)
        async with door(own) as http:
            for text, status in ((token, 200), ("0" * 64, 401)):
                answer = await http.get("/api/whoami", headers={"Authorization": f"Bearer {text}"})
                assert answer.status_code == status
                if status == 200:
                    assert answer.json() == {"role": "operator", "subject": "operator"}


async def test_nobody_can_have_an_account_that_is_named_like_the_socket(tmp_path: Path) -> None:
    async with assembled(tmp_path) as node, door(create_doors(node.parts)[1]) as http:
        body = {"name": "local", "role": "staff", "display_name": "x", "password": "x" * 12}
        answer = await http.post("/api/accounts", json=body)
        assert (answer.status_code, error(answer)["code"]) == (422, "INVALID")


def test_a_node_that_is_not_running_is_said_with_what_to_do(tmp_path: Path) -> None:
    data = tmp_path / "data"
    config = configured(write(tmp_path, GOOD.replace("/var/lib/lianping", str(data))))

    @click.command()
    def ask() -> None:
        with open_link(config) as link:
            link.get("/api/node")

    done = CliRunner().invoke(ask)
    assert done.exit_code == 2
    assert "节点没有运行" in done.output
    assert "`lianping serve`" in done.output
    assert str(data / SOCKET_FILE) in done.output


def test_a_configuration_that_is_wrong_or_too_deep_is_said(tmp_path: Path) -> None:
    with pytest.raises(CannotDo, match="cannot be read"):
        configured(tmp_path / "missing.toml")
    deep = configured(write(tmp_path, GOOD.replace("/var/lib/lianping", "/srv/" + "x" * 110)))
    with pytest.raises(CannotDo, match="shorter"), open_link(deep):
        pass


def test_a_refusal_shows_both_languages_and_every_detail() -> None:
    fault = {"code": "INVALID", "zh": "不行", "en": "no", "detail": ["lead", {"line": 3}]}

    @click.command()
    def ask() -> None:
        raise Refused(422, fault)

    done = CliRunner().invoke(ask)
    assert done.exit_code == 2
    assert done.output == '错误 · error: 不行\n  no\n  - lead\n  - {"line": 3}\n'


@pytest.mark.parametrize("named", [True, False])
def test_an_act_of_a_person_needs_an_account_and_a_password_that_only_its_owner_reads(
    tmp_path: Path, *, named: bool
) -> None:
    secret = tmp_path / "password"
    secret.write_text("correct horse battery\n")
    secret.chmod(0o644)
    config = configured(write(tmp_path, GOOD))

    @click.command()
    @person_options
    def act(account: str | None, password_file: Path | None, totp: str | None) -> None:
        with httpx.Client() as http:
            as_person(Link(http, config.storage.folder), account, password_file, totp)

    arguments = ["--password-file", str(secret)]
    done = CliRunner().invoke(act, [*arguments, *(["--account", "wang"] if named else [])])
    assert done.exit_code == 2
    assert ("chmod o-rwx" if named else "--account") in done.output
