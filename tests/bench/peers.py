"""The sides that push an image which the engine already has, each in its own way, all to the same place."""

from __future__ import annotations

import dataclasses
import gzip
import os
import pathlib
import re
import shutil
from collections.abc import Callable, Iterator

import side
from lab import CACHE, Lab

TAG = "bench"
DOCKER, EXPORT = "`docker push`", "export alone, `docker save`"


def versions() -> str:
    """Of what does not come with the engine."""
    debian = [("skopeo", CACHE / "skopeo"), ("crane", CACHE / "crane"), ("docker-registry", CACHE / "tools")]
    found = [f"{name} {debian_version(folder, name)}" for name, folder in debian]
    return ", ".join([*found, f"AWS CLI {aws_version()}"])


def debian_version(folder: pathlib.Path, package: str) -> str:
    file = next((folder / "usr/share/doc" / package).glob("changelog.Debian*.gz"))
    with gzip.open(file, "rt") as changelog:
        return changelog.readline().split("(")[1].split(")")[0]


def aws_version() -> str:
    return next((CACHE / "aws").rglob("awscli-*.dist-info")).name.removeprefix("awscli-").removesuffix(".dist-info")


@dataclasses.dataclass(frozen=True)
class Push:
    """What is pushed: the image that this context makes, to this repository."""

    lab: Lab
    root: pathlib.Path
    image: str

    @property
    def output(self) -> pathlib.Path:
        return self.root.parent / "output"

    @property
    def reference(self) -> str:
        return f"{self.image}:{TAG}"

    def pipe(self, name: str, **more: str) -> side.Side:
        environment = {"IMAGE": self.image, "TAG": TAG, "CACHE": "none", **side.KEYS, **more}
        return dataclasses.replace(side.pipe(self.lab, self.root, name, **environment), output=self.output)

    def build(self, **more: str) -> int:
        """Makes the image, so that all steps are in the engine's cache from now on, and says how many came from a cache."""
        log = dataclasses.replace(self.pipe("build", PUSH="false", **more), output=None).run().log
        cached = re.search(r"(\d+) of \d+ steps? cached", log)
        return int(cached[1]) if cached else 0

    def config(self) -> pathlib.Path:
        return side.login(self.lab, self.root.parent / "config")

    def command(self, name: str, words: list[str], **more: str) -> side.Side:
        environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": self.lab.facts["admin_docker_host"], "HOME": "/nonexistent",
                       "DOCKER_CONFIG": str(self.config()), "SSL_CERT_FILE": self.lab.facts["ca"], **more}
        return side.Side(name, self.lab.enter(words, self.root), environment, self.root)

    def docker(self) -> side.Side:
        return self.command(DOCKER, [self.lab.facts["step_cli"], "push", self.reference])

    def export(self) -> side.Side:
        """What nobody who takes the image out of the engine can do without."""
        return self.command(EXPORT, ["sh", "-c", f"exec {self.lab.facts['step_cli']} save {self.reference} >/dev/null"])

    def first_byte(self) -> side.Side:
        """Until then the engine writes the image to its disk, on one core, and nobody else can do anything."""
        return self.command("export, until its first byte", ["sh", "-c", f"{self.lab.facts['step_cli']} save {self.reference} | head -c 1 >/dev/null"])

    def skopeo(self) -> side.Side:
        """Its notes on blobs are kept in /var/lib, where this one has nothing from the run before."""
        loader = next((CACHE / "skopeo/usr/lib").glob("*/ld-linux*"))
        copy = [str(loader), "--library-path", str(loader.parent), str(CACHE / "skopeo/usr/bin/skopeo"), "--insecure-policy", "copy", "--src-daemon-host", "unix:///run/docker.sock",
                "--dest-authfile", str(self.config() / "config.json"), f"docker-daemon:{self.reference}", f"docker://{self.reference}"]
        hidden = 'mount -t tmpfs bench /var/lib; exec "$@"'
        return self.command("skopeo", ["unshare", "--mount", "sh", "-c", hidden, "sh", *copy])

    def crane(self) -> side.Side:
        """It takes an image from a file only."""
        file = self.root.parent / "saved.tar"
        steps = f"{self.lab.facts['step_cli']} save --output {file} {self.reference} && {CACHE / 'crane/usr/bin/crane'} push {file} {self.reference}"
        return self.command("crane, from `docker save`", ["sh", "-c", steps])

    def buildx(self) -> list[side.Side]:
        """Where the engine's release has it. All steps cached. On 20.10 that of a newer release fails once it has pushed."""
        home = CACHE / "engines" / str(self.lab.facts["engine"]).removesuffix("-containerd")
        if not (home / "usr/libexec/docker/cli-plugins/docker-buildx").exists():
            return []
        plugins = [str(home / "usr/libexec/docker/cli-plugins")]
        config = side.login(self.lab, self.root.parent / "config-buildx", cliPluginsExtraDirs=plugins)
        words = [str(home / "usr/bin/docker"), "buildx", "build", "--push", "--provenance=false", "--tag", self.reference, "."]
        return [self.command("`buildx build --push`, all cached", words, DOCKER_CONFIG=str(config))]


@dataclasses.dataclass(frozen=True)
class Pushed:
    """The runs of each side, and the bytes that reached the registry by each."""

    found: side.Results
    sent: dict[str, int]


def compare(push: Push, sides: list[side.Side], rounds: int, restore: Callable[[], int] | None = None) -> Pushed:
    """Each finds the same in engine and registry. Of the pipe what counts is its push; the first run of each is not counted."""
    sent: dict[str, int] = {}

    def runs() -> Iterator[tuple[str, side.Run]]:
        for number, (name, run) in enumerate(side.interleave(sides, rounds + 1, lambda: shutil.rmtree(push.output, ignore_errors=True))):
            sent[name] = (restore or push.lab.restore)()
            if number >= len(sides):
                yield name, dataclasses.replace(run, seconds=run.groups.get("push", run.seconds))

    return Pushed(side.Results(runs()), sent)

