"""The tables of costs in docs/DEPLOY.md, in Markdown: `costs.py`.

From prices, which are assumptions to be checked, and from what measure.py measured.
"""

# Dollars, list prices of us-east-1, without free tiers and discounts.
LAMBDA_REQUEST = 0.20e-6
LAMBDA_GB_S = {"x86_64": 0.0000166667, "arm64": 0.0000133334}
S3_GET = 0.0004e-3
CLOUDFRONT_REQUEST = 0.01e-4
CLOUDFRONT_GB = 0.085  # North America and Europe, the first 10 TB of a month
FARGATE_VCPU_H, FARGATE_GB_H = 0.04048, 0.004445  # x86_64
BALANCER_H, BALANCER_LCU_GB = 0.0225, 0.008  # an hour, and a unit of capacity: a gigabyte an hour

# Measured by measure.py with the binary of the x86_64 zip, medians of four runs. Milliseconds as billed: of a tile (mean
# of the four layers), of a million cells counted; and a tile's processor time.
MEASURED = {
    512: {"tile_ms": 6.6, "million_cells_ms": 26},
    1024: {"tile_ms": 2.9, "million_cells_ms": 14},
    1769: {"tile_ms": 1.9, "million_cells_ms": 8.3},
}
TILE_CPU_MS = 1.6
TILE_KB = 43

# Assumed: a read from S3 in the same region. It is waited for, so it is paid for. A tile takes one, and a header now and
# then; an analysis reads its layer's header, then blocks, many at once.
ROUND_TRIP_MS = 30
TILE_READS = 1.2
ANALYSIS_ROUND_TRIPS, ANALYSIS_READS_A_MILLION_CELLS = 2, 4

# A steady load on containers: two, for one may fail, of one vCPU and 2 GB, busy to 60 % at most.
TASKS, TASK_VCPU, TASK_GB, BUSY = 2, 1, 2, 0.6


def dollars(amount):
    return f"${amount:.2f}" if amount >= 0.1 else f"${amount:.3f}"


def invocation(memory_mb, milliseconds, architecture):
    return LAMBDA_REQUEST + milliseconds / 1e3 * memory_mb / 1024 * LAMBDA_GB_S[architecture]


def tile(memory_mb, reads, architecture):
    milliseconds = MEASURED[memory_mb]["tile_ms"] + reads * ROUND_TRIP_MS
    return invocation(memory_mb, milliseconds, architecture) + reads * S3_GET


def tiles_table():
    print("| a million tiles drawn | blocks at hand | of these arm64 | from S3 | of these arm64 |")
    print("| --- | --- | --- | --- | --- |")
    for memory_mb, measured in MEASURED.items():
        row = [f"{memory_mb} MB"]
        for reads in (0, TILE_READS):
            milliseconds = measured["tile_ms"] + reads * ROUND_TRIP_MS
            row.append(f"{dollars(tile(memory_mb, reads, 'x86_64') * 1e6)} ({milliseconds:.1f} ms)")
            row.append(dollars(tile(memory_mb, reads, "arm64") * 1e6))
        print("|", " | ".join(row), "|")


def delivery_table():
    cloudfront = CLOUDFRONT_REQUEST + TILE_KB / 1e6 * CLOUDFRONT_GB
    drawn = tile(1024, TILE_READS, "arm64")
    print("| a million tiles delivered, 1024 MB, arm64 | drawn | CloudFront | together |")
    print("| --- | --- | --- | --- |")
    for hits in (0, 0.5, 0.9, 0.99):
        share = drawn * (1 - hits)
        print(f"| {hits:.0%} of them from CloudFront's caches | {dollars(share * 1e6)} | {dollars(cloudfront * 1e6)}"
              f" | {dollars((share + cloudfront) * 1e6)} |")


def analyses_table():
    print("| a thousand analyses of 1,000 km² each | cells of 30 m (1.1 million) | cells of 10 m (10 million) |")
    print("| --- | --- | --- |")
    for memory_mb, measured in MEASURED.items():
        row = [f"{memory_mb} MB"]
        for cell_m in (30, 10):
            million_cells = 1000e6 / cell_m**2 / 1e6
            milliseconds = ANALYSIS_ROUND_TRIPS * ROUND_TRIP_MS + million_cells * measured["million_cells_ms"]
            cost = invocation(memory_mb, milliseconds, "x86_64") + ANALYSIS_READS_A_MILLION_CELLS * million_cells * S3_GET
            row.append(f"{dollars(cost * 1e3)} ({milliseconds:.0f} ms)")
        print("|", " | ".join(row), "|")


def break_even():
    hour = TASKS * (TASK_VCPU * FARGATE_VCPU_H + TASK_GB * FARGATE_GB_H) + BALANCER_H
    carried = TILE_KB / 1e6 * BALANCER_LCU_GB
    room = TASKS * TASK_VCPU * BUSY * 1e3 / TILE_CPU_MS
    print(f"Two containers of {TASK_VCPU} vCPU and {TASK_GB} GB behind a load balancer: {dollars(hour * 730)} a month and"
          f" {dollars(carried * 1e6)} a million tiles, room for {room:.0f} tiles a second (besides their reads from S3, which cost the same either way).")
    print()
    print("| Lambda, x86_64 | a million tiles | as dear as the containers at |")
    print("| --- | --- | --- |")
    for memory_mb in MEASURED:
        cost = tile(memory_mb, TILE_READS, "x86_64") - TILE_READS * S3_GET
        print(f"| {memory_mb} MB | {dollars(cost * 1e6)} | {hour / 3600 / (cost - carried):.0f} tiles a second, day and night |")


for table in (tiles_table, delivery_table, analyses_table, break_even):
    table()
    print()
