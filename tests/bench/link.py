"""The push of a cold image over a link as long and as narrow as one to AWS may be."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator

from bench import PLAIN, Bench, Row, Table
from lab import Lab
from peers import DOCKER, Push, compare
from push import AUTO, ENGINE, GZIP, LAYERS, ZSTD

ROUND_TRIP = 50  # milliseconds
RATE = 25  # MB/s of each stream
# For so long the engine believes what it has read of the hosts file.
STALE = 6.0
GOALS = {GZIP: "≤ 0.60", AUTO: "≤ 0.60", ZSTD: "≤ 0.60"}


@contextlib.contextmanager
def far(lab: Lab) -> Iterator[None]:
    process = subprocess.Popen(lab.script("delay", str(ROUND_TRIP), str(RATE)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    measured = 1000 * float(process.stdout.readline() or 0)
    if not ROUND_TRIP <= measured < 1.2 * ROUND_TRIP:
        raise SystemExit(f"a round trip takes {measured:.0f} ms over a link of {ROUND_TRIP} ms")
    time.sleep(STALE)
    try:
        yield
    finally:
        process.communicate()
        time.sleep(STALE)


def link(bench: Bench, lab: Lab) -> Iterator[Row]:
    push = Push(lab, bench.image(LAYERS, bench.sizes.pushed), lab.create("bench/link"))
    push.build()
    lab.save()
    sides = [push.docker(), push.pipe(ENGINE, PUSH_MODE="engine"), push.pipe(GZIP, PUSH_MODE="direct"),
             push.pipe(ZSTD, PUSH_MODE="direct", COMPRESSION="zstd"), push.pipe(AUTO)]
    with far(lab):
        found = compare(push, sides, bench.rounds).found
    for each in sides:
        yield [each.name, found.seconds(each.name), found.ratio(each.name, DOCKER), GOALS.get(each.name, "")]


TABLES = {"link": Table(f"A link of {ROUND_TRIP} ms and {RATE} MB/s a stream", ["push by", "time", "to `docker push`", "goal"], link, PLAIN)}
