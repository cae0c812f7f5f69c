"""Docker Hub as far as an engine sees it: a token for anybody, the mirror's images, and "access denied" for all others.
One user has private images, which the mirror does not give away.

With it a base image that does not exist, or a pull rate limit (a rule on `docker.io` and the mirror), ends in the words
that users meet, and not in a failed name look-up.
"""

from __future__ import annotations

import re
import urllib.parse

import ecr
import layout
import rules
import wire

PRIVATE = f"/v2/{layout.HUB_USER}/"


def login(head: wire.Head, sent: bytes | None) -> tuple[str, str]:
    """User and password of a request: Basic, or in the form by which containerd asks for a token."""
    form = urllib.parse.parse_qs((sent or b"").decode("latin-1"))
    return (form["username"][0], form.get("password", [""])[0]) if "username" in form else ecr.basic(head)


def respond(site: dict[str, str], request: rules.Request, head: wire.Head, sent: bytes | None) -> tuple[wire.Head, bytes] | None:
    if site["kind"] == "hub-auth":
        given = login(head, sent)
        if given[0] and given != (layout.HUB_USER, layout.HUB_PASSWORD):
            return wire.answer(401, {}, {"details": "incorrect username or password"})
        token = "lab-" + given[0]
        return wire.answer(200, {}, {"token": token, "access_token": token, "expires_in": 300})
    if site["kind"] == "mirror" and request.path.startswith(PRIVATE):
        return wire.answer(404, {}, {"errors": [{"code": "NAME_UNKNOWN", "message": "repository name not known to registry"}]})
    if site["kind"] != "hub":
        return None
    match = re.match(r"/v2/(.+?)/(?:manifests|blobs)/", request.path)
    known = match is None or match[1].startswith("library/")
    if request.path.startswith(PRIVATE):
        known = head.get("Authorization") == f"Bearer lab-{layout.HUB_USER}"
    if known and head.get("Authorization").startswith("Bearer "):
        head.remove("Authorization")
        return None
    scope = f',scope="repository:{match[1]}:pull"' if match else ""
    if not known:
        scope += ',error="insufficient_scope"'
    challenge = f'Bearer realm="https://{layout.HUB_AUTH}/token",service="{layout.HUB}"{scope}'
    error = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required", "detail": None}]}
    return wire.answer(401, {"WWW-Authenticate": challenge, "Docker-Distribution-Api-Version": "registry/2.0"}, error)
