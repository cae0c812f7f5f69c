"""What all tables share."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Callable, Iterator

import image
from lab import Lab
from tree import Tree

Row = list[str]
MB = 1_000_000


@dataclasses.dataclass(frozen=True)
class Sizes:
    """How large what is built is."""

    many: Tree
    large: Tree
    middle: Tree
    kept: Tree
    hardly_used: Tree
    seconds: int  # of steps
    pushed: int  # bytes of the image that is pushed
    shares: list[int]  # of it new, in percent
    small: list[tuple[int, int, list[int]]]  # layers and bytes of small images, and how many layers of them are new
    curve: list[int]  # bytes
    layered: int  # bytes of the image that is cut into ever more layers
    layers: list[int]


FULL = Sizes(many=Tree(20_000, 2_048), large=Tree(100, 10 * 2**20), middle=Tree(2_000, 25_000), kept=Tree(5_000, 100_000),
             hardly_used=Tree(2_000, 1_000_000, hole=True, one=1_000_000), seconds=20, pushed=290 * MB,
             shares=[0, 10, 30, 50, 70, 100], small=[(3, 3 * MB, [0, 1, 3]), (10, 30 * MB, [1])],
             curve=[10 * MB, 100 * MB, 1000 * MB, 4000 * MB], layered=120 * MB, layers=[1, 10, 40, 120])
QUICK = Sizes(many=Tree(200, 2_048), large=Tree(10, 2**20), middle=Tree(100, 25_000), kept=Tree(100, 100_000),
              hardly_used=Tree(20, 1_000_000, hole=True, one=10_000), seconds=2, pushed=3 * MB, shares=[0, 50, 100], small=[(3, MB, [0, 1, 3])],
              curve=[MB, 4 * MB], layered=2 * MB, layers=[1, 5])


@dataclasses.dataclass(frozen=True)
class Bench:
    folder: pathlib.Path
    rounds: int
    sizes: Sizes

    def plant(self, tree: Tree, name: str) -> pathlib.Path:
        """A tree is planted once, for all engines."""
        root = self.folder / name
        return root if root.exists() else tree.plant(root)

    def image(self, layers: int, size: int) -> pathlib.Path:
        """The context of an image, planted once."""
        root = self.folder / f"image-{layers}-{size}"
        return root if root.exists() else image.plant(root, layers, size)


@dataclasses.dataclass(frozen=True)
class Table:
    title: str
    columns: Row
    rows: Callable[[Bench, Lab], Iterator[Row]]
    # Of `lab up`.
    options: tuple[str, ...] = ()
    # Where one engine tells enough.
    engines: tuple[str, ...] = ()


# Layers take the short way into the registry, whose work a user's machine does not do.
PLAIN = ("--plain-blobs",)
