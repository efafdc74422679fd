"""Figure "row_trigger": the wide catalogue against the same features from a trigger FOR EACH ROW.

Pipeline:    COPY of raw rows into the pipeline.
Row trigger: COPY of the same rows into the same table with an index for each entity and a PL/pgSQL trigger that asks it
             for each row (row_trigger.sql).

Both begin with the same history and are given the same further rows in each round. What the trigger costs depends on
how many rows the windows hold, so it is measured with histories of a month and of a day: of the same number of
transactions, about 20 a user. At the end all rows of both must be the same, floats to 1e-9.
"""

import itertools
import os

import server
from report import Figure, Goal, Line, counted_rounds

USERS = 10_000
HISTORY = 200_000
ROWS = 5_000
SPAN_MINUTES = {"month": 30 * 24 * 60, "day": 24 * 60}


def measure(settings, log):
    rounds = [{} for _ in range(settings.rounds)]
    for span in SPAN_MINUTES:
        files = prepare(settings, log, span)
        for number, file in enumerate(files):
            trigger = server.seconds("row_trigger", f"COPY floor.transactions FROM '{file}' WITH (FORMAT csv);")
            pipeline = server.seconds("row_trigger", f"COPY public.transactions FROM '{file}' WITH (FORMAT csv);")
            rounds[number][span] = {"row_trigger": trigger, "pipeline": pipeline}
            log(f"row_trigger, history of a {span}, round {number + 1}: row trigger {trigger:.2f} s, "
                f"pipeline {pipeline:.2f} s, ratio {trigger / pipeline:.1f}")
            os.remove(file)
        check()
        server.drop_database("row_trigger")

    def lines(span):
        each = [one[span] for one in rounds]
        return [Line(f"times as fast, history of a {span}", "", 1,
                     [one["row_trigger"] / one["pipeline"] for one in each], Goal("at least", 20)),
                Line("rows a second, row trigger", "", 0, [ROWS / one["row_trigger"] for one in each]),
                Line("rows a second, pipeline", "", 0, [ROWS / one["pipeline"] for one in each])]

    return Figure(
        "row_trigger", f"COPY of {ROWS:,} rows after {HISTORY:,}, wide catalogue: pipeline against row trigger",
        counted_rounds(settings.rounds), [line for span in SPAN_MINUTES for line in lines(span)], rounds)


def prepare(settings, log, span):
    """Database row_trigger, with the history on both sides, and a file of rows for each round."""
    log(f"row_trigger: making the history of a {span}")
    history = os.path.join(settings.files, "history.csv")
    files = [os.path.join(settings.files, f"further{number}.csv") for number in range(settings.rounds)]
    csv = os.path.join(settings.files, "raw.csv")
    # The history fills the span, and the further rows go on in its rhythm.
    rows = HISTORY + ROWS * settings.rounds
    server.write_transactions(settings, csv, rows, USERS, f"{SPAN_MINUTES[span] * rows // HISTORY}min")
    with open(csv) as lines:
        next(lines)
        for name, count in [(history, HISTORY), *((file, ROWS) for file in files)]:
            with open(name, "w") as part:
                part.writelines(itertools.islice(lines, count))
            os.chmod(name, 0o644)
    server.create_database("row_trigger", catalogue="wide")
    server.psql_file("row_trigger", "row_trigger.sql")
    for schema in "public", "floor":
        server.psql("row_trigger", f"COPY {schema}.transactions FROM '{history}' WITH (FORMAT csv)")
    server.psql("row_trigger", "CREATE TRIGGER features AFTER INSERT ON floor.transactions "
                               "FOR EACH ROW EXECUTE FUNCTION floor.compute_features(); VACUUM ANALYZE")
    os.remove(csv)
    os.remove(history)
    return files


def check():
    """That both sides have computed the same features."""
    differing = server.psql("row_trigger", r"""
        SELECT count(*), string_agg(DISTINCT key, ', ')
        FROM floor.transaction_features_wide f
        LEFT JOIN public.transaction_features_wide p USING (transaction_id)
        CROSS JOIN jsonb_each(to_jsonb(f)) one LEFT JOIN LATERAL jsonb_each(to_jsonb(p)) other USING (key)
        WHERE one.value IS DISTINCT FROM other.value
          AND NOT CASE WHEN jsonb_typeof(one.value) = 'number' AND jsonb_typeof(other.value) = 'number'
                       THEN abs(one.value::numeric - other.value::numeric) <= 1e-9 * abs(other.value::numeric)
                       ELSE false END""")
    if not differing.startswith("0|"):
        raise SystemExit(f"row trigger and pipeline differ: {differing}")
