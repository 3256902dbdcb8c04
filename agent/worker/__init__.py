"""Claims tasks and runs them, until told to stop."""
