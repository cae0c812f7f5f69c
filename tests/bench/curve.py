"""How time and memory of a push grow with the bytes and with the layers of an image."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

from bench import MB, PLAIN, Bench, Row, Table
from lab import BASE, Lab
from peers import DOCKER, Push, compare
from tree import bytes_of

DIRECT = "direct"
# Beyond this `docker push` takes minutes and shows nothing new.
COMPARED = 1000 * MB
# A context holds no more than this; the build of a larger image copies it over and over.
UNIT = 100 * MB


def context(bench: Bench, size: int) -> pathlib.Path:
    """An image of one layer, or of layers of a unit each; of a very large one half is one layer."""
    if size <= UNIT:
        return bench.image(1, size)
    root = bench.image(1, UNIT)
    units = size // UNIT
    in_one = units // 2 if units >= 20 else 0
    lines = [f"FROM {BASE} AS unit", "COPY layer-000 /unit", f"RUN mkdir /half; for each in $(seq {in_one}); do cp -a /unit /half/$each; done",
             f"FROM {BASE}", *(f"COPY --from=unit /unit /{each}" for each in range(units - in_one))]
    if in_one:
        lines.append("COPY --from=unit /half /half")
    (root / f"Dockerfile.{size}").write_text("\n".join(lines) + "\n")
    return root


def curve(bench: Bench, lab: Lab) -> Iterator[Row]:
    image = lab.create("bench/curve")
    for size in bench.sizes.curve:
        root = context(bench, size)
        dockerfile = f"Dockerfile.{size}"
        dockerfile = dockerfile if (root / dockerfile).exists() else "Dockerfile"
        yield [bytes_of(size), *compared(bench, Push(lab, root, image), dockerfile, size <= COMPARED)]
    for layers in bench.sizes.layers:
        yield [f"{bytes_of(bench.sizes.layered)} in {layers} layer{'s' if layers > 1 else ''}",
               *compared(bench, Push(lab, bench.image(layers, bench.sizes.layered), image), "Dockerfile")]


def compared(bench: Bench, push: Push, dockerfile: str, docker: bool = True) -> Row:
    push.build(DOCKERFILE=dockerfile)
    push.lab.save()
    others = [push.docker()] if docker else []
    found = compare(push, [push.pipe(DIRECT, PUSH_MODE="direct", DOCKERFILE=dockerfile), *others], bench.rounds).found
    push.lab.forget_builds()
    other = [found.seconds(DOCKER), found.ratio(DIRECT, DOCKER)] if docker else ["", ""]
    return [found.seconds(DIRECT), *other, found.memory(DIRECT)]


# An export of the largest image lies on the engine's disk once more.
TABLES = {"curve": Table("Growth", ["image", "pipe, direct, gzip", DOCKER, "ratio", "peak memory"], curve, (*PLAIN, "--disk", "16G"), ("26.1",))}
