"""All mistakes, in the order of their places."""

from tests.planted import at_the_doors, in_asking, in_books, in_telling, in_transport

MISTAKES = (
    *at_the_doors.MISTAKES,
    *in_transport.MISTAKES,
    *in_asking.MISTAKES,
    *in_books.MISTAKES,
    *in_telling.MISTAKES,
)
