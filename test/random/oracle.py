"""The two oracles, both plain PostgreSQL.

1. The plain query. Where rows were processed in the order of their event times, all distinct, a feature table equals
   its definition run as a query (parity). definition.plain writes it.

2. The arrival query, for everything else: late rows, equal times, any mixture. A feature row is what was known when
   its row was processed, so the expected row of r is the definition over just the rows processed up to r, read at r,
   with r last among its equals. Rewrites make PostgreSQL's own executor compute that:

   - Equal times. Every row gets an arrival number __a, the place at which it was processed, and an order time __o, its
     event time plus __a microseconds (for integers: a million times the event time, plus __a). Windows order by __o: a
     unique order in which equal times stand as they arrived, which decides ROWS frames, lag, first_value. Event times
     lie on a grid of at least 10 milliseconds (of any offset), RANGE offsets are multiples of it or calendar intervals,
     and there are less than 5000 rows. So a frame whose start is moved back by 5 milliseconds has every row that the
     original one has, the one exactly at its start included, and no other. The event time column itself is untouched
     wherever an expression reads it.

   - Lateness. Rows processed later must not be seen. The rows are cut, in arrival order, into runs in which __o
     ascends. Over the rows up to the end of a run, a row of that run sees in its frames exactly the rows processed
     before it: what follows it in the run has a later __o and is in no frame, for frames end at the current row. So
     one query a run, LATERAL, gives the rows of that run.

   - Peers, and the calendar. With runs of one row, "runs" says which row is asked for, and the query is the definition
     of the semantics itself: one recomputation a row. Then EXCLUDE GROUP and TIES and ranks, which __o leaves without
     peers, become conditions on the row's own time (calls.py). And an offset in months or days becomes the time that
     it is for that row: PostgreSQL's executor moves the start of a frame only forward, but a month before 30 March
     22:00 lies after a month before 31 March 04:00, and likewise for days over a change of the clocks.

   - Levels. An upper level reads the results of the level below as they were recorded, not as they would be now. So
     every level is materialised over all runs (a MATERIALIZED common table expression) before the next one reads it.

   --self-check compares runs with recomputations of each row, the latter `literally`, in the definition's own words,
   where times are distinct.
"""

from values import INTEGERS, quote_literal, quote_name
from windows import INTEGER_UNIT, resolve


def runs_of(times):
    """Cuts 1-based arrival numbers into (first, last) runs in which the times do not descend: in which __o ascends."""
    runs, first = [], 1
    for place in range(2, len(times) + 1):
        if times[place - 1] < times[place - 2]:
            runs.append((first, place - 1))
            first = place
    return runs + [(first, len(times))] if times else []


def single_runs(times):
    return [(place, place) for place in range(1, len(times) + 1)]


def arrival(definition, source, source_columns, processed, runs, literally=False):
    """The arrival query. processed: the ids of the source's rows in the order in which they were processed.

    literally: the windows keep their own order and frames, which is right where all times are distinct.
    """
    id_column = next(c for c in source_columns if c.role == "id")
    time_column = next(c for c in source_columns if c.role == "time")
    time = "t." + quote_name(time_column.name) + ("::timestamp" if time_column.type == "date" else "")
    order = "%s + __a * interval '1 microsecond'" % time
    if time_column.type in INTEGERS:
        order = "%s::numeric * %d + __a" % (time, INTEGER_UNIT)
    ids = "ARRAY[%s]::%s[]" % (", ".join(quote_literal(i) for i in processed), id_column.type)
    ctes = [
        "arrival AS (SELECT * FROM unnest(%s) WITH ORDINALITY AS x (id, __a))" % ids,
        "level_0 AS MATERIALIZED (SELECT t.*, __a, %s AS __o, %s AS __at FROM %s t JOIN arrival ON arrival.id = t.%s)"
        % (order, time, source, quote_name(id_column.name)),
        "runs AS MATERIALIZED (SELECT first, last, __at AS at FROM unnest(ARRAY[%s]::int[], ARRAY[%s]::int[]) "
        "AS x (first, last) LEFT JOIN level_0 ON __a = last WHERE first < last OR __at IS NOT NULL)"
        % (", ".join(str(first) for first, _ in runs), ", ".join(str(last) for _, last in runs))]
    for number, level in enumerate(definition.levels):
        items = ", ".join(item.text() if not item.unnamed else "%s AS %s" % (item.sql, quote_name(item.column.name))
                          for item in level.items)
        alias = level.alias or "below"
        query = "SELECT %s, __a, __o FROM (SELECT * FROM level_%d WHERE __a <= runs.last) %s" % (items, number, alias)
        query += (" WHERE " + level.where if level.where else "") + (" " + level.clause if level.clause else "")
        query = resolve(query, level.time if literally else "__o", arrival=not literally)
        ctes.append("level_%d AS MATERIALIZED (SELECT q.* FROM runs, LATERAL (%s) q "
                    "WHERE q.__a BETWEEN runs.first AND runs.last)" % (number + 1, query))
    columns = ", ".join(quote_name(column.name) for column in definition.columns)
    return "WITH %s\nSELECT %s FROM level_%d" % (",\n".join(ctes), columns, len(definition.levels))
