"""Log lines: one JSON object a line, in UTF-8 whatever the locale, without personal data.

Redaction is the last step before a line is written, for our own lines and for libraries'
alike: keys that name personal data or secrets lose their value, and whatever looks like a
resident ID or a mobile number is blackened inside any text. What must not be in a log is not
trusted to be absent.
"""

import json
import logging
import re
import sys
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Final, TextIO

import structlog

SECRET_KEYS: Final = frozenset(
    {
        "authorization", "employer", "face", "id_number", "mobile", "name", "password", "phone",
        "secret", "token",
    }
)  # fmt: skip
BLACK: Final = "█"
MAX_TEXT_CHARS: Final = 4_000  # a log line is no dump
MAX_DEPTH: Final = 6

# 18 digits or 17 and X (GB 11643), 11 digits from 1 (mobile numbers); not inside longer runs
# of hex, which are ids and hashes.
_PERSONAL: Final = re.compile(
    r"(?<![0-9A-Za-z])(?:[1-9][0-9]{16}[0-9Xx]|(?:\+?86-?)?1[3-9][0-9]{9})(?![0-9A-Za-z])"
)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Mapping[str, Any]:
    """A structlog processor: blacken personal data and secrets in a line."""
    return {
        key: BLACK if key.lower() in SECRET_KEYS else _clean(value, MAX_DEPTH)
        for key, value in event.items()
    }


def blacken(text: str) -> str:
    """Blacken what looks like a resident ID or a mobile number."""
    return _PERSONAL.sub(BLACK, text[:MAX_TEXT_CHARS])


def configure(stream: TextIO | None = None, *, verbose: bool = False) -> None:
    """Send everything that is logged in this process to ``stream`` (stderr) as JSON lines."""
    target = sys.stderr if stream is None else stream
    # The locale of a service is often C: without this a Chinese name of a center in a line
    # would end the line with an exception.
    reconfigure = getattr(target, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(encoding="utf-8", errors="backslashreplace")
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
    ]
    handler = logging.StreamHandler(target)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                redact,
                structlog.processors.JSONRenderer(serializer=_dumps),
            ],
        )
    )
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(logging.DEBUG if verbose else logging.INFO)
    # Each request line of httpx carries a URL, and each of these a line a call.
    for noisy in ("httpx", "httpcore", "aiosqlite", "grpc", "asyncio", "python_multipart"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger; fields are given as keyword arguments, ids as bytes or hex."""
    bound: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return bound


def _clean(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return blacken(value)
    if isinstance(value, bytes):
        return value[:32].hex()
    if value is None or isinstance(value, bool | int | float):
        # A telephone number is a number, too.
        return BLACK if _PERSONAL.fullmatch(str(value)) else value
    if depth == 0:
        return "…"
    if isinstance(value, Mapping):
        return {
            str(key): BLACK if str(key).lower() in SECRET_KEYS else _clean(each, depth - 1)
            for key, each in value.items()
        }
    if isinstance(value, Sequence | set | frozenset):
        return [_clean(each, depth - 1) for each in value]
    return blacken(str(value))


def _dumps(event: Any, **_: Any) -> str:
    return json.dumps(event, ensure_ascii=False, default=str)
