"""How long a function takes."""

from __future__ import annotations

import functools
import time
from typing import Any, Callable, TypeVar

from supervisely_lib.sly_logger import logger

Function = TypeVar("Function", bound=Callable[..., Any])


def timeit(func: Function) -> Function:
    """The function, which now logs the seconds of each call at level debug."""

    @functools.wraps(func)
    def timed(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        value = func(*args, **kwargs)
        logger.debug(f"TIME {func.__name__!r} in {time.perf_counter() - start:.4f} secs")
        return value

    return timed  # type: ignore[return-value]
