"""Random source tables: their columns, event times and rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from values import FLOATS, KEY_TYPES, NUMBERS, TYPES, Column, ValueSource, base_type, quote_name

NAMES = ("amount", "card", "note", "Price", "kind", "device", "group", "x", "y", "z", "ip address", "score", "status")
TIME_NAMES = ("at", "ts", "timestamp", "paid_at", "Event Time")


@dataclass(frozen=True)
class Scale:
    """Event times are a multiple of `grid` seconds after an origin; the usual distance is up to `gap` steps."""
    grid: float
    gap: int
    months: bool = False  # whether calendar intervals are of use


@dataclass
class Row:
    number: int
    step: int     # event time, in steps of the grid
    values: list  # texts, in the order of the table's columns


class Clock:
    """Maps steps to event times. Only days 1 to 28 of a month are used, and the map ascends."""

    def __init__(self, rng, scale, type_name):
        self.scale, self.type = scale, type_name
        self.year = rng.choice((1969, 1999, 2024, 2024, 2024, 2025, 2090))
        self.offset = 0 if type_name == "date" else rng.choice((0, 0, rng.randrange(int(scale.grid * 1e6))))

    def text(self, step):
        micros = round(step * self.scale.grid * 1e6)
        months, rest = divmod(micros, 28 * 86400 * 10**6)
        start = datetime(self.year + months // 12, months % 12 + 1, 1)
        time = start + timedelta(microseconds=rest + self.offset)
        if self.type == "date":
            return time.strftime("%Y-%m-%d")
        return time.strftime("%Y-%m-%d %H:%M:%S.%f") + ("+00" if self.type == "timestamptz" else "")


def random_scale(rng, time_type):
    if time_type == "date":
        return Scale(86400, rng.choice((2, 5)), rng.random() < 0.5)
    return rng.choice((Scale(1, 20), Scale(1, 100), Scale(60, 5), Scale(0.01, 30), Scale(3600, 40, True)))


class Table:
    """A source table and the generator of its rows."""

    def __init__(self, rng, name, long, one_entity):
        self.name, self.long = name, long
        self.time_type = rng.choice(("timestamptz",) * 6 + ("timestamp",) * 3 + ("date",))
        self.scale = random_scale(rng, self.time_type)
        self.clock = Clock(rng, self.scale, self.time_type)
        special = rng.random() < 0.06
        names = rng.sample(NAMES, len(NAMES))
        keys = [Column(names.pop(), t, special=t in FLOATS, key=True)
                for t in (rng.choice(KEY_TYPES) for _ in range(rng.choice((1, 1, 2))))]
        types = [rng.choice(NUMBERS)] + [rng.choice(TYPES) for _ in range(rng.choice((1, 2, 3, 4)))]
        values = [Column(names.pop(), t, special=special and base_type(t) in FLOATS) for t in types]
        if long:
            values.append(Column(names.pop(), "text"))
        self.id = Column(rng.choice(("id", "Id")), rng.choice(("int4", "int8", "int8", "text", "uuid")), role="id")
        self.time = Column(rng.choice(TIME_NAMES), self.time_type, role="time")
        self.columns = [self.id, self.time] + keys + values
        rng.shuffle(self.columns)
        self.primary_key = rng.random() < 0.7
        self.dropped_column = rng.random() < 0.1
        self.sources = {c.name: ValueSource(rng, c, c.key, long) for c in keys + values}
        if one_entity:
            for column in keys:
                self.sources[column.name].domain = self.sources[column.name].domain[:1]

    def create_statements(self, strict_time):
        """strict_time: let NOT NULL refuse what the extension would."""
        columns = ["%s %s%s" % (quote_name(c.name), c.type,
                                " PRIMARY KEY" if c.role == "id" and self.primary_key else
                                " NOT NULL" if c.role == "time" and strict_time else "") for c in self.columns]
        if self.dropped_column:
            columns.insert(1, "gone int")
        yield "CREATE TABLE %s (%s)" % (self.name, ", ".join(columns))
        if self.dropped_column:
            yield "ALTER TABLE %s DROP COLUMN gone" % self.name

    def id_text(self, number):
        if self.id.type == "uuid":
            return "%08x-0000-4000-8000-%012x" % (number * 2654435761 % 2**32, number)
        return str(number) if self.id.type != "text" else "tx-%d" % number

    def row(self, rng, number, step):
        values = [self.id_text(number) if c.role == "id" else self.clock.text(step) if c.role == "time"
                  else self.sources[c.name].draw(rng) for c in self.columns]
        return Row(number, step, values)

    def without_time(self, row):
        """The row with a NULL event time."""
        return Row(row.number, row.step, [None if c.role == "time" else v for c, v in zip(self.columns, row.values)])
