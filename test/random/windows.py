"""Random window clauses and calls of window functions.

SQL is written with marks where the plain and the arrival-order form of a definition differ: ORDER stands for the event
time in ORDER BY, and the bound of a RANGE frame stands between OPEN and CLOSE. oracle.py replaces them.
"""

from dataclasses import dataclass

from expressions import LIMITS, Expr, arithmetic, condition, constant, key, number, threshold, value, worst
from values import FLOATS, INTEGERS, base_type

ORDER, OPEN, CLOSE = "\x01", "\x02", "\x03"
MOST_ROWS = 500

SPREAD = ("stddev_samp", "stddev_pop", "stddev", "var_samp", "var_pop", "variance")
AGGREGATES = ("count(*)", "count", "sum", "sum", "avg", "min", "max") + SPREAD
ROW_FUNCTIONS = ("lag", "lag", "lag", "first_value", "last_value", "row_number")


def interval_text(rng, seconds):
    """An interval that is `seconds` long, in one of the forms people write."""
    if seconds == int(seconds) and rng.random() < 0.5:
        seconds = int(seconds)
        for unit, length in (("day", 86400), ("hour", 3600), ("minute", 60)):
            if seconds and seconds % length == 0:
                return "%d %s%s" % (seconds // length, unit, "s" * (seconds != length))
        return "%d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)
    return "%g seconds" % seconds if seconds < 1e5 else "%d seconds" % seconds


def range_bound(rng, scale):
    """A RANGE offset on the case's grid of times; scale is a workload.Scale."""
    if scale.months and rng.random() < 0.3:
        text = rng.choice(("1 month", "2 months", "1 mon 2 days"))
    else:
        steps = rng.choice((1, 2, 3, 5, 10, 30, 100)) * rng.choice((1, scale.gap, scale.gap)) * (rng.random() > 0.05)
        text = interval_text(rng, steps * scale.grid)
    form = rng.choice(("'%s'", "'%s'", "interval '%s'", "'%s'::interval"))
    return OPEN + form % text + CLOSE + " PRECEDING"


def frame(rng, scale):
    """A frame clause, or nothing: the default frame."""
    kind = rng.randrange(10)
    if kind < 4:
        return rng.choice(("RANGE BETWEEN %s AND CURRENT ROW", "RANGE BETWEEN %s AND CURRENT ROW", "RANGE %s")) \
            % range_bound(rng, scale)
    if kind < 7:
        start = rng.choice((0, 1, 2, 3, 5, 10, 50, 200))
        if rng.random() < 0.6 or start == 0:
            return rng.choice(("ROWS BETWEEN %d PRECEDING AND CURRENT ROW", "ROWS %d PRECEDING")) % start
        return "ROWS BETWEEN %d PRECEDING AND %d PRECEDING" % (start, rng.randint(1, start))
    return rng.choice(("", "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "ROWS UNBOUNDED PRECEDING",
                       "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING",
                       "ROWS BETWEEN UNBOUNDED PRECEDING AND 3 PRECEDING",
                       "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "RANGE UNBOUNDED PRECEDING"))


@dataclass
class Windows:
    """What may follow OVER at one level, and the level's WINDOW clause."""
    over: list
    clause: str


def windows(rng, scope, scale):
    """One to five windows over one or two partition lists: named, inherited from named ones, and inline."""
    over, named = [], []

    def name(body):
        named.append("%s AS (%s)" % ("w%d" % (len(named) + 1), body))
        return "w%d" % len(named)

    for _ in range(rng.choice((1, 1, 2, 3))):
        keys = [key(rng, scope) for _ in range(rng.choice((0, 1, 1, 1, 2, 3)))]
        partition = "PARTITION BY " + ", ".join(dict.fromkeys(keys)) if keys else ""
        order = "ORDER BY " + ORDER + rng.choice(("", "", "", " ASC", " ASC NULLS LAST"))
        base = None
        if rng.random() < 0.4:
            base = name((partition + " " + order).strip())
            over.append(base)
        elif partition and rng.random() < 0.3:
            base = name(partition)
            order_of_base = order
        for _ in range(rng.choice((1, 1, 2))):
            head = (partition + " " + order).strip() if base is None else \
                base if base in over else base + " " + order_of_base
            body = (head + " " + frame(rng, scale)).strip()
            over.append(name(body) if rng.random() < 0.5 else "(%s)" % body)
    return Windows(over[:5], "WINDOW " + ", ".join(named) if named else "")


def aggregate_result(function, x):
    """Type, precision and size of an aggregate of x."""
    kind = base_type(x.type)
    rounded = "single" if x.precision == "single" else "double"
    if function == "sum":
        if kind in FLOATS:
            return kind, "single" if kind == "float4" else rounded, x.size * MOST_ROWS
        return ("int8" if kind in ("int2", "int4") else "numeric"), "exact", x.size * MOST_ROWS
    size = x.size if function == "avg" or function.startswith("stddev") else x.size ** 2
    return ("float8", rounded, size) if kind in FLOATS else ("numeric", "exact", size)


def call(rng, scope, over):
    """One call of a window function."""
    function = rng.choice(AGGREGATES if rng.random() < 0.65 else ROW_FUNCTIONS)
    target = rng.choice(over)
    if function in ROW_FUNCTIONS:
        return row_function(rng, scope, function, target)
    if function == "count(*)":
        x, result = None, ("int8", "exact", MOST_ROWS)
    elif function == "count":
        x, result = value(rng, scope), ("int8", "exact", MOST_ROWS)
    elif function in ("min", "max"):
        candidates = [x for x in (value(rng, scope) for _ in range(6)) if x.ordered]
        x = candidates[0] if candidates else number(rng, scope)
        result = x.type, x.precision, x.size
    else:
        x = number(rng, scope)
        result = aggregate_result(function, x)
        if result[2] > LIMITS.get(result[0], 1e60):
            function, result = "max", (x.type, x.precision, x.size)
    sql = function if x is None else "%s(%s)" % (function, x.sql)
    if rng.random() < 0.2:
        sql += " FILTER (WHERE %s)" % condition(rng, scope)
    return Expr("%s OVER %s" % (sql, target), *result, special=bool(x and x.special and function != "count"))


def row_function(rng, scope, function, target):
    if function == "row_number":
        return Expr("row_number() OVER %s" % target, "int8", size=MOST_ROWS)
    x = value(rng, scope)
    arguments = x.sql
    if function == "lag" and rng.random() < 0.5:
        arguments += ", %d" % rng.choice((0, 1, 1, 2, 3, 5, 60))
        if rng.random() < 0.5:
            arguments += ", " + (x.sql if rng.random() < 0.2 else constant(rng, x).sql)
    size = max(x.size, 10) if x.number else x.size
    return Expr("%s(%s) OVER %s" % (function, arguments, target), x.type, x.precision, size, x.special)


def feature(rng, scope, over):
    """A call, alone or inside an expression."""
    x = call(rng, scope, over)
    if rng.random() < 0.5:
        return x
    return around_number(rng, scope, over, x) if x.number else around_other(rng, scope, over, x)


def around_number(rng, scope, over, x):
    kind = rng.randrange(8)
    if kind == 0:
        return Expr("coalesce(%s, 0)" % x.sql, x.type, x.precision, max(x.size, 1), x.special)
    if kind == 1 and x.precision == "exact" and not x.special and x.size < 1e9:
        return Expr("(%s)::int" % x.sql, "int4", "exact", x.size + 1)
    if kind == 2:
        return Expr("(%s > %s)::int" % (x.sql, threshold(rng, x)), "int4", "exact", 1)
    if kind == 3:
        y = number(rng, scope)
        return arithmetic("%s - %s", y, x, x.size + y.size)
    if kind == 4 and not x.special:
        y = number(rng, scope)
        return arithmetic("%s / (1 + abs(%s))", y, x, y.size)
    if kind == 5:
        return Expr("CASE WHEN %s > %s THEN 'high' WHEN %s THEN 'cond' ELSE 'low' END"
                    % (x.sql, threshold(rng, x), condition(rng, scope)), "text")
    if kind == 6:
        y = call(rng, scope, over)
        if y.number:
            return Expr("greatest(%s, %s)" % (x.sql, y.sql), arithmetic("%s%s", x, y, 1).type, worst(x, y),
                        max(x.size, y.size), x.special or y.special)
    if kind == 7 and x.precision == "exact" and base_type(x.type) in INTEGERS and not x.special:
        return Expr("%s %% 3" % x.sql, x.type, "exact", 3)
    return x


def around_other(rng, scope, over, x):
    kind = rng.randrange(4)
    if kind == 0:
        return Expr("(%s) IS NULL" % x.sql, "bool")
    if kind == 1:
        column = rng.choice(scope.refs())
        past = "lag(%s) OVER %s" % (column.sql, rng.choice(over))
        if column.precision == "exact":
            return Expr("coalesce(%s <> %s, false)::int" % (column.sql, past), "int4", size=1)
    if kind == 2 and scope.time.type != "date":
        return Expr("extract(epoch FROM %s - lag(%s) OVER %s)::float8"
                    % (scope.time.sql, scope.time.sql, rng.choice(over)), "float8", size=1e9)
    if kind == 3:
        return Expr("%s - lag(%s) OVER %s" % (scope.time.sql, scope.time.sql, rng.choice(over)),
                    "int4" if scope.time.type == "date" else "interval", size=1e6)
    return Expr("coalesce(%s, %s)" % (x.sql, constant(rng, x).sql), x.type)
