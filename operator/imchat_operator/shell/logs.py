"""The log: one record per line, as JSON or as text, to standard error.

Records of ours, of kopf and of all libraries come out in the same form. What a task bound
(`namespace`, `cluster`, `decision`) is in all records that it causes. Nothing that looks like a
credential is written: error messages of libraries quote headers, and some quote whole URLs.
"""

import asyncio
import logging
import re
import sys
from collections.abc import Callable
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# What was bound already says which object it is; kopf's own fields are for its Events.
_NOISE = ("k8s_ref", "k8s_skip", "settings")
_CHATTY = ("kopf.objects", "aiohttp.access")  # a line per watch event, and per probe

_HIDDEN = "[redacted]"
_NAMES = {"token", "password", "authorization", "Authorization", "client-key-data"}
_SECRETS = (
    (re.compile(r"\b(Bearer|Basic)\s+[\w.~+/=-]{8,}", re.IGNORECASE), r"\1 [redacted]"),
    (re.compile(r"\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*"), "[redacted]"),  # a JSON Web Token
    (re.compile(r"://[^\s/@\"'\\]+@"), "://[redacted]@"),
    (
        re.compile(
            r"((?:\btoken|client-key-data|client-certificate-data|password)\\?[\"']?\s*[:=]"
            r"\s*\\?[\"']?)[\w.~+/=-]{8,}",
            re.IGNORECASE,
        ),
        r"\1[redacted]",
    ),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*-----|$)", re.DOTALL),
     "[redacted]"),
)  # fmt: skip


def redacted(value: Any) -> Any:
    """Return a value of JSON without what looks like a token, a password or a key.

    All that JSON does not know becomes text.
    """
    match value:
        case None | bool() | int() | float():
            return value
        case dict():
            return {str(k): _HIDDEN if k in _NAMES else redacted(v) for k, v in value.items()}
        case list() | tuple():
            return [redacted(v) for v in value]
        case _:
            text = str(value)
            for pattern, instead in _SECRETS:
                text = pattern.sub(instead, text)
            return text


def configure(form: str) -> None:
    """Have all records written in a form, `json` or `text`."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        _without_noise,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="timestamp"),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            lambda _, __, record: redacted(record),
            *_RENDERERS[form],
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def tell_of_loop(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Log what an event loop says that nobody awaits; its exception handler.

    What befell a connection is not told: it is closed by then, and who reads from it or writes to
    it got the error. One that we closed ourselves has nobody, and uvloop speaks of it as of a crash
    when the other end had still something to say.
    """
    if "transport" not in context:
        loop.default_exception_handler(context)


def _without_noise(_: WrappedLogger, __: str, record: EventDict) -> EventDict:
    for key in _NOISE:
        record.pop(key, None)
    return record


def _as_text(_: WrappedLogger, __: str, record: EventDict) -> str:
    """Return the record as people read it: time, level, message, then the fields."""
    head = [record.pop(key, "") for key in ("timestamp", "level", "logger", "event")]
    traceback = record.pop("exception", "")
    fields = " ".join(f"{key}={value!r}" for key, value in record.items())
    line = "{} {:<8} {}: {}".format(*head)
    return "\n".join(filter(None, (" ".join(filter(None, (line, fields))), traceback)))


_RENDERERS: dict[str, tuple[Callable[..., Any], ...]] = {
    "json": (
        structlog.processors.EventRenamer("message"),
        structlog.processors.JSONRenderer(ensure_ascii=False),
    ),
    "text": (_as_text,),
}
