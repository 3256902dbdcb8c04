"""The author's workbench: a new plugin and a project to try it on, the loop from save to first line, the check."""
