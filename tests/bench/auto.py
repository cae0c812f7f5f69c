"""The choice of `PUSH_MODE=auto`: how much of an image is new, and which way is then the faster."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

import image
import side
from bench import PLAIN, Bench, Row, Table
from lab import Lab
from peers import DOCKER, Push, compare

LAYERS = 10
MODES = ["engine", "direct", "auto"]
SMALL = "one small layer"
# What takes a tenth of a second is repeated as many times more, since its noise is as large as it is.
OFTEN = 3


def shares(bench: Bench, lab: Lab) -> Iterator[Row]:
    """An engine that was empty, and into which the build pulled all layers of the last image that it could use."""
    root = bench.image(LAYERS, bench.sizes.pushed)
    image.add_small(root)
    push = Push(lab, root, lab.create("bench/auto"))
    dataclasses.replace(push.pipe("previous", TAG="main", CACHE="auto", PUSH_MODE="engine"), output=None).run()
    for share in bench.sizes.shares:
        yield [f"{share} %", *compared(bench, push, share * LAYERS // 100)]
        if share == 0:
            yield [SMALL, *compared(bench, push, 0, small=True)]


def compared(bench: Bench, push: Push, layers: int, small: bool = False) -> Row:
    image.change(push.root, list(range(LAYERS - layers, LAYERS)))
    if small:
        image.change_small(push.root)
    push.lab.empty()
    cached = push.build(CACHE="auto")
    if cached != LAYERS + 1 - layers - (1 if small or layers else 0):
        raise SystemExit(f"{cached} steps came from the cache with {layers} of {LAYERS} layers changed")
    push.lab.save()
    sides = [push.docker(), *(push.pipe(mode, CACHE="auto", PUSH_MODE=mode) for mode in MODES)]
    found = compare(push, sides, bench.rounds * (1 if layers else OFTEN)).found
    better = min(("engine", "direct"), key=found.median)
    return [found.seconds(DOCKER), found.seconds("engine"), found.seconds("direct"), better, found.seconds("auto"),
            chosen(found.runs["auto"]), found.ratio("auto", better), found.ratio("auto", DOCKER)]


def chosen(runs: list[side.Run]) -> str:
    """What `auto` took; more than one if not every run was alike."""
    lines = (re.search(r"pushed by the (engine|pipe):", run.log) for run in runs)
    return " or ".join(sorted({{"engine": "engine", "pipe": "direct"}[line[1]] if line else "?" for line in lines}))


TABLES = {"auto": Table("What `auto` chooses", ["new", DOCKER, "engine", "direct, gzip", "better", "auto", "auto's choice", "auto to better",
                                                "auto to `docker push`"], shares, PLAIN)}
