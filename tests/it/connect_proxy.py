"""A proxy for the tests, as `HTTPS_PROXY` names one: tells its port, then what it is asked for, a line each, until its
standard input ends. It wants the password of its first argument, and refuses all when there is none."""

import asyncio
import base64
import sys


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    finally:
        writer.close()


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request, *headers = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, target = request.split(" ")[:2]
    print(method, target, flush=True)
    wanted = "basic " + base64.b64encode(f"user:{sys.argv[1]}".encode()).decode() if sys.argv[1:] else None
    given = next((line.split(": ", 1)[1] for line in headers if line.lower().startswith("proxy-authorization: ")), "")
    if method != "CONNECT" or given[:6].lower() + given[6:] != wanted:
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()
        return
    host, _, port = target.rpartition(":")
    up_reader, up_writer = await asyncio.open_connection(host, int(port))
    writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
    await asyncio.gather(pump(reader, up_writer), pump(up_reader, writer), return_exceptions=True)


async def main() -> None:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


asyncio.run(main())
