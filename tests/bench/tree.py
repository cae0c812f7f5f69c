"""Build contexts: trees of files of random bytes, the same for each run."""

from __future__ import annotations

import dataclasses
import pathlib
import random

from lab import BASE

# What a tree is built by: of all of it, of one file of it.
ALL, ONE = "Dockerfile", "Dockerfile.one"
ONE_FILE = "one"


@dataclasses.dataclass(frozen=True)
class Tree:
    files: int
    size: int
    # Holes instead of random bytes, which take no room on the disk; a tar has them whole.
    hole: bool = False
    # The size of the one file that is used where not all are.
    one: int = 6

    def __str__(self) -> str:
        return f"{self.files:,} files, {bytes_of(self.files * self.size)}"

    def plant(self, root: pathlib.Path) -> pathlib.Path:
        noise = random.Random(7)
        root.mkdir()
        (root / ALL).write_text(f"FROM {BASE}\nCOPY . /all/\n")
        (root / ONE).write_text(f"FROM {BASE}\nCOPY {ONE_FILE} /\n")
        (root / ONE_FILE).write_bytes(noise.randbytes(self.one))
        for number in range(self.files):
            file = root / f"folder-{number // 100:03}" / f"file-{number:05}"
            file.parent.mkdir(exist_ok=True)
            with file.open("wb") as content:
                content.truncate(self.size) if self.hole else content.write(noise.randbytes(self.size))
        return root


def change(root: pathlib.Path) -> None:
    """Gives one file of a tree other content of the same length."""
    file = root / "folder-000" / "file-00000"
    file.write_bytes(random.randbytes(file.stat().st_size))


def bytes_of(count: float) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:.0f} bytes"
