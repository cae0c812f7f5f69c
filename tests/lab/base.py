#!/usr/bin/env python3
"""The lab's base image: busybox with its links, made without an engine.

`base.py BUSYBOX FOLDER` (run by install) writes layer, config and manifest to FOLDER; `push` puts them into a registry
by its HTTP API. Every byte is the same on every machine with the same busybox, so layer caching can be tested.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import pathlib
import subprocess
import sys
import tarfile

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
FILES = {
    "etc/passwd": b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n",
    "etc/group": b"root:x:0:\nnogroup:x:65534:\n",
}
FOLDERS = {"bin": 0o755, "etc": 0o755, "root": 0o700, "tmp": 0o1777, "usr": 0o755, "usr/bin": 0o755, "var": 0o755}


def layer(busybox: pathlib.Path) -> bytes:
    names = subprocess.run([busybox, "--list"], check=True, capture_output=True, text=True).stdout.split()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, mode in FOLDERS.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = tarfile.DIRTYPE, mode
            tar.addfile(entry)
        for name, content, mode in [("bin/busybox", busybox.read_bytes(), 0o755), *((n, c, 0o644) for n, c in FILES.items())]:
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), mode
            tar.addfile(entry, io.BytesIO(content))
        for name in sorted(set(names) - {"busybox"}):
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
    return buffer.getvalue()


def digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


def write(busybox: pathlib.Path, folder: pathlib.Path) -> None:
    machine = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True).stdout.strip()
    tar = layer(busybox)
    packed = gzip.compress(tar, 6, mtime=0)
    config = json.dumps({
        "architecture": machine, "os": "linux", "created": "2024-01-01T00:00:00Z",
        "config": {"Env": ["PATH=/bin:/usr/bin"], "Cmd": ["sh"]},
        "rootfs": {"type": "layers", "diff_ids": [digest(tar)]},
        "history": [{"created": "2024-01-01T00:00:00Z", "created_by": "lab base image"}],
    }).encode()
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST_TYPE,
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": len(config), "digest": digest(config)},
        "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip", "size": len(packed), "digest": digest(packed)}],
    }).encode()
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"layer": packed, "config": config, "manifest": manifest}.items():
        (folder / name).write_bytes(content)


def push(folder: pathlib.Path, port: int, name: str, tag: str) -> None:
    """To the registry that listens on 127.0.0.1:port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)

    def call(method: str, path: str, body: bytes | None = None, **headers: str) -> http.client.HTTPResponse:
        connection.request(method, path, body, {key.replace("_", "-"): value for key, value in headers.items()})
        response = connection.getresponse()
        text = response.read()
        if response.status >= 300:
            raise RuntimeError(f"{method} {path}: {response.status} {text[:200]!r}")
        return response

    for part in ("layer", "config"):
        content = (folder / part).read_bytes()
        location = call("POST", f"/v2/{name}/blobs/uploads/").headers["Location"].split(f":{port}", 1)[-1]
        call("PUT", f"{location}&digest={digest(content)}", content, Content_Type="application/octet-stream")
    call("PUT", f"/v2/{name}/manifests/{tag}", (folder / "manifest").read_bytes(), Content_Type=MANIFEST_TYPE)
    connection.close()


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
