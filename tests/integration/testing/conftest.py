"""The fixtures of authors, also where this project was installed before it had their entry point."""

from agent.testing.plugin import local_installation, run_plugin, sample_project

__all__ = ["local_installation", "run_plugin", "sample_project"]
