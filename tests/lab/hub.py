"""Docker Hub as far as an engine sees it: a token for anybody, the mirror's images, and "access denied" for all others.

With it a base image that does not exist, or a pull rate limit (a rule on `docker.io` and the mirror), ends in the words
that users meet, and not in a failed name look-up.
"""

from __future__ import annotations

import re

import layout
import rules
import wire


def respond(site: dict[str, str], request: rules.Request, head: wire.Head) -> tuple[wire.Head, bytes] | None:
    if site["kind"] == "hub-auth":
        return wire.answer(200, {}, {"token": "lab", "access_token": "lab", "expires_in": 300})
    if site["kind"] != "hub":
        return None
    match = re.match(r"/v2/(.+?)/(?:manifests|blobs)/", request.path)
    known = match is None or match[1].startswith("library/")
    if known and head.get("Authorization").startswith("Bearer "):
        head.remove("Authorization")
        return None
    scope = f',scope="repository:{match[1]}:pull"' if match else ""
    if not known:
        scope += ',error="insufficient_scope"'
    challenge = f'Bearer realm="https://{layout.HUB_AUTH}/token",service="{layout.HUB}"{scope}'
    error = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required", "detail": None}]}
    return wire.answer(401, {"WWW-Authenticate": challenge, "Docker-Distribution-Api-Version": "registry/2.0"}, error)
