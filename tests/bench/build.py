"""Builds: the context and its transfer, the cache, what is known before, and the pipe's own share."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import re
import statistics
import sys
from collections.abc import Callable, Iterator

import side
from bench import Bench, Row, Table
from lab import BASE, Lab
from relay import Relay
from tree import ALL, ONE, Tree, bytes_of, change



def compared(bench: Bench, lab: Lab, root: pathlib.Path, builder: str, dockerfile: str, prepare: Callable[[], None]) -> Row:
    """The same build by the pipe and by the CLI with the same builder; the first of each is not counted."""
    ours = side.pipe(lab, root, IMAGE="bench/build", PUSH="false", BUILDER=builder, DOCKERFILE=dockerfile)
    sides = [ours, side.cli(lab, root, dockerfile, builder == "buildkit")]
    for each in sides:
        each.run()
    found = side.Results(side.interleave(sides, bench.rounds, prepare))
    return [found.seconds("pipe"), found.seconds("cli"), found.ratio("pipe", "cli"), found.memory("pipe"), found.memory("cli")]


def context(bench: Bench, lab: Lab) -> Iterator[Row]:
    for name, tree in (("many", bench.sizes.many), ("large", bench.sizes.large)):
        root = bench.plant(tree, name)
        yield [f"classic, {tree}", *compared(bench, lab, root, "classic", ONE, lambda: None)]
        yield [f"BuildKit, {tree}", *compared(bench, lab, root, "buildkit", ALL, lab.forget_builds)]
        lab.forget_builds()


def buildkit(bench: Bench, lab: Lab) -> Iterator[Row]:
    middle, kept = bench.sizes.middle, bench.sizes.kept
    root = bench.plant(middle, "middle")
    yield [f"cold, {middle}", *compared(bench, lab, root, "buildkit", ALL, lab.forget_builds)]
    lab.forget_builds()
    root = bench.plant(kept, "kept")

    def prepare() -> None:
        lab.forget_builds(keep_context=True)
        change(root)

    yield [f"one file changed, {kept}", *compared(bench, lab, root, "buildkit", ALL, prepare)]


def traffic(bench: Bench, lab: Lab) -> Iterator[Row]:
    """Bytes to the engine, counted on the way. Not in the lab's network, since the engine has a socket to be reached by."""
    tree = bench.sizes.hardly_used
    root = bench.plant(tree, "hardly-used")
    relay = Relay(lab.socket)

    def through(original: side.Side, name: str, command: list[str]) -> side.Side:
        return side.Side(name, command, {**original.environment, "DOCKER_HOST": f"tcp://127.0.0.1:{relay.engine_port}"}, root)

    def ours(builder: str) -> side.Side:
        environment = {"IMAGE": "bench/build", "PUSH": "false", "BUILDER": builder, "DOCKERFILE": ONE}
        return through(side.pipe(lab, root, **environment), builder, [str(side.BINARY)])

    def prepare() -> None:
        lab.forget_builds()
        relay.reset()

    theirs = side.cli(lab, root, ONE, buildkit=True)
    theirs = through(theirs, "cli", theirs.command[theirs.command.index("--") + 1:])
    sent: dict[str, list[int]] = {}

    def counted() -> Iterator[tuple[str, side.Run]]:
        for name, run in side.interleave([ours("buildkit"), ours("classic"), theirs], bench.rounds, prepare):
            sent.setdefault(name, []).append(relay.sent)
            yield name, run

    found = side.Results(counted())
    relay.close()
    medians = {name: statistics.median(values) for name, values in sent.items()}
    yield [f"{tree}; {bytes_of(tree.one)} used", *(f"{medians[name]:,.0f}" for name in ("buildkit", "cli", "classic")),
           f"{medians['buildkit'] / medians['classic']:.5f}", found.seconds("buildkit"), found.seconds("classic"),
           found.memory("buildkit")]


