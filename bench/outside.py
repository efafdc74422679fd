"""Figure "outside": the standard catalogue kept by the database against a service that keeps histories in Redis.

Outside:  for each transaction a client reads the user's history from Redis, computes the features, writes the raw and
          the finished row to PostgreSQL by one statement, and the history back to Redis without waiting for it.
Pipeline: a client writes the raw row.

Both are the same program, bench/outside: C++, hiredis and libpq, all over Unix sockets. It is made as cheap as we know
to: what a transaction reads is asked for at once, so that Redis costs one round trip, and only what the features need
is read: the latest 50 events, the last hour if that has more, and running totals. A user is one client's, so that
nothing has to be locked. Redis appends to a file that it brings to disk each second.

Both begin with the same history and are given the same further transactions in each round: one by one, by 1 client and
by 8, with commits that wait for the disk and with such that do not; and by 1 client in batches of 1,000, which are read
by one request, and written by COPY. At the end there must be all rows on both sides, and a sample of them must be the
same, floats to 1e-9.
"""

import itertools
import json
import os
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass

import comparison
import server
from report import Figure, Goal, Line, counted_rounds

USERS = 5_000
HISTORY = 250_000
SPAN_DAYS = 30
COMPARED_ONE_IN = 20


@dataclass
class Variant:
    label: str
    clients: int
    batch: int
    rows: int  # of a round, for each second that a measurement is to take
    synchronous_commit: str = "on"


VARIANTS = [Variant("1 client", 1, 1, 300), Variant("8 clients", 8, 1, 800),
            Variant("1 client, no wait for disk", 1, 1, 700, "off"),
            Variant("8 clients, no wait for disk", 8, 1, 2_000, "off"),
            Variant("batches of 1,000", 1, 1_000, 5_000)]
HISTORY_VARIANT = Variant("history", 1, 1_000, HISTORY)


def measure(settings, log):
    rounds = [{} for _ in range(settings.rounds)]
    files = prepare(settings, log)
    with redis(settings) as socket:
        service(settings, "history", files.pop(0), HISTORY_VARIANT, socket)
        for one in rounds:
            for variant in VARIANTS:
                file = files.pop(0)
                one[variant.label] = {side: service(settings, side, file, variant, socket)
                                      for side in ("outside", "pipeline")}
                log(f"outside, {variant.label}: " + ", ".join(
                    f"{side} {per_second(taken):.0f} rows/s" for side, taken in one[variant.label].items()))
                os.remove(file)
    comparison.check("outside", "transaction_features", sum(rows(settings, one) for one in VARIANTS) * settings.rounds,
                     COMPARED_ONE_IN)
    server.drop_database("outside")

    def lines(variant):
        each = [one[variant.label] for one in rounds]
        made = [Line(f"times as fast, {variant.label}", "", 2,
                     [per_second(one["pipeline"]) / per_second(one["outside"]) for one in each], Goal("at least", 3)),
                *[Line(f"rows a second, {variant.label}, {side}", "", 0, [per_second(one[side]) for one in each])
                  for side in ("outside", "pipeline")]]
        if variant.batch == 1:
            made.append(Line(f"round trips less a transaction, {variant.label}", "", 2,
                             [waits(one["outside"]) - waits(one["pipeline"]) for one in each], Goal("at least", 1)))
        return made

    return Figure("outside",
                  f"{USERS:,} users with {HISTORY // USERS} transactions, standard catalogue: pipeline against "
                  "histories in Redis",
                  counted_rounds(settings.rounds), [line for variant in VARIANTS for line in lines(variant)], rounds)


def per_second(taken):
    return taken["rows"] / taken["seconds"]


def waits(taken):
    return taken["waits"] / taken["rows"]


def rows(settings, variant):
    return variant.rows * settings.seconds


def service(settings, side, file, variant, socket):
    if side != "history":
        server.psql("outside", f"ALTER DATABASE outside SET synchronous_commit = {variant.synchronous_commit}")
        server.checkpoint()
    return json.loads(server.run([settings.service, side, file, str(variant.clients), str(variant.batch), socket,
                                  "outside"]))


def prepare(settings, log):
    """Database outside with the history on both sides; the files of the history and of each measurement."""
    log("outside: making the history")
    parts = [HISTORY, *(rows(settings, variant) for _ in range(settings.rounds) for variant in VARIANTS)]
    files = [os.path.join(settings.files, f"part{number}.csv") for number in range(len(parts))]
    csv = os.path.join(settings.files, "raw.csv")
    # The history fills the span, and the further rows go on in its rhythm.
    server.write_transactions(settings, csv, sum(parts), USERS, f"{SPAN_DAYS * 1440 * sum(parts) // HISTORY}min")
    with open(csv) as lines:
        next(lines)
        for name, count in zip(files, parts):
            with open(name, "w") as part:
                part.writelines(itertools.islice(lines, count))
            os.chmod(name, 0o644)
    os.remove(csv)
    server.create_database("outside")
    server.use_floor("outside")
    comparison.load_history("outside", "transaction_features", files[0])
    return files


@contextmanager
def redis(settings):
    """A Redis of its own; its socket."""
    folder = os.path.join(settings.files, "redis")
    os.mkdir(folder)
    socket = os.path.join(folder, "socket")
    process = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "", "--appendonly", "yes",
         "--appendfsync", "everysec", "--logfile", os.path.join(folder, "log")])
    try:
        while not os.path.exists(socket):
            if process.poll() is not None:
                raise SystemExit("redis-server has ended")
            time.sleep(0.05)
        yield socket
    finally:
        process.terminate()
        process.wait()
