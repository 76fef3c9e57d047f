"""Slow, obvious evaluators that the package is checked against. Written without its plans."""
