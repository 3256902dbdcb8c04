"""Optuna is an extra: whoever searches asks here first, for its import takes time and may fail."""

from __future__ import annotations

from importlib.util import find_spec

from agent.errors import CouldNotStart


def require_optuna() -> None:
    """CouldNotStart, with the command that installs it, where Optuna is missing."""
    if find_spec("optuna") is None:
        raise CouldNotStart("tuning needs the package optuna; install it with: pip install 'supervisely-local[tune]'")