def cache(bench: Bench, lab: Lab) -> Iterator[Row]:
    seconds = bench.sizes.seconds
    root = bench.folder / "steps"
    root.mkdir(exist_ok=True)
    (root / ALL).write_text(f"FROM {BASE}\n" + "".join(
        f"RUN sleep {seconds / 2:g} && head -c 2500000 /dev/urandom > /{name}\n" for name in ("first", "second")))

    def ours(cache: str) -> side.Side:
        # A repository each, since what is built without leaves no records for the other.
        return side.pipe(lab, root, cache, IMAGE=lab.create(f"bench/{cache}"), CACHE=cache, **side.KEYS)

    sides = [ours("auto"), ours("none")]
    sides[0].run()
    found = side.Results(side.interleave(sides, bench.rounds, lab.empty))
    for run in found.runs["auto"]:
        hit = re.search(r"(\d+) of (\d+) steps? cached", run.log)
        if not hit or hit[1] != hit[2]:
            sys.exit(f"not every step came from the cache:\n{run.log}")
    yield [f"{seconds} s of steps, 5 MB", found.seconds("auto"), found.seconds("none"), found.ratio("auto", "none"),
           found.memory("auto")]


def overhead(bench: Bench, lab: Lab) -> Iterator[Row]:
    """A whole run with everything cached and known: what is left when the engine's and AWS's turns are taken away."""
    root = bench.plant(Tree(10, 1_024), "tiny")
    for builder in ("classic", "buildkit"):
        image = lab.create(f"bench/{builder}")
        environment = side.pipe_environment(lab, root, IMAGE=image, BUILDER=builder, **side.KEYS)
        words = [str(bench.rounds), lab.facts["docker_host"], str(side.BINARY)]
        found = json.loads(lab.inside("overhead", *words, folder=root, environment=environment))
        wall, own, first = (f"{statistics.median(found[name]) * 1000:.0f} ms" for name in ("wall", "overhead", "first"))
        yield ["BuildKit" if builder == "buildkit" else builder, wall, own, first, side.mebibytes(found["memory"])]


def refusals(bench: Bench, lab: Lab) -> Iterator[Row]:
    """What is wrong is told before the build; a script with the CLI finds it at the push, if at all."""
    root = bench.folder / "refused"
    root.mkdir(exist_ok=True)
    dockerfile = root / "Dockerfile"
    dockerfile.write_text(f"FROM {BASE}\n")
    key = side.KEYS["AWS_KEY"]
    lacking = key.replace("0", "1")
    lab.allow(lacking, "ecr:GetAuthorizationToken", "ecr:Batch*", "ecr:Describe*", "ecr:*LayerUpload", "ecr:UploadLayerPart")
    taken = lab.create("bench/taken", "--immutable")
    side.pipe(lab, root, IMAGE=taken, **side.KEYS).run()
    dockerfile.write_text(f"FROM {BASE}\nRUN sleep {bench.sizes.seconds / 4:g}\n")
    cases = [("`ecr:PutImage` is not allowed", lab.create("bench/denied"), {"AWS_KEY": lacking}),
             ("the tag is immutable and taken", taken, {}),
             ("the repository does not exist", lab.image("bench/missing"), {})]
    for name, image, more in cases:
        ours = dataclasses.replace(side.pipe(lab, root, IMAGE=image, **{**side.KEYS, **more}), fails=True)
        found = side.Results(side.interleave([ours, side.push(lab, root, image, more.get("AWS_KEY", key))], bench.rounds, lambda: None))
        yield [name, found.seconds("pipe"), found.seconds("cli"), found.ratio("pipe", "cli")]
    ours = side.pipe(lab, root, IMAGE=lab.create("bench/elsewhere"), ALLOWED_ACCOUNT_IDS="123456789012", **side.KEYS)
    found = side.Results(side.interleave([dataclasses.replace(ours, fails=True)], bench.rounds, lambda: None))
    yield ["the key is of another account than meant", found.seconds("pipe"), "pushes there", ""]


SIDE_BY_SIDE = ["what", "pipe", "docker CLI", "ratio", "pipe's peak memory", "CLI's"]
TABLES = {
    "context": Table("Context and transfer", SIDE_BY_SIDE, context),
    "buildkit": Table("BuildKit, cold and with one file changed", SIDE_BY_SIDE, buildkit),
    "traffic": Table("Bytes to the engine", ["what", "pipe, BuildKit", "docker CLI, BuildKit", "pipe, classic", "ratio to classic",
                                             "time, BuildKit", "time, classic", "pipe's peak memory with BuildKit"], traffic),
    "cache": Table("Unchanged rebuild on an emptied engine", ["what", "CACHE=auto", "CACHE=none", "ratio", "pipe's peak memory"], cache),
    "refusals": Table("What would fail after the build", ["what is wrong", "pipe", "docker CLI, build and push", "ratio"], refusals),
    "overhead": Table("The pipe's own share", ["builder", "whole run, all cached", "of it the pipe's own", "start to first request",
                                               "peak memory"], overhead),
}
