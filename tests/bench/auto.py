"""The choice of `PUSH_MODE=auto`: how much of an image is new, and which way is then the faster."""

from __future__ import annotations

import dataclasses
import pathlib
import re
from collections.abc import Callable, Iterator

import image
import side
from bench import MB, PLAIN, Bench, Row, Table
from lab import Lab
from link import ROUND_TRIP, far
from peers import DOCKER, Push, compare

LAYERS = 10
MODES = ["engine", "direct", "auto"]
SMALL = "one small layer"
CONTAINERD = "28.5-containerd"
# What takes a tenth of a second is repeated as many times more, since its noise is as large as it is.
OFTEN = 3


def shares(bench: Bench, lab: Lab) -> Iterator[Row]:
    """An engine that was empty, and into which the build pulled all layers of the last image that it could use."""
    root = bench.image(LAYERS, bench.sizes.pushed)
    image.add_small(root)
    push = pushed(lab, root, "bench/auto")
    # There the engine takes a fraction of a second, however much is new.
    rounds = bench.rounds * (OFTEN if lab.facts["engine"] == CONTAINERD else 1)
    for share in bench.sizes.shares:
        layers = share * LAYERS // 100
        change(push, LAYERS, layers)
        if layers:
            build(push, LAYERS - layers)
            yield [f"{share} %", *compared(push, rounds)]
        else:
            yield [f"{share} %", *unchanged(push, LAYERS + 1, bench.rounds)]
            image.change_small(push.root)
            build(push, LAYERS)
            yield [SMALL, *compared(push, bench.rounds * OFTEN)]


def small(bench: Bench, lab: Lab) -> Iterator[Row]:
    """Images that are pushed in less than a second, to a registry beside the engine and to one that is far away."""
    for number, (layers, size, changes) in enumerate(bench.sizes.small):
        push = pushed(lab, bench.image(layers, size), f"bench/small-{number}")
        for new in changes:
            change(push, layers, new)
            build(push, layers - new)
            row = [f"{size // MB} MB in {layers} layers", "all" if new == layers else f"{new} of {layers} layers"]
            yield [*row, "", *(compared(push, bench.rounds * OFTEN) if new else unchanged(push, layers, bench.rounds * OFTEN))]
            with far(lab):
                yield [*row, f"{ROUND_TRIP} ms", *(compared(push, bench.rounds) if new else unchanged(push, layers, bench.rounds))]


def pushed(lab: Lab, root: pathlib.Path, name: str) -> Push:
    """An image that is in the registry with its inline cache, under another tag."""
    push = Push(lab, root, lab.create(name))
    dataclasses.replace(push.pipe("previous", TAG="main", CACHE="auto", PUSH_MODE="engine"), output=None).run()
    return push


def change(push: Push, layers: int, new: int) -> None:
    """Other content for the uppermost of the layers."""
    image.change(push.root, list(range(layers - new, layers)))


def build(push: Push, cached: int) -> None:
    """The image in an engine that was empty, with so many steps from the cache."""
    push.lab.empty()
    found = push.build(CACHE="auto")
    if found != cached:
        raise SystemExit(f"{found} steps came from the cache instead of {cached}")
    push.lab.save()


def unchanged(push: Push, layers: int, rounds: int) -> Row:
    """Nothing is new. Each run finds the engine as a step does: 28.5 sends all layers again once it has built the same image twice."""

    def restore() -> int:
        sent = push.lab.restore()
        build(push, layers)
        return sent

    build(push, layers)
    return compared(push, rounds, restore)


def compared(push: Push, rounds: int, restore: Callable[[], int] | None = None) -> Row:
    sides = [push.docker(), *(push.pipe(mode, CACHE="auto", PUSH_MODE=mode) for mode in MODES)]
    found = compare(push, sides, rounds, restore).found
    better = min(("engine", "direct"), key=found.median)
    return [found.seconds(DOCKER), found.seconds("engine"), found.seconds("direct"), better, found.seconds("auto"),
            chosen(found.runs["auto"]), found.ratio("auto", better), found.ratio("auto", DOCKER)]


def chosen(runs: list[side.Run]) -> str:
    """What `auto` took; more than one if not every run was alike."""
    lines = (re.search(r"pushed by the (engine|pipe):", run.log) for run in runs)
    return " or ".join(sorted({{"engine": "engine", "pipe": "direct"}[line[1]] if line else "?" for line in lines}))


RESULT = [DOCKER, "engine", "direct, gzip", "better", "auto", "auto's choice", "auto to better", "auto to `docker push`"]
TABLES = {"auto": Table("What `auto` chooses", ["new", *RESULT], shares, PLAIN),
          "small": Table("Small images and a far registry", ["image", "new", "round trip", *RESULT], small, PLAIN)}
