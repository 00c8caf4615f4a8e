"""A wire between two processes that can be cut, slowed and made deaf on one side."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from config.stack.ports import LOOPBACK, free_port
from tests.chaos.wire import Commits

CHUNK = 65_536
# Long enough for a server to have read what it was sent last, here on one machine.
ARRIVAL_SECONDS = 0.05
UP, DOWN = "up", "down"


@dataclass(eq=False, slots=True)
class Pair:
    """One connection through a link: both of its ends."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    is_deaf: bool = False  # the client hears nothing more
    is_mute: bool = False  # the server was told that the client will say no more
    has_gap: bool = False  # bytes are missing, so it can never be used again

    def reset(self) -> None:
        """End it as a machine that vanished does: with a reset on either side."""
        for writer in (self.client, self.server):
            handle = writer.get_extra_info("socket")
            if handle is not None and handle.fileno() >= 0:
                handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


@dataclass(slots=True)
class Weather:
    """What befalls a link now."""

    is_down: bool = False
    delay_seconds: float = 0.0
    swallowed: set[str] = field(default_factory=set)
    cut_before_commit: int = 0
    cut_after_commit: int = 0


class Link:
    """From one process to another; all of its methods are for other threads."""

    def __init__(self, name: str, target: int, loop: asyncio.AbstractEventLoop) -> None:
        self.name = name
        self.port = free_port()
        self.commits_cut = 0
        self._target = target
        self._loop = loop
        self._weather = Weather()
        self._pairs: set[Pair] = set()
        asyncio.run_coroutine_threadsafe(self._listen(), loop).result(10)

    # Faults

    def cut(self) -> None:
        """Reset every connection; new ones may be made."""
        self._soon(self._reset_all)

    def down(self, *, is_down: bool) -> None:
        """Reset every connection, and let none be made until it is up again."""
        self._soon(lambda: self._set_down(is_down=is_down))

    def slow(self, seconds: float) -> None:
        """Let every piece wait; 0 ends it."""
        self._soon(lambda: setattr(self._weather, "delay_seconds", seconds))

    def half_close(self) -> None:
        """Tell every server that its client will say no more, and the client nothing."""
        self._soon(self._half_close_all)

    def swallow(self, direction: str) -> None:
        """Lose what goes this way without a word, until `hear` is called."""
        self._soon(lambda: self._weather.swallowed.add(direction))

    def hear(self) -> None:
        """Lose nothing more; what has a gap is reset."""
        self._soon(self._hear_again)

    def cut_commits(self, count: int, *, after: bool) -> None:
        """Reset the connections of the next commits: before one is sent, or before it is heard."""
        name = "cut_after_commit" if after else "cut_before_commit"
        self._soon(lambda: setattr(self._weather, name, count))

    def calm(self) -> None:
        """End whatever goes on."""
        self.hear()
        self._soon(lambda: setattr(self, "_weather", Weather()))

    def close(self) -> None:
        """Reset every connection, and listen no more."""
        self._soon(self._server.close)
        self._soon(self._reset_all)

    def _soon(self, act: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(act)

    def _reset_all(self) -> None:
        for pair in list(self._pairs):
            pair.reset()

    def _set_down(self, *, is_down: bool) -> None:
        self._weather.is_down = is_down
        self._reset_all()

    def _half_close_all(self) -> None:
        for pair in self._pairs:
            if pair.server.can_write_eof() and not pair.server.is_closing():
                pair.is_mute = True
                pair.server.write_eof()

    def _hear_again(self) -> None:
        self._weather.swallowed.clear()
        for pair in list(self._pairs):
            if pair.has_gap:
                pair.reset()

    # Connections

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, self.port)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._weather.is_down:
            writer.transport.abort()
            return
        try:
            back, forth = await asyncio.open_connection(LOOPBACK, self._target)
        except OSError:
            writer.transport.abort()
            return
        pair = Pair(writer, forth)
        self._pairs.add(pair)
        await asyncio.gather(
            self._carry(pair, reader, forth, UP), self._carry(pair, back, writer, DOWN)
        )
        self._pairs.discard(pair)

    async def _carry(
        self, pair: Pair, source: asyncio.StreamReader, sink: asyncio.StreamWriter, way: str
    ) -> None:
        commits = Commits() if way == UP and "postgres" in self.name else None
        try:
            while chunk := await source.read(CHUNK):
                if self._weather.delay_seconds:
                    await asyncio.sleep(self._weather.delay_seconds)
                if way == UP and pair.is_mute:
                    continue
                if way in self._weather.swallowed or (way == DOWN and pair.is_deaf):
                    pair.has_gap = True
                elif commits and commits.feed(chunk) and self._wants_cut():
                    await self._cut_at_commit(pair, chunk)
                else:
                    sink.write(chunk)
                    await sink.drain()
        except OSError:
            pass
        if not pair.has_gap:
            sink.close()

    def _wants_cut(self) -> bool:
        return bool(self._weather.cut_before_commit or self._weather.cut_after_commit)

    async def _cut_at_commit(self, pair: Pair, chunk: bytes) -> None:
        self.commits_cut += 1
        if self._weather.cut_before_commit:
            self._weather.cut_before_commit -= 1
        else:
            self._weather.cut_after_commit -= 1
            pair.is_deaf = True
            pair.server.write(chunk)
            await pair.server.drain()
            await asyncio.sleep(ARRIVAL_SECONDS)
        pair.reset()


class Wires:
    """All links, on a loop and a thread of their own."""

    def __init__(self) -> None:
        self.links: dict[str, Link] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wires", daemon=True)
        self._thread.start()

    def link(self, name: str, target: int) -> Link:
        """Return the link of this name, a new one if there is none."""
        if name not in self.links:
            self.links[name] = Link(name, target, self._loop)
        return self.links[name]

    def calm(self) -> None:
        """End whatever goes on, on every link."""
        for link in self.links.values():
            link.calm()

    def close(self) -> None:
        """Cut everything, for good."""
        for link in self.links.values():
            link.close()
        asyncio.run_coroutine_threadsafe(_finish(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


async def _finish() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
