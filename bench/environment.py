"""Where and how it was measured: machine, server, settings, commit."""

import datetime
import os
import platform
import re
import subprocess
import time

import server

SETTINGS = ("fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "wal_level", "shared_buffers",
            "huge_pages", "max_wal_size", "checkpoint_timeout", "autovacuum", "jit", "data_checksums")


def describe(settings):
    names = ", ".join(f"'{name}'" for name in SETTINGS)
    shown = server.psql("postgres", f"SELECT name || ' ' || current_setting(name) FROM pg_settings "
                                    f"WHERE name IN ({names}) ORDER BY array_position(ARRAY[{names}], name)")
    return {"began": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
            "commit": commit(),
            "machine": machine(settings.files),
            "server": server.psql("postgres", "SELECT regexp_replace(version(), ', compiled.*', '')"),
            "settings": shown.splitlines(),
            "arguments": {"rounds": settings.rounds, "rows": settings.rows, "seconds": settings.seconds}}


def machine(folder):
    return {"processor": processor(),
            "processors": os.cpu_count(),
            "processors_used": len(os.sched_getaffinity(0)),
            "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
            "kernel": platform.release(),
            "load_average": round(os.getloadavg()[0], 2),
            "fdatasync_ms": round(fdatasync_ms(folder), 3)}


def header(environment):
    it = environment["machine"]
    lines = [
        f"feature_ext, commit {environment['commit']}, {environment['began']}",
        f"{it['processor']}, {it['processors_used']} of {it['processors']} processors, {it['memory_gb']} GB, "
        f"Linux {it['kernel']}",
        f"8 kB to disk (fdatasync) {it['fdatasync_ms']} ms; load average before the start {it['load_average']}",
        environment["server"],
        *wrapped(environment["settings"]),
        "Rounds alternate between the sides, each after a checkpoint. Ratios are per round.",
    ]
    return "\n".join(lines)


def wrapped(parts, width=118):
    lines = [parts[0]]
    for part in parts[1:]:
        if len(lines[-1]) + len(part) + 2 <= width:
            lines[-1] += f", {part}"
        else:
            lines.append(part)
    return lines


def processor():
    with open("/proc/cpuinfo") as file:
        found = re.search(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    return found.group(1) if found else platform.machine()


def fdatasync_ms(folder, times=100):
    """Median of writing a page to a file and to disk, in the file system of the server's data."""
    name = os.path.join(folder, "fdatasync")
    taken = []
    with open(name, "wb", buffering=0) as file:
        file.write(bytes(8192 * times))
        os.fsync(file.fileno())
        for number in range(times):
            begin = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 8192, 8192 * number)
            os.fdatasync(file.fileno())
            taken.append(time.perf_counter() - begin)
    os.remove(name)
    return sorted(taken)[times // 2] * 1000


def commit():
    if "BENCH_COMMIT" in os.environ:
        return os.environ["BENCH_COMMIT"]
    command = ["git", "--no-optional-locks", "-C", server.HERE, "describe", "--always", "--dirty"]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.stdout.strip() if done.returncode == 0 else "unknown"
