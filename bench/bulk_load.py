"""Figures "copy" and "wide": COPY of many transactions into the pipeline of the standard and of the wide catalogue.

Pipeline: COPY of the raw rows; the trigger computes and inserts the feature rows.
Floor:    COPY of the same raw rows, then COPY of the same finished feature rows, in one transaction, into tables
          with the same keys and indexes and no trigger. The features cost nothing: they are read from a file.

Both read files on the server, in COPY's text format, the same files in every round, so that no client shares the
processors; both are timed from BEGIN to the end of COMMIT. The finished rows are those of the first round's pipeline, in
the order in which it stores them; so here the pipeline goes first.
"""

import os
from dataclasses import dataclass

import server
from report import Figure, Goal, Line, counted_rounds

USERS = 10_000
ROWS = 1_000_000


@dataclass
class Load:
    figure: str
    catalogue: str
    features: str  # the feature table
    rows: int
    goal: Goal

    def run(self, settings, log):
        raw = server.raw_rows(settings, log, self.rows, USERS)
        finished = os.path.join(settings.files, "finished")
        rounds = []
        for number in range(1, settings.rounds + 1):
            pipeline = self.load("pipeline", f"COPY transactions FROM '{raw}';",
                                 finally_run=f"COPY {self.features} TO '{finished}'" if number == 1 else "")
            floor = self.load("floor", f"COPY transactions FROM '{raw}';", f"COPY {self.features} FROM '{finished}';")
            rounds.append({"floor": floor, "pipeline": pipeline, "ratio": pipeline["seconds"] / floor["seconds"]})
            log(f"{self.figure}, round {number}: floor {floor['seconds']:.2f} s, pipeline {pipeline['seconds']:.2f} s, "
                f"ratio {rounds[-1]['ratio']:.3f}")
        os.remove(finished)

        def line(label, unit, digits, side, value):
            return Line(label, unit, digits, [value(one[side]) for one in rounds])

        return Figure(
            self.figure, f"COPY of {self.rows:,} transactions of {USERS:,} users, {self.catalogue} catalogue",
            counted_rounds(settings.rounds),
            [Line("time, pipeline / floor", "", 3, [one["ratio"] for one in rounds], self.goal),
             line("time, floor", "s", 2, "floor", lambda r: r["seconds"]),
             line("time, pipeline", "s", 2, "pipeline", lambda r: r["seconds"]),
             line("rows a second, pipeline", "", 0, "pipeline", lambda r: self.rows / r["seconds"]),
             Line("WAL a row, pipeline / floor", "", 3,
                  [one["pipeline"]["wal_bytes"] / one["floor"]["wal_bytes"] for one in rounds], Goal("at most", 1.3)),
             line("WAL a row, floor", "B", 0, "floor", lambda r: r["wal_bytes"] / self.rows),
             line("WAL a row, pipeline", "B", 0, "pipeline", lambda r: r["wal_bytes"] / self.rows),
             Line("database a row, pipeline / floor", "", 3,
                  [one["pipeline"]["database_bytes"] / one["floor"]["database_bytes"] for one in rounds],
                  Goal("at most", 1.15)),
             line("database a row, floor", "B", 0, "floor", lambda r: r["database_bytes"] / self.rows),
             line("database a row, pipeline", "B", 0, "pipeline", lambda r: r["database_bytes"] / self.rows)],
            rounds)

    def load(self, side, *statements, finally_run=""):
        server.create_database(side, catalogue=self.catalogue)
        if side == "floor":
            server.use_floor(side, self.features)
        server.checkpoint()
        before = server.counters(side, self.features)
        seconds = server.seconds(side, *statements)
        grown = server.growth(before, server.counters(side, self.features))
        server.psql(side, finally_run)
        server.drop_database(side)
        if grown["rows"] != self.rows:
            raise SystemExit(f"{side} has {grown['rows']} feature rows instead of {self.rows}")
        return {"seconds": seconds, **grown}


def copy(settings, log):
    return Load("copy", "standard", "transaction_features", settings.rows or ROWS, Goal("at most", 1.0)).run(settings, log)


def wide(settings, log):
    return Load("wide", "wide", "transaction_features_wide", settings.rows or ROWS, Goal("at most", 1.5)).run(settings, log)
