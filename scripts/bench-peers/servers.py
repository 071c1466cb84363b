"""How each server is started on a data set. Every one is a context that yields a `Server` and ends its processes."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Callable
from urllib.parse import quote

# Cogwheel has one worker a core; its peers get as many processes.
WORKERS = os.cpu_count() or 1

# What TiTiler's documentation recommends for dynamic tiling ("Performance tuning").
TITILER_ENVIRONMENT = {
    "CPL_VSIL_CURL_CACHE_SIZE": "20000000",
    "GDAL_BAND_BLOCK_CACHE": "HASHSET",
    "GDAL_CACHEMAX": "200",
    "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    "GDAL_HTTP_MERGE_CONSECUTIVE_RANGES": "YES",
    "GDAL_HTTP_MULTIPLEX": "YES",
    "GDAL_HTTP_VERSION": "2",
    "VSI_CACHE": "TRUE",
    "VSI_CACHE_SIZE": "5000000",
}

# `terrain` of matplotlib, which the others know by name: where each stretch ends, and its colour there.
TERRAIN = [
    (0.00, (51, 51, 153)), (0.15, (0, 153, 255)), (0.25, (0, 204, 102)),
    (0.50, (255, 255, 153)), (0.75, (128, 92, 84)), (1.00, (255, 255, 255)),
]


class NotSupported(Exception):
    """This server can't serve this data set; the message says why."""


@dataclass
class Server:
    """A server that listens: `path` makes a tile's path of (zoom, x, y)."""

    port: int
    processes: list[subprocess.Popen]
    path: Callable[[tuple[int, int, int]], str]
    log: Path

    def get(self, tile):
        """Status and body of a tile's answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET", self.path(tile))
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


@contextmanager
def cogwheel(binary, dataset, folder, environment):
    port = free_port()
    config = folder / "cogwheel.toml"
    config.write_text(cogwheel_layer(dataset))
    command = [binary, "serve", "--config", config, "--port", str(port)]
    log = folder / "cogwheel.log"
    with processes([command], log, {"COGWHEEL_TILE_CACHE_MB": "0", "COGWHEEL_LOG": "warn", **environment}) as started:
        yield Server(port, started, lambda tile: "/tiles/bench/{}/{}/{}.png".format(*tile), log)


def cogwheel_layer(dataset):
    colours = dataset["colours"]
    lines = ["[layers.bench]", f'source = "{dataset["path"]}"', 'resampling = "bilinear"']
    if colours:
        lines += [f'colormap_name = "{colours["colormap_name"]}"', f"rescale = [{colours['rescale']}]"]
    return "\n".join(lines) + "\n"


@contextmanager
def titiler(dataset, folder):
    port = free_port()
    query = f"url={quote(str(dataset['path']), safe='')}&resampling=bilinear&reproject=bilinear"
    if colours := dataset["colours"]:
        query += "&colormap_name={}&rescale={},{}".format(colours["colormap_name"], *colours["rescale"])
    command = [
        sys.executable, "-m", "uvicorn", "titiler.application.main:app", "--port", str(port), "--workers", str(WORKERS),
        "--no-access-log", "--log-level", "warning",
    ]
    log = folder / "titiler.log"
    with processes([command], log, TITILER_ENVIRONMENT) as started:
        yield Server(port, started, lambda tile: "/cog/tiles/WebMercatorQuad/{}/{}/{}.png?".format(*tile) + query, log)


@contextmanager
def mapserver(dataset, folder, block_cache_mb):
    """FastCGI processes behind nginx. They share a listening socket as their standard input, as FastCGI has it."""
    port = free_port()
    mapfile = folder / "bench.map"
    mapfile.write_text(mapserver_map(dataset))
    (folder / "mapserver.conf").write_text("CONFIG\n  ENV\n  END\nEND\n")
    environment = {
        "MAPSERVER_CONFIG_FILE": str(folder / "mapserver.conf"),
        "GDAL_CACHEMAX": str(block_cache_mb),
        "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
    }
    with socket.create_server(("127.0.0.1", 0)) as fastcgi:
        config = folder / "nginx.conf"
        config.write_text(nginx_config(folder, port, fastcgi.getsockname()[1], mapfile))
        log = folder / "mapserver.log"
        commands = [["mapserv"]] * WORKERS + [["nginx", "-p", folder, "-c", config]]
        with processes(commands, log, environment, stdin=fastcgi) as started:
            yield Server(port, started, mapserver_path, log)


def mapserver_path(tile):
    zoom, x, y = tile
    return f"/?layers=bench&mode=tile&tilemode=gmap&tile={x}+{y}+{zoom}"


def mapserver_map(dataset):
    """The map file. zlib's level 1 nearly doubles MapServer's tiles/s; pictures are some 10 % larger, those of the DEM 60 %."""
    # DEFER keeps the raster open from one request to the next.
    processing = ["RESAMPLE=BILINEAR", "CLOSE_CONNECTION=DEFER"]
    classes = ""
    if colours := dataset["colours"]:
        low, high = colours["rescale"]
        # Floats are put into equal steps before classes are looked up; these are as many as TiTiler has colours.
        processing += [f"SCALE={low},{high}", "SCALE_BUCKETS=256"]
        classes = "\n".join(terrain_classes(low, high))
    lines = "\n".join(f'    PROCESSING "{option}"' for option in processing)
    return f"""MAP
  NAME "bench"
  SIZE 256 256
  EXTENT -20037508 -20037508 20037508 20037508
  IMAGETYPE "png"
  PROJECTION "epsg:3857" END
  OUTPUTFORMAT
    NAME "png"
    DRIVER "AGG/PNG"
    MIMETYPE "image/png"
    IMAGEMODE RGBA
    TRANSPARENT ON
    FORMATOPTION "COMPRESSION=1"
  END
  LAYER
    NAME "bench"
    TYPE RASTER
    STATUS ON
    DATA "{dataset["path"]}"
    PROJECTION "{dataset["crs"].lower()}" END
{lines}
{classes}
  END
