"""Mistakes that a protocol like ours invites, planted one by one: each of them has to be found.

``python -m tests.planted --help``. Every mistake is a few replacements in a copy of this tree, and
names the command that finds it there: a case of the kill matrix, or a chaos run.
"""
