"""Measures Cogwheel, TiTiler and MapServer on the same tiles, one after the other, and compares with our targets.

run.sh runs this in the peers' venv. Prints Markdown, which is also written to target/bench-peers/report.md.
"""

import argparse
import importlib.metadata
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import rasterio

import measure
import servers
from servers import NotSupported

CACHE = Path(__file__).resolve().parents[2] / "target" / "bench-peers"

# Holds every decoded block of every data set. MapServer, which keeps its blocks too, gets the same.
WARM_MB = 512

# How Cogwheel is run: name, and its settings. The cache of encoded tiles is off in all.
MODES = {
    "warm": {"COGWHEEL_BLOCK_CACHE_MB": str(WARM_MB)},
    "defaults": {},
    "512 MB Lambda": {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"},
    "cold": {"COGWHEEL_BLOCK_CACHE_MB": "0"},
}

# Times as many tiles a second: our mode, the peer, and the least by data set.
SPEED_TARGETS = [
    ("warm", "TiTiler", {"utm-deflate": 40, "utm-zstd": 40, "3857-deflate": 25, "3857-jpeg": 25, "dem-deflate": 30}),
    ("warm", "MapServer", {"utm-deflate": 5, "utm-zstd": 5, "3857-deflate": 5, "3857-jpeg": 5}),
    ("cold", "TiTiler", {"utm-deflate": 12, "utm-zstd": 12, "3857-deflate": 12, "3857-jpeg": 12, "dem-deflate": 12}),
]
MEMORY_TARGETS_MB = {"defaults": 150, "512 MB Lambda": 100}
FIRST_TILE_TARGET_MS = 25
TAIL_TARGET = 4

FIRST_TILE_SET = "utm-deflate"
FIRST_TILE_RUNS = 10
PICTURES = 12


@dataclass
class Outcome:
    """What came of a server on a data set: figures, or the reason why there are none."""

    dataset: str
    server: str
    figures: measure.Figures | None = None
    pictures: list | None = None
    reason: str = ""


def main():
    options = arguments()
    # A terminated run must pass through the contexts that end the servers.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
    folder = CACHE / "run"
    folder.mkdir(parents=True, exist_ok=True)
    datasets = [dataset for dataset in read_sets() if dataset["name"] in options.sets]
    outcomes = [outcome for dataset in datasets for outcome in measure_all(dataset, options, folder)]
    first_tiles = time_first_tiles(options, folder)
    report = "\n\n".join([
        heading(options),
        "## Figures", figures_table(outcomes), *not_supported(outcomes),
        "## Pictures", pictures_table(outcomes),
        "## Targets", targets_table(outcomes, first_tiles),
    ]) + "\n"
    (CACHE / "report.md").write_text(report)
    print(report)


def arguments():
    names = [dataset["name"] for dataset in read_sets()]
    parser = argparse.ArgumentParser(description="Cogwheel beside TiTiler and MapServer on the same tiles")
    parser.add_argument("--quick", action="store_true", help="3 seconds a measurement instead of 10")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each, of which the median counts (default 3)")
    parser.add_argument("--cogwheel", type=Path, default=CACHE.parent / "release" / "cogwheel", help="the binary")
    parser.add_argument("--sets", nargs="+", choices=names, default=names, metavar="SET", help=f"of {', '.join(names)}")
    options = parser.parse_args()
    if not options.cogwheel.exists():
        parser.error(f"{options.cogwheel} is not there: cargo build --release")
    options.seconds = 3 if options.quick else 10
    return options


def read_sets():
    data = CACHE / "data"
    return [dataset | {"path": data / dataset["file"]} for dataset in json.loads((data / "sets.json").read_text())]


# Measuring


def measure_all(dataset, options, folder):
    """Each in turn, and so in every round: a machine that is slow for a minute is slow for one round of each at most."""
    starts = contestants(dataset, options, folder)
    rounds = [measure_round(dataset, starts, options, folder, index + 1) for index in range(options.rounds)]
    return [together([each[name] for each in rounds]) for name in starts]


def measure_round(dataset, starts, options, folder, number):
    say(f"{dataset['name']}, round {number} of {options.rounds}: {', '.join(starts)}")
    return {name: measure_one(dataset, name, start, options, folder) for name, start in starts.items()}


def together(outcomes):
    """One outcome of several rounds."""
    of_all = [outcome.figures for outcome in outcomes if outcome.figures]
    figures = measure.median(of_all) if len(of_all) == len(outcomes) else None
    reason = next((outcome.reason for outcome in outcomes if outcome.reason), "")
    return replace(outcomes[0], figures=figures, reason=reason)


def contestants(dataset, options, folder):
    """Name: what starts it."""
    cogwheel = partial(servers.cogwheel, options.cogwheel, dataset, folder)
    starts = {f"Cogwheel {mode}": partial(cogwheel, settings) for mode, settings in MODES.items()}
    starts["TiTiler"] = partial(servers.titiler, dataset, folder)
    if servers.have_mapserver():
        starts["MapServer"] = partial(servers.mapserver, dataset, folder, WARM_MB)
    return starts


def measure_one(dataset, name, start, options, folder):
    outcome = Outcome(dataset["name"], name)
    tiles = dataset["tiles"]
    try:
        with start() as server:
            servers.wait_until_ready(server, tiles[0])
            outcome.pictures = measure.pictures(server, tiles[:PICTURES])
            outcome.figures = measure.figures(server, tiles, options.seconds, folder)
    except NotSupported as reason:
        outcome.reason = str(reason)
        say(f"  not supported: {reason}")
    return outcome


def time_first_tiles(options, folder):
    """Name: median milliseconds from exec to the whole first tile."""
    dataset = next(dataset for dataset in read_sets() if dataset["name"] == FIRST_TILE_SET)
    starts = contestants(dataset, options, folder)
    runs = {"Cogwheel defaults": FIRST_TILE_RUNS, "Cogwheel 512 MB Lambda": FIRST_TILE_RUNS, "TiTiler": 1}
    say("first tiles")
    return {
        name: statistics.median(time_first_tile(starts[name], dataset["tiles"][0]) for _ in range(count))
        for name, count in runs.items()
    }


def time_first_tile(start, tile):
    begin = time.perf_counter()
    with start() as server:
        status, body = servers.wait_until_ready(server, tile, pause=0.001)
        elapsed = time.perf_counter() - begin
    measure.check(status, body)
    return elapsed * 1e3


def say(text):
    print(text, file=sys.stderr, flush=True)


# The report


def heading(options):
    return "\n".join([
        "# Cogwheel beside its peers",
        "",
        f"{options.seconds} s a measurement, medians of {options.rounds}, {measure.CLIENTS} connections, {os.cpu_count()} cores. {'; '.join(versions(options))}.",
        "",
        "Sources: " + ", ".join(f"{each['name']} {each['mb']} MB, {len(each['tiles'])} tiles" for each in read_sets()) + ".",
        f"Decoded blocks: Cogwheel warm and MapServer have {WARM_MB} MB for them, enough for all; Cogwheel cold keeps none;"
        " TiTiler opens the file anew for every tile. PNG: TiTiler's is what its `.png` gives, zlib level 6; MapServer has"
        " level 1. `others` is the share of the machine's CPU that other programs took"
        " meanwhile: figures are good when it is near 0, and CPU ms/tile suffers least.",
    ])


def versions(options):
    titiler = importlib.metadata.version("titiler.application")
    yield first_line([options.cogwheel, "--version"])
    yield f"TiTiler {titiler} with GDAL {rasterio.__gdal_version__}, {servers.WORKERS} processes"
    if servers.have_mapserver():
        words = first_line(["mapserv", "-v"]).split()
        yield f"{words[0]} {words[2]}, {servers.WORKERS} FastCGI processes behind nginx"
    else:
        yield "MapServer left out: mapserv or nginx is missing"


def first_line(command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()[0]


def figures_table(outcomes):
    rows = [figures_row(outcome, outcomes) for outcome in outcomes]
    titles = ["source", "server", "tiles/s", "p50 ms", "p99 ms", "CPU ms/tile", "peak MB", "kB/tile", "x TiTiler", "x MapServer", "others"]
    return table(titles, rows)


def figures_row(outcome, outcomes):
    begin = [outcome.dataset, outcome.server]
    if not outcome.figures:
        return [*begin, "not supported"] + [""] * 8
    mine = outcome.figures
    ratios = [ratio(outcomes, outcome, peer) for peer in ("TiTiler", "MapServer")]
    return begin + [
        f"{mine.tiles_per_s:.0f}", f"{mine.p50:.1f}", f"{mine.p99:.1f}", f"{mine.cpu:.2f}", f"{mine.memory / 1e6:.0f}",
        f"{mine.tile_bytes / 1e3:.0f}", *(f"{value:.1f}" if value else "" for value in ratios), f"{mine.others:.0%}",
    ]


def not_supported(outcomes):
    """The reasons, those that several servers share once."""
    reasons = {}
    for outcome in outcomes:
        if outcome.reason:
            reasons.setdefault((outcome.dataset, outcome.reason), []).append(outcome.server)
    lines = [f"* {dataset}, {', '.join(names)}: {reason}" for (dataset, reason), names in reasons.items()]
    return ["Not supported:\n\n" + "\n".join(lines)] if lines else []


def ratio(outcomes, outcome, peer, figure="tiles_per_s"):
    """How many times the peer's figure on the same source; none when either is missing."""
    theirs = find(outcomes, outcome.dataset, peer)
    if not (outcome.figures and theirs and theirs.figures):
        return None
    return getattr(outcome.figures, figure) / getattr(theirs.figures, figure)


def find(outcomes, dataset, server):
    return next((outcome for outcome in outcomes if (outcome.dataset, outcome.server) == (dataset, server)), None)


def pictures_table(outcomes):
    peers = [outcome for outcome in outcomes if outcome.server in ("TiTiler", "MapServer")]
    rows = [row for outcome in peers for row in pictures_rows(outcome, outcomes)]
    words = (
        f"{PICTURES} tiles of each source against Cogwheel's: mean absolute difference of red, green and blue (0 to 255),"
        " and pixels that one alone leaves transparent.")
    return words + "\n\n" + table(["source", "server", "difference", "transparency differs"], rows)


def pictures_rows(outcome, outcomes):
    ours = find(outcomes, outcome.dataset, "Cogwheel warm")
    if ours.pictures and outcome.pictures:
        colours, transparency = measure.difference(ours.pictures, outcome.pictures)
        yield [outcome.dataset, outcome.server, f"{colours:.2f}", f"{transparency:.2%}"]


def targets_table(outcomes, first_tiles):
    rows = [*speed_rows(outcomes), *tail_rows(outcomes), *memory_rows(outcomes), *first_tile_rows(first_tiles)]
    return table(["target", "wanted", "measured", ""], rows)


def speed_rows(outcomes):
    for mode, peer, least in SPEED_TARGETS:
        for dataset, goal in least.items():
            ours = find(outcomes, dataset, f"Cogwheel {mode}")
            value = ours and ratio(outcomes, ours, peer)
            less_cpu = f" (CPU: {1 / ratio(outcomes, ours, peer, 'cpu'):.1f}x less)" if value else ""
            yield [f"{dataset}, {mode}: times {peer}", f"at least {goal}", *verdict(value, value and value >= goal, "x" + less_cpu)]


def tail_rows(outcomes):
    for outcome in outcomes:
        if outcome.server == "Cogwheel warm":
            value = outcome.figures and outcome.figures.p99 / outcome.figures.p50
            yield [f"{outcome.dataset}, warm: p99 / p50", f"under {TAIL_TARGET}", *verdict(value, value and value < TAIL_TARGET)]


def memory_rows(outcomes):
    for mode, goal in MEMORY_TARGETS_MB.items():
        peaks = [outcome.figures.memory / 1e6 for outcome in outcomes if outcome.server == f"Cogwheel {mode}" and outcome.figures]
        value = max(peaks, default=None)
        yield [f"{mode}: peak memory of any source", f"below {goal} MB", *verdict(value, value and value < goal, " MB")]


def first_tile_rows(first_tiles):
    for name, value in first_tiles.items():
        goal = f"under {FIRST_TILE_TARGET_MS} ms" if name.startswith("Cogwheel") else ""
        yield [f"{name}: exec to first tile", goal, *verdict(value, goal and value < FIRST_TILE_TARGET_MS, " ms", bool(goal))]


def verdict(value, met, unit="", judged=True):
    """The last two cells of a target's row."""
    if value is None:
        return "not measured", ""
    return f"{value:.1f}{unit}", ("met" if met else "missed") if judged else ""


def table(titles, rows):
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    main()
