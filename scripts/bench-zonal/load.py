"""How long tiles take while nothing else is asked, and while ten clients ask for one large analysis after the other."""

import http.client
import json
import math
import random
import threading
import time
import urllib.request
from urllib.parse import urlsplit

from bench import DATA, HERE, SHAPE, Cogwheel

ZOOM = 11
TILES = 1000
ANALYSES = 10


class Uncached(Cogwheel):
    """Every tile is made anew."""

    settings = {"COGWHEEL_TILE_CACHE_MB": "0"}


def tile_paths(address):
    """Tiles in the middle of the layer."""
    with urllib.request.urlopen(f"{address}/layers/land_cover") as response:
        west, south, east, north = json.load(response)["bounds"]

    def position(share):
        lon, lat = west + (east - west) * share, north + (south - north) * share
        y = math.asinh(math.tan(math.radians(lat)))
        return int((lon + 180) / 360 * 2**ZOOM), int((1 - y / math.pi) / 2 * 2**ZOOM)

    (left, top), (right, bottom) = position(0.35), position(0.65)
    return [f"/tiles/land_cover/{ZOOM}/{x}/{y}.png" for x in range(left, right) for y in range(top, bottom)]


def tile_times(address, paths):
    """Milliseconds a tile, one after the other with a pause between them, sorted."""
    connection = http.client.HTTPConnection(urlsplit(address).netloc)
    chosen, times = random.Random(1), []
    for _ in range(TILES):
        begin = time.perf_counter()
        connection.request("GET", chosen.choice(paths))
        response = connection.getresponse()
        response.read()
        assert response.status == 200, response.status
        times.append((time.perf_counter() - begin) * 1e3)
        time.sleep(0.003)
    return sorted(times)


def main(binary):
    folder = DATA / "server"
    folder.mkdir(exist_ok=True)
    server = Uncached(binary, folder)
    paths = tile_paths(server.address)
    tile_times(server.address, paths)
    idle = tile_times(server.address, paths)
    end, answered = threading.Event(), []

    def analyse():
        while not end.is_set():
            request = urllib.request.Request(f"{server.address}/layers/land_cover/counts", SHAPE.read_bytes())
            answered.append(json.load(urllib.request.urlopen(request))["total"])

    clients = [threading.Thread(target=analyse) for _ in range(ANALYSES)]
    for client in clients:
        client.start()
    time.sleep(0.5)
    begin, before = time.perf_counter(), len(answered)
    busy = tile_times(server.address, paths)
    rate = (len(answered) - before) / (time.perf_counter() - begin)
    end.set()
    for client in clients:
        client.join()
    server.stop()
    print(f"\n{len(paths)} tiles of zoom {ZOOM}, made anew each time; {answered[0]:,} cells an analysis.\n")
    print("| tiles | median | p99 | longest |")
    print("| --- | --- | --- | --- |")
    for name, times in (("alone", idle), (f"beside {ANALYSES} analyses, {rate:.1f} of which end a second", busy)):
        print(f"| {name} | {times[TILES // 2]:.1f} ms | {times[TILES * 99 // 100]:.1f} ms | {times[-1]:.1f} ms |")


if __name__ == "__main__":
    main(HERE.parents[1] / "target" / "release" / "cogwheel")
