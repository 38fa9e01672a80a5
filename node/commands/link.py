"""The line from a command to the running node: its HTTP API over the socket in its folder.

Whoever can open the socket is the operator, without a log-in. What a person answers for,
such as signing an agreement, takes a log-in over the same socket (``Link.log_in``).

A command is sent with an ``Idempotency-Key`` of its own and sent again if the line breaks, so
that it is carried out once however often the node is started anew meanwhile.
"""

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Final, NoReturn

import click
import httpx
from typing_extensions import override

from node.clock import SystemRandom
from node.config import BadConfig, Config, load, read_secret
from node.local_socket import SocketUnavailable, is_served, path_in

CANNOT: Final = 2  # as every command that cannot be done as asked
TRIES: Final = 3
PAUSE_SECONDS: Final = 0.5
TIMEOUT_SECONDS: Final = 70.0  # above what the node itself waits for a partner
KEY_BYTES: Final = 16
_NOT_UP: Final = (httpx.ConnectError, httpx.ConnectTimeout)


class CannotDo(click.ClickException):
    """A command that cannot be done as asked: two sentences and further lines, exit code 2."""

    exit_code = CANNOT

    def __init__(self, zh: str, en: str, detail: Sequence[object] = (), code: str = "") -> None:
        super().__init__(f"{zh} · {en}")
        self.zh = zh
        self.en = en
        self.detail = list(detail)
        self.code = code

    @override
    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"错误 · error: {self.zh}\n  {self.en}", file=file, err=file is None)
        for line in self.detail:
            text = line if isinstance(line, str) else json.dumps(line, ensure_ascii=False)
            click.echo(f"  - {text}", file=file, err=file is None)


class Refused(CannotDo):
    """The node refused; ``code`` is its word for why, ``status`` HTTP's."""

    def __init__(self, status: int, fault: Mapping[str, Any]) -> None:
        super().__init__(fault["zh"], fault["en"], fault["detail"], fault["code"])
        self.status = status


class Link:
    """Calls of one command to one node. Made by ``open_link``."""

    def __init__(self, http: httpx.Client, path: Path, token: str = "") -> None:
        self._http = http
        self._path = path
        self._token = token

    def get(self, path: str, **query: object) -> Any:
        """Read, e.g. ``get("/api/peers")``.

        Raises:
            Refused: The node says no.
            CannotDo: It is not running, or the line broke for good.
        """
        return self._call("GET", path, params={key: str(value) for key, value in query.items()})

    def download(self, path: str, **query: object) -> bytes:
        """Read a file. Raises as ``get``."""
        params = {key: str(value) for key, value in query.items()}
        return self._ask("GET", path, params=params).content

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Any:
        """Command.

        Args:
            path: With ``/api``.
            body: JSON.
            key: The idempotency key, if the command is to be known again by a later run.

        Raises:
            Refused: The node says no.
            CannotDo: It is not running, or the line broke for good.
        """
        once = key or SystemRandom().bytes(KEY_BYTES).hex()
        headers = {"Idempotency-Key": once}
        return self._call("POST", path, json=dict(body or {}), headers=headers)

    def events(self, path: str, body: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """Ask for server-sent events; gives each as it comes: its name and its JSON.

        Never sent again: whoever asks has seen some of it already.

        Raises:
            Refused: The node says no.
            CannotDo: It is not running, or the line broke.
        """
        with self._open("POST", path, json=dict(body)) as answer:
            name = ""
            for line in answer.iter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)

    def pieces(self, path: str) -> Iterator[bytes]:
        """Read a file of any size, piece by piece. Never asked for again. Raises as ``events``."""
        with self._open("GET", path) as answer:
            yield from answer.iter_bytes()

    @contextmanager
    def _open(self, method: str, path: str, **request: Any) -> Iterator[httpx.Response]:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        try:
            with self._http.stream(method, path, headers=headers, **request) as answer:
                if not answer.is_success:
                    answer.read()
                    _refuse(answer)
                yield answer
        except _NOT_UP as error:
            raise _not_running(self._path) from error
        except httpx.TransportError as error:
            raise CannotDo(
                f"与节点的连接中断({type(error).__name__}),请重试",
                f"the line to the node broke ({type(error).__name__}); try again",
            ) from error

    def upload(self, path: str, file: Path, content: bytes) -> Any:
        """Command with a file, which the node takes whole or not at all.

        Raises:
            Refused: The node says no.
            CannotDo: It is not running, or the line broke for good.
        """
        headers = {"Idempotency-Key": SystemRandom().bytes(KEY_BYTES).hex()}
        return self._call("POST", path, files={"file": (file.name, content)}, headers=headers)

    def log_in(self, account: str, password: str, totp: str | None = None) -> "Link":
        """The same line as a person. Raises Refused."""
        body = {"name": account, "password": password}
        if totp is not None:
            body["totp"] = totp
        return Link(self._http, self._path, self.post("/api/login", body)["token"])

    def _call(self, method: str, path: str, **request: Any) -> Any:
        answer = self._ask(method, path, **request)
        return answer.json() if answer.content else {}

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        headers = request.pop("headers", {})
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        for left in reversed(range(TRIES)):
            try:
                answer = self._http.request(method, path, headers=headers, **request)
            except _NOT_UP as error:
                raise _not_running(self._path) from error
            except httpx.TransportError as error:
                if not left:
                    raise CannotDo(
                        f"与节点的连接中断({type(error).__name__}),请查看节点日志后重试",
                        f"the line to the node broke ({type(error).__name__}); "
                        "look at its log, then try again",
                    ) from error
                time.sleep(PAUSE_SECONDS)
            else:
                if not answer.is_success:
                    _refuse(answer)
                return answer
        raise AssertionError("the last try returns or raises")


