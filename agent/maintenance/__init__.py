"""Cleanup, retention policy, backup and restore; and when an agent does the first two."""
