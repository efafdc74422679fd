"""Random scalar expressions over columns, with what is known of their results.

Knowing precision and size keeps a random definition comparable: where a result carries rounding, nothing discrete may
hang on it (no cast to integer or numeric, no key, no comparison with a value it could equal), and an integer result
stays inside its type.
"""

from dataclasses import dataclass

from values import FLOATS, INTEGERS, NUMBERS, ORDERED, base_type, is_opaque, quote_literal, quote_name, random_value

PRECISIONS = ("exact", "double", "single")
LIMITS = {"int2": 3e4, "int4": 2e9, "int8": 9e18}


@dataclass(frozen=True)
class Expr:
    sql: str
    type: str
    precision: str = "exact"
    size: float = 1e3
    special: bool = False

    @property
    def number(self):
        return base_type(self.type) in INTEGERS + FLOATS + ("numeric",)

    @property
    def ordered(self):
        return self.number or self.type in ORDERED

    @property
    def opaque(self):
        return is_opaque(self.type)


class Scope:
    """What a level's expressions may use: columns, the alias they are qualified with, if any, and a case's options."""

    def __init__(self, columns, alias, options):
        self.columns, self.prefix, self.options = columns, alias and alias + ".", options

    def ref(self, column):
        return Expr(self.prefix + quote_name(column.name), column.type, column.precision, column.size, column.special)

    def refs(self, test=lambda column: True):
        return [self.ref(column) for column in self.columns if test(column)]

    @property
    def time(self):
        return next(self.ref(column) for column in self.columns if column.role == "time")

    @property
    def id(self):
        return next(self.ref(column) for column in self.columns if column.role == "id")


def worst(*expressions):
    return max((e.precision for e in expressions), key=PRECISIONS.index)


def common_type(a, b):
    """The type of an arithmetic operator's result."""
    types = {base_type(a), base_type(b)}
    if types & set(FLOATS):
        return "float4" if types == {"float4"} else "float8"
    if "numeric" in types:
        return "numeric"
    return max(types, key=INTEGERS.index)


def arithmetic(pattern, a, b, size):
    """A binary expression, or its first operand if the result might not fit."""
    type_name = common_type(a.type, b.type)
    if size > LIMITS.get(type_name, 1e30):
        return a
    return Expr(pattern % (a.sql, b.sql), type_name, worst(a, b), size, a.special or b.special)


def constant(rng, like):
    """A constant that can stand beside an expression, in coalesce or as the default of lag."""
    if like.number:
        return Expr(rng.choice(("0", "1", "7")), "int4", size=10)
    if like.type == "bool":
        return Expr(rng.choice(("true", "false")), "bool")
    return Expr(quote_literal(random_value(rng, like.type)), like.type)


def number(rng, scope):
    """A numeric expression of columns."""
    numbers = scope.refs(lambda c: base_type(c.type) in NUMBERS and c.role == "")
    texts = scope.refs(lambda c: c.type == "text" and c.role == "")
    if texts and rng.random() < 0.1:
        return Expr("length(%s)" % rng.choice(texts).sql, "int4", size=1e4)
    if not numbers:
        return Expr("1", "int4", size=1)
    x = rng.choice(numbers)
    if rng.random() < 0.65:
        return x
    return vary_number(rng, scope, x, numbers)


def vary_number(rng, scope, x, numbers):
    kind = rng.randrange(7)
    if kind == 0:
        return Expr("coalesce(%s, 0)" % x.sql, common_type(x.type, "int4"), x.precision, x.size, x.special)
    if kind == 1:
        return arithmetic("(%s + %s)", x, Expr("1", "int4"), x.size + 1)
    if kind == 2:
        return arithmetic("%s * %s", x, Expr("2", "int4"), x.size * 2)
    if kind == 3:
        y = rng.choice(numbers)
        return arithmetic("(%s + %s)", x, y, x.size + y.size)
    if kind == 4:
        return Expr("CASE WHEN %s THEN %s END" % (condition(rng, scope), x.sql), x.type, x.precision, x.size, x.special)
    if kind == 5 and base_type(x.type) not in FLOATS:
        to = rng.choice(("float8", "float8", "float8", "numeric"))
        return Expr("(%s)::%s" % (x.sql, to), to, "exact", x.size, x.special)
    if x.size >= LIMITS.get(base_type(x.type), float("inf")):
        return x  # the least number has no absolute value
    return Expr("abs(%s)" % x.sql, base_type(x.type), x.precision, x.size, x.special)