END
"""


def terrain_classes(low, high):
    for (start, first), (end, last) in zip(TERRAIN, TERRAIN[1:]):
        bottom, top = (low + part * (high - low) for part in (start, end))
        yield f"    CLASS EXPRESSION ([pixel] >= {bottom} AND [pixel] < {top})"
        yield "      STYLE COLORRANGE {} {} {} {} {} {}".format(*first, *last)
        yield f'        DATARANGE {bottom} {top} RANGEITEM "pixel" END'
        yield "    END"


def nginx_config(folder, port, fastcgi_port, mapfile):
    """One process. Keeps connections as long as wrk does, and no answer goes through a file."""
    return f"""daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log warn;
events {{ worker_connections 64; }}
http {{
  access_log off;
  keepalive_requests 10000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  fastcgi_buffers 64 16k;
  fastcgi_max_temp_file_size 0;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      fastcgi_pass 127.0.0.1:{fastcgi_port};
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param QUERY_STRING $query_string;
      fastcgi_param MS_MAPFILE {mapfile};
    }}
  }}
}}
"""


def have_mapserver():
    return bool(shutil.which("mapserv") and shutil.which("nginx"))


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@contextmanager
def processes(commands, log, environment, stdin=subprocess.DEVNULL):
    """Runs commands, each in a session of its own, and ends those sessions whatever happens."""
    started = []
    try:
        with log.open("w") as output:
            for command in commands:
                started.append(subprocess.Popen(
                    command, stdin=stdin, stdout=output, stderr=output, env=clean_environment() | environment,
                    start_new_session=True))
        yield started
    finally:
        for process in started:
            end_session(process)


def clean_environment():
    """Ours without settings of the servers: every server gets exactly what is written here."""
    prefixes = ("AWS_", "COGWHEEL_", "CPL_", "GDAL_", "MS_", "TITILER_", "VSI_")
    return {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}


def end_session(process):
    """Asks the process group to end, and after five seconds doesn't ask."""
    for sign in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sign)
            process.wait(timeout=5)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue


def wait_until_ready(server, tile, seconds=60, pause=0.05):
    """Until it answers at all; what it answers is for the caller to judge."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if any(process.poll() is not None for process in server.processes):
            raise NotSupported(f"ended while starting: {last_line(server.log)}")
        try:
            return server.get(tile)
        except OSError:
            time.sleep(pause)
    raise NotSupported(f"no answer within {seconds} s")


def last_line(log):
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
