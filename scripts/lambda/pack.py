"""A zip for AWS Lambda: `pack.py ZIP BINARY [FILE OR FOLDER...]`.

The binary becomes `bootstrap`; files and folders keep their names, relative to the current folder. The same files
make the same zip, byte for byte: dates are fixed, names sorted, and zopfli, which packs some 5 % better than zip -9,
does the same everywhere.
"""

import pathlib
import struct
import sys
import zlib

from zopfli.zlib import compress

# What the binary may weigh in the zip: a cold start fetches and unpacks it. 8 MB was the goal; docs/DEPLOY.md says what
# is in the way. This keeps it from growing unnoticed.
BOOTSTRAP_LIMIT_BYTES = 15_000_000

EXECUTABLE, PLAIN = 0o100755, 0o100644
# 1980-01-01 00:00, the first that a zip can say.
DATE, TIME = 1 << 5 | 1, 0


def deflate(data: bytes) -> bytes:
    """The deflate stream of the data, without zlib's header and checksum around it."""
    packed = compress(data, numiterations=5)[2:-4]
    if zlib.decompress(packed, -15) != data:
        sys.exit("pack.py: what zopfli packed does not unpack to what it was")
    return packed


def entries(binary: str, others: list[str]):
    yield "bootstrap", pathlib.Path(binary), EXECUTABLE
    for other in map(pathlib.Path, others):
        if other.is_absolute() or ".." in other.parts:
            sys.exit(f"pack.py: {other}: name files by their path below this folder, as the function is to find them")
        files = sorted(path for path in other.rglob("*") if path.is_file()) if other.is_dir() else [other]
        for path in files:
            yield path.as_posix(), path, PLAIN


def main(target: str, binary: str, *others: str) -> None:
    body, directory, count, bootstrap = bytearray(), bytearray(), 0, 0
    for name, path, mode in entries(binary, list(others)):
        data = path.read_bytes()
        # Rasters are packed already: zlib does for those.
        packed = deflate(data) if mode == EXECUTABLE else zlib.compress(data, 9)[2:-4]
        # Version 2.0, UTF-8 names, deflate.
        facts = struct.pack("<HHHHHIIIHH", 20, 0x800, 8, TIME, DATE, zlib.crc32(data), len(packed), len(data),
                            len(name.encode()), 0)
        # Made by version 2.0 on Unix, which is what carries the mode.
        directory += b"PK\1\2" + struct.pack("<H", 3 << 8 | 20) + facts
        directory += struct.pack("<HHHII", 0, 0, 0, mode << 16, len(body)) + name.encode()
        body += b"PK\3\4" + facts + name.encode() + packed
        count += 1
        bootstrap = bootstrap or len(packed)
    end = b"PK\5\6" + struct.pack("<HHHHIIH", 0, 0, count, count, len(directory), len(body), 0)
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(target).write_bytes(bytes(body + directory + end))
    whole = len(body) + len(directory) + len(end)
    print(f"{target}: {whole / 1e6:.2f} MB, bootstrap {bootstrap / 1e6:.2f} MB of it")
    if bootstrap > BOOTSTRAP_LIMIT_BYTES:
        sys.exit(f"pack.py: bootstrap is to have at most {BOOTSTRAP_LIMIT_BYTES / 1e6} MB")


if __name__ == "__main__":
    main(*sys.argv[1:])
