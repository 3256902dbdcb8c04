"""`python -m agent.cli` is `agent`."""

from agent.cli import main

main()
