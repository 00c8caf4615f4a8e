"""Reads PostgreSQL's protocol as a client speaks it, to see a commit pass by."""

import struct

_SSL, _GSS = 80877103, 80877104
# A transaction of ours ends with the word; a statement that is one by itself is a prepared one.
_COMMITTING = (b"COMMIT", b"EXECUTE CREATE")
_PREVIEW = 64


class Commits:
    """Follows one connection; message borders need not be those of the chunks."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._has_begun = False

    def feed(self, chunk: bytes) -> bool:
        """Take what the client sent; tell whether a commit ends in it."""
        self._buffer += chunk
        found = False
        while (size := self._size()) and len(self._buffer) >= size:
            message = bytes(self._buffer[:size])
            del self._buffer[:size]
            found |= self._is_commit(message)
        return found

    def _size(self) -> int:
        """Return how long the first message is, 0 if too little of it is here."""
        place = 1 if self._has_begun else 0
        if len(self._buffer) < place + 4:
            return 0
        (length,) = struct.unpack_from("!i", self._buffer, place)
        return place + int(length)

    def _is_commit(self, message: bytes) -> bool:
        if not self._has_begun:
            # Before the startup itself a client may ask for encryption, which nobody here has.
            self._has_begun = struct.unpack_from("!i", message, 4)[0] not in {_SSL, _GSS}
            return False
        text = message[5 : 5 + _PREVIEW].lstrip().upper()
        return message[:1] in {b"Q", b"P"} and text.lstrip(b"\0").startswith(_COMMITTING)
