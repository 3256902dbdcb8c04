"""Metric series made small enough to draw, and kept for the next request."""
