"""The sides of a comparison: a command each, run in turn."""

from __future__ import annotations

import base64
import dataclasses
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from lab import HERE, Lab
from peak import Peak

PROJECT = HERE.parent.parent
BINARY = PROJECT / "dist/amd64/ecr-pipe"
KEYS = {"AWS_KEY": "AKIABENCHBENCHBENCH0", "AWS_SECRET": "bench-secret"}


@dataclasses.dataclass(frozen=True)
class Run:
    """One run of one side."""

    seconds: float
    memory: int
    log: str
    # Seconds of a core that its processes took.
    cpu: float
    # Of the pipe: what each group of the log took.
    groups: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Side:
    name: str
    command: list[str]
    environment: dict[str, str]
    folder: pathlib.Path
    fails: bool = False
    # Where the pipe writes its result, if the groups of the log are wanted.
    output: pathlib.Path | None = None

    def run(self) -> Run:
        """Runs it once. It must succeed, or fail where that is what is measured."""
        with tempfile.TemporaryFile() as output:
            spent, began = own_children(), time.monotonic()
            process = subprocess.Popen(self.command, env=self.environment, cwd=self.folder, stdout=output, stderr=output)
            peak = Peak(process.pid)
            process.wait()
            seconds = time.monotonic() - began
            cpu = own_children() - spent
            memory = peak.stop()
            output.seek(0)
            log = output.read().decode(errors="replace")
        if (process.returncode != 0) != self.fails:
            sys.exit(f"{self.name}: {self.command} ended with {process.returncode}:\n{log[-4000:]}")
        groups = json.loads((self.output / "result.json").read_text())["seconds"] if self.output else {}
        return Run(seconds, memory, log, cpu, groups)


def own_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def pipe_environment(lab: Lab, root: pathlib.Path, **more: str) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "DOCKER_HOST": lab.facts["docker_host"], "SSL_CERT_FILE": lab.facts["ca"], "TAG": "bench",
            "OUTPUT_DIR": str(root.parent / "output"), **more}


def pipe(lab: Lab, root: pathlib.Path, name: str = "pipe", **more: str) -> Side:
    return Side(name, lab.enter([str(BINARY)], root), pipe_environment(lab, root, **more), root)


def cli(lab: Lab, root: pathlib.Path, dockerfile: str, buildkit: bool) -> Side:
    """BuildKit by the CLI that a Bitbucket step has, since newer ones speak other calls; the classic builder by the engine's own."""
    program = lab.facts["step_cli" if buildkit else "docker_cli"]
    environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": lab.facts["admin_docker_host"], "HOME": "/nonexistent",
                   "DOCKER_BUILDKIT": "1" if buildkit else "0"}
    return Side("cli", lab.enter([program, "build", "--file", dockerfile, "--tag", "bench-cli", "."], root), environment, root)


def login(lab: Lab, folder: pathlib.Path, key: str = KEYS["AWS_KEY"], **more: object) -> pathlib.Path:
    """A configuration folder of the docker CLI that is logged in with this key, in each region."""
    folder.mkdir(exist_ok=True)
    auths = {at["registry"]: {"auth": base64.b64encode(f"AWS:lab.{region}.{key}".encode()).decode()}
             for region, at in lab.facts["regions"].items()}
    (folder / "config.json").write_text(json.dumps({"auths": auths, **more}))
    return folder


def script(lab: Lab, root: pathlib.Path, text: str, name: str = "cli", **more: str) -> Side:
    """A script in the folder of a context, with `docker` for the CLI of a Bitbucket step."""
    environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": lab.facts["admin_docker_host"], "HOME": "/nonexistent",
                   "DOCKER_BUILDKIT": "1", "SSL_CERT_FILE": lab.facts["ca"], **more}
    text = f'set -e; docker() {{ {lab.facts["step_cli"]} "$@"; }}\n{text}'
    return Side(name, lab.enter(["bash", "-c", text], root), environment, root)


def push(lab: Lab, root: pathlib.Path, image: str, key: str) -> Side:
    """Build and push by the CLI with a login of this key, as a script does that has no checks."""
    config = login(lab, root.parent / f"config-{key}", key)
    text = f"docker build --no-cache --tag {image}:bench .; docker push {image}:bench"
    return dataclasses.replace(script(lab, root, text, DOCKER_CONFIG=str(config)), fails=True)


def interleave(sides: list[Side], rounds: int, prepare: Callable[[], None]) -> Iterator[tuple[str, Run]]:
    """Each side once a round, each round with another one first, and those after it backwards every other round, so that not always the
    same one runs after one that has written much. What is prepared before a run is not timed."""
    for number in range(rounds):
        first = number % len(sides)
        others = sides[first + 1 :] + sides[:first]
        for side in [sides[first], *(reversed(others) if number % 2 else others)]:
            prepare()
            yield side.name, side.run()


class Results:
    """The runs of each side."""

    def __init__(self, runs: Iterator[tuple[str, Run]]) -> None:
        self.runs: dict[str, list[Run]] = {}
        for name, run in runs:
            self.runs.setdefault(name, []).append(run)

    def median(self, name: str) -> float:
        return statistics.median(run.seconds for run in self.runs[name])

    def seconds(self, name: str) -> str:
        values = [run.seconds for run in self.runs[name]]
        return f"{statistics.median(values):.2f} s ({min(values):.2f}–{max(values):.2f})"

    def memory(self, name: str) -> str:
        return mebibytes([run.memory for run in self.runs[name]])

    def ratio(self, name: str, other: str) -> str:
        return f"{self.median(name) / self.median(other):.2f}"


def mebibytes(values: list[float]) -> str:
    return f"{max(values) / 2**20:.0f} MiB"
