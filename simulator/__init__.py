"""A payment provider to test against: a program of its own, with books of its own.

It shares no code with the service and imports only the standard library, so that what it says
happened is a second opinion (docs/simulator.md).
"""
