"""Older layouts of the task config."""
