"""Run a function, report its exception as an event, and end the process accordingly (contract: events.md 5)."""

from __future__ import annotations

import logging
import os
import sys
import traceback
import types
from collections.abc import Callable
from typing import Any, TypeVar

from supervisely_lib.sly_logger import EventType, logger

T = TypeVar("T")

SLY_DEBUG = "SLY_DEBUG"


def main_wrapper(main_name: str, main_func: Callable[..., object], *args: Any, **kwargs: Any) -> None:
    """Call main_func(*args, **kwargs) as the main function of a program.

    An exception becomes one line of event TASK_CRASHED with the traceback, and the process ends with
    status 1 without waiting for threads (data loaders, GPU runtimes). With SLY_DEBUG set it is raised
    instead, for a debugger. SystemExit and KeyboardInterrupt pass through.
    """
    try:
        logger.debug("Main started.", extra={"main_name": main_name})
        main_func(*args, **kwargs)
    except Exception as e:
        extra = {"main_name": main_name, "event_type": EventType.TASK_CRASHED, "exc_str": str(e)}
        logger.critical(repr(e), exc_info=True, extra=extra)
        logger.debug("Main finished: BAD.", extra={"main_name": main_name})
        if os.environ.get(SLY_DEBUG):
            raise
        sys.stdout.flush()  # _exit drops prints that are still in the buffer
        sys.stderr.flush()
        os._exit(1)
    logger.debug("Main finished: OK.", extra={"main_name": main_name})


def _report(log: Callable[..., None], error: Exception) -> None:
    log(traceback.format_exc(), exc_info=True, extra={"exc_str": str(error)})


def function_wrapper(f: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """Return f(*args, **kwargs); an exception is logged as an error and raised again."""
    return function_wrapper_external_logger(f, logger, *args, **kwargs)


def function_wrapper_external_logger(f: Callable[..., T], ext_logger: logging.Logger, *args: Any, **kwargs: Any) -> T:
    """As function_wrapper, with another logger."""
    try:
        return f(*args, **kwargs)
    except Exception as e:
        _report(ext_logger.error, e)
        raise


def function_wrapper_nofail(f: Callable[..., T], *args: Any, **kwargs: Any) -> T | None:
    """Return f(*args, **kwargs); log an exception as an error and return None."""
    try:
        return f(*args, **kwargs)
    except Exception as e:  # noqa: BLE001 - the caller must not fail
        _report(logger.error, e)
        return None


def catch_silently(fn: Callable[..., T], *args: Any, **kwargs: Any) -> T | None:
    """Return fn(*args, **kwargs); log an exception at level debug and return None."""
    try:
        return fn(*args, **kwargs)
    except Exception as e:  # noqa: BLE001 - the caller must not fail
        _report(logger.debug, e)
        return None


class _AlsoTheFunction(types.ModuleType):
    """This module, callable: `sly.function_wrapper` must be the function, but Python binds a package's
    attribute to the module of that name whenever that is imported."""

    def __call__(self, f: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        return function_wrapper(f, *args, **kwargs)


sys.modules[__name__].__class__ = _AlsoTheFunction
