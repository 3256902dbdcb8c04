"""How a request to a deployed model ends without an answer."""

from __future__ import annotations

from agent.errors import AgentError, BadInput


class TooMany(BadInput):
    """As many requests wait already as may."""

    http_status = 429
    reason = "too_many"


class TimedOut(AgentError):
    """The model has not answered in time."""

    http_status = 504
    reason = "timed_out"


class Gone(BadInput):
    """The task that served the model has ended."""

    http_status = 410
    reason = "gone"


class Interrupted(AgentError):
    """This web ends, and its memory with it."""

    http_status = 503
    reason = "interrupted"


class ModelFailed(BadInput):
    """The plugin answered with an error, or with something that is no answer."""

    http_status = 422
    reason = "model_error"

    def __init__(self, sentence: str, *, traceback: str | None = None) -> None:
        super().__init__(sentence)
        self.details = {} if traceback is None else {"traceback": traceback}
