"""Where the cores' time goes in a push: what bounds it, when no side can be quicker than the work that all have to do."""

from __future__ import annotations

import os
import pathlib
import shutil
import statistics
from collections.abc import Iterator

import side
from bench import PLAIN, Bench, Row, Table
from lab import Lab
from peers import Push
from push import GZIP, LAYERS, ZSTD

ENGINE = {"dockerd", "containerd"}
TICKS = os.sysconf("SC_CLK_TCK")


def spent(lab: Lab) -> dict[str, float]:
    """Seconds of a core that the engine, and all else in the lab, the registry above all, have taken, with children that have ended."""
    space = os.readlink(f"/proc/{lab.facts['pid']}/ns/pid")
    found = {"engine": 0.0, "registry": 0.0}
    for each in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if os.readlink(each / "ns/pid") != space:
                continue
            name, _, rest = (each / "stat").read_text().split("(", 1)[1].rpartition(")")
        except OSError:
            continue  # gone meanwhile
        # proc(5): utime, stime, cutime, cstime are the fields 14 to 17, the state the third.
        found["engine" if name in ENGINE else "registry"] += sum(map(int, rest.split()[11:15])) / TICKS
    return found


def cpu(bench: Bench, lab: Lab) -> Iterator[Row]:
    push = Push(lab, bench.image(LAYERS, bench.sizes.pushed), lab.create("bench/cpu"))
    push.build()
    lab.save()
    sides = [push.docker(), push.pipe(GZIP, PUSH_MODE="direct"), push.pipe(ZSTD, PUSH_MODE="direct", COMPRESSION="zstd"), push.skopeo(),
             push.export(), push.first_byte()]
    before: dict[str, float] = {}
    runs: dict[str, list[dict[str, float]]] = {}

    def prepare() -> None:
        shutil.rmtree(push.output, ignore_errors=True)
        lab.restore()
        before.update(spent(lab))

    for number, (name, run) in enumerate(side.interleave(sides, bench.rounds + 1, prepare)):
        after = spent(lab)
        if number >= len(sides):
            taken = {part: after[part] - before[part] for part in after}
            runs.setdefault(name, []).append({"wall": run.seconds, "client": run.cpu, **taken})
    cores = os.cpu_count() or 1
    for each in sides:
        middle = {part: statistics.median(run[part] for run in runs[each.name]) for part in ("wall", "engine", "client", "registry")}
        least = (middle["engine"] + middle["client"] + middle["registry"]) / cores
        yield [each.name, *(f"{middle[part]:.2f} s" for part in ("wall", "engine", "client", "registry")), f"{least:.2f} s",
               f"{least / middle['wall']:.0%}"]


TABLES = {"cpu": Table("Where the time of a push goes",
                       ["push by", "time", "engine's CPU", "client's CPU", "registry's CPU", "sum by cores", "of the time"], cpu, PLAIN)}
