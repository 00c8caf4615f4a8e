"""The one exception of this package."""


class StackProblem(Exception):
    """Something the person at the keyboard can change; its text is the line to print."""
