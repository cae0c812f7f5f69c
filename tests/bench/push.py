"""The push of an image of which the registry has nothing, by the pipe and by its peers."""

from __future__ import annotations

from collections.abc import Iterator

import side
from bench import PLAIN, Bench, Row, Table
from lab import Lab
from peers import DOCKER, Push, compare
from tree import bytes_of

LAYERS = 3
ENGINE = "pipe, `PUSH_MODE=engine`"
GZIP = "pipe, direct, gzip"
ZSTD = "pipe, direct, zstd"
AUTO = "pipe, `PUSH_MODE=auto`"
# By engine; the containerd store has gzip layers already.
GOALS = {"20.10": {ZSTD: 0.40, GZIP: 0.45}, "26.1": {ZSTD: 0.45, GZIP: 0.50}, "28.5": {ZSTD: 0.75, GZIP: 0.85},
         "28.5-containerd": {AUTO: 1.05}}


def single(bench: Bench, lab: Lab) -> Iterator[Row]:
    """As many bytes in one layer, which an engine compresses on one core."""
    push = Push(lab, bench.image(1, bench.sizes.pushed), lab.create("bench/single"))
    push.build()
    lab.save()
    sides = [push.docker(), push.pipe(ENGINE, PUSH_MODE="engine"), push.pipe(GZIP, PUSH_MODE="direct"), push.pipe(AUTO)]
    found = compare(push, sides, bench.rounds).found
    for each in sides:
        yield [each.name, found.seconds(each.name), found.ratio(each.name, DOCKER)]


def cold(bench: Bench, lab: Lab) -> Iterator[Row]:
    push = Push(lab, bench.image(LAYERS, bench.sizes.pushed), lab.create("bench/push"))
    push.build()
    lab.save()
    sides = [push.docker(), push.pipe(ENGINE, PUSH_MODE="engine"), push.pipe(GZIP, PUSH_MODE="direct"),
             push.pipe(ZSTD, PUSH_MODE="direct", COMPRESSION="zstd"), push.pipe(AUTO), push.skopeo(), push.crane(), *push.buildx(), push.export()]
    pushed = compare(push, sides, bench.rounds)
    found = pushed.found
    for each in sides:
        goal = GOALS[str(lab.facts["engine"])].get(each.name)
        memory = side.mebibytes([run.memory for run in found.runs[each.name]]) if each.name.startswith("pipe") else ""
        yield [each.name, found.seconds(each.name), found.ratio(each.name, DOCKER), f"≤ {goal:.2f}" if goal else "",
               found.ratio(each.name, "skopeo"), bytes_of(pushed.sent[each.name]), memory]


TABLES = {"push": Table("Push of a cold image", ["push by", "time", "to `docker push`", "goal", "to skopeo", "bytes sent", "peak memory"],
                        cold, PLAIN),
          "single": Table("Push of a cold image of one layer", ["push by", "time", "to `docker push`"], single, PLAIN)}
