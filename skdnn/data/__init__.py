"""Data as people bring it, of whatever library: what it is, and whether it can be used.

All that comes in comes through `door`; `kinds` knows what columns and values hold,
`numeric` whether they are numbers, and `precision` what float32 makes of these.
"""
