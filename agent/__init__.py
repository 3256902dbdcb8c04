"""A local Supervisely agent: one wish in, one container run, every fact of it kept.

The story of one task, one file per sentence:

- `wishes.py` checks what was asked for and turns it into a queued task.
- `loop.py` claims the task for this agent and keeps the claim alive.
- `run_task.py` is the story itself, top to bottom, in one screen.
- `stage.py` lays out the task folder: project, model, configs.
- `launch.py` decides the container: image, command, environment, mounts. Pure.
- `engines/` starts it and hands over its output, byte for byte.
- `events/` turns bytes into lines and lines into events. Pure and total.
- `collect.py` numbers every event and commits it in batches.
- `upload.py` turns each reported checkpoint into a model state, beside the log loop.
- `store/` holds the facts, `artifacts/` holds the bytes.
"""
