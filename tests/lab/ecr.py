"""Makes ministack look like ECR where the difference matters to a pipe: authentication and tokens, layers that come from
S3, 201 for a chunk, ECR's own words in errors. Tag rules and registry settings are in `policy`."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
import time
import urllib.parse

import layout
import rules
import wire

# Where the layers are, unless in ministack.
BLOB_PORTS: dict[str, int] = json.loads(os.environ.get("LAB_BLOB_PORTS", "{}"))
TARGET = "AmazonEC2ContainerRegistry_V20150921"


def action(head: wire.Head, sent: bytes | None) -> str:
    """What an API call asks for: ECR says it in a header, STS in its body."""
    if target := head.get("X-Amz-Target"):
        return target.rsplit(".", 1)[-1]
    if sent is None:
        return ""
    form = urllib.parse.parse_qs(sent.decode("latin-1")) or urllib.parse.parse_qs(head.path.partition("?")[2])
    return form.get("Action", [""])[0]


def basic(head: wire.Head) -> tuple[str, str]:
    kind, _, value = head.get("Authorization").partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(value).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


def access_key(head: wire.Head) -> str:
    """From a signature's Credential, or from the lab's own registry password, which carries it."""
    if match := re.search(r"Credential=([^/,\s]+)/", head.get("Authorization")):
        return match[1]
    password = basic(head)[1]
    return password.split(".", 2)[2] if password.startswith("lab.") and password.count(".") >= 2 else ""


def refuse(site: dict[str, str], host: str, head: wire.Head) -> tuple[wire.Head, bytes] | None:
    """Wrong or missing credentials at a registry, or credentials where none belong."""
    user, password = basic(head)
    if site["kind"] == "ecr-registry":
        if user == "AWS" and re.fullmatch(rf"lab\.{site['region']}\..+", password):
            return None
        challenge = f'Basic realm="https://{host}/",service="ecr.amazonaws.com"'
        # Another region's token is known to be a token, but not here.
        text = "Your authorization token is not valid in this region" if password.startswith("lab.") else "Not Authorized"
        return wire.answer(401, {"WWW-Authenticate": challenge}, {"errors": [{"code": "DENIED", "message": text}]})
    if site["kind"] == "s3" and head.get("Authorization"):
        return wire.answer(400, {}, "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature "
                                    "query string parameter or the Authorization header should be specified")
    if site["kind"] == "private" and (user, password) != (layout.PRIVATE_USER, layout.PRIVATE_PASSWORD):
        error = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
        return wire.answer(401, {"WWW-Authenticate": 'Basic realm="lab registry"'}, error)
    return None


def redirect(site: dict[str, str], request: rules.Request) -> tuple[wire.Head, bytes] | None:
    """ECR keeps layers in S3 and sends those who fetch one there, with a signed address."""
    if site["kind"] == "ecr-registry" and request.method == "GET" and re.search(r"/blobs/sha256:", request.path):
        target = f"https://{layout.bucket(site['region'])}{request.path}?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=lab"
        return wire.answer(307, {"Location": target}, "")
    return None


def refusal(kind: str, message: str, **more: str) -> tuple[wire.Head, bytes]:
    """An error of the API."""
    return wire.answer(400, {"Content-Type": "application/x-amz-json-1.1"}, {"__type": kind, "message": message, **more})


def throttled(site: dict[str, str]) -> dict:
    """More in a second than ECR lets through."""
    if site["kind"] == "ecr-registry":
        return {"status": 429, "body": {"errors": [{"code": "TOOMANYREQUESTS", "message": "Rate exceeded"}]}}
    return {"status": 400, "body": {"__type": "ThrottlingException", "message": "Rate exceeded"}}


def before(site: dict[str, str], head: wire.Head) -> None:
    """ministack reads account and region from the host name, not from a Basic header."""
    if site["kind"] in ("ecr-registry", "private", "s3"):
        head.remove("Authorization")


def alters(site: dict[str, str], request: rules.Request, answer: wire.Head) -> bool:
    if site["kind"] in ("ecr-api", "sts"):
        return True
    return site["kind"] == "ecr-registry" and (answer.status >= 400 or request.method == "PATCH")


def after(site: dict[str, str], request: rules.Request, answer: wire.Head, content: bytes) -> bytes:
    if request.target == "GetAuthorizationToken" and answer.status == 200:
        secret = "AWS:" + layout.password(site["region"], request.access_key or "none")
        data = {"authorizationToken": base64.b64encode(secret.encode()).decode(), "expiresAt": round(time.time() + 12 * 3600, 3),
                "proxyEndpoint": f"https://{layout.registry(site['region'])}"}
        return json.dumps({"authorizationData": [data]}).encode()
    if request.method == "PATCH" and answer.status == 202:
        answer.first = "HTTP/1.1 201 Created"  # as ECR does, against the specification
    elif answer.status >= 400:
        return in_its_words(request, content)
    return content


def in_its_words(request: rules.Request, content: bytes) -> bytes:
    """An error in ECR's own words, which a pipe may have to recognise."""
    registry = f"does not exist in the registry with id '{layout.ACCOUNT}'"
    content = re.sub(rb"(The repository with name '[^']*') does not exist(?! in)", rb"\1 " + registry.encode(), content)
    match = re.match(r"/v2/(.+?)/(?:manifests|blobs|tags)/", request.path)
    if match and b"NAME_UNKNOWN" in content:
        error = {"code": "NAME_UNKNOWN", "message": f"The repository with name '{match[1]}' {registry}"}
        return json.dumps({"errors": [error]}).encode()
    return content


async def call(region: str, name: str, body: dict, port: int = layout.PORTS["ministack"]) -> dict:
    """One ECR API call straight to an emulator."""
    return await post(port, "/", [
        ("Host", f"api.ecr.{region}.amazonaws.com"), ("X-Amz-Target", f"{TARGET}.{name}"),
        ("Authorization", f"AWS4-HMAC-SHA256 Credential=LAB/20260101/{region}/ecr/aws4_request, SignedHeaders=host, Signature=0")], body)


async def post(port: int, path: str, headers: list[tuple[str, str]], body: dict) -> dict:
    answer, content = await send(port, "POST", path, [*headers, ("Content-Type", "application/x-amz-json-1.1")], json.dumps(body).encode())
    try:
        return {"status": answer.status, "body": json.loads(content or b"{}")}
    except ValueError:
        return {"status": answer.status, "body": {"__type": "InternalFailure", "message": content.decode(errors="replace")[:500]}}


async def send(port: int, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> tuple[wire.Head, bytes]:
    head = wire.Head(f"{method} {path} HTTP/1.1", [*headers, ("Connection", "close"), ("Content-Length", str(len(body)))])
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    writer.write(head.bytes() + body)
    answer = await wire.read_head(reader)
    content = await wire.whole(reader, answer, until_end=True) if wire.has_body(answer, method) else b""
    writer.close()
    return answer, content


async def has(region: str, name: str, what: str, digest: str) -> bool:
    """Whether the repository has this blob or manifest."""
    port = BLOB_PORTS.get(region, layout.PORTS["ministack"]) if what == "blobs" else layout.PORTS["ministack"]
    answer, _ = await send(port, "HEAD", f"/v2/{name}/{what}/{digest}", [("Host", layout.registry(region))])
    return answer.status == 200


async def put_manifest(region: str, name: str, digest: str, raw: bytes, media_type: str) -> None:
    headers = [("Host", layout.registry(region)), ("Content-Type", media_type)]
    await send(layout.PORTS["ministack"], "PUT", f"/v2/{name}/manifests/{digest}", headers, raw)
