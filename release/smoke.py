"""The main job by the binary of a platform, under emulation where it is not the machine's: what differs between platforms is C and assembly
of TLS, hashes and compression, and each of them is met."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PROJECT = pathlib.Path(__file__).resolve().parent.parent
EMULATORS = {"amd64": [], "arm64": ["qemu-aarch64-static"]}


def run(platform: str, enter: list[str], environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    command = [*enter, *EMULATORS[platform], str(PROJECT / "dist" / platform / "ecr-pipe"), *words]
    return subprocess.run(command, env={"PATH": os.environ["PATH"], "NO_COLOR": "1", **environment}, capture_output=True, text=True)


def expect(platform: str, what: str, holds: bool, done: subprocess.CompletedProcess[str]) -> None:
    if not holds:
        sys.exit(f"make image: {platform}: {what}: it ended with {done.returncode}\n{done.stdout}{done.stderr}")


def smoke(platform: str, lab: dict, image: str, version: str) -> None:
    told = run(platform, [], {}, "--version")
    expect(platform, "it does not tell its version", told.stdout == f"ecr-pipe {version}\n", told)
    nothing = run(platform, [], {})
    expect(platform, "without variables it must end with 2", nothing.returncode == 2 and "`IMAGE` is missing" in nothing.stderr, nothing)
    with tempfile.TemporaryDirectory() as clone:
        shutil.copytree(PROJECT / "examples/hello-world", clone, dirs_exist_ok=True)
        enter = ["nsenter", "--target", str(lab["pid"]), "--mount", "--net", f"--wdns={clone}", "--"]
        for compression in ("gzip", "zstd"):
            done = run(platform, enter, {
                "AWS_KEY": "AKIARELEASERELEASE00", "AWS_SECRET": "release", "IMAGE": image, "TAG": f"{platform}-{compression}", "CACHE": "none",
                "PUSH_MODE": "direct", "COMPRESSION": compression, "DOCKER_HOST": lab["docker_host"], "SSL_CERT_FILE": lab["ca"]})
            expect(platform, f"a push with {compression}", done.returncode == 0 and done.stdout.startswith(f"{image}@sha256:"), done)
    print(f"smoke test of linux/{platform}: passed{' under emulation' if EMULATORS[platform] else ''}")
