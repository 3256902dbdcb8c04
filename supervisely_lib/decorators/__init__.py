"""Decorators of functions."""
