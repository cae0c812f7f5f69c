#!/usr/bin/env python3
"""The tests' own way to a caged engine: adds the header that the plugin lets through, and carries the rest as it is.

One request per connection: after the first head everything is carried raw in both directions, so that upgrades
(sessions, attach, BuildKit) work, which they do not through nginx.
"""

from __future__ import annotations

import asyncio
import sys

import wire


async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(wire.PIECE):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, engine: str) -> None:
    up_reader, up_writer = await asyncio.open_unix_connection(engine)
    try:
        head = await wire.read_head(reader)
        head.set("X-Lab-Admin", "1")
        if not head.get("Upgrade"):
            head.set("Connection", "close")
        up_writer.write(head.bytes())
        to_engine = asyncio.create_task(carry(reader, up_writer))
        await carry(up_reader, writer)
        to_engine.cancel()
    except (OSError, asyncio.IncompleteReadError):
        pass
    finally:
        up_writer.transport.abort()
        writer.close()


async def main(own: str, engine: str) -> None:
    server = await asyncio.start_unix_server(lambda reader, writer: serve(reader, writer, engine), own, limit=1 << 20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
