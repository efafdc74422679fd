"""Figure "memory": what the backend takes while one COPY brings many rows into the standard pipeline.

Memory is what belongs to the process alone (RssAnon of /proc/PID/status, without shared buffers), every 0.2 s, less
what it was before the COPY began. BENCH_ROWS=10000000 is the full length; memory must not depend on it. The load
generator makes the rows as they are read, so the time is not that of the server alone.
"""

import os
import re
import subprocess
import time

import server
from report import Figure, Goal, Line

ROWS = 2_000_000
USERS = 100_000
SAMPLE_SECONDS = 0.2


def measure(settings, log):
    rows = settings.rows or ROWS
    log(f"memory: COPY of {rows:,} transactions of {USERS:,} users")
    server.create_database("memory")
    before, samples, seconds = copy(settings, rows)
    features = int(server.psql("memory", "SELECT count(*) FROM transaction_features"))
    server.drop_database("memory")
    if features != rows:
        raise SystemExit(f"{features} feature rows instead of {rows}")
    above = [(sample - before) / 2**20 for sample in samples]
    return Figure("memory", f"Memory of the backend in one COPY of {rows:,} transactions of {USERS:,} users",
                  f"{len(samples)} samples",
                  [Line("above its start", "MiB", 1, above, Goal("at most", 256, "maximum")),
                   Line("at its start", "MiB", 1, [before / 2**20]),
                   Line("rows a second", "", 0, [rows / seconds])],
                  [{"seconds": seconds, "before": before, "samples": samples}])


def copy(settings, rows):
    """Bytes before, bytes at each sample, and how long it took."""
    reading, writing = os.pipe()
    psql = subprocess.Popen(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "memory", "-c", "SELECT pg_backend_pid()",
                             "-c", "COPY transactions FROM STDIN WITH (FORMAT csv, HEADER)"],
                            stdin=reading, stdout=subprocess.PIPE, text=True)
    os.close(reading)
    backend = psql.stdout.readline().strip()
    before = private_bytes(backend)
    begin = time.perf_counter()
    generator = subprocess.Popen(server.generator(settings, "-", rows, USERS), stdout=writing)
    os.close(writing)
    samples = []
    while psql.poll() is None:
        samples.append(private_bytes(backend) or before)
        time.sleep(SAMPLE_SECONDS)
    seconds = time.perf_counter() - begin
    if psql.returncode != 0 or generator.wait() != 0:
        raise SystemExit("memory: the COPY failed")
    return before, samples, seconds


def private_bytes(process):
    """None when it has ended."""
    try:
        with open(f"/proc/{process}/status") as status:
            found = re.search(r"^RssAnon:\s+(\d+) kB$", status.read(), re.MULTILINE)
    except FileNotFoundError:
        return None
    return int(found.group(1)) * 1024 if found else None
