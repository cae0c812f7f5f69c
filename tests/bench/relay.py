"""Stands between the pipe and everything it speaks to, and notes when the others were at work, and how much they were sent.

A relay to the engine, and a CONNECT proxy for AWS and the registry. A turn begins with the first byte a client sends and ends
with the last byte it gets before it sends again: the time in which the pipe had handed the work to somebody else. Bytes are
not looked at, so TLS goes through as it is."""

from __future__ import annotations

import asyncio
import threading
import time


class Relay:
    """Runs on a thread of its own; `engine` is a path of a unix socket."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.turns: list[list[float]] = []
        self.sent = 0  # bytes, to all of them
        self.first_byte: float | None = None
        self.links: set[asyncio.StreamWriter] = set()
        self.loop = asyncio.new_event_loop()
        self.engine_port = self.proxy_port = 0
        ready = threading.Event()
        self.thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self.thread.start()
        ready.wait(10)

    def reset(self) -> None:
        self.turns, self.sent, self.first_byte = [], 0, None

    def close(self) -> None:
        """Ends what is under way, and the thread."""

        async def end() -> None:
            for link in self.links:
                link.close()
            await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})
            self.loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self.loop)
        self.thread.join(10)

    def busy(self, begin: float, end: float) -> float:
        """Seconds in which at least one of the others was at work."""
        total, reached = 0.0, begin
        for start, stop, _ in sorted(self.turns):
            start, stop = max(start, reached), min(stop, end)
            if stop > start:
                total += stop - start
                reached = stop
        return total

    def _run(self, ready: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self._listen())
        ready.set()
        self.loop.run_forever()

    async def _listen(self) -> None:
        engine = await asyncio.start_server(self._to_engine, "127.0.0.1", 0)
        proxy = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        self.engine_port = engine.sockets[0].getsockname()[1]
        self.proxy_port = proxy.sockets[0].getsockname()[1]

    async def _to_engine(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._join(reader, writer, *await asyncio.open_unix_connection(self.engine))

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).split()
        host, _, port = head[1].decode().rpartition(":")
        up = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        await self._join(reader, writer, *up)

    async def _join(self, reader, writer, up_reader, up_writer) -> None:
        turn: list[list[float]] = []
        self.links |= {writer, up_writer}

        async def forward() -> None:
            while piece := await reader.read(1 << 20):
                now = time.monotonic()
                self.first_byte = self.first_byte or now
                self.sent += len(piece)
                if not turn or turn[0][2]:
                    turn[:] = [[now, now, 0]]
                    self.turns.append(turn[0])  # the third number says that an answer has begun
                up_writer.write(piece)
                await up_writer.drain()
            up_writer.close()  # a process has ended: none of them closes only half of a connection

        async def backward() -> None:
            while piece := await up_reader.read(1 << 20):
                writer.write(piece)
                await writer.drain()
                if turn:
                    turn[0][1:] = [time.monotonic(), 1]
            writer.close()

        await asyncio.gather(forward(), backward(), return_exceptions=True)
        up_writer.close()
        self.links -= {writer, up_writer}
