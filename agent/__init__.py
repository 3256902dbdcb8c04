"""A local Supervisely agent: one submission in, one container run, every fact of it kept.

The story of one task, one file per sentence:

- `submission.py` checks what was asked for and turns it into a queued task.
- `worker/loop.py` claims the task for this agent; `worker/presence.py` keeps the claim alive.
- `run/run_task.py` is the story itself, top to bottom, in one screen.
- `run/stage.py` lays out the task folder: project, model, configs.
- `run/container_spec.py` decides the container: image, command, environment, mounts. Pure.
- `engines/` starts it and hands over its output, byte for byte.
- `events/` turns bytes into lines and lines into events. Pure and total.
- `run/collect.py` reads the output to its end; `recorder.py` numbers every event and commits it in batches.
- `checkpoints/` turns each reported checkpoint into a model state, beside the log loop.
- `store/` holds the facts, `artifacts/` holds the bytes.
"""

DISTRIBUTION = "supervisely-local"  # the name under which this package is installed


def version() -> str:
    """The version of this installation, from the metadata of the installed package."""
    from importlib import metadata  # late: most commands do not need it, and it takes its time

    return metadata.version(DISTRIBUTION)
