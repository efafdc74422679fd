"""One random case: a source table, one or two feature views and a workload, all from one seed."""

import random
from dataclasses import dataclass

from definition import Author, Definition
from table import Table
from workload import KINDS, Workload

VIEW_NAMES = ("first", "second")


@dataclass
class View:
    name: str
    source: str
    source_columns: list
    definition: Definition
    upstream: int = None  # the number of the view whose feature table is the source


@dataclass
class Case:
    seed: int
    kind: str
    time_zone: str
    table: Table
    views: list
    steps: list


def random_case(seed):
    rng = random.Random(seed)
    rows = rng.randint(5, 60)
    size = rng.random()
    if size > 0.95:
        rows = rng.randint(150, 400)
    elif size > 0.85:
        rows = rng.randint(60, 150)
    table = Table(rng, "source", rows <= 60 and rng.random() < 0.1, rows > 60 and rng.random() < 0.7)
    kind = rng.choice(KINDS)
    views = random_views(rng, table)
    steps = Workload(rng, table, views, rows, kind).steps
    return Case(seed, kind, rng.choice(("UTC", "UTC", "UTC", "Asia/Kolkata")), table, views, steps)


def random_views(rng, table):
    """One view; or two over one source; or two, the second over the first one's feature table."""
    arrangement = rng.random()
    chained, parallel = arrangement < 0.15, arrangement > 0.8
    author = Author(rng, table.scale)
    views = [View(VIEW_NAMES[0], table.name, table.columns, author.definition(table.columns, upstream=chained))]
    if chained:
        columns = views[0].definition.columns
        definition = author.definition(columns, upstream=False)
        views.append(View(VIEW_NAMES[1], VIEW_NAMES[0], columns, definition, upstream=0))
    elif parallel:
        views.append(View(VIEW_NAMES[1], table.name, table.columns, author.definition(table.columns, upstream=False)))
    return views
