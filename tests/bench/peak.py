"""Peak resident memory of a process. `wait4` would not do: what it tells of a child begins with the memory of its parent."""

from __future__ import annotations

import threading


class Peak:
    """Watches a process until it is gone; `bytes` is then the most it had."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self._status = f"/proc/{pid}/status"
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> int:
        self._gone.set()
        self._thread.join()
        return self.bytes

    def _watch(self) -> None:
        while True:
            try:
                with open(self._status) as status:
                    for line in status:
                        if line.startswith("VmHWM:"):
                            self.bytes = max(self.bytes, int(line.split()[1]) * 1024)
            except OSError:
                return
            if self._gone.wait(0.01):
                return
