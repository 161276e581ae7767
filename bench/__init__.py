"""Ours against its peers, side by side in the same run: `python -m bench --help`, docs/performance.md.

A bench is one module with a `BENCH`; add it to `bench/__main__.py`. Nothing here is a test: speed is measured on an
idle machine, on purpose, and never decides whether the suite passes.
"""
