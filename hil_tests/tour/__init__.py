"""The tour: the ten promises of the product, proved one after the other on a stage, unattended.

Each promise is a module with ``TITLE`` and ``prove(stage) -> str``; what it returns is what was measured. It
asserts from outside: HTTP, command lines, files. A promise that does not hold raises, and says why.
"""
