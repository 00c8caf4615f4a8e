"""Everything dies, freezes, forgets and is cut off, under load; then the books are compared.

`make chaos`, or `python -m tests.chaos --help`; docs/exactly-once.md says how to read its end.
"""
