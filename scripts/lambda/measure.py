"""What a tile and an analysis take at the shares of a core that Lambda gives: `measure.py BINARY`.

The binary runs as a server of the demo layers in a control group whose processor time is limited as Lambda limits it
(1769 MB is one core, in periods of 20 ms), with one worker and caches as for that memory, and is asked for one thing at
a time. A tile counts once: all tiles of the landsat layer at zooms 8 to 12, bahamas, colorado, and relief at zoom 5.
Prints milliseconds from request to answer, as Lambda would bill them, and the processor time in them. Root only
(control groups).
"""

import json
import math
import os
import pathlib
import statistics
import subprocess
import sys
import time
import urllib.request

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
ADDRESS = "http://127.0.0.1:18765"
MEMORY_MB = [512, 1024, 1769]
PERIOD_US = 20_000
TILES = {"landsat": range(8, 13), "bahamas": range(7, 10), "colorado": range(12, 15), "relief": [5]}
MOST_TILES = 120

# Two thirds of the world: 17 of the land cover's 26 million cells.
BOX = {"type": "Polygon", "coordinates": [[[-170, -60], [170, -60], [170, 60], [-170, 60], [-170, -60]]]}


class Group:
    """A control group (version 2, else 1) that gives its processes a share of a core."""

    def __init__(self, share):
        self.v2 = pathlib.Path("/sys/fs/cgroup/cgroup.controllers").exists()
        self.path = pathlib.Path("/sys/fs/cgroup" if self.v2 else "/sys/fs/cgroup/cpu") / f"cogwheel-{os.getpid()}"
        self.path.mkdir()
        quota_us = round(share * PERIOD_US)
        if self.v2:
            (self.path / "cpu.max").write_text(f"{quota_us} {PERIOD_US}")
        else:
            (self.path / "cpu.cfs_period_us").write_text(str(PERIOD_US))
            (self.path / "cpu.cfs_quota_us").write_text(str(quota_us))

    def enter(self):
        (self.path / "cgroup.procs").write_text(str(os.getpid()))


def get(path, body=None):
    started = time.perf_counter()
    data = json.dumps(body).encode() if body else None
    with urllib.request.urlopen(urllib.request.Request(ADDRESS + path, data), timeout=120) as answer:
        content = answer.read()
    return (time.perf_counter() - started) * 1e3, content


def cpu_ms(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1e3 / os.sysconf("SC_CLK_TCK")


def tiles(layer):
    west, south, east, north = json.loads(get(f"/layers/{layer}")[1])["bounds"]

    def column(lon, zoom):
        return min(int((lon + 180) / 360 * 2**zoom), 2**zoom - 1)

    def row(lat, zoom):
        lat = math.radians(max(-85, min(85, lat)))
        return min(int((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * 2**zoom), 2**zoom - 1)

    for zoom in TILES[layer]:
        for y in range(row(north, zoom), row(south, zoom) + 1):
            for x in range(column(west, zoom), column(east, zoom) + 1):
                yield f"/tiles/{layer}/{zoom}/{x}/{y}.png"


def measure(binary, memory_mb):
    group = Group(min(1, memory_mb / 1769))
    port = ADDRESS.rsplit(":", 1)[1]
    environment = {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory_mb), "COGWHEEL_TILE_CACHE_MB": "0",
                   "COGWHEEL_LOG": "error", "COGWHEEL_PORT": port}
    server = subprocess.Popen([binary, "serve"], cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL,
                              preexec_fn=group.enter)
    try:
        for _ in range(200):
            time.sleep(0.05)
            try:
                get("/healthz")
                break
            except OSError:
                pass
        time.sleep(1)
        print(f"{memory_mb} MB, {min(1, memory_mb / 1769):.2f} of a core")
        for layer in TILES:
            paths = list(tiles(layer))[:MOST_TILES]
            before = cpu_ms(server)
            taken = [get(path) for path in paths]
            used = (cpu_ms(server) - before) / len(paths)
            times = [milliseconds for milliseconds, _ in taken]
            size = statistics.mean(len(content) for _, content in taken)
            print(f"  {layer:10} {len(paths):4} tiles: mean {statistics.mean(times):6.2f} ms, median"
                  f" {statistics.median(times):6.2f} ms, processor {used:5.2f} ms, {size / 1e3:5.1f} KB")
        before = cpu_ms(server)
        taken, content = get("/layers/landcover/counts", BOX)
        cells = json.loads(content)["total"] / 1e6
        used = cpu_ms(server) - before
        print(f"  counts of {cells:.1f} million cells: {taken / cells:.1f} ms a million, processor {used / cells:.1f} ms")
    finally:
        server.terminate()
        server.wait()
        group.path.rmdir()


for memory in MEMORY_MB:
    measure(os.path.abspath(sys.argv[1]), memory)
