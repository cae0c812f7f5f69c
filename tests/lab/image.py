"""The pipe's image, made in a lab's engine from a binary by the project's own Dockerfile."""

from __future__ import annotations

import pathlib
import re
import shutil
import subprocess
import tempfile

import layout


def name() -> str:
    """What pipe.yml calls it."""
    match = re.search(r"^image: (\S+)$", (layout.PROJECT / "pipe.yml").read_text(), re.M)
    assert match, "pipe.yml names an image"
    return match[1]


def build(pid: int, docker: list[str], binary: pathlib.Path) -> str:
    """Its name. The lab's authority stands among the roots, as AWS's stand in those of a release."""
    dockerfile = (layout.PROJECT / "Dockerfile").read_text()
    with tempfile.TemporaryDirectory(prefix="ecr-pipe-image-") as context:
        root = pathlib.Path(context, "dist/amd64")
        roots = root / "etc/ssl/certs/ca-certificates.crt"
        roots.parent.mkdir(parents=True)
        shutil.copy(f"/proc/{pid}/root{layout.CA_BUNDLE}", roots)
        # Symbols are four fifths of a binary for tests, and the engine would copy them again and again.
        subprocess.run(["strip", "-o", root / "ecr-pipe", binary], check=True)
        pathlib.Path(context, "Dockerfile").write_text(dockerfile)
        # Some suites' CLI warns that this builder goes: it is there in each, and needs no plugin.
        build = [*docker, "build", "--quiet", "--build-arg", "TARGETARCH=amd64", "--tag", name(), context]
        made = subprocess.run(["env", "DOCKER_BUILDKIT=0", *build], capture_output=True, text=True)
    if made.returncode != 0:
        raise RuntimeError(f"the image of the pipe: {made.stderr}")
    return name()
