"""The lab's cgroup: the engine and its containers in one folder, so that a caged lab can limit them together.

Both layouts are served: version 1 (a tree per controller) and version 2 (one tree). In version 2 a folder with limits
for its children holds no processes itself, so the engine sits in a sub-folder there.
"""

from __future__ import annotations

import os
import pathlib
import time

ROOT = pathlib.Path("/sys/fs/cgroup")
PREFIX = "ecr-pipe-lab-"


def name(pid: int) -> str:
    return f"{PREFIX}{pid}"


def is_v2() -> bool:
    return (ROOT / "cgroup.controllers").exists()


def trees() -> list[pathlib.Path]:
    if is_v2():
        return [ROOT]
    # A version 2 tree without controllers may lie beside the others; engines make folders there too.
    return [path for path in ROOT.iterdir() if path.is_dir() and not path.is_symlink()]


def pids() -> list[int]:
    found = {path.name[len(PREFIX):] for tree in trees() for path in tree.glob(f"{PREFIX}*")}
    return [int(each) for each in found if each.isdigit()]


def limit_memory(group: str, size: int) -> bool:
    """False when this machine does not let us."""
    try:
        if is_v2():
            (ROOT / "cgroup.subtree_control").write_text("+memory")
            (ROOT / group).mkdir(exist_ok=True)
            (ROOT / group / "cgroup.subtree_control").write_text("+memory")
            (ROOT / group / "memory.max").write_text(str(size))
            (ROOT / group / "engine").mkdir(exist_ok=True)
            return int((ROOT / group / "memory.max").read_text()) == size
        folder = ROOT / "memory" / group
        folder.mkdir(exist_ok=True)
        (folder / "memory.limit_in_bytes").write_text(str(size))
        return int((folder / "memory.limit_in_bytes").read_text()) == size
    except (OSError, ValueError):
        return False


def enter(group: str) -> None:
    """Moves the calling process in; run between fork and exec of the engine."""
    folder = ROOT / group / "engine" if is_v2() else ROOT / "memory" / group
    (folder / "cgroup.procs").write_text("0")


def container(identity: str) -> pathlib.Path:
    """The memory folder of a container of any lab; a LookupError while there is none."""
    tree = ROOT if is_v2() else ROOT / "memory"
    found = next(tree.glob(f"{PREFIX}*/{identity}"), None) if identity else None
    if found is None:
        raise LookupError(identity)
    return found


def peak(folder: pathlib.Path) -> int:
    return int((folder / ("memory.peak" if is_v2() else "memory.max_usage_in_bytes")).read_text())


def remove(group: str) -> None:
    """Folders are removed inside out. The kernel may need a moment after the last process of one is gone."""
    deadline = time.monotonic() + 2
    while True:
        left = False
        for tree in trees():
            for folder, _, _ in os.walk(tree / group, topdown=False):
                try:
                    os.rmdir(folder)
                except FileNotFoundError:
                    pass
                except OSError:
                    left = True
        if not left or time.monotonic() > deadline:
            return
        time.sleep(0.02)
