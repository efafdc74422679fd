"""Random calls of window functions, and expressions around them.

Where a frame excludes peers, or peers decide the result, the arrival query computes it from all rows of the frame:
EXCLUDE becomes a FILTER, a value of the frame an element of the array of its values, a rank a count.
"""

from expressions import LIMITS, Expr, arithmetic, condition, constant, exact_value, number, threshold, value, worst
from values import FLOATS, INTEGERS, base_type
from windows import ORDER, either

MOST_ROWS = 3000

ROW_FUNCTIONS = ("lag", "lag", "lag", "first_value", "first_value", "last_value", "nth_value", "row_number")
RANKS = ("rank", "dense_rank")
NUMERIC = ("sum", "sum", "avg", "stddev_samp", "stddev_pop", "stddev", "var_samp", "var_pop", "variance")
BITS = ("bit_and", "bit_or", "bit_xor")
PAIRS = ("corr", "regr_slope", "regr_intercept", "covar_pop", "covar_samp", "regr_count", "regr_avgx")
COLLECTIONS = ("array_agg", "string_agg", "json_agg", "jsonb_agg")


def call(rng, scope, over):
    """One call of a window function."""
    window = rng.choice(over)
    return (row_function if rng.random() < 0.35 else aggregate)(rng, scope, window)


def left_by_exclude(scope, window):
    """The condition for what a window's EXCLUDE leaves in, where the arrival query has to be told."""
    time = scope.time.sql
    return {"GROUP": "%s <> runs.at" % time,
            "TIES": "(%s <> runs.at OR __a = runs.last)" % time}.get(window.exclude, "")


# ---- functions of rows

def row_function(rng, scope, window):
    function = rng.choice(ROW_FUNCTIONS + RANKS * scope.options.peers)
    if function == "row_number":
        return Expr("row_number() OVER %s" % window.target, "int8", size=MOST_ROWS)
    if function in RANKS:
        return rank(scope, window, function)
    if function != "lag":
        return value_of_frame(rng, scope, window, function)
    x = value(rng, scope)
    arguments = x.sql
    if rng.random() < 0.5:
        arguments += ", %d" % rng.choice((0, 1, 1, 2, 3, 5, 60))
        if rng.random() < 0.5 and not x.opaque:
            arguments += ", " + (x.sql if rng.random() < 0.2 else constant(rng, x).sql)
    return of_value(x, "lag(%s) OVER %s" % (arguments, window.target))


def of_value(x, sql):
    return Expr(sql, x.type, x.precision, max(x.size, 10) if x.number else x.size, x.special)


def rank(scope, window, function):
    earlier = "FILTER (WHERE %s < runs.at) OVER (%s ORDER BY %s ROWS UNBOUNDED PRECEDING)" \
        % (scope.time.sql, window.partition, ORDER)
    count = "count(*) " + earlier
    if function == "dense_rank":
        count = "random_kit.count_distinct(array_agg(%s) %s)" % (scope.time.sql, earlier)
    return Expr(either("%s() OVER %s" % (function, window.target), "(1 + %s)" % count), "int8", size=MOST_ROWS)


def value_of_frame(rng, scope, window, function):
    left = left_by_exclude(scope, window)
    x = value(rng, scope)
    while left and x.type.endswith("[]"):  # an array of arrays, below, has no elements that are arrays
        x = value(rng, scope)
    place = rng.choice((1, 1, 2, 3, 5, 20))
    plain = "nth_value(%s, %d)" % (x.sql, place) if function == "nth_value" else "%s(%s)" % (function, x.sql)
    if not left:
        return of_value(x, "%s OVER %s" % (plain, window.target))
    before, after = ("random_kit.last_element(", ")") if function == "last_value" else \
        ("(", ")[%d]" % (place if function == "nth_value" else 1))
    arrival = "%sarray_agg(%s) FILTER (WHERE %s)" % (before, x.sql, left)
    return of_value(x, either(plain, arrival) + " OVER " + window.target + either("", after))


# ---- aggregates. Each draw gives the function, its arguments and its result, an Expr without SQL.

def aggregate(rng, scope, window):
    kinds = [counted, extreme, extreme, numeric, numeric, numeric, logical, bits, pair, own]
    if scope.options.collections:
        kinds.append(collection)
    if scope.options.functions:
        kinds += [of_the_extension] * 3
    function, arguments, result = rng.choice(kinds)(rng, scope)
    where = condition(rng, scope) if rng.random() < 0.2 else ""
    left = left_by_exclude(scope, window)
    plain = " FILTER (WHERE %s)" % where if where else ""
    if left:
        plain = either(plain, " FILTER (WHERE %s)" % ("(%s) AND %s" % (where, left) if where else left))
    sql = "%s(%s)%s OVER %s" % (function, arguments, plain, window.target)
    return Expr(sql, result.type, result.precision, result.size, result.special)


def result(type_name, precision="exact", size=1e3, special=False):
    return Expr("", type_name, precision, size, special)


def counted(rng, scope):
    return "count", "*" if rng.random() < 0.5 else value(rng, scope).sql, result("int8", size=MOST_ROWS)


def extreme(rng, scope):
    candidates = [x for x in (value(rng, scope) for _ in range(6)) if x.ordered]
    x = candidates[0] if candidates else number(rng, scope)
    return rng.choice(("min", "max")), x.sql, x


