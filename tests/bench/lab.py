"""A lab with one engine, and what a benchmark does to it between two runs."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "lab"))

import layout  # noqa: E402

CACHE = layout.cache()
LAB = str(HERE.parent / "lab" / "lab")
BASE = "busybox:1.36"
ENGINES = ["20.10", "26.1", "28.5", "28.5-containerd"]


def go_first(pid: int) -> None:
    """Puts what runs in this lab, and this process, before whatever else the machine has to do: a busy machine shares its cores between
    sessions, so that an engine alone would be worse off than an engine with a client."""
    space = os.readlink(f"/proc/{pid}/ns/pid")
    for each in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if int(each.name) == os.getpid() or os.readlink(each / "ns/pid") == space:
                os.setpriority(os.PRIO_PROCESS, int(each.name), -15)
                (each / "autogroup").write_text("-15")
        except OSError:
            continue  # gone meanwhile, or a machine without such groups


class Lab:
    """Up as long as its `with` lasts. The base image is in its engine."""

    def __init__(self, engine: str, *options: str) -> None:
        self.process = subprocess.Popen([LAB, "up", "--engine", engine, *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"no lab with engine {engine}")
        self.facts = json.loads(line)
        self.name = self.facts["version"] + (" containerd" if engine.endswith("-containerd") else "")

    def __enter__(self) -> "Lab":
        go_first(int(self.facts["pid"]))
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
        return subprocess.run(self.script(script, *words, folder=folder), env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout

    def script(self, name: str, *words: str, folder: pathlib.Path = HERE) -> list[str]:
        return [*self.facts["enter"], "env", f"--chdir={folder}", sys.executable, str(HERE / name), *words]

    def docker(self, *words: str) -> str:
        command = self.enter([self.facts["step_cli"], *words], pathlib.Path("/"))
        environment = {"PATH": os.environ["PATH"], "DOCKER_HOST": self.facts["admin_docker_host"], "HOME": "/nonexistent"}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"docker {' '.join(words)}: {done.stderr}")
        return done.stdout

    def create(self, name: str, *options: str, region: str = "us-east-1") -> str:
        subprocess.run([LAB, "repository", str(self.facts["pid"]), "create", name, "--region", region, *options], stdout=subprocess.DEVNULL, check=True)
        return self.image(name, region)

    def image(self, name: str, region: str = "us-east-1") -> str:
        return f"{self.facts['regions'][region]['registry']}/{name}"

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

    def save(self) -> None:
        """Notes what engine and registry have now, for `restore`."""
        self.inside("reset", "save")

    def restore(self) -> int:
        """What was pushed since `save` is neither in the registry nor known to the engine as pushed. Gives the bytes of its layers."""
        return int(self.inside("reset", "restore"))

    def empty(self) -> None:
        """The engine as a new Bitbucket step finds it."""
        self.inside("empty")
        go_first(int(self.facts["pid"]))
