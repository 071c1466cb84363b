"""Makes the benchmark's rasters from the demo data, and its list of tiles: make_data.py FOLDER

Each raster is a demo layer with four times the pixels in each direction, as a COG of 512 px blocks. `sets.json` beside
them names them with their tiles. What is there already stays.
"""

import json
import math
import os
import random
import sys
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import Resampling
from rasterio.io import MemoryFile
from rasterio.transform import from_bounds, rowcol
from rasterio.warp import calculate_default_transform, transform, transform_bounds

DEMO = Path(__file__).resolve().parents[2] / "data" / "demo"
SCALE = 4
TILES = 2000
ZOOMS_OUT = 4
HALF_WORLD = 20037508.342789244

# GDAL's predictor for the type: 2 for integers, 3 for floats.
DEFLATE = {"compress": "DEFLATE", "predictor": "YES"}
ZSTD = {"compress": "ZSTD", "predictor": "YES"}
JPEG = {"compress": "JPEG", "quality": 85}

# name: (demo layer, how the COG is compressed, what turns its values into colours)
SETS = {
    "utm-deflate": ("bahamas", DEFLATE, None),
    "utm-zstd": ("bahamas", ZSTD, None),
    "3857-deflate": ("landsat", DEFLATE, None),
    "3857-jpeg": ("landsat", JPEG, None),
    "dem-deflate": ("colorado", DEFLATE, {"colormap_name": "terrain", "rescale": [2000, 4000]}),
}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    sets = []
    for name, (layer, compression, colours) in SETS.items():
        path = folder / f"{name}.tif"
        if not path.exists():
            print(f"making {path.name}", flush=True)
            make_cog(DEMO / f"{layer}.tif", path, compression)
        with rasterio.open(path) as raster:
            sets.append({
                "name": name,
                "file": path.name,
                "crs": raster.crs.to_string(),
                "mb": round(path.stat().st_size / 1e6, 1),
                "colours": colours,
                "tiles": choose_tiles(raster),
            })
    (folder / "sets.json").write_text(json.dumps(sets))


def make_cog(source, target, compression):
    """The upsampled raster is uncompressed in memory first: the COG driver only copies."""
    with MemoryFile() as memory:
        write_upsampled(source, memory)
        # Renamed at the end, so that an interrupted run leaves no half file to be measured.
        part = target.with_suffix(".part")
        rasterio.shutil.copy(memory.name, part, driver="COG", blocksize=512, overview_resampling="average", **compression)
        os.replace(part, target)


def write_upsampled(source, memory):
    with rasterio.open(source) as raster:
        height, width = raster.height * SCALE, raster.width * SCALE
        profile = {
            "driver": "GTiff", "height": height, "width": width, "count": raster.count, "dtype": raster.dtypes[0],
            "crs": raster.crs, "nodata": raster.nodata, "transform": from_bounds(*raster.bounds, width, height),
            "photometric": "RGB" if raster.count == 3 else "MINISBLACK", "bigtiff": "IF_SAFER",
        }
        pixels = raster.read(out_shape=(raster.count, height, width), resampling=Resampling.cubic)
        mask = raster.dataset_mask(out_shape=(height, width)) if raster.nodata is None else None
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), memory.open(**profile) as upsampled:
        upsampled.write(pixels)
        if mask is not None and not mask.all():
            upsampled.write_mask(mask)


def choose_tiles(raster):
    """Tiles with data in the middle, from the zoom of the raster's own pixels to ZOOMS_OUT below it, at random.

    A raster may have fewer than TILES of them: then it is all. No server here keeps answers, so that is enough.
    """
    native = native_zoom(raster)
    candidates = [tile for zoom in range(native - ZOOMS_OUT, native + 1) for tile in tiles_in(raster, zoom)]
    tiles = [tile for tile, filled in zip(candidates, have_data(raster, candidates)) if filled]
    random.Random(4).shuffle(tiles)
    return tiles[:TILES]


def native_zoom(raster):
    grid, _, _ = calculate_default_transform(raster.crs, "EPSG:3857", raster.width, raster.height, *raster.bounds)
    return round(math.log2(2 * HALF_WORLD / 256 / grid.a))


def tiles_in(raster, zoom):
    west, south, east, north = transform_bounds(raster.crs, "EPSG:3857", *raster.bounds)
    size = 2 * HALF_WORLD / 2**zoom
    columns = range(int((west + HALF_WORLD) // size), int((east + HALF_WORLD) // size) + 1)
    rows = range(int((HALF_WORLD - north) // size), int((HALF_WORLD - south) // size) + 1)
    return [(zoom, x, y) for x in columns for y in rows]


def have_data(raster, tiles):
    """Whether the middle of each tile has data. Tiles without are cheap for everyone, and say nothing."""
    middles = [middle(*tile) for tile in tiles]
    xs, ys = transform("EPSG:3857", raster.crs, *zip(*middles))
    rows, columns = (np.asarray(indices) for indices in rowcol(raster.transform, xs, ys))
    inside = (rows >= 0) & (rows < raster.height) & (columns >= 0) & (columns < raster.width)
    mask = raster.dataset_mask()
    return [ok and mask[row, column] > 0 for ok, row, column in zip(inside, rows, columns)]


def middle(zoom, x, y):
    size = 2 * HALF_WORLD / 2**zoom
    return (x + 0.5) * size - HALF_WORLD, HALF_WORLD - (y + 0.5) * size


if __name__ == "__main__":
    main(Path(sys.argv[1]))
