#!/usr/bin/env python3
"""Writes src/color/named.bin, the table behind `colormap_name=`.

The names are those of rio-tiler, so that TiTiler's URLs keep working. The colours are computed
from where rio-tiler took them, matplotlib and cmocean, and must equal rio-tiler's to the last
bit; the three maps that it adds itself are copied. src/color/COLORMAPS.md has the licences.

    python3 -m venv .venv && . .venv/bin/activate
    pip install matplotlib==3.11.2 cmocean==4.0.3 && pip install --no-deps rio-tiler==9.4.12
    python scripts/colormaps.py            # or --check: fails when the committed file differs

The file is a run of records in the order of their names (bytewise); counts are one byte:

    name length, name, 0, 256 x (r, g, b)             a table of its own
    name length, name, 1, n, n x (index, r, g, b)     `x_r`: x reversed, then n entries replaced
"""

import argparse
import importlib.util
import pathlib
import sys

import cmocean
import matplotlib
import numpy

OUTPUT = pathlib.Path(__file__).parent.parent / "src" / "color" / "named.bin"
TABLE, REVERSED = b"\0", b"\1"


def rio_tiler_maps() -> dict[str, numpy.ndarray]:
    """Name to 256 x RGBA, from the files alone: importing rio-tiler would need GDAL."""
    package = importlib.util.find_spec("rio_tiler")
    if package is None or package.origin is None:
        sys.exit("rio-tiler is not installed: see the top of this file")
    folder = pathlib.Path(package.origin).parent / "cmap_data"
    return {file.stem: numpy.load(file) for file in folder.glob("*.npy")}


def original_maps() -> dict[str, numpy.ndarray]:
    """Lower-case name to 256 x RGBA: cmocean's, and matplotlib's where both have the name."""
    colormaps = dict(cmocean.cm.cmap_d)
    colormaps |= {name.lower(): matplotlib.colormaps[name] for name in matplotlib.colormaps}
    positions = numpy.linspace(0, 1, 256)
    return {name: (cmap(positions) * 255).astype("uint8") for name, cmap in colormaps.items()}


def verified_maps() -> dict[str, numpy.ndarray]:
    """rio-tiler's names with 256 x RGB each; stops when a colour is not what it should be."""
    originals = original_maps()
    maps = {}
    for name, expected in sorted(rio_tiler_maps().items()):
        if (expected.shape, expected.dtype) != ((256, 4), numpy.uint8) or (expected[:, 3] != 255).any():
            sys.exit(f"{name}: not 256 opaque colours")
        colors = originals.get(name)
        if colors is None:
            print(f"{name}: copied from rio-tiler")
            colors = expected
        if (colors != expected).any():
            sys.exit(f"{name}: differs from rio-tiler's table")
        maps[name] = colors[:, :3]
    return maps


def record(name: str, maps: dict[str, numpy.ndarray]) -> bytes:
    """One map as the file holds it."""
    head = bytes([len(name)]) + name.encode("ascii")
    colors, forward = maps[name], maps.get(name.removesuffix("_r"))
    if not name.endswith("_r") or forward is None:
        return head + TABLE + colors.tobytes()
    # matplotlib rounds some reversed maps differently, and puts the steps of qualitative ones elsewhere.
    corrected = numpy.flatnonzero((forward[::-1] != colors).any(axis=1))
    if len(corrected) > 255:
        return head + TABLE + colors.tobytes()
    corrections = b"".join(bytes([index, *colors[index]]) for index in corrected)
    return head + REVERSED + bytes([len(corrected)]) + corrections


def main() -> None:
    parser = argparse.ArgumentParser(description="Writes src/color/named.bin.")
    parser.add_argument("--check", action="store_true", help="compare with the committed file, write nothing")
    arguments = parser.parse_args()

    maps = verified_maps()
    table = b"".join(record(name, maps) for name in sorted(maps))
    if not arguments.check:
        OUTPUT.write_bytes(table)
    elif OUTPUT.read_bytes() != table:
        sys.exit(f"{OUTPUT.name} is out of date: run scripts/colormaps.py")
    print(f"{len(maps)} colormaps, {len(table)} bytes")


if __name__ == "__main__":
    main()
