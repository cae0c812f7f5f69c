"""Runs a bitbucket-pipelines.yml in a lab as Bitbucket would: a step is a shell in its clone folder, a pipe a container that the
step's engine runs. What Bitbucket does and this does not: the step has no container of its own, the engine is not
new for each step, and parallel steps run one after the other."""

from __future__ import annotations

import argparse
import base64
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import tempfile
import threading

import cgroups
import layout
import pipelines

WORKSPACE, SLUG = "team", "shop"
BRIDGE = "172.17.0.1"  # docker0's address, where the engine listens for its containers


@dataclasses.dataclass
class Peak:
    """The most memory that the containers of pipes took."""

    process: int = 0  # resident memory of the pipe itself (VmHWM)
    container: int = 0  # what its cgroup was charged with, pages of files that it read included


def oidc_token(step: str) -> str:
    """With the claims of Bitbucket, signed by nobody."""
    claims = {"iss": f"https://api.bitbucket.org/2.0/workspaces/{WORKSPACE}/pipelines-config/identity/oidc",
              "aud": "ari:cloud:bitbucket::workspace/1f2", "sub": f"{{a-1}}:{step}"}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30canary.{payload}.canary-c2ln"


def environment(wish: argparse.Namespace, step: pipelines.Step, number: int) -> dict[str, str]:
    """What Bitbucket gives to a step, and the variables of its repository."""
    uuid = f"{{step-{number}}}"
    ref = {"BITBUCKET_TAG": wish.tag} if wish.tag else {"BITBUCKET_BRANCH": wish.branch}
    known = {
        "CI": "true", "HOME": "/root", "BITBUCKET_CLONE_DIR": wish.clone, "BITBUCKET_WORKSPACE": WORKSPACE,
        "BITBUCKET_REPO_SLUG": SLUG, "BITBUCKET_REPO_FULL_NAME": f"{WORKSPACE}/{SLUG}", "BITBUCKET_REPO_UUID": "{repository}",
        "BITBUCKET_GIT_HTTP_ORIGIN": f"http://bitbucket.org/{WORKSPACE}/{SLUG}",
        "BITBUCKET_GIT_SSH_ORIGIN": f"git@bitbucket.org:{WORKSPACE}/{SLUG}.git", "BITBUCKET_BUILD_NUMBER": "7",
        "BITBUCKET_COMMIT": "9f2c1ab0c4d5e6f708192a3b4c5d6e7f80910abc", "BITBUCKET_PIPELINE_UUID": "{pipeline}", "BITBUCKET_STEP_UUID": uuid,
        "BITBUCKET_STEP_RUN_NUMBER": "1", "BITBUCKET_STEP_TRIGGERER_UUID": "{user}", "BITBUCKET_PROJECT_KEY": "SHOP",
        "BITBUCKET_PIPELINES_VARIABLES_PATH": f"{wish.clone}.variables", "PIPELINES_JWT_TOKEN": "canary-jwt", **ref,
    }
    if step.docker:
        tools = layout.cache() / "engines/20.10/usr/bin"  # Bitbucket mounts this CLI into each step, whatever the engine
        known |= {"PATH": f"{tools}:{os.environ['PATH']}", "DOCKER_HOST": "tcp://localhost:2375", "BITBUCKET_DOCKER_HOST_INTERNAL": BRIDGE}
    if step.oidc:
        known["BITBUCKET_STEP_OIDC_TOKEN"] = oidc_token(uuid)
    return {"PATH": os.environ["PATH"], **known, **dict(each.split("=", 1) for each in wish.variable)}


