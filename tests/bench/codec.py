"""What codecs and levels cost, and what they save: why the pipe compresses as it does."""

from __future__ import annotations

import pathlib
import subprocess
from collections.abc import Iterator

import side
from bench import PLAIN, Bench, Row, Table
from lab import Lab


def codec(bench: Bench, lab: Lab) -> Iterator[Row]:
    files = bench.image(3, bench.sizes.pushed)
    layer = pathlib.Path(bench.folder, "layer.tar")
    subprocess.run(["tar", "--create", "--file", layer, "--directory", files, "--sort=name", *(f"layer-{each:03}" for each in range(3))], check=True)
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "--example", "codec"], cwd=side.PROJECT, check=True)
    program = side.PROJECT / "target/x86_64-unknown-linux-musl/release/examples/codec"
    done = subprocess.run([program, layer, str(bench.rounds)], stdout=subprocess.PIPE, text=True, check=True)
    layer.unlink()
    for line in done.stdout.splitlines():
        yield line.split(" | ")


# One engine's lab, since it puts what runs here before whatever else the machine has to do.
TABLES = {"codec": Table("Compression", ["codec", "block", "size", "MB/s on one core"], codec, PLAIN, ("26.1",))}
