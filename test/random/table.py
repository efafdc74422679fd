"""Random source tables: their columns, event times and rows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from faults import FAULTS, FaultyValues
from values import DOMAINS, FLOATS, INTEGERS, KEY_TYPES, NUMBERS, TYPES, Column, ValueSource, base_type, quote_name

NAMES = ("amount", "card", "note", "Price", "kind", "device", "group", "x", "y", "z", "ip address", "score", "status")
TIME_NAMES = ("at", "ts", "timestamp", "paid_at", "Event Time")


@dataclass(frozen=True)
class Scale:
    """Event times are a multiple of `grid` seconds after an origin, or integers; `gap` steps is the usual distance."""
    grid: float
    gap: int
    # Whether intervals of days and months are of use: for "dates"; for times of day, where rows need not keep their
    # order when "months", or also "days", are subtracted from them.
    calendar: str = ""
    integer: bool = False


@dataclass
class Row:
    number: int
    step: int     # event time, in steps of the grid
    values: list  # texts, in the order of the table's columns


# In UTC: clocks go forward and back.
CHANGES = {
    "Europe/Berlin": (datetime(2024, 3, 31, 1), datetime(2024, 10, 27, 1)),
    "America/New_York": (datetime(2025, 3, 9, 7), datetime(2025, 11, 2, 6)),
    "Australia/Lord_Howe": (datetime(2024, 4, 6, 15), datetime(2024, 10, 5, 15, 30)),  # by half an hour
}
TIME_ZONES = ("UTC", "UTC", "UTC", "Asia/Kolkata") + tuple(CHANGES)

# The first event time, where times are integers, and a bound of their absolute values.
FIRST_INTEGERS = {"int2": (0, -2**15, -500), "int4": (0, -2**31, 1700000000),
                  "int8": (0, -2**63, 1700000000000, -77)}
LARGEST_INTEGER = {"int2": 3.3e4, "int4": 2.2e9, "int8": 9.3e18}


class Clock:
    """Maps steps to event times of a type, ascending."""

    def __init__(self, rng, scale, type_name, time_zone, rows):
        self.scale, self.type = scale, type_name
        if scale.integer:
            self.first = rng.choice(FIRST_INTEGERS[type_name])
            return
        self.first = datetime(rng.choice((1969, 1999, 2024, 2024, 2024, 2025, 2090)), rng.randint(1, 12), 28)
        if time_zone in CHANGES:
            lasts = scale.grid * scale.gap * rows / 2
            self.first = rng.choice(CHANGES[time_zone]) - timedelta(hours=round(rng.random() * lasts / 3600))
        if type_name != "date":
            self.first += timedelta(microseconds=rng.choice((0, 0, rng.randrange(int(scale.grid * 1e6)))))

    def text(self, step):
        if self.scale.integer:
            return str(self.first + step)
        time = self.first + timedelta(microseconds=round(step * self.scale.grid * 1e6))
        if self.type == "date":
            return time.strftime("%Y-%m-%d")
        return time.strftime("%Y-%m-%d %H:%M:%S.%f") + ("+00" if self.type == "timestamptz" else "")


def random_scale(rng, time_type, time_zone):
    if time_type == "date":
        return Scale(86400, rng.choice((2, 5)), calendar="dates")
    if time_type in INTEGERS:
        return Scale(1, rng.choice((2, 8)) if time_type == "int2" else rng.choice((2, 20, 1000)), integer=True)
    if time_zone in CHANGES and time_type == "timestamptz":
        return rng.choice((Scale(900, 20, "days"), Scale(3600, 40, "days")))
    return rng.choice((Scale(1, 20), Scale(1, 100), Scale(60, 5), Scale(0.01, 30), Scale(3600, 40, "months"),
                       Scale(3600, 40, "months")))


class Table:
    """A source table and the generator of its rows."""

    def __init__(self, rng, name, rows, time_zone, long, one_entity):
        self.name, self.long = name, long
        self.time_type = rng.choice(("timestamptz",) * 6 + ("timestamp",) * 3 + ("date", "int8", "int4", "int2"))
        self.scale = random_scale(rng, self.time_type, time_zone)
        self.clock = Clock(rng, self.scale, self.time_type, time_zone, rows)
        special = rng.random() < 0.06
        names = rng.sample(NAMES, len(NAMES))
        keys = [Column(names.pop(), t, special=t in FLOATS, key=True, domain=self.random_domain(rng, t))
                for t in (rng.choice(KEY_TYPES) for _ in range(rng.choice((1, 1, 2))))]
        types = [rng.choice(NUMBERS)] + [rng.choice(TYPES) for _ in range(rng.choice((1, 2, 3, 4)))]
        values = [Column(names.pop(), t, special=special and base_type(t) in FLOATS, domain=self.random_domain(rng, t))
                  for t in types]
        if long:
            values.append(Column(names.pop(), "text"))
        self.id = Column(rng.choice(("id", "Id")), rng.choice(("int4", "int8", "int8", "text", "uuid")), role="id")
        self.time = Column(rng.choice(TIME_NAMES), self.time_type, role="time",
                           size=LARGEST_INTEGER.get(self.time_type, 1e3))
        # Long texts can fail for a reason of their own: what the feature table's indexes take.
        self.fault = rng.choice(FAULTS) if rng.random() < 0.25 and not long else None
        self.suspect = Column(names.pop(), self.fault.type, size=2e9, role="suspect") if self.fault else None
        self.columns = [self.id, self.time] + keys + values + [self.suspect] * (self.suspect is not None)
        rng.shuffle(self.columns)
        self.primary_key = rng.random() < 0.7
        self.dropped_column = rng.random() < 0.1
        self.sources = {c.name: ValueSource(rng, c, c.key, long) for c in keys + values}
        if self.fault:
            self.sources[self.suspect.name] = FaultyValues(rng, self.fault)
        if one_entity:
            for column in keys:
                self.sources[column.name].domain = self.sources[column.name].domain[:1]

    @staticmethod
    def random_domain(rng, type_name):
        return DOMAINS.get(type_name, "") if rng.random() < 0.15 else ""

    def create_statements(self, strict_time):
        """strict_time: let constraints refuse what the extension would."""
        strict = " NOT NULL" if self.scale.integer else " NOT NULL CHECK (isfinite(%s))" % quote_name(self.time.name)
        columns = ["%s %s%s" % (quote_name(c.name), c.declared,
                                " PRIMARY KEY" if c.role == "id" and self.primary_key else
                                strict if c.role == "time" and strict_time else "") for c in self.columns]
        if self.dropped_column:
            columns.insert(1, "gone int")
        yield "CREATE TABLE %s (%s)" % (self.name, ", ".join(columns))
        if self.dropped_column:
            yield "ALTER TABLE %s DROP COLUMN gone" % self.name
        if self.fault and self.fault.function:
            yield self.fault.function

    def is_bad(self, row):
        return self.fault is not None and row.values[self.columns.index(self.suspect)] == self.fault.bad

    def id_text(self, number):
        if self.id.type == "uuid":
            return "%08x-0000-4000-8000-%012x" % (number * 2654435761 % 2**32, number)
        return str(number) if self.id.type != "text" else "tx-%d" % number

    def row(self, rng, number, step):
        values = [self.id_text(number) if c.role == "id" else self.clock.text(step) if c.role == "time"
                  else self.sources[c.name].draw(rng) for c in self.columns]
        return Row(number, step, values)

    def with_bad_time(self, rng, row):
        """The row with an event time that is refused: NULL or infinite."""
        bad = rng.choice((None,) if self.scale.integer else (None, "infinity", "-infinity"))
        return Row(row.number, row.step, [bad if c.role == "time" else v for c, v in zip(self.columns, row.values)])