def run(wish: argparse.Namespace) -> int:
    """The exit code of the first step that fails, or 0. The clone folder stays, to be looked at."""
    clone = pathlib.Path(f"/proc/{wish.pid}/root{wish.clone}")
    steps = pipelines.read((wish.folder / "bitbucket-pipelines.yml").read_text(), wish.pipeline)
    peak, code, outputs = Peak(), 0, {}
    with tempfile.TemporaryDirectory(prefix="ecr-pipe-artifacts-") as kept:
        for number, step in enumerate(steps):
            fresh(clone, wish.folder, pathlib.Path(kept))
            known = environment(wish, step, number) | outputs
            # The lab has no other machine: its engine is told what that of an ARM step does without a word.
            arm = ["--env=PLATFORM=linux/arm64"] if step.arm else []
            code = shell(wish, known, step.script, arm, peak)
            shell(wish, known | {"BITBUCKET_EXIT_CODE": str(code)}, step.after, arm, peak)
            if code != 0:
                break
            keep(clone, step.artifacts, pathlib.Path(kept))
            outputs |= told(clone.with_name(f"{clone.name}.variables"), step.outputs)
    if wish.peak:
        wish.peak.write_text(json.dumps(dataclasses.asdict(peak)))
    return code


def fresh(clone: pathlib.Path, *sources: pathlib.Path) -> None:
    """Bitbucket clones with a umask of 0: that is why a pipe, whose root is not the step's, can write there."""
    shutil.rmtree(clone, ignore_errors=True)
    before = os.umask(0o022)
    clone.parent.mkdir(parents=True, exist_ok=True)
    for source in sources:
        shutil.copytree(source, clone, symlinks=True, dirs_exist_ok=True)
    os.umask(before)
    for path in [clone, *clone.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o777 if path.is_dir() or path.stat().st_mode & 0o100 else 0o666)
    variables = clone.with_name(f"{clone.name}.variables")
    variables.write_text("")


def keep(clone: pathlib.Path, patterns: list[str], kept: pathlib.Path) -> None:
    for path in {path for pattern in patterns for path in clone.glob(pattern) if path.is_file()}:
        target = kept / path.relative_to(clone)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def told(file: pathlib.Path, names: list[str]) -> dict[str, str]:
    """What a step hands to later ones: lines of that file, as far as `output-variables` names them."""
    pairs = (line.partition("=") for line in file.read_text().splitlines())
    return {name: value for name, _, value in pairs if name in names}


def shell(wish: argparse.Namespace, known: dict[str, str], lines: list[str | dict], more: list[str], peak: Peak) -> int:
    if not lines:
        return 0
    # What a name server tells a real step: the lab has a file of hosts instead, which a container does not see.
    names = [line.split()[1] for line in pathlib.Path(f"/proc/{wish.pid}/root", "etc/hosts").read_text().splitlines()]
    hosts = [f"--add-host={name}:{BRIDGE}" for name in names if name not in ("localhost", layout.BRIDGE_HOST)]
    color = ["--env=NO_COLOR=1"] if "NO_COLOR" in os.environ else []
    with tempfile.TemporaryDirectory(prefix="ecr-pipe-step-") as folder:
        ids = pathlib.Path(folder, "container")
        # The file must not be there when a second pipe begins.
        script = pipelines.shell(lines, known, [f'--cidfile="$(rm -f {ids}; echo {ids})"', *hosts, *color, *more, *wish.docker_run])
        words = ["nsenter", "--target", str(wish.pid), "--mount", "--net", f"--wdns={wish.clone}", "--", "bash", "-c", script]
        step = subprocess.Popen(words, env=known, stdin=subprocess.DEVNULL, umask=0)
        watch = threading.Thread(target=observe, args=(step, ids, peak), daemon=True)
        watch.start()
        code = step.wait()
        watch.join()
    return code


def observe(step: subprocess.Popen, ids: pathlib.Path, peak: Peak) -> None:
    """Looks every few milliseconds; both figures only grow, so the last look is the peak but for the very end."""
    while step.returncode is None:
        try:
            folder = cgroups.container(ids.read_text())
            for pid in (folder / "cgroup.procs").read_text().split():
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                high = next((line for line in status.splitlines() if line.startswith("VmHWM:")), "VmHWM: 0 kB")
                peak.process = max(peak.process, int(high.split()[1]) << 10)
            peak.container = max(peak.container, cgroups.peak(folder))
        except (OSError, ValueError, LookupError):
            pass  # not yet there, or gone already
        threading.Event().wait(0.01)
