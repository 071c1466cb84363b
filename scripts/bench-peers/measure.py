"""Load, CPU, memory and pictures of a server that runs."""

import io
import json
import os
import re
import resource
import statistics
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from PIL import Image

from servers import NotSupported

CLIENTS = 8
TICKS = os.sysconf("SC_CLK_TCK")
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Figures:
    """Of one measurement. Times in ms, sizes in bytes; `others` is the share of the machine's CPU that others took."""

    tiles_per_s: float
    p50: float
    p99: float
    cpu: float
    memory: int
    tile_bytes: float
    others: float


def median(of_all):
    """Each figure's median; the most memory of all."""
    values = {field.name: statistics.median(getattr(each, field.name) for each in of_all) for field in fields(Figures)}
    return Figures(**values | {"memory": max(each.memory for each in of_all)})


def figures(server, tiles, seconds, folder):
    """Warms the server up with every tile once, then measures it under wrk."""
    with PeakMemory(server) as memory:
        warm_up(server, tiles)
        server_before, ours_before, machine_before = cpu_seconds(server), own_cpu_seconds(), machine_cpu_seconds()
        result = wrk(server, tiles, seconds, folder)
        cpu = cpu_seconds(server) - server_before
        ours = own_cpu_seconds() - ours_before
        machine = machine_cpu_seconds() - machine_before
    requests = result["requests"]
    if not requests or result["failed"]:
        raise NotSupported(f"{result['failed']} of {requests} requests failed under load")
    return Figures(
        tiles_per_s=requests / (result["duration"] / 1e6),
        p50=result["p50"] / 1e3,
        p99=result["p99"] / 1e3,
        cpu=cpu * 1e3 / requests,
        memory=memory.peak,
        tile_bytes=result["bytes"] / requests,
        others=max(machine - cpu - ours, 0) / (result["duration"] / 1e6 * os.cpu_count()),
    )


def warm_up(server, tiles):
    with ThreadPoolExecutor(CLIENTS) as pool:
        for status, body in pool.map(server.get, tiles):
            check(status, body)


def check(status, body):
    if status != 200:
        raise NotSupported(f"status {status}: {words(body)}")
    if not body.startswith(PNG):
        raise NotSupported(f"no PNG: {words(body)}")


def words(body):
    """The end of an error's text, without tags, fit for a cell of a table."""
    text = re.sub(r"<[^>]*>", " ", body.decode(errors="replace"))
    return " ".join(text.replace("|", " ").split())[-160:]


def wrk(server, tiles, seconds, folder):
    paths = folder / "paths.txt"
    paths.write_text("".join(server.path(tile) + "\n" for tile in tiles))
    script = Path(__file__).with_name("tiles.lua")
    command = ["wrk", "-t1", f"-c{CLIENTS}", f"-d{seconds}s", "--timeout", "30s", "-s", script]
    url = f"http://127.0.0.1:{server.port}"
    output = subprocess.run([*command, url, "--", paths], check=True, capture_output=True, text=True).stdout
    return json.loads(output.partition("RESULT ")[2])


# What /proc says


def members(server):
    """The processes of the server's sessions: those started, and their children."""
    sessions = {process.pid for process in server.processes}
    return [pid for pid in all_processes() if session_of(pid) in sessions]


def all_processes():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def session_of(pid):
    fields = stat(pid)
    return int(fields[3]) if fields else None


def stat(pid):
    """The fields of /proc/PID/stat after the name, which may have spaces in it; none when the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def cpu_seconds(server):
    """User and system time."""
    return sum(int(fields[11]) + int(fields[12]) for fields in map(stat, members(server)) if fields) / TICKS


def own_cpu_seconds():
    """Ours and of wrk. A server's time is added to its parent's only when it ends."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def machine_cpu_seconds():
    """All that ran on any core: user, nice, system, interrupts."""
    fields = [int(field) for field in Path("/proc/stat").read_text().split(maxsplit=8)[1:8]]
    user, nice, system, _idle, _iowait, interrupts, soft_interrupts = fields
    return (user + nice + system + interrupts + soft_interrupts) / TICKS


class PeakMemory:
    """The most memory while the context lasts, in bytes.

    The kernel knows the peak of one process. For several it is the largest sum seen, each page shared between them
    counted once (PSS).
    """

    def __init__(self, server):
        self.server = server
        self.peak = 0
        self.finished = threading.Event()
        self.thread = threading.Thread(target=self.sample)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.finished.set()
        self.thread.join()

    def sample(self):
        while True:
            last = self.finished.wait(0.2)
            pids = members(self.server)
            alone = len(pids) == 1
            now = kilobytes(pids[0], "status", "VmHWM") if alone else sum(kilobytes(pid, "smaps_rollup", "Pss") for pid in pids)
            self.peak = max(self.peak, now * 1024)
            if last:
                return


def kilobytes(pid, file, name):
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name}:")), 0)


# Pictures


def pictures(server, tiles):
    """Tiles as arrays of RGBA. They were chosen to have data, so a transparent one is a mistake."""
    taken = [picture(server, tile) for tile in tiles]
    if np.ptp(np.stack(taken)[..., :3]) == 0:
        raise NotSupported("all pictures are the same colour")
    return taken


def picture(server, tile):
    status, body = server.get(tile)
    check(status, body)
    pixels = np.asarray(Image.open(io.BytesIO(body)).convert("RGBA"))
    if not pixels[..., 3].any():
        raise NotSupported(f"tile {tile} is transparent")
    return pixels


def difference(ours, theirs):
    """Mean absolute difference of the colours where both have data, and the share of pixels where one alone has."""
    ours, theirs = np.stack(ours).astype(int), np.stack(theirs).astype(int)
    data = ours[..., 3] > 127, theirs[..., 3] > 127
    both = data[0] & data[1]
    return np.abs(ours - theirs)[both][:, :3].mean(), (data[0] != data[1]).mean()