def numeric(rng, scope):
    function, x = rng.choice(NUMERIC), number(rng, scope)
    kind = base_type(x.type)
    rounded = "single" if x.precision == "single" else "double"
    if function == "sum":
        size = x.size * MOST_ROWS
        if kind in FLOATS:
            return function, x.sql, result(kind, "single" if kind == "float4" else rounded, size, x.special)
        if kind != "int8" or size < LIMITS["int8"]:
            type_name = "int8" if kind in ("int2", "int4") else "numeric"
            return function, x.sql, result(type_name, size=size, special=x.special)
        function = "avg"
    size = x.size if function == "avg" or function.startswith("stddev") else x.size ** 2
    if kind in FLOATS:
        return function, x.sql, result("float8", rounded, size, x.special)
    return function, x.sql, result("numeric", size=size, special=x.special)


def logical(rng, scope):
    return rng.choice(("bool_and", "bool_or", "every")), condition(rng, scope), result("bool")


def exact_number(rng, scope, types=INTEGERS + FLOATS + ("numeric",)):
    """A number that carries no rounding, so that differences of such numbers are no noise."""
    for _ in range(6):
        x = number(rng, scope)
        if x.precision == "exact" and not x.special and base_type(x.type) in types:
            return x
    return Expr("7", "int4", size=8)


def bits(rng, scope):
    x = exact_number(rng, scope, INTEGERS)
    return rng.choice(BITS), x.sql, result(x.type, size=2 * x.size)


def pair(rng, scope):
    function, y, x = rng.choice(PAIRS), exact_number(rng, scope), exact_number(rng, scope)
    size = {"corr": 1, "regr_avgx": x.size}.get(function, x.size * y.size)
    of_pair = result("int8", size=MOST_ROWS) if function == "regr_count" else result("float8", "double", size)
    return function, "(%s)::float8, (%s)::float8" % (y.sql, x.sql), of_pair


def collection(rng, scope):
    function, x = rng.choice(COLLECTIONS), exact_value(rng, scope)
    if function == "array_agg":
        return function, x.sql, result(base_type(x.type) + "[]")
    if function == "string_agg":
        return function, "(%s)::text, ','" % x.sql, result("text")
    return function, x.sql, result("json" if function == "json_agg" else "jsonb")


def own(rng, scope):
    """The user's own aggregates, from kit.sql."""
    kind = rng.randrange(4)
    if kind == 0:
        return "random_kit.longest", "(%s)::text" % exact_value(rng, scope).sql, result("text")
    if kind == 1:
        return "random_kit.switch_count", exact_value(rng, scope).sql, result("int4", size=MOST_ROWS)
    if kind == 2:
        return "random_kit.ring_sum", exact_number(rng, scope, INTEGERS).sql, result("int8", size=1e6)
    x, y = exact_number(rng, scope), exact_number(rng, scope)
    return "random_kit.weighted_mean", "(%s)::numeric, (%s)::numeric" % (x.sql, y.sql), result("numeric", size=x.size)


# ---- aggregates of the extension, drawn where the database has them

def of_the_extension(rng, scope):
    function = rng.choice(sorted(scope.options.functions))
    arguments, of_function = EXTENSION[function](rng, scope)
    return "feature." + function, arguments, of_function


def values_counted(rng, scope):
    return exact_value(rng, scope).sql, result("int8", size=MOST_ROWS)


def values_listed(rng, scope):
    x = exact_value(rng, scope)
    return "%s, %d" % (x.sql, rng.choice((1, 2, 5))), result(base_type(x.type) + "[]")


def value_chosen(rng, scope):
    x = exact_value(rng, scope)
    return x.sql, x


def entropy(rng, scope):
    return exact_value(rng, scope).sql, result("float8", "double", 12)


def float_measured(rng, scope, parameter=""):
    x = exact_number(rng, scope)
    return "(%s)::float8%s" % (x.sql, parameter), result("float8", "double", x.size)


def percentile(rng, scope):
    return float_measured(rng, scope, ", " + rng.choice(("0", "0.25", "0.9", "1")))


def decayed(rng, scope):
    x, time, half_life = exact_number(rng, scope), scope.time.sql, rng.choice(("'1 minute'", "'1 hour'", "'7 days'"))
    if scope.time.type in INTEGERS:
        time, half_life = "(%s)::int8" % time, rng.choice(("1", "100"))
    elif scope.time.type == "date":
        time = "(%s)::timestamp" % time
    return "(%s)::float8, %s, %s" % (x.sql, time, half_life), result("float8", "double", x.size * MOST_ROWS)


EXTENSION = {"count_distinct": values_counted, "change_count": values_counted, "mode": value_chosen,
             "top_n": values_listed, "last_distinct": values_listed, "entropy": entropy, "median": float_measured,
             "drawdown": float_measured, "percentile": percentile, "ew_sum": decayed, "ew_avg": decayed}


# ---- expressions around calls

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
    if kind == 4 and not x.special and x.size < LIMITS.get(x.type, 1e60):
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
    target, time = rng.choice(over).target, scope.time
    if kind == 0 or x.opaque:
        return Expr("(%s) IS NULL" % x.sql, "bool")
    if kind == 1:
        y = exact_value(rng, scope)
        return Expr("coalesce(%s <> lag(%s) OVER %s, false)::int" % (y.sql, y.sql, target), "int4", size=1)
    since = "%s - lag(%s) OVER %s" % (time.sql, time.sql, target)
    if kind == 2 and time.type in ("timestamp", "timestamptz"):
        return Expr("extract(epoch FROM %s)::float8" % since, "float8", size=1e9)
    if kind in (2, 3):
        types = {"date": "int4", "timestamp": "interval", "timestamptz": "interval"}
        return Expr(since, types.get(time.type, time.type), size=1e6)
    return Expr("coalesce(%s, %s)" % (x.sql, constant(rng, x).sql), x.type)
