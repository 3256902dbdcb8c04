"""The doctor: finds what would make a task fail, before it does.

`probe.py` gathers facts, `checks.py` (pure) turns them into findings. `bundle.py` packs both with everything about a
task, for a bug report; `agent/library/secrets.py` keeps passwords, tokens and the names of users out of it.
"""
