"""Everything that a command of the agent loads, for the process from which `forked.py` forks them."""

from __future__ import annotations

import gc
from contextlib import suppress
from importlib import import_module
from pkgutil import walk_packages

import agent

for module in walk_packages(agent.__path__, "agent."):
    if not module.name.endswith(("__main__", ".env")) and ".versions." not in module.name:
        with suppress(ImportError):  # of an extra that is not installed
            import_module(module.name)
gc.collect()
gc.freeze()  # so that a child's collections do not copy what all have in common
