"""A land cover like those of whole countries: classes in 8 bits, 30 m cells in an equal-area projection, a VRT of four
COG-like TIFFs with 144 million cells, and polygons over it. Made once, from fixed seeds."""

import json
import math
import sys
from pathlib import Path

import numpy
import rasterio
from rasterio.transform import from_origin
from rasterio.warp import transform

SIDE = 6_000  # cells of each of 2 x 2 files
CELL_M = 30
WEST, NORTH = -400_000, 2_000_000
CLASSES = numpy.array([11, 21, 22, 23, 24, 31, 41, 42, 43, 52, 71, 81, 82, 90, 95], dtype="uint8")


def patches(random, cells):
    """Squares of so many cells, each of one class."""
    count = SIDE // cells
    return CLASSES[random.integers(0, len(CLASSES), (count, count))].repeat(cells, 0).repeat(cells, 1)


def land_cover(seed):
    """Large patches, small ones in a third of them, and single cells: as land cover is."""
    random = numpy.random.default_rng(seed)
    small = (random.random((SIDE // 6, SIDE // 6)) < 0.35).repeat(6, 0).repeat(6, 1)
    cells = numpy.where(small, patches(random, 6), patches(random, 60))
    noise = CLASSES[random.integers(0, len(CLASSES), (SIDE, SIDE))]
    return numpy.where(random.random((SIDE, SIDE)) < 0.04, noise, cells)


def write_part(path, col, row):
    profile = {
        "driver": "GTiff", "width": SIDE, "height": SIDE, "count": 1, "dtype": "uint8", "crs": "EPSG:5070",
        "transform": from_origin(WEST + col * SIDE * CELL_M, NORTH - row * SIDE * CELL_M, CELL_M, CELL_M),
        "tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "nodata": 0,
    }
    with rasterio.open(path, "w", **profile) as file:
        file.write(land_cover(2 * row + col), 1)


def vrt():
    source = """<ComplexSource><SourceFilename relativeToVRT="1">part_{col}{row}.tif</SourceFilename><SourceBand>1</SourceBand>
<SrcRect xOff="0" yOff="0" xSize="{side}" ySize="{side}"/><DstRect xOff="{x}" yOff="{y}" xSize="{side}" ySize="{side}"/>
<NODATA>0</NODATA></ComplexSource>"""
    sources = "".join(
        source.format(col=col, row=row, side=SIDE, x=col * SIDE, y=row * SIDE) for row in (0, 1) for col in (0, 1)
    )
    return f"""<VRTDataset rasterXSize="{2 * SIDE}" rasterYSize="{2 * SIDE}"><SRS>EPSG:5070</SRS>
<GeoTransform>{WEST}, {CELL_M}, 0, {NORTH}, 0, -{CELL_M}</GeoTransform>
<VRTRasterBand dataType="Byte" band="1"><NoDataValue>0</NoDataValue>{sources}</VRTRasterBand></VRTDataset>"""


def coast(vertices):
    """A ring with bays over two thirds of the raster, in degrees."""
    middle = [WEST + SIDE * CELL_M, NORTH - SIDE * CELL_M]
    angles = [2 * math.pi * i / vertices for i in range(vertices)]
    radius = [165_000 * (1 + 0.06 * math.sin(7 * a) + 0.03 * math.sin(23 * a)) for a in angles]
    xs = [middle[0] + r * math.cos(a) for r, a in zip(radius, angles)]
    ys = [middle[1] + r * math.sin(a) for r, a in zip(radius, angles)]
    ring = [[lon, lat] for lon, lat in zip(*transform("EPSG:5070", "EPSG:4326", xs, ys))]
    return {"type": "Polygon", "coordinates": [ring + ring[:1]]}


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for row in (0, 1):
        for col in (0, 1):
            path = folder / f"part_{col}{row}.tif"
            if not path.exists():
                print(f"making {path.name}", file=sys.stderr)
                write_part(path, col, row)
    (folder / "land_cover.vrt").write_text(vrt())
    (folder / "coast.json").write_text(json.dumps(coast(5_000)))


main(Path(sys.argv[1]))
