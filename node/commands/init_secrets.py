"""The secrets of ``lianping init``: where they come from, and how they are shown once.

A secret comes out of a file of its own, the environment (inside a container) or a terminal;
never out of a flag, which every user of the machine can read.
"""

from pathlib import Path
from typing import Final

import click
import uvloop

from node.clock import SystemClock, SystemRandom
from node.commands import founding
from node.commands.asking import Run
from node.commands.link import CannotDo
from node.config import (
    Config,
    passphrase_from_environment,
    password_from_environment,
    read_secret,
)
from node.config_guesses import OPERATOR_PASSWORD, ROOT_PASSPHRASE
from node.keystore import chain, files, passphrase, root_file
from node.keystore.errors import WrongPassphrase
from node.keystore.passphrase import WeakPassphrase
from node.keystore.root_file import RootKeys
from node.services import totp
from node.services.accounts import FIRST_OPERATOR, check_password
from node.wiring import KEYS_FOLDER

TRIES: Final = 3  # of a passphrase, as people are used to
ROOT_FILE: Final = "root.pem"
TOTP_FILE: Final = "operator.totp"


def root_path(run: Run, settings: Config) -> Path:
    """Where the root key's file is, or shall be."""
    given = run.file("root_key")
    if given is not None:
        return given.absolute()
    usual = run.config_path.resolve().with_name(ROOT_FILE)
    folder = settings.storage.folder / KEYS_FOLDER
    if not run.interactive or usual.exists() or chain.exists(folder):
        return usual
    chosen: Path = run.ask(
        "根密钥文件,最好在移动介质上 · the root key's file, best on a removable medium",
        Path, default=str(usual),
    )  # fmt: skip
    run.init["root_key"] = str(chosen)
    return chosen.absolute()


def check(run: Run, root_path: Path) -> None:
    """Where nobody can be asked: every secret is there and will do, before anything is made.

    Raises:
        CannotDo, BadConfig, BadKeys, Invalid: Says which is not.
    """
    if run.interactive:
        return
    text = _passphrase(run)
    if text is None:
        raise _no_passphrase()
    if not root_path.exists():
        _check_strength(text)
    password = _password(run)
    if password is None:
        raise _no_password()
    check_password(password)


def root(run: Run, settings: Config, path: Path) -> RootKeys:
    """The root key, opened or made.

    Raises:
        CannotDo, BadKeys: It cannot be opened, or must not be made.
    """
    if path.exists():
        opened = _open_root(run, path)
        run.report.found.append(f"根密钥 · root key: {path}")
        return opened
    folder = settings.storage.folder / KEYS_FOLDER
    if chain.exists(folder):
        raise CannotDo(
            f"配置已改,须用根密钥签发新名片,而 {path} 不存在:请接上离线介质,用 --root-key 指明",
            "the configuration has changed and the root key must sign the next descriptor, but "
            f"{path} does not exist: attach the offline medium and name the file with --root-key",
        )
    founding.check_new_root(path)
    text = _passphrase(run)
    if text is None:
        text = _new_passphrase(run)
    _check_strength(text)
    return founding.make_root(path, settings, text, run.report)


def _open_root(run: Run, path: Path) -> RootKeys:
    text = _passphrase(run)
    if text is not None:
        return root_file.open_file(path, text)
    for tries in range(TRIES):
        if not run.interactive:
            break
        text = click.prompt(f"根密钥口令 · passphrase of {path}", hide_input=True, err=run.as_json)
        try:
            return root_file.open_file(path, text)
        except WrongPassphrase as error:
            if tries == TRIES - 1:
                raise
            click.echo(str(error), err=True)
    raise _no_passphrase()


def _new_passphrase(run: Run) -> str:
    if not run.interactive:
        raise _no_passphrase()
    proposed = passphrase.propose(SystemRandom().bytes)
    run.tell(
        "根密钥口令保护本中心的身份,丢失后无法找回。推荐(随机生成,请抄下并妥善保管):",
        "The passphrase guards your center's identity and cannot be recovered. Proposed, of "
        "chance; write it down and keep it safe:",
    )
    click.echo(f"\n    {proposed}\n", err=run.as_json)

    def strong(value: str) -> str:
        passphrase.check(value)
        return value

    return run.ask(
        "根密钥口令(输入推荐的或自拟的)· passphrase (the proposed one, or your own)",
        strong, hide_input=True, confirmation_prompt="再输入一次 · once more",
    )  # fmt: skip


def operator(run: Run, settings: Config) -> str | None:
    """Make the first operator's account; answers the file of its codes, if there is one.

    Raises:
        CannotDo, Invalid: The password is missing or will not do.
    """
    password = _password(run)
    if password is None and not run.interactive:
        raise _no_password()
    if password is None:
        password = run.ask(
            f"运维账号 {FIRST_OPERATOR} 的密码 · password of the operator's account",
            _good_password, hide_input=True, confirmation_prompt="再输入一次 · once more",
        )  # fmt: skip
    check_password(password)
    path = run.file("totp_file")
    if path is None and not run.interactive:
        path = run.config_path.resolve().with_name(TOTP_FILE)
    keys = settings.storage.folder / KEYS_FOLDER
    if path is None:
        secret, address = founding.totp_secret(None, settings.center.name)
        _confirm_totp(run, secret, address)
        with files.alone(keys):
            uvloop.run(founding.make_operator(settings, password, secret, run.report))
        return None
    with files.alone(keys):
        secret, _ = founding.totp_secret(path, settings.center.name)
        uvloop.run(founding.make_operator(settings, password, secret, run.report))
    return str(path)


def _confirm_totp(run: Run, secret: str, address: str) -> None:
    """Show the secret once, and see that an authenticator took it."""
    run.tell(
        "运维账号须用动态口令。请把下面的密钥加入手机上的验证器(只显示这一次):",
        "The operator logs in with one-time codes. Add this secret to the authenticator on your "
        "phone; it is shown only now:",
    )
    click.echo(f"\n    {secret}\n    {address}\n", err=run.as_json)

    def fits(code: str) -> str:
        if totp.step_of(secret, code, SystemClock().now_ms()) is None:
            raise ValueError(
                "动态口令不符,请核对手机时间 · the code does not fit; look at the phone's clock"
            )
        return code

    run.ask("手机显示的6位口令 · the code that it shows", fits)


def _passphrase(run: Run) -> str | None:
    path = run.file("root_passphrase_file")
    return passphrase_from_environment() if path is None else read_secret(path)


def _password(run: Run) -> str | None:
    path = run.file("operator_password_file")
    return password_from_environment() if path is None else read_secret(path)


def _check_strength(text: str) -> None:
    try:
        passphrase.check(text)
    except WeakPassphrase as error:
        zh, _, en = str(error).partition(" · ")
        raise CannotDo(zh, en) from error


def _no_password() -> CannotDo:
    return CannotDo(
        f"缺少运维账号的密码:用 --operator-password-file 或环境变量 {OPERATOR_PASSWORD} 给出",
        "the operator's password is missing: give it with --operator-password-file or in the "
        f"environment variable {OPERATOR_PASSWORD}",
    )


def _no_passphrase() -> CannotDo:
    return CannotDo(
        f"缺少根密钥口令:用 --root-passphrase-file 或环境变量 {ROOT_PASSPHRASE} 给出",
        "the root key's passphrase is missing: give it with --root-passphrase-file or in the "
        f"environment variable {ROOT_PASSPHRASE}",
    )


def _good_password(value: str) -> str:
    check_password(value)
    return value
