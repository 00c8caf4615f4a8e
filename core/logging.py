"""One line per thing that happened: JSON, or columns on a terminal; ids as keys; no secrets.

Our own events and the standard library's records pass through the same processors, and
:func:`core.redaction.redact` is the last of them before a line is rendered. Our own are never
records: making one costs as much as all the rest of a line.
"""

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, TextIO

import structlog
from django.conf import settings
from structlog.typing import EventDict, Processor, WrappedLogger

from core.json_text import encoder
from core.redaction import redact

# Django's own lines about 4xx answers repeat the raw path; the request line has the route instead.
_QUIET = {"django.request": logging.ERROR, "django.security": logging.ERROR}
_LEVELS = {name.lower(): level for name, level in logging.getLevelNamesMapping().items()}
_LEVELS["exception"] = logging.ERROR

# structlog has a variable for each id, and copies all of the context to read one of them.
_NO_IDS: Mapping[str, object] = MappingProxyType({})
_ids: ContextVar[Mapping[str, object]] = ContextVar("log_ids", default=_NO_IDS)


def _with_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    for name, value in _ids.get().items():
        event.setdefault(name, value)
    return event


_SHARED: list[Processor] = [
    _with_ids,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
_to_json = encoder(ensure_ascii=False, default=repr)


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """Return the logger of one module."""
    logger: structlog.stdlib.BoundLogger = structlog.stdlib.get_logger(name)
    return logger


def bind(**ids: object) -> None:
    """Add ids to every later line of this thread of work."""
    _ids.set({**_ids.get(), **ids})


def unbind_all() -> None:
    """Forget the ids of this thread of work, because it begins anew."""
    _ids.set(_NO_IDS)


@contextmanager
def bound(**ids: object) -> Iterator[None]:
    """Add ids to every line inside the block; behind it those from before are back."""
    token = _ids.set({**_ids.get(), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


def current(name: str) -> Any:
    """Return an id bound to this thread of work, or None."""
    return _ids.get().get(name)


def _as_json(_logger: WrappedLogger, _method: str, event: EventDict) -> str:
    return _to_json(event)


def _last_steps(stream: TextIO) -> list[Processor]:
    """Return how every event becomes a line, so that nothing leaves unredacted."""
    show: Processor = _as_json
    if stream.isatty():
        show = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    tracebacks = structlog.processors.format_exc_info
    return [structlog.processors.StackInfoRenderer(), tracebacks, redact, show]


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines; one that cannot be formatted is named, because Python would print it raw."""

    def __init__(self, stream: TextIO) -> None:
        super().__init__(stream)
        self._steps = _last_steps(stream)
        without_meta = structlog.stdlib.ProcessorFormatter.remove_processors_meta
        processors = [without_meta, *self._steps]
        self.setFormatter(
            structlog.stdlib.ProcessorFormatter(foreign_pre_chain=_SHARED, processors=processors)
        )

    def write(self, name: str, event: Any) -> None:
        """Write an event of ours as ``emit`` writes a record."""
        try:
            for step in self._steps:
                event = step(None, "", event)
            with self.lock:  # type: ignore[union-attr]  # made by the base
                self.stream.write(event + self.terminator)
                self.flush()
        except Exception:  # noqa: BLE001 - no line is worth more than what it tells of
            self._tell_lost(name)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base's name
        self._tell_lost(record.name)

    @staticmethod
    def _tell_lost(name: str) -> None:
        kind = sys.exc_info()[0]
        if sys.stderr is not None and kind is not None:
            sys.stderr.write(f"a log line of {name} was lost: {kind.__name__}\n")


def _if_wanted(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    if not logger.isEnabledFor(_LEVELS[method]):
        raise structlog.DropEvent
    return event


class _Lines:
    """What one of our loggers writes to, by the name and the level of one of the library's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.isEnabledFor = logging.getLogger(name).isEnabledFor

    def info(self, **event: Any) -> None:
        for handler in _root.handlers:
            if isinstance(handler, _Handler):
                handler.write(self.name, event)

    debug = warning = error = critical = exception = info


_root = logging.getLogger()


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
            _if_wanted,
            *_SHARED,
            structlog.stdlib.PositionalArgumentsFormatter(),
        ],
        logger_factory=_Lines,
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    _leave_unasked()
    _root.handlers = [_Handler(target)]
    _root.setLevel(settings.LOG_LEVEL)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(level)
