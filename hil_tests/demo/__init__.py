"""``make demo``: three venues in two provinces on this machine, as separate processes; ``TOUR=1`` proves the
ten promises instead. State lies in ``.demo/``.
"""
