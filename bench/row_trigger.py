"""Figures "row_trigger" and "row_trigger_standard": the wide and the standard catalogue against the same features from
a trigger FOR EACH ROW.

Pipeline:    COPY of raw rows into the pipeline.
Row trigger: COPY of the same rows into the same table with an index for each entity and a PL/pgSQL trigger that asks it
             for each row (row_trigger_wide.sql, row_trigger_standard.sql).

Both begin with the same history and are given the same further rows in each round. What the wide trigger costs depends
on how many rows the windows hold, so it is measured with histories of a month and of a day: of the same number of
transactions, about 20 a user. The standard one reads all that its user has. At the end all further rows of both must be
the same, floats to 1e-9.
"""

import itertools
import os
from dataclasses import dataclass

import comparison
import server
from report import Figure, Goal, Line, counted_rounds

USERS = 10_000
HISTORY = 200_000
SPAN_MINUTES = {"month": 30 * 24 * 60, "day": 24 * 60}


@dataclass
class Race:
    figure: str
    catalogue: str
    features: str  # the feature table
    rows: int      # of a round
    spans: list
    goal: Goal

    def run(self, settings, log):
        rounds = [{} for _ in range(settings.rounds)]
        log(f"{self.figure}: making the history of a {' and of a '.join(self.spans)}")
        for span, files in zip(self.spans, server.side_by_side(lambda span: self.prepare(settings, span), self.spans)):
            database = f"row_trigger_{span}"
            for number, file in enumerate(files):
                trigger = server.seconds(database, f"COPY floor.transactions FROM '{file}' WITH (FORMAT csv);")
                pipeline = server.seconds(database, f"COPY public.transactions FROM '{file}' WITH (FORMAT csv);")
                rounds[number][span] = {"row_trigger": trigger, "pipeline": pipeline}
                log(f"{self.figure}, history of a {span}, round {number + 1}: row trigger {trigger:.2f} s, "
                    f"pipeline {pipeline:.2f} s, ratio {trigger / pipeline:.1f}")
                os.remove(file)
            comparison.check(database, self.features, self.rows * settings.rounds)
            server.drop_database(database)

        def lines(span):
            each = [one[span] for one in rounds]
            return [Line(f"times as fast, history of a {span}", "", 1,
                         [one["row_trigger"] / one["pipeline"] for one in each], self.goal),
                    Line("rows a second, row trigger", "", 0, [self.rows / one["row_trigger"] for one in each]),
                    Line("rows a second, pipeline", "", 0, [self.rows / one["pipeline"] for one in each])]

        return Figure(
            self.figure, f"COPY of {self.rows:,} rows after {HISTORY:,}, {self.catalogue} catalogue: pipeline against "
                         "row trigger",
            counted_rounds(settings.rounds), [line for span in self.spans for line in lines(span)], rounds)

    def prepare(self, settings, span):
        """A database with the history on both sides, and a file of rows for each round."""
        database = f"row_trigger_{span}"
        history = os.path.join(settings.files, f"history_{span}.csv")
        files = [os.path.join(settings.files, f"further_{span}_{number}.csv") for number in range(settings.rounds)]
        csv = os.path.join(settings.files, f"raw_{span}.csv")
        # The history fills the span, and the further rows go on in its rhythm.
        rows = HISTORY + self.rows * settings.rounds
        server.write_transactions(settings, csv, rows, USERS, f"{SPAN_MINUTES[span] * rows // HISTORY}min")
        with open(csv) as lines:
            next(lines)
            for name, count in [(history, HISTORY), *((file, self.rows) for file in files)]:
                with open(name, "w") as part:
                    part.writelines(itertools.islice(lines, count))
                os.chmod(name, 0o644)
        server.create_database(database, catalogue=self.catalogue)
        server.psql_file(database, f"row_trigger_{self.catalogue}.sql")
        comparison.load_history(database, self.features, history)
        server.psql(database, "CREATE TRIGGER features AFTER INSERT ON floor.transactions "
                              "FOR EACH ROW EXECUTE FUNCTION floor.compute_features()")
        os.remove(csv)
        os.remove(history)
        return files


def wide(settings, log):
    return Race("row_trigger", "wide", "transaction_features_wide", 1_000, ["month", "day"], Goal("at least", 20)).run(
        settings, log)


def standard(settings, log):
    return Race("row_trigger_standard", "standard", "transaction_features", 2_000, ["month"], Goal("at least", 2)).run(
        settings, log)
