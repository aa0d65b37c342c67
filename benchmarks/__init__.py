"""Measurements behind the claims: run with ``python -m benchmarks.NAME``; not part of the package."""
