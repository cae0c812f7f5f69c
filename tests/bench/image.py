"""Images to push: contexts made of files of Debian packages, cut into layers of equal size, the same on every machine."""

from __future__ import annotations

import pathlib
import random
from collections.abc import Iterator

from lab import BASE, CACHE

FILES = CACHE / "image-files"
PIECE = 1 << 20


def stream() -> Iterator[tuple[str, bytes]]:
    """Pieces of the packages' files with the file's name, in a mixed order, so that all layers compress alike; without end."""
    files = sorted(path for path in FILES.rglob("*") if path.is_file() and not path.is_symlink())
    random.Random(7).shuffle(files)
    while True:
        for number, path in enumerate(files):
            with path.open("rb") as content:
                while piece := content.read(PIECE):
                    yield f"{number:05}-{path.name}", piece


def plant(root: pathlib.Path, layers: int, size: int) -> pathlib.Path:
    """A context with a folder for each layer; the Dockerfile copies one after the other. `size` is that of all."""
    pieces = stream()
    rest: tuple[str, bytes] | None = None
    for layer in range(layers):
        folder = root / f"layer-{layer:03}"
        folder.mkdir(parents=True)
        left = size // layers
        while left:
            name, piece = rest or next(pieces)
            taken, piece = piece[:left], piece[left:]
            rest = (name, piece) if piece else None
            left -= len(taken)
            with (folder / name).open("ab") as file:
                file.write(taken)
    copies = "".join(f"COPY layer-{layer:03} /layer-{layer:03}/\n" for layer in range(layers))
    (root / "Dockerfile").write_text(f"FROM {BASE}\n{copies}")
    return root


def change(root: pathlib.Path, layers: list[int]) -> None:
    """Other content for these layers, of about the same size."""
    for layer in layers:
        with (root / f"layer-{layer:03}" / "changed").open("ab") as file:
            file.write(random.randbytes(64))


def add_small(root: pathlib.Path) -> None:
    """One more layer, of a small file."""
    dockerfile = root / "Dockerfile"
    if "small" not in dockerfile.read_text():
        dockerfile.write_text(dockerfile.read_text() + "COPY small /\n")
        change_small(root)


def change_small(root: pathlib.Path) -> None:
    (root / "small").write_bytes(random.randbytes(2_000_000))
