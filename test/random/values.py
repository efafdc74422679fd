"""Column types of random source tables, and the values that go into them.

A value is kept as PostgreSQL's text form (None for NULL), so that the same value serves INSERT, COPY and EXECUTE.
Amounts are positive and between 0.5 and 1000, so that float sums lose no digits to cancellation.
"""

import random
import string
import uuid
from dataclasses import dataclass

INTEGERS = ("int2", "int4", "int8")
FLOATS = ("float4", "float8")
NUMBERS = INTEGERS + FLOATS + ("numeric", "numeric(12,2)")
MOOD = "random_kit.mood"
# Have min and max, as numbers do.
ORDERED = ("text", "timestamptz", "timestamp", "date", "time", "inet", "interval", MOOD)
TYPES = NUMBERS + ("text", "text", "timestamptz", "timestamp", "date", "time", "inet", "bool", "uuid", "interval",
                   "bytea", "jsonb", MOOD)
KEY_TYPES = ("int2", "int4", "int8", "text", "text", "uuid", "inet", "bool", "numeric", "float8", "date", "timestamptz",
             "bytea", MOOD)
DOMAINS = {"text": "random_kit.label", "numeric(12,2)": "random_kit.price", "int4": "random_kit.count"}

NULL_SHARE = (0, 0, 0, 0.1, 0.3, 0.95)

# Positive values only, but NaN and infinities are what makes float code wrong in other ways than rounding.
SPECIAL_FLOATS = ("NaN", "Infinity", "-Infinity")


def base_type(type_name):
    """The type without its modifier."""
    return type_name.split("(")[0]


def is_opaque(type_name):
    """Whether the grammar makes no constants of the type, and does not compare its values."""
    return type_name.endswith("[]") or type_name in ("json", "jsonb")


@dataclass(frozen=True)
class Column:
    """A column as the grammar sees it.

    precision says how far two correct computations of it may differ: not at all ("exact"), by rounding in float8
    ("double") or in float4 ("single"). size bounds its absolute value. special: NaN and infinities may occur.
    """
    name: str
    type: str
    precision: str = "exact"
    size: float = 1e3
    special: bool = False
    role: str = ""     # "id", "time" or ""; "suspect": may be bad, "checked": fails if that is, see faults.py
    key: bool = False  # few distinct values: fit to be an entity
    domain: str = ""   # a domain over the type, by which a table's column is declared

    @property
    def declared(self):
        return self.domain or self.type


def quote_name(name):
    return name if name.replace("_", "a").isalnum() and name == name.lower() and name not in RESERVED \
        and not name[0].isdigit() else '"%s"' % name.replace('"', '""')


RESERVED = {"order", "user", "end", "group", "table", "window", "timestamp"}


def quote_literal(value):
    """A string constant; no backslash is special with standard_conforming_strings on."""
    return "NULL" if value is None else "'%s'" % value.replace("'", "''")


def long_text(rng):
    """Texts beyond what fits a page or a btree key; compressible and not."""
    kind = rng.randrange(3)
    if kind == 0:
        return rng.choice("abc") * rng.randint(3000, 10000)
    if kind == 1:
        return "".join("%032x" % rng.getrandbits(128) for _ in range(rng.randint(60, 312)))
    return "prefix " * rng.randint(100, 300) + rng.choice("xyz")


def short_text(rng):
    kind = rng.randrange(6)
    if kind == 0:
        return ""
    if kind == 1:
        return rng.choice(("Ärger", "日本", "naïve", "O'Neil", "back\\slash", "tab\there", "%s", "a,b", "\\N", "é"))
    return "".join(rng.choice(string.ascii_letters) for _ in range(rng.randint(1, 12)))


def amount(rng, digits):
    return "%.*f" % (digits, rng.uniform(0.5, 999))


def random_value(rng, type_name, special=False):
    """One value of a type, as text."""
    if special and rng.random() < 0.1:
        return rng.choice(SPECIAL_FLOATS)
    if type_name == "int2":
        return str(rng.randint(0, 100))
    if type_name in ("int4", "int8"):
        return str(rng.randint(0, 1000))
    if type_name in ("float4", "float8"):
        return rng.choice((amount(rng, 2), amount(rng, 2), amount(rng, 6), "100", "0.5"))
    if type_name == "numeric":
        return amount(rng, rng.choice((0, 1, 2, 2, 5)))
    if type_name == "numeric(12,2)":
        return amount(rng, 2)
    if type_name == "text":
        return short_text(rng)
    if type_name == "timestamptz":
        return random_timestamp(rng) + "+00"
    if type_name == "timestamp":
        return random_timestamp(rng)
    if type_name == "date":
        return random_timestamp(rng)[:10]
    if type_name == "inet":
        return rng.choice(("10.%d.%d.1" % (rng.randrange(3), rng.randrange(3)), "192.168.0.0/16", "::1",
                           "2001:db8::%x" % rng.randrange(1, 9), "203.0.113.%d" % rng.randrange(256)))
    if type_name == "bool":
        return rng.choice(("t", "f"))
    if type_name == "uuid":
        return str(uuid.UUID(int=rng.getrandbits(128)))
    if type_name == "time":
        return random_timestamp(rng)[11:]
    if type_name == "bytea":
        return "\\x" + "".join("%02x" % rng.randrange(256) for _ in range(rng.choice((0, 1, 5, 20))))
    if type_name == "jsonb":
        return rng.choice(('{"a": %d}', "[%d, null]", "%d", '"%d"')) % rng.randrange(100)
    if type_name == MOOD:
        return rng.choice(("sad", "ok", "happy"))
    if type_name == "interval":
        return rng.choice(("%d days", "%d hours", "%d minutes", "1 mon %d days")) % rng.randint(1, 400)
    raise ValueError(type_name)


def random_timestamp(rng):
    return "%04d-%02d-%02d %02d:%02d:%02d" % (rng.randint(1995, 2030), rng.randint(1, 12), rng.randint(1, 28),
                                              rng.randrange(24), rng.randrange(60), rng.randrange(60))


def key_domain(rng, type_name, long):
    """The few values of a key column. Values that are equal but look different are one entity."""
    count = rng.randint(1, 4)
    if type_name == "text" and long:
        # Three such keys still fit an entry of the feature table's btree index; longer ones are a documented limit.
        return [long_text(rng)[-800:] for _ in range(count)]
    if type_name == "numeric" and rng.random() < 0.5:
        return ["1", "1.0", "1.00", "2.5"]
    if type_name == "float8" and rng.random() < 0.5:
        return ["0", "-0", "NaN", "1.5"]
    if type_name == "text" and rng.random() < 0.3:
        return ["a", "A", "b", ""][:count + 1]
    return [random_value(rng, type_name) for _ in range(count)]


class ValueSource:
    """Draws the values of one column."""

    def __init__(self, rng, column, key, long):
        self.column, self.key = column, key
        self.null_share = 0.15 if key and rng.random() < 0.4 else rng.choice(NULL_SHARE) if not key else 0
        self.domain = None
        if key:
            self.domain = key_domain(rng, column.type, long)
        elif column.type == "text" and long:
            self.domain = [long_text(rng) for _ in range(3)] + ["short", ""]
        elif rng.random() < 0.2:
            self.domain = [random_value(rng, column.type, column.special) for _ in range(rng.randint(1, 3))]

    def draw(self, rng):
        if self.null_share and rng.random() < self.null_share:
            return None
        if self.domain is not None:
            return rng.choice(self.domain)
        return random_value(rng, self.column.type, self.column.special)


def random_seed():
    return random.SystemRandom().getrandbits(31)
