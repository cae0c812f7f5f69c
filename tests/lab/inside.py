"""The inside of a lab: process 1 of its namespaces. It mounts, starts the parts, says when they are ready, then reaps."""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import traceback

import base
import cgroups
import engine
import layout
import parts

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWNET = 0x20000, 0x4000000, 0x8000000, 0x40000000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
libc = ctypes.CDLL(None, use_errno=True)
state = pathlib.Path(layout.STATE)


class Failed(Exception):
    """A part did not come up: its name and what it said last."""


def mount(source: str, target: str, kind: str, options: str = "", flags: int = 0) -> None:
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()) != 0:
        number = ctypes.get_errno()
        raise Failed(f"mount {kind or source} on {target}: {os.strerror(number)}")


def run(wish: layout.Wish, group: str, disk: pathlib.Path) -> int:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the outer process, which ends us
    try:
        report = bring_up(wish, group, disk)
    except Failed as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    print(json.dumps(report), flush=True)
    return watch()


def bring_up(wish: layout.Wish, group: str, disk: pathlib.Path) -> dict:
    pid = int(os.readlink("/proc/self"))  # still the machine's /proc, so this is the pid as seen from outside
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC) != 0:
        raise Failed(f"unshare: {os.strerror(ctypes.get_errno())}")
    mounts()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True, env=parts.ENV)
    limited = engine_disk(wish, disk) and cgroups.limit_memory(group, engine.MEMORY)
    limit = engine.MEMORY if limited else None

    # The engine is the slowest to come up, so it goes first; it needs only the certificates.
    parts.certificates()
    started = [*engine.start(wish, group, limit is not None), *parts.start(wish)]
    for part in started:
        wait_for(part)
    images = [("mirror-store", "library/busybox", "1.36"), ("mirror-store", f"{layout.HUB_USER}/base", "1"), ("private-store", "private/base", "1")]
    for port, name, tag in images:
        base.push(layout.cache() / "base", layout.PORTS[port], name, tag)
    report = engine.report(wish, limit)
    enter = ["nsenter", "--target", str(pid), *layout.NSENTER, "--"]
    return {"pid": pid, "enter": enter, **report, **parts.report(), "logs": {part.name: str(part.log) for part in started}}


def mounts() -> None:
    mount("none", "/", "", flags=MS_REC | MS_PRIVATE)
    mount("lab", "/run", "tmpfs", "mode=755,size=4g")
    for name in ("", "logs", "certs", "tmp", "etc/upper", "etc/work", "engine", "docker-cli"):
        (state / name).mkdir(parents=True, exist_ok=True)
    pathlib.Path("/run/lock").mkdir(mode=0o1777)
    # A private /etc over the machine's own: hosts, docker, subuid and passwd change here and nowhere else.
    mount("lab", "/etc", "overlay", f"lowerdir=/etc,upperdir={state}/etc/upper,workdir={state}/etc/work")
    mount("proc", "/proc", "proc")
    hide("/opt")  # containerd makes folders there
    pathlib.Path("/etc/hosts").unlink(missing_ok=True)
    names = [*layout.hosts(), layout.BRIDGE_HOST, layout.ENGINE_TLS]
    pathlib.Path("/etc/hosts").write_text("127.0.0.1 localhost\n" + "".join(f"127.0.0.1 {each}\n" for each in names))
    # No name server: what is not in the hosts file fails at once ("connection refused") instead of timing out.
    pathlib.Path("/etc/resolv.conf").unlink(missing_ok=True)
    pathlib.Path("/etc/resolv.conf").write_text("nameserver 127.0.0.1\noptions attempts:1 timeout:1\n")


def hide(folder: str) -> None:
    """The same content, but writes go to the lab's memory."""
    if not os.path.isdir(folder):
        return
    for kind in ("upper", "work"):
        (state / f"hide{folder}" / kind).mkdir(parents=True, exist_ok=True)
    mount("lab", folder, "overlay", f"lowerdir={folder},upperdir={state}/hide{folder}/upper,workdir={state}/hide{folder}/work")


def engine_disk(wish: layout.Wish, disk: pathlib.Path) -> bool:
    """Where the engine keeps its images: memory, or, caged, a file on disk; true when on disk.

    Pages of a tmpfs count against the memory limit of whoever wrote them, so a caged engine's images would use up its
    1 GiB. The file is unlinked as soon as it is mounted: it lives as long as the mount and leaves nothing.
    """
    target = f"{layout.STATE}/engine"
    if wish.caged and disk_file(wish, disk, target):
        os.chmod(target, 0o755)
        return True
    mount("lab", target, "tmpfs", f"mode=755,size={wish.disk}")
    return False


def disk_file(wish: layout.Wish, disk: pathlib.Path, target: str) -> bool:
    """False where there are no loop devices, as in most containers: then there is no memory limit either."""
    disk.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(["truncate", "-s", wish.disk, disk], check=True, env=parts.ENV)
    make: list[str | os.PathLike] = ["mkfs.ext4", "-q", "-O", "^has_journal", "-E", "lazy_itable_init=1,nodiscard", "-m", "0", disk]
    made = subprocess.run(make, env=parts.ENV, capture_output=True, text=True)
    if made.returncode == 0:
        made = subprocess.run(["mount", "-o", "loop,noatime", disk, target], env=parts.ENV, capture_output=True, text=True)
    disk.unlink(missing_ok=True)
    if made.returncode != 0:
        print(f"lab: no disk file for the caged engine, so no memory limit: {made.stderr.strip()}", file=sys.stderr)
    return made.returncode == 0


def wait_for(part: parts.Part) -> None:
    while not part.ready():
        gone = part.process.poll() is not None
        if gone or time.monotonic() > part.deadline:
            why = f"ended with {part.process.returncode}" if gone else "is not ready in time"
            tail = "\n".join(part.log.read_text(errors="replace").splitlines()[-15:])
            raise Failed(f"{part.name} {why}; the end of its log:\n{tail}")
        time.sleep(0.02)


def watch() -> int:
    """Process 1 adopts what its children leave behind, containers' shims above all, and must collect them."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return 1
