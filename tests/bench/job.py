"""The whole job, as a step of a pipeline waits for it: from the start of the pipe, or of a script, to the tag in the registry."""

from __future__ import annotations

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator

import image
import side
from bench import MB, PLAIN, Bench, Row, Table
from lab import BASE, CACHE, Lab
from peers import aws_version

REGION = "us-east-1"
BUILD_AND_PUSH = "docker build --tag $IMAGE:main .\ndocker push $IMAGE:main\n"
LOGIN = "aws ecr get-login-password --region $AWS_REGION | docker login --username AWS --password-stdin ${IMAGE%%/*}\n"


def job(bench: Bench, lab: Lab) -> Iterator[Row]:
    yield from changed(bench, lab)
    yield from unchanged(bench, lab)
    yield from whole(bench, lab)


def steps(bench: Bench) -> pathlib.Path:
    """Steps that take long, and below them what changes."""
    root = bench.folder / "job"
    root.mkdir(exist_ok=True)
    seconds = bench.sizes.seconds
    (root / "Dockerfile").write_text(f"FROM {BASE}\n" + "".join(
        f"RUN sleep {seconds / 2:g} && head -c 2500000 /dev/urandom > /{name}\n" for name in ("first", "second")) + "COPY small /\n")
    change(root)
    return root


def change(root: pathlib.Path) -> None:
    (root / "small").write_bytes(random.randbytes(1 * MB))


def script(lab: Lab, root: pathlib.Path, text: str, name: str) -> side.Side:
    """The lines that every repository has, and nothing else: no cache, no checks."""
    config = side.login(lab, root.parent / "config")
    return side.script(lab, root, text, IMAGE=lab.create(name), DOCKER_CONFIG=str(config))


def row(found: side.Results, what: str, goal: str) -> Row:
    return [what, found.seconds("pipe"), found.seconds("cli"), found.ratio("pipe", "cli"), goal, found.memory("pipe")]


def changed(bench: Bench, lab: Lab) -> Iterator[Row]:
    root = steps(bench)
    ours = side.pipe(lab, root, **side.KEYS, IMAGE=lab.create("bench/changed"), TAG="main")
    ours.run()

    def prepare() -> None:
        lab.empty()
        change(root)

    found = side.Results(side.interleave([ours, script(lab, root, BUILD_AND_PUSH, "bench/changed-cli")], bench.rounds, prepare))
    yield row(found, f"{bench.sizes.seconds} s of steps, one small layer changed", "≤ 0.30")


def unchanged(bench: Bench, lab: Lab) -> Iterator[Row]:
    root = steps(bench)
    ours = side.pipe(lab, root, **side.KEYS, IMAGE=lab.create("bench/unchanged"), TAG="main", SKIP_UNCHANGED="true")
    ours.run()
    sides = [ours, script(lab, root, BUILD_AND_PUSH, "bench/unchanged-cli")]
    yield row(side.Results(side.interleave(sides, bench.rounds, lab.empty)), "nothing changed, `SKIP_UNCHANGED=true`", "≤ 0.05")


def app(bench: Bench) -> pathlib.Path:
    """What most Dockerfiles are: packages of the system, packages of the language, the source. Both kinds of packages are unpacked by
    a step from archives of the context, since a lab has no network."""
    root = bench.folder / "app"
    if root.exists():
        return root
    size = bench.sizes.pushed
    files = bench.image(3, size)
    (root / "vendor").mkdir(parents=True)
    for name, layer in (("system", "layer-000"), ("language", "layer-001")):
        with tarfile.open(root / "vendor" / f"{name}.tar.gz", "w:gz", compresslevel=6) as tar:
            tar.add(files / layer, arcname=name)
    noise = random.Random(7)
    pieces = image.stream()
    for number in range(200):
        file = root / "src" / f"package-{number // 20:02}" / f"module-{number:03}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(next(pieces)[1][:noise.randrange(1_000, 60_000)])
    (root / "requirements.txt").write_text("language\n")
    unpack = "RUN --mount=type=bind,source=vendor,target=/vendor tar xzf /vendor/{}.tar.gz -C /usr\n"
    (root / "Dockerfile").write_text(f"FROM {BASE}\n{unpack.format('system')}WORKDIR /app\nCOPY requirements.txt ./\n"
                                     f"{unpack.format('language')}COPY src src\nCMD [\"python3\", \"-m\", \"src\"]\n")
    return root


def whole(bench: Bench, lab: Lab) -> Iterator[Row]:
    """Nothing is known to engine or registry; the script logs in by the AWS CLI, which a step's image may have already."""
    root = app(bench)
    ours = side.pipe(lab, root, **side.KEYS, IMAGE=lab.create("bench/whole"), TAG="main")
    config = bench.folder / "config-aws"
    config.mkdir(exist_ok=True)
    environment = {"AWS_ACCESS_KEY_ID": side.KEYS["AWS_KEY"], "AWS_SECRET_ACCESS_KEY": side.KEYS["AWS_SECRET"], "AWS_REGION": REGION,
                   "AWS_CA_BUNDLE": lab.facts["ca"], "DOCKER_CONFIG": str(config), "IMAGE": lab.create("bench/whole-cli")}
    text = f'aws() {{ {CACHE / "aws/bin/aws"} "$@"; }}\n{LOGIN}{BUILD_AND_PUSH}'
    lab.empty()
    lab.save()
    found = side.Results(side.interleave([ours, side.script(lab, root, text, **environment)], bench.rounds, fresh(lab)))
    yield row(found, "packages, source; cold; script with the AWS CLI", "≤ 0.70")
    install = installing(bench)
    total = found.median("cli") + install
    yield ["the same, with `pip install awscli`", found.seconds("pipe"), f"{total:.2f} s, of it {install:.2f} s to install",
           f"{found.median('pipe') / total:.2f}", "", ""]


def fresh(lab: Lab) -> Callable[[], None]:
    def prepare() -> None:
        lab.empty()
        lab.restore()

    return prepare


def installing(bench: Bench) -> float:
    """What `pip install awscli` takes outside of the lab, which has no network: once for all engines, as a registry is no toy."""
    marks = bench.folder / "pip-seconds"
    if not marks.exists():
        target = bench.folder / "pip"
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "install", "--target", target,
                        f"awscli=={aws_version()}"], env={**os.environ, "PIP_ROOT_USER_ACTION": "ignore"}, check=True)
        marks.write_text(f"{time.monotonic() - began}")
        shutil.rmtree(target)
    return float(marks.read_text())


TABLES = {"job": Table("The whole job", ["what", "pipe", "script", "ratio", "goal", "peak memory"], job, PLAIN)}
