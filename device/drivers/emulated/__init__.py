"""The ports of the box without hardware: each driver here is a client of an emulated board.

The board is another process (`python -m hil_tests.board --dir DIR`), so that it outlives the box as
hardware does. Reading a clock and writing a slot go through files of the board's folder; everything
else is one line of JSON over `DIR/board.sock`:

    {"do": "drive", "line": "relay", "value": true}     ->  {"ok": true}

A new piece of hardware gets a line or a verb on the board (`hil_tests/board`), a driver here of the same
shape as `outputs.py`, and joins the contract suite of its port in `tests/contracts`.
"""
