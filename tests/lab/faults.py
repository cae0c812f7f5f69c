#!/usr/bin/env python3
"""The fault proxy: every request to ECR, STS, the private registry and the mirror goes through it, is recorded, and may
meet a rule that delays, cuts, answers or alters it. Bodies are streamed. One request per connection: nginx in front
keeps the clients' connections alive, and the engine asks the mirror only little."""

from __future__ import annotations

import asyncio
import email.utils
import json
import time

import ecr
import hub
import iam
import layout
import moto
import policy
import rules
import wire

active: list[rules.Rule] = []
records: list[dict] = []
HOSTS = layout.hosts()


class Cut(Exception):
    """Drop both connections now."""


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await exchange(reader, writer)
        await writer.drain()
        writer.close()
    except (Cut, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        writer.transport.abort()


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    head = await wire.read_head(reader)
    host = head.get("Host").split(":")[0].lower()
    host = layout.MIRROR if host == "localhost" else host  # the engine's name for the mirror
    site = HOSTS.get(host)
    if site is None:
        await send(writer, *wire.answer(421, {}, f"the lab has no host {host}\n"))
        return
    # API bodies are small: read at once, since STS names its action there. Manifests are too, and ECR looks into them.
    is_api = site["kind"] in ("ecr-api", "sts", "hub-auth")
    is_manifest = site["kind"] == "ecr-registry" and head.method == "PUT" and "/manifests/" in head.path
    sent = await wire.whole(reader, head, until_end=False) if is_api or is_manifest else None
    form = sent if is_api else None
    request = rules.Request(host, head.method, head.path, ecr.action(head, form), ecr.access_key(head))
    actions = iam.asked(site, request, head, sent)
    record = {"time": time.time(), "host": host, "method": request.method, "path": request.path, "target": request.target,
              "access_key": request.access_key, "user": hub.login(head, form)[0], "status": None,
              "bytes_in": len(sent or b""), "bytes_out": 0, "fault": None, "actions": [action for action, _ in actions]}
    records.append(record)
    rule = next((each for each in active if each.takes(request)), None)
    fault: dict = {}
    if rule:
        fault, record["fault"] = rule.raw, rule.id
    await asyncio.sleep(fault.get("delay", 0))
    if fault.get("cut") is True or (sent is not None and cut_at(fault, "request", len(sent) + 1) <= len(sent)):
        raise Cut
    if "limit" in fault:
        fault = {**fault, "answer": ecr.throttled(site)}
    if "answer" in fault:
        await drain(reader, head, record, sent)
        given = fault["answer"]
        told = wire.answer(given.get("status", 500), given.get("headers", {}), given.get("body", ""))
        await respond(writer, request, *told, fault, record)
        return
    made = ecr.refuse(site, host, head) or iam.refuse(site, request, actions, head)
    if not made and "to" in fault and site["kind"] == "ecr-api" and request.target not in moto.NOT_ITS:
        made = await moto.answer(site["region"], request.target, sent)
        made = iam.refuse_enhanced(site, request, made[1]) or made
    made = (made or hub.respond(site, request, head, sent) or ecr.redirect(site, request)
            or await policy.intercept(site, request, head, sent))
    if made:
        await drain(reader, head, record, sent)
        await respond(writer, request, *made, fault, record)
        return
    await forward(reader, writer, head, sent, site, request, fault, record)


async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, head: wire.Head, sent: bytes | None,
                  site: dict[str, str], request: rules.Request, fault: dict, record: dict) -> None:
    up_reader, up_writer = await asyncio.open_connection("127.0.0.1", layout.PORTS[site["port"]], limit=1 << 20)
    sending = None
    try:
        head.set("Connection", "close")
        head.set("Host", site["as"])
        ecr.before(site, head)
        up_writer.write(head.bytes() + (sent or b""))
        if sent is None:
            # Beside the reading of the answer: a server may answer, or refuse, before it has the whole body.
            sending = asyncio.create_task(upload(reader, up_writer, head, fault, record))
        answering = asyncio.create_task(wire.read_head(up_reader))
        if sending:
            await asyncio.wait({sending, answering}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and isinstance(sending.exception(), Cut):
                answering.cancel()
                raise Cut
        answer = await answering
        while answer.status == 100:
            answer = await wire.read_head(up_reader)
        with_body = wire.has_body(answer, request.method)
        if ecr.alters(site, request, answer):
            content = await wire.whole(up_reader, answer, until_end=True) if with_body else b""
            if answer.status < 300:
                content = await policy.learn(site, request, sent, content)
            content = ecr.after(site, request, answer, content)
            iam.learn(request, content)
            if with_body:
                answer.set("Content-Length", str(len(content)))
            await respond(writer, request, answer, content if with_body else b"", fault, record)
        else:
            await relay(up_reader, writer, answer, with_body, fault, record)
    finally:
        if sending:
            sending.cancel()
        up_writer.transport.abort()


def cut_at(fault: dict, side: str, otherwise):
    """After how many bytes of the request or the response the connection is dropped."""
    return fault["cut"].get(side, otherwise) if isinstance(fault.get("cut"), dict) else otherwise


async def upload(reader: asyncio.StreamReader, up: asyncio.StreamWriter, head: wire.Head, fault: dict, record: dict) -> None:
    cut = cut_at(fault, "request", None)
    if cut == 0:
        raise Cut
    async for piece in wire.body(reader, head, until_end=False):
        record["bytes_in"] += len(piece)
        if cut is not None and record["bytes_in"] >= cut:
            raise Cut
        up.write(piece)
        await up.drain()


async def drain(reader: asyncio.StreamReader, head: wire.Head, record: dict, sent: bytes | None) -> None:
    if sent is None:
        async for piece in wire.body(reader, head, until_end=False):
            record["bytes_in"] += len(piece)


def alter(answer: wire.Head, fault: dict, record: dict) -> None:
    """What a rule changes in the head of an answer, and what is recorded of it."""
    answer.set("Connection", "close")
    for name, value in fault.get("replace_header", {}).items():
        answer.set(name, value)
    if "date_skew" in fault:
        answer.set("Date", email.utils.formatdate(time.time() + fault["date_skew"], usegmt=True))
    record["status"] = answer.status


async def respond(writer: asyncio.StreamWriter, request: rules.Request, answer: wire.Head, content: bytes, fault: dict, record: dict) -> None:
    """An answer that is held whole, sent through the same faults as a streamed one."""
    reader = asyncio.StreamReader()
    reader.feed_data(content)
    reader.feed_eof()
    await relay(reader, writer, answer, wire.has_body(answer, request.method), fault, record)


async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: wire.Head, with_body: bool, fault: dict, record: dict) -> None:
    cut = cut_at(fault, "response", None)
    alter(answer, fault, record)
    if cut == 0:
        record["status"] = None
        raise Cut
    writer.write(answer.bytes())
    if not with_body:
        return
    framed = "chunked" in answer.get("Transfer-Encoding").lower()
    async for piece in wire.body(reader, answer, until_end=True):
        if fault.get("corrupt") and not (framed and len(piece) < 16):
            # One wrong byte near the front: same length, other content.
            at = min(len(piece) - 1, 8)
            piece = piece[:at] + bytes([piece[at] ^ 0x55]) + piece[at + 1:]
        if cut is not None and record["bytes_out"] + len(piece) >= cut:
            writer.write(piece[: cut - record["bytes_out"]])
            await writer.drain()
            await flushed(writer)
            raise Cut
        record["bytes_out"] += len(piece)
        writer.write(piece)
        await writer.drain()


