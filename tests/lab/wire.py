"""Just enough HTTP/1.1 for the fault proxy: heads, and bodies in pieces of any length without holding them."""

from __future__ import annotations

import asyncio
import dataclasses
import http.client
import json
from collections.abc import AsyncIterator

PIECE = 256 * 1024


@dataclasses.dataclass
class Head:
    """First line and headers of a request or an answer, in order, with their spelling."""

    first: str
    headers: list[tuple[str, str]]

    def get(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name.lower()), "")

    def set(self, name: str, value: str) -> None:
        self.remove(name)
        self.headers.append((name, value))

    def remove(self, name: str) -> None:
        self.headers = [pair for pair in self.headers if pair[0].lower() != name.lower()]

    def bytes(self) -> bytes:
        lines = [self.first, *(f"{key}: {value}" for key, value in self.headers), "", ""]
        return "\r\n".join(lines).encode("latin-1")

    @property
    def method(self) -> str:
        return self.first.split(" ")[0]

    @property
    def path(self) -> str:
        return self.first.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.first.split(" ")[1])


async def read_head(reader: asyncio.StreamReader) -> Head:
    first = await reader.readexactly(1)
    if first == b"\x16":
        # A TLS greeting on the mirror's plain port: BuildKit tries both. It must not wait for an answer.
        raise asyncio.IncompleteReadError(first, None)
    lines = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    pairs = (line.split(":", 1) for line in lines[1:] if line)
    return Head(lines[0], [(key.strip(), value.strip()) for key, value in pairs])


def has_body(answer: Head, method: str) -> bool:
    return method != "HEAD" and answer.status >= 200 and answer.status not in (204, 304)


async def body(reader: asyncio.StreamReader, head: Head, until_end: bool) -> AsyncIterator[bytes]:
    """The body as it is on the wire, chunk framing included. Raises IncompleteReadError when it is cut short."""
    if "chunked" in head.get("Transfer-Encoding").lower():
        while True:
            line = await reader.readuntil(b"\r\n")
            yield line
            size = int(line.split(b";")[0], 16)
            if size == 0:
                while line != b"\r\n":
                    line = await reader.readuntil(b"\r\n")
                    yield line
                return
            async for piece in exactly(reader, size + 2):
                yield piece
    elif head.get("Content-Length"):
        async for piece in exactly(reader, int(head.get("Content-Length"))):
            yield piece
    elif until_end:
        while piece := await reader.read(PIECE):
            yield piece


async def exactly(reader: asyncio.StreamReader, size: int) -> AsyncIterator[bytes]:
    while size > 0:
        piece = await reader.read(min(size, PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", size)
        size -= len(piece)
        yield piece


async def whole(reader: asyncio.StreamReader, head: Head, until_end: bool) -> bytes:
    """A small body in one piece, without chunk framing; `head` is changed to say so."""
    pieces = [piece async for piece in body(reader, head, until_end)]
    if "chunked" in head.get("Transfer-Encoding").lower():
        head.remove("Transfer-Encoding")
        content, rest = b"", b"".join(pieces)
        while rest:
            line, _, rest = rest.partition(b"\r\n")
            size = int(line.split(b";")[0], 16)
            if size == 0:
                break
            content, rest = content + rest[:size], rest[size + 2:]
        pieces = [content]
    content = b"".join(pieces)
    head.set("Content-Length", str(len(content)))
    return content


def answer(status: int, headers: dict[str, str], content: object) -> tuple[Head, bytes]:
    """An answer made here; a content that is no string is sent as JSON."""
    data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
    kind = "text/plain" if isinstance(content, str) else "application/json"
    head = Head(f"HTTP/1.1 {status} {http.client.responses.get(status, 'Lab')}", list(({"Content-Type": kind} | headers).items()))
    head.set("Content-Length", str(len(data)))
    return head, data