def text(rng, x):
    """A text expression of a text expression."""
    form = rng.choice(("lower(%s)", "upper(%s)", "left(%s, 3)", "%s || '-'", "coalesce(%s, 'none')", "md5(%s)"))
    return Expr(form % x.sql, "text")


def value(rng, scope):
    """An expression of any type, the argument of lag and its like."""
    refs = scope.refs()
    x = rng.choice(refs)
    if x.number and rng.random() < 0.4:
        return number(rng, scope)
    if x.type == "text" and rng.random() < 0.3:
        return text(rng, x)
    if x.type == "timestamp" and rng.random() < 0.1:
        return Expr("extract(epoch FROM %s)" % x.sql, "numeric", size=1e10)
    return x


def exact_value(rng, scope):
    """A value without rounding, of a type whose values can be compared and written as constants."""
    for _ in range(6):
        x = value(rng, scope)
        if x.precision == "exact" and not x.opaque:
            return x
    return scope.id


def threshold(rng, x):
    """A constant to compare with. Rounded results are compared with what they cannot equal."""
    if x.precision == "exact" and base_type(x.type) in INTEGERS:
        return str(rng.randint(0, int(min(x.size, 1000))))
    return "%.8f" % rng.uniform(1, min(x.size, 1000))


def condition(rng, scope, depth=1):
    """A condition over columns, also of those with NULLs."""
    if depth and rng.random() < 0.2:
        return rng.choice(("(%s AND %s)", "(%s OR %s)")) % (condition(rng, scope, 0), condition(rng, scope, 0))
    x = rng.choice(scope.refs(lambda c: c.role != "time"))
    if rng.random() < 0.15 or x.opaque:
        return "%s IS %sNULL" % (x.sql, rng.choice(("", "NOT ")))
    if x.number:
        return "%s %s %s" % (x.sql, rng.choice((">", "<", ">=")), threshold(rng, x))
    if x.type == "bool":
        return rng.choice(("%s", "NOT %s", "coalesce(%s, true)", "%s IS NOT FALSE")) % x.sql
    if x.type == "text":
        return rng.choice(("%s <> 'a'", "%s LIKE '%%e%%'", "length(%s) %% 2 = 0", "%s > 'm'")).replace("%s", x.sql) \
            .replace("%%", "%")
    return "%s %s %s" % (x.sql, rng.choice(("<>", "<", ">")), quote_literal(random_value(rng, x.type)))


def key(rng, scope):
    """An immutable expression to partition by."""
    keys = scope.refs(lambda c: c.key)
    others = scope.refs(lambda c: c.precision == "exact" and c.role == "")
    if keys and rng.random() < 0.75:
        x = rng.choice(keys)
        return vary_key(rng, x) if rng.random() < 0.3 else x.sql
    if others and rng.random() < 0.7:
        return vary_key(rng, rng.choice(others))
    if rng.random() < 0.3:
        return time_key(rng, scope.time)
    if scope.id.number:
        return "(%s %% %d)" % (scope.id.sql, rng.randint(2, 3))
    return "left(%s::text, 1) < '8'" % scope.id.sql if rng.random() < 0.5 else "(%s IS NULL)" % scope.id.sql


def time_key(rng, time):
    """A span of time as an entity."""
    if time.type in INTEGERS:
        return "(%s / %d)" % (time.sql, rng.choice((10, 100)))
    if time.type == "date":
        return rng.choice(("date_trunc('month', %s::timestamp)", "%s")) % time.sql
    local = time.sql
    if time.type == "timestamptz":
        local = "(%s AT TIME ZONE '%s')" % (time.sql, rng.choice(("UTC", "Europe/Berlin")))
    return rng.choice(("date_trunc('hour', %s)", "date_trunc('day', %s)", "%s::date", "extract(hour FROM %s)")) % local


def vary_key(rng, x):
    if base_type(x.type) in INTEGERS:
        return "(%s %% %d)" % (x.sql, rng.randint(2, 3))
    if x.number and x.size < 1e9:
        return "(%s > %s)" % (x.sql, threshold(rng, x))
    if x.type == "text":
        return rng.choice(("lower(%s)", "left(%s, 1)", "coalesce(%s, '')", "length(%s)")) % x.sql
    if x.type == "timestamptz":
        return "(%s AT TIME ZONE 'UTC')::date" % x.sql
    if x.type == "inet":
        return rng.choice(("family(%s)", "network(set_masklen(%s, 24))", "host(%s)")) % x.sql
    if x.type == "bool":
        return x.sql
    return "(%s IS NULL)" % x.sql
