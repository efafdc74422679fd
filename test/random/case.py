"""One random case: a source table, one to three feature views and a workload, all from one seed."""

import random
from dataclasses import dataclass

from definition import Author, Definition
from table import TIME_ZONES, Table
from windows import Options
from workload import KINDS, Workload

VIEW_NAMES = ("first", "second", "third")
FEW, MANY = 60, 150


@dataclass
class View:
    name: str
    source: str
    source_columns: list
    definition: Definition
    upstream: int = None  # the number of the view whose feature table is the source
    lateness: str = None  # the argument, as SQL
    diverts: bool = False

    @property
    def can_be_corrected(self):
        """Whether its rows can be told by id, and do not keep what windows below have given."""
        windows = sum(any(" OVER " in item.sql for item in level.items) for level in self.definition.levels)
        return windows <= 1 and any(column.role == "id" for column in self.definition.columns)


@dataclass
class Case:
    seed: int
    kind: str
    time_zone: str
    table: Table
    views: list
    steps: list
    rows: int


def random_case(seed, functions=frozenset()):
    """functions: aggregates of the extension that may be drawn too. The same seed and functions give the same case."""
    rng = random.Random(seed)
    rows, kind = random_size(rng), rng.choice(KINDS)
    time_zone = rng.choice(TIME_ZONES)
    long = rows <= FEW and rng.random() < 0.1
    table = Table(rng, "source", rows, time_zone, long, rows > FEW and rng.random() < 0.7)
    options = Options(table.scale, peers=rows <= FEW or kind == "ordered", calendar=rows <= FEW,
                      collections=rows <= FEW and not long, functions=functions, fault=table.fault)
    views = random_views(rng, table, options)
    steps = Workload(rng, table, views, rows, kind).steps
    return Case(seed, kind, time_zone, table, views, steps, rows)


def random_size(rng):
    """Mostly few rows; sometimes so many that an entity has chunks, and seldom many of them."""
    size = rng.random()
    if size < 0.88:
        return rng.randint(5, FEW)
    if size < 0.92:
        return rng.randint(FEW, MANY)
    return rng.randint(MANY, 500) if size < 0.985 else rng.randint(500, 2500)


def random_views(rng, table, options):
    """One view, or several: over one source, over one another's feature tables, or both."""
    author = Author(rng, options)
    upstreams = rng.choice(([None],) * 6 + ([None, 0], [None, None], [None, 0, 1], [None, None, 0], [None, None, None]))
    views = []
    for number, upstream in enumerate(upstreams):
        source, columns = table.name, table.columns
        if upstream is not None:
            source, columns = views[upstream].name, views[upstream].definition.columns
        definition = author.definition(columns, upstream=number in upstreams)
        lateness = rng.choice((None, "NULL", "'0'", "'0'", "'1 minute'", "'1 day'"))
        diverts = definition.fails or rng.random() < 0.1 and not table.long
        views.append(View(VIEW_NAMES[number], source, columns, definition, upstream, lateness, diverts))
    return views
