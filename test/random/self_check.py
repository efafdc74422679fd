"""A worked example for the arrival query: late rows, ties, levels over recorded results, computed by hand."""

from definition import Definition, Item, Level
from oracle import arrival, runs_of, single_runs
from values import Column
from windows import ORDER, SLACK, either

COLUMNS = [Column("id", "int4", role="id"), Column("at", "timestamptz", role="time"), Column("x", "int4")]

# Processed in the order a b c d e: b ties with a, c is last in time, d is late, e ties with d.
ROWS = (("1", "12:00:10", "1"), ("2", "12:00:10", "2"), ("3", "12:00:30", "4"), ("4", "12:00:20", "8"),
        ("5", "12:00:20", "16"))

# id: sum over the last 10 s, value before, row number; sum of those sums over all earlier rows
EXPECTED = {"1": ("1", None, "1", "1"), "2": ("3", "1", "2", "4"), "3": ("4", "2", "3", "8"),
            "4": ("11", "2", "3", "15"), "5": ("27", "8", "4", "42")}


def example():
    time = Item("at", COLUMNS[1])
    identity = Item("id", COLUMNS[0])
    offset = either("'10 seconds'", "interval '10 seconds' + " + SLACK)
    near = "(ORDER BY %s RANGE %s PRECEDING)" % (ORDER, offset)
    inner = [Item("sum(x) OVER " + near, Column("near", "int8")),
             Item("lag(x) OVER w", Column("past", "int4")),
             Item("row_number() OVER w", Column("place", "int8"))]
    outer = [Item(name, Column(name, "int8")) for name in ("near", "past", "place")] + \
        [Item("sum(near) OVER (ORDER BY %s)" % ORDER, Column("total", "numeric"))]
    return Definition([Level([identity, time] + inner, "at", "", clause="WINDOW w AS (ORDER BY %s)" % ORDER),
                       Level([identity] + outer, "at", "s")])


def check_example(session):
    session.cursor.execute("CREATE TEMP TABLE example (id int4, at timestamptz, x int4)")
    session.cursor.executemany("INSERT INTO example VALUES (%s, %s::time + date '2024-05-01', %s)", ROWS)
    steps = [int(row[1][-2:]) for row in ROWS]
    for runs in (runs_of(steps), single_runs(steps)):
        query = arrival(example(), "example", COLUMNS, [row[0] for row in ROWS], runs)
        got = {row[0]: tuple(row[1:]) for row in session.query(query)[1]}
        assert got == EXPECTED, "the arrival query is wrong on the worked example: %s" % got
