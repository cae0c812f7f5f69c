#!/usr/bin/env python3
"""Stands for `pipelines`, the authorisation plugin of Bitbucket's docker service (runtime v2): the engine asks it about
each request. The rules and the words of a refusal are those seen in public build logs; where none are known, a request
that a docker CLI 20.10 does not need is refused. What carries the header X-Lab-Admin passes: that is the lab itself."""

from __future__ import annotations

import base64
import http.server
import json
import os
import re
import socketserver
import sys
import urllib.parse

import layout

CLONE_FOLDER = os.environ.get("BITBUCKET_CLONE_DIR", layout.CLONE)
UNLISTED = "Command not supported."
NAME = r"[^?]+"  # image names hold slashes

# What building, pushing, pulling, looking and running need. `HEAD /_ping` and `/grpc` are known to be refused.
ALLOWED = [re.compile(rule) for rule in (
    r"GET /_ping", r"GET /version", r"GET /info", r"GET /events", r"GET /system/df", r"POST /auth",
    r"POST /session", r"POST /build", r"POST /build/cancel", r"POST /build/prune",
    r"GET /images/json", r"GET /images/search", r"POST /images/create", r"POST /images/load", r"GET /images/get", r"POST /images/prune",
    rf"GET /images/{NAME}/(json|history|get)", rf"POST /images/{NAME}/(push|tag)", rf"DELETE /images/{NAME}",
    rf"GET /distribution/{NAME}/json",
    r"GET /containers/json", r"POST /containers/create", r"POST /containers/prune", r"DELETE /containers/[^/]+",
    r"GET /containers/[^/]+/(json|logs|top|stats|changes|export)",
    r"POST /containers/[^/]+/(start|stop|restart|kill|wait|attach|resize|rename|update)",
    r"(GET|HEAD|PUT) /containers/[^/]+/archive", r"POST /commit",
    r"GET /networks(/[^/]+)?", r"POST /networks/create", r"DELETE /networks/[^/]+",
    r"GET /volumes(/[^/]+)?", r"POST /volumes/create", r"DELETE /volumes/[^/]+",
)]


def refusal(request: dict) -> str | None:
    """Why the request is refused, or None."""
    headers = {key.lower(): value for key, value in (request.get("RequestHeaders") or {}).items()}
    if headers.get("x-lab-admin"):
        return None
    url = urllib.parse.urlsplit(request["RequestUri"])
    path = re.sub(r"^/v\d+\.\d+", "", url.path)
    line = f"{request['RequestMethod']} {path}"
    if not any(rule.fullmatch(line) for rule in ALLOWED):
        return UNLISTED
    if urllib.parse.parse_qs(url.query).get("platform"):
        return UNLISTED
    if path == "/auth":
        return None  # the engine keeps a login's body from plugins, and `docker login` is known to work
    return unseen_body(headers, request.get("RequestBody")) or container(line, request.get("RequestBody"))


def unseen_body(headers: dict[str, str], body: str | None) -> str | None:
    """The engine hands over a body only when its type is JSON and its length is known. With two content types the engine
    looks at the first and this plugin is told the last: a build sent so looks like JSON without a body."""
    if headers.get("content-type", "").split(";")[0].strip() != "application/json" or body:
        return None
    return None if headers.get("content-length") == "0" else "Invalid content length provided"


def container(line: str, body: str | None) -> str | None:
    if line != "POST /containers/create" or not body:
        return None
    host = json.loads(base64.b64decode(body)).get("HostConfig") or {}
    if host.get("Privileged"):
        return "--privileged=true is not allowed"
    if host.get("Mounts"):
        return "--mounts is not allowed"
    for bind in host.get("Binds") or []:
        source = os.path.normpath(bind.split(":")[0])
        if source.startswith("/") and source != CLONE_FOLDER and not source.startswith(CLONE_FOLDER + "/"):
            return "-v only supports $BITBUCKET_CLONE_DIR and its subdirectories"
    return None


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # noqa: N802  # the name http.server wants
        length = int(self.headers.get("Content-Length") or 0)
        asked = self.rfile.read(length)
        if self.path == "/Plugin.Activate":
            self.reply({"Implements": ["authz"]})
        elif self.path == "/AuthZPlugin.AuthZReq":
            request = json.loads(asked)
            why = refusal(request)
            print(request["RequestMethod"], request["RequestUri"], "refused: " + why if why else "passes", flush=True)
            self.reply({"Allow": why is None, "Msg": why or ""})
        else:
            self.reply({"Allow": True})

    def reply(self, content: dict) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/vnd.docker.plugins.v1.1+json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Quiet: what is refused is printed above, and a unix socket's client has no address."""


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


if __name__ == "__main__":
    with Server(sys.argv[1], Handler) as server:
        server.serve_forever()
