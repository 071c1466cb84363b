"""Cogwheel, rasterstats and exactextract count the same cells; wall time, CPU and memory of each, in turns."""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
DATA = HERE.parents[1] / "target" / "bench-zonal" / "data"
RASTER = DATA / "land_cover.vrt"
SHAPE = DATA / "coast.json"


def rasterstats(shape):
    from rasterstats import zonal_stats

    found = zonal_stats([shape], str(RASTER), categorical=True)[0]
    return {str(value): count for value, count in found.items()}


def exactextract(shape):
    from exactextract import exact_extract

    feature = {"type": "Feature", "properties": {}, "geometry": shape}
    found = exact_extract(str(RASTER), feature, ["unique", "frac", "count"])[0]["properties"]
    return {str(value): share * found["count"] for value, share in zip(found["unique"], found["frac"])}


def peer(name):
    """Runs one peer in this process, and prints seconds, CPU seconds, megabytes and counts."""
    from rasterio.warp import transform_geom

    shape = transform_geom("EPSG:4326", "EPSG:5070", json.loads(SHAPE.read_text()))
    begin, cpu = time.perf_counter(), time.process_time()
    counts = {"rasterstats": rasterstats, "exactextract": exactextract}[name](shape)
    seconds, cpu = time.perf_counter() - begin, time.process_time() - cpu
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "memory_mb": memory_mb, "counts": counts}))


class Cogwheel:
    """A server with the raster as its only layer."""

    settings = {}

    def __init__(self, binary, folder):
        config = folder / "cogwheel.toml"
        config.write_text(f'[layers.land_cover]\nsource = "{RASTER}"\n')
        environment = {**os.environ, "COGWHEEL_LOG": "off", **self.settings}
        command = [binary, "serve", "--port", "0", "--config", config]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, text=True)
        self.address = self.process.stdout.readline().split()[-1]

    def ask(self, what):
        before = self.cpu_seconds()
        begin = time.perf_counter()
        url = f"{self.address}/layers/land_cover/{what}"
        with urllib.request.urlopen(urllib.request.Request(url, SHAPE.read_bytes())) as response:
            answer = json.load(response)
        seconds = time.perf_counter() - begin
        return {"seconds": seconds, "cpu": self.cpu_seconds() - before, "memory_mb": self.peak_mb(), "answer": answer}

    def cpu_seconds(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def peak_mb(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024

    def stop(self):
        self.process.kill()
        self.process.wait()


def run_peer(name):
    return json.loads(subprocess.run([sys.executable, __file__, "--peer", name], check=True, capture_output=True).stdout)


def row(name, runs, ours=None):
    seconds = statistics.median(run["seconds"] for run in runs)
    cpu = statistics.median(run["cpu"] for run in runs)
    memory = max(run["memory_mb"] for run in runs)
    ratio = f"{seconds / ours:.1f} x" if ours else ""
    print(f"| {name} | {seconds:.2f} s | {cpu:.2f} s | {memory:.0f} MB | {ratio} |")
    return seconds


def agree(ours, theirs, tolerance):
    worst = max(abs(ours[value] - count) / count for value, count in theirs.items())
    assert set(ours) == set(theirs) and worst < tolerance, (worst, ours, theirs)
    return worst


def main(binary, runs):
    folder = DATA / "server"
    folder.mkdir(exist_ok=True)
    found = {"counts": [], "counts?cell_rule=coverage": [], "rasterstats": [], "exactextract": []}
    for _ in range(runs):
        server = Cogwheel(binary, folder)
        for what in ("counts", "counts?cell_rule=coverage"):
            found[what].append(server.ask(what))
        server.stop()
        for name in ("rasterstats", "exactextract"):
            found[name].append(run_peer(name))
    cells = found["counts"][0]["answer"]["total"]
    print(f"{cells:,} cells of an 8-bit VRT of four files, {os.cpu_count()} cores, medians of {runs} runs; each run of")
    print("Cogwheel is the first of a new server, its start and the reading of the shape not counted for anybody.\n")
    print("| counts of classes | wall time | CPU time | peak memory | Cogwheel is faster by |")
    print("| --- | --- | --- | --- | --- |")
    center = row("Cogwheel, centres", found["counts"])
    row("rasterstats", found["rasterstats"], center)
    coverage = row("Cogwheel, exact coverage", found["counts?cell_rule=coverage"])
    row("exactextract", found["exactextract"], coverage)
    ours = {rule: found[rule][0]["answer"]["counts"] for rule in ("counts", "counts?cell_rule=coverage")}
    # Their edges are straight in the raster's projection, ours in longitude and latitude.
    print(f"\nlargest difference of a count: {agree(ours['counts'], found['rasterstats'][0]['counts'], 1e-4):.1e}", end=", ")
    print(f"{agree(ours['counts?cell_rule=coverage'], found['exactextract'][0]['counts'], 1e-4):.1e}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer")
    parser.add_argument("--cogwheel", default=HERE.parents[1] / "target" / "release" / "cogwheel")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    if options.peer:
        peer(options.peer)
    else:
        main(options.cogwheel, options.runs)
