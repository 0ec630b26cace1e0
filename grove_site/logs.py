"""Logging: sentences with data beside them, for people on a terminal or as one JSON object a line.

Modules log through the standard library; structlog only renders. Request bodies, inputs and outputs are never logged,
and tracebacks go without the values of variables: a key may be among them.
"""

import logging.config
from typing import Any

import structlog
from django.conf import settings
from structlog.tracebacks import ExceptionDictTransformer

SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.ExtraAdder(),
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


def configure(_: dict[str, Any] | None = None) -> None:
    """Called by Django at start, as LOGGING_CONFIG."""
    as_json = settings.LOG_FORMAT == "json"
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {
                "grove": {
                    "()": structlog.stdlib.ProcessorFormatter,
                    "foreign_pre_chain": SHARED,
                    "processors": _json() if as_json else _console(),
                }
            },
            "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "grove"}},
            "root": {"handlers": ["stderr"], "level": settings.LOG_LEVEL},
            "loggers": {
                "django.request": {"level": "ERROR"},
                "httpx": {"level": "WARNING"},
                "pgmq": {"level": "WARNING"},
                "uvicorn.access": {"level": "WARNING"},
                "celery.apps.worker": {"level": "INFO"},  # the supervisor waits for its “ready.”
                "celery.worker.strategy": {
                    "level": "WARNING"
                },  # two lines for every message, and the
                "celery.app.trace": {"level": "WARNING"},  # sweep is one a second
                "celery.beat": {"level": "WARNING"},
            },
        }
    )
    structlog.configure(
        processors=[*SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def _json() -> list[Any]:
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(),
    ]


def _console() -> list[Any]:
    return [
        structlog.stdlib.ProcessorFormatter.remove_processors_meta,
        structlog.dev.ConsoleRenderer(
            colors=False, exception_formatter=structlog.dev.plain_traceback
        ),
    ]
