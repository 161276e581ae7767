"""The bench: what a test, the demo or the tour may do to a box, a broker or a fleet server."""
