"""One line per thing that happened: JSON, or columns on a terminal; ids as keys; no secrets.

Our own events and the standard library's records pass through the same processors, and
:func:`core.redaction.redact` is the last of them before a line is rendered.
"""

import logging
import sys
from contextlib import AbstractContextManager
from typing import Any, TextIO

import structlog
from django.conf import settings
from structlog.typing import Processor

from core.redaction import redact

# Django's own lines about 4xx answers repeat the raw path; the request line has the route instead.
_QUIET = {"django.request": logging.ERROR, "django.security": logging.ERROR}

_SHARED: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def bind(**ids: object) -> None:
    """Add ids to every later line of this thread of work."""
    structlog.contextvars.bind_contextvars(**ids)


def bound(**ids: object) -> AbstractContextManager[None]:
    """Add ids to every line inside the block."""
    return structlog.contextvars.bound_contextvars(**ids)


def current(name: str) -> Any:
    """Return an id bound to this thread of work, or None."""
    return structlog.contextvars.get_contextvars().get(name)


def _renderer(stream: TextIO) -> Processor:
    if stream.isatty():
        return structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    return structlog.processors.JSONRenderer(ensure_ascii=False)


def formatter(stream: TextIO) -> logging.Formatter:
    """Return the formatter every handler uses, so that nothing leaves unredacted."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_SHARED,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            redact,
            _renderer(stream),
        ],
    )


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; one that cannot be formatted is named, because Python would print it raw."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base's name
        kind = sys.exc_info()[0]
        if sys.stderr is not None and kind is not None:
            sys.stderr.write(f"a log line of {record.name} was lost: {kind.__name__}\n")


def _leave_unasked() -> None:
    """Have no record say which thread, process and line made it: no line of ours shows that.

    Source: *Optimization* in Python's Logging HOWTO.
    """
    logging._srcfile = None  # noqa: SLF001 - as the HOWTO says
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False


def configure(stream: TextIO | None = None) -> None:
    """Send every record of this process to standard output (or to ``stream``)."""
    target = stream or sys.stdout
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = _Handler(target)
    handler.setFormatter(formatter(target))
    _leave_unasked()
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.LOG_LEVEL)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