async def flushed(writer: asyncio.StreamWriter) -> None:
    """An abort throws away what is not yet sent, and the rule promised these bytes."""
    while writer.transport.get_write_buffer_size() and not writer.transport.is_closing():
        await asyncio.sleep(0.005)


async def send(writer: asyncio.StreamWriter, head: wire.Head, content: bytes) -> None:
    head.set("Connection", "close")
    writer.write(head.bytes() + content)
    await writer.drain()


async def control(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One JSON line in, JSON lines out: add, clear, rules, requests, ecr, iam, findings."""
    try:
        lines = await command(json.loads(await reader.readline()))
    except (ValueError, KeyError, TypeError, OSError) as error:
        lines = [{"error": str(error)}]
    writer.write(b"".join(json.dumps(line).encode() + b"\n" for line in lines))
    await writer.drain()
    writer.close()


async def command(asked: dict) -> list[dict]:
    what = asked["op"]
    if what == "add":
        rule = rules.parse(asked["rule"])
        active[:] = [each for each in active if each.id != rule.id] + [rule]
        return [{"id": rule.id}]
    if what == "clear":
        active[:] = [each for each in active if asked.get("id") not in (None, each.id)]
        return []
    if what == "rules":
        return [rule.state() for rule in active]
    if what == "requests":
        return records
    if what == "ecr":
        # A call of the tests' own: neither recorded nor subject to rules.
        return [await policy.look_up(asked["region"], asked["action"], asked["body"])]
    if what == "iam":
        return iam.command(asked)
    if what == "findings":
        await moto.findings(asked["region"], asked["results"])
        return []
    raise ValueError(f"unknown: {what}")


async def main() -> None:
    await asyncio.start_unix_server(control, layout.CONTROL)
    await asyncio.start_server(serve, "0.0.0.0", layout.PORTS["mirror"], limit=1 << 20)
    server = await asyncio.start_server(serve, "127.0.0.1", layout.PORTS["faults"], limit=1 << 20)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