def configured(path: Path) -> Config:
    """The configuration. Raises CannotDo."""
    try:
        return load(path)
    except BadConfig as error:
        raise _cannot(error) from error


@contextmanager
def open_link(config: Config) -> Iterator[Link]:
    """A line to the node that serves this configuration's folder.

    Raises:
        CannotDo: The node is not running, or the path of its socket is too long.
    """
    try:
        path = path_in(config.storage.folder)
    except SocketUnavailable as error:
        raise _cannot(error) from error
    if not is_served(path):
        raise _not_running(path)
    with httpx.Client(
        transport=httpx.HTTPTransport(uds=str(path)),
        base_url="http://node",
        timeout=TIMEOUT_SECONDS,
        trust_env=False,
    ) as http:
        yield Link(http, path)


def as_person(
    link: Link, account: str | None, password_file: Path | None, totp: str | None
) -> Link:
    """The line as whoever the options of ``person_options`` name; asks for the password.

    Raises:
        CannotDo: No account was named, or the password's file cannot be used.
        Refused: The log-in is wrong.
    """
    if account is None:
        raise CannotDo(
            "这项操作须由具体人员负责,请用 --account 指明账号",
            "a person answers for this: name the account with --account",
        )
    if password_file is not None:
        try:
            password = read_secret(password_file)
        except BadConfig as error:
            raise _cannot(error) from error
    else:
        password = click.prompt(f"{account} 的密码 · password of {account}", hide_input=True)
    return link.log_in(account, password, totp)


def _refuse(answer: httpx.Response) -> NoReturn:
    try:
        fault = answer.json()["error"]
        refused = Refused(answer.status_code, fault)
    except (ValueError, KeyError, TypeError) as error:
        raise CannotDo(
            f"节点的应答无法理解(HTTP {answer.status_code})",
            f"the node's answer cannot be understood (HTTP {answer.status_code})",
        ) from error
    raise refused


def _cannot(error: Exception) -> CannotDo:
    """What says both languages in one text already."""
    zh, _, en = str(error).partition(" · ")
    return CannotDo(zh, en or zh)


def _not_running(path: Path) -> CannotDo:
    return CannotDo(
        f"节点没有运行,或当前用户无权使用 {path};请先执行 lianping serve,并以节点的用户执行本命令",
        f"the node is not running, or this user may not open {path}: "
        "run `lianping serve` first, and this command as the node's user",
    )
