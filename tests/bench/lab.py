"""A lab with one engine, and what a benchmark does to it between two runs."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
LAB = str(HERE.parent / "lab" / "lab")
BASE = "busybox:1.36"
ENGINES = ["20.10", "26.1", "28.5", "28.5-containerd"]


class Lab:
    """Up as long as its `with` lasts. The base image is in its engine."""

    def __init__(self, engine: str) -> None:
        self.process = subprocess.Popen([LAB, "up", "--engine", engine], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"no lab with engine {engine}")
        self.facts = json.loads(line)
        self.name = self.facts["version"] + (" containerd" if engine.endswith("-containerd") else "")

    def __enter__(self) -> "Lab":
        self.docker("pull", "--quiet", BASE)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()

    @property
    def socket(self) -> str:
        """The engine's socket as the machine sees it."""
        return str(pathlib.Path("/proc", str(self.facts["pid"]), "root", "run", "docker.sock"))

    def enter(self, command: list[str], folder: pathlib.Path) -> list[str]:
        return ["nsenter", "--target", str(self.facts["pid"]), "--mount", "--net", f"--wdns={folder}", "--", *command]

    def inside(self, script: str, *words: str, folder: pathlib.Path = HERE, environment: dict[str, str] | None = None) -> str:
        """Runs a script of this folder in all namespaces of the lab, and gives what it prints."""
        command = [*self.facts["enter"], "env", f"--chdir={folder}", sys.executable, str(HERE / script), *words]
        return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout

    def docker(self, *words: str) -> str:
        command = self.enter([self.facts["step_cli"], *words], pathlib.Path("/"))
        environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": self.facts["admin_docker_host"], "HOME": "/nonexistent"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"docker {' '.join(words)}: {done.stderr}")
        return done.stdout

    def create(self, name: str, *options: str) -> str:
        subprocess.run([LAB, "repository", str(self.facts["pid"]), "create", name, *options], stdout=subprocess.DEVNULL, check=True)
        return self.image(name)

    def image(self, name: str) -> str:
        return f"{self.facts['regions']['us-east-1']['registry']}/{name}"

    def allow(self, key: str, *actions: str) -> None:
        """A key that may do no more than this."""
        policy = json.dumps({"Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]})
        subprocess.run([LAB, "iam", str(self.facts["pid"]), key, "-"], input=policy, text=True, stdout=subprocess.DEVNULL, check=True)

    def forget_builds(self, keep_context: bool = False) -> None:
        """Takes away every image but the base, and the build cache, but on request the files of earlier contexts."""
        names = self.docker("images", "--format", "{{.Repository}}:{{.Tag}}").split()
        built = [name for name in names if name != BASE and "<none>" not in name]
        if built:
            self.docker("image", "rm", "--force", *built)
        self.docker("image", "prune", "--force")
        self.docker("builder", "prune", "--all", "--force", *(["--filter", "type=regular"] if keep_context else []))

    def empty(self) -> None:
        """The engine as a new Bitbucket step finds it."""
        self.inside("empty")
