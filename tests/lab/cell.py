"""The outside of a lab: the process that `lab up` is. It makes the namespaces, holds the lab's life in its hand and
sweeps its cgroup folders, the one thing that no namespace takes away."""

from __future__ import annotations

import ctypes
import os
import pathlib
import select
import signal
import sys

import cgroups
import inside
import layout

CLONE_NEWPID, PR_SET_PDEATHSIG = 0x20000000, 1
libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")


def run(wish: layout.Wish) -> int:
    sweep()
    name = cgroups.name(os.getpid())
    ending: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda got, _frame: ending.append(got))
    wake_read, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write)
    disk = layout.cache() / "disks" / f"{os.getpid()}.img"

    check(libc.unshare(CLONE_NEWPID), "unshare")
    child = os.fork()
    if child == 0:
        signal.set_wakeup_fd(-1)
        # The lab ends with this process however it ends; SIGKILL to pid 1 of the namespace ends all in it.
        check(libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")
        os._exit(inside.run(wish, name, disk))

    try:
        code = wait(child, wake_read, ending)
    finally:
        cgroups.remove(name)
        disk.unlink(missing_ok=True)
    return code


def wait(child: int, wake: int, ending: list[int]) -> int:
    """Until the lab ends by itself (failure), standard input ends, or a signal comes."""
    handle = os.pidfd_open(child)
    sources = [0, wake, handle]
    while not ending:
        ready, _, _ = select.select(sources, [], [])
        if handle in ready:
            return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) or 1
        if 0 in ready and not os.read(0, 65536):
            break
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)  # returns when every process of the namespace is gone
    return 0


def sweep() -> None:
    """What labs left that were killed with SIGKILL: cgroup folders, and perhaps a disk file."""
    for pid in cgroups.pids():
        if not is_lab(pid):
            cgroups.remove(cgroups.name(pid))
    for file in (layout.cache() / "disks").glob("*.img"):
        if not is_lab(int(file.stem)):
            file.unlink(missing_ok=True)


def is_lab(pid: int) -> bool:
    try:
        words = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"up" in words and any(word.rsplit(b"/")[-1] == b"lab" for word in words)


if __name__ == "__main__":
    sys.exit("run tests/lab/lab")
