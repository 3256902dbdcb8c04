"""The author's workbench: a new plugin, the short loop, the check before the real thing. Only commands import it."""
