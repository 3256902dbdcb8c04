"""Keeps each reported checkpoint: guards its files, links them aside, publishes them as a model state."""
