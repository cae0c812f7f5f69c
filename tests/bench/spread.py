"""Several tags, several regions: what each of them costs more than one."""

from __future__ import annotations

from collections.abc import Iterator

from bench import PLAIN, Bench, Row, Table
from lab import Lab
from peers import TAG, Push, compare
from push import LAYERS

REGION = "eu-central-1"


def spread(bench: Bench, lab: Lab) -> Iterator[Row]:
    image = lab.create("bench/spread")
    elsewhere = lab.create("bench/spread", region=REGION)
    push = Push(lab, bench.image(LAYERS, bench.sizes.pushed), image)
    push.build()
    lab.save()
    tags = " ".join([TAG, "second", "third", "fourth", "fifth"])
    sides = [push.pipe("one"), push.pipe("tags", TAG=tags), push.pipe("regions", IMAGE=f"{image} {elsewhere}")]
    found = compare(push, sides, bench.rounds).found
    for name, what, goal in (("tags", "5 tags", 1.15), ("regions", "2 regions", 1.30)):
        yield [what, found.seconds(name), found.seconds("one"), found.ratio(name, "one"), f"≤ {goal:.2f}", found.memory(name)]


TABLES = {"spread": Table("Several tags and regions", ["what", "push", "one tag, one region", "ratio", "goal", "peak memory"], spread, PLAIN)}
