"""Random definitions: a stack of SELECT levels over one source, and their text.

A definition is made as data, so that oracle.py can write it a second way, level by level.
"""

from dataclasses import dataclass, field, replace

from calls import call, feature
from expressions import Expr, Scope, condition, number, value
from faults import failing, failing_condition
from values import Column, quote_name
from windows import Windows, resolve, windows


@dataclass
class Item:
    """One output column: its expression, and the column it makes. A starred item is written as part of *."""
    sql: str
    column: Column
    starred: bool = False
    unnamed: bool = False  # left without AS, for PostgreSQL to name
    is_passed: bool = False  # just a column of the level below

    def text(self):
        if self.unnamed or self.sql == quote_name(self.column.name):
            return self.sql
        return "%s AS %s" % (self.sql, quote_name(self.column.name))


@dataclass
class Level:
    items: list
    time: str              # the event time of the level below, as ORDER BY names it
    alias: str
    star: str = ""         # "*" or "s.*" for the starred items
    where: str = ""
    clause: str = ""       # WINDOW clause
    calendar: bool = False  # whether the length of a frame depends on the row
    checks: bool = False    # whether its WHERE fails for bad rows

    @property
    def columns(self):
        return [item.column for item in self.items]


@dataclass
class Definition:
    levels: list = field(default_factory=list)  # innermost first
    uses_where: bool = False

    @property
    def columns(self):
        return self.levels[-1].columns

    @property
    def calendar(self):
        """Whether PostgreSQL's window executor, which only moves the start of a frame forward, is no oracle."""
        return any(level.calendar for level in self.levels)

    @property
    def fails(self):
        """Whether it does so for bad rows."""
        return any(level.checks or any(item.column.role == "checked" and not item.is_passed for item in level.items)
                   for level in self.levels)

    @property
    def row_by_row(self):
        """Whether the arrival query has to ask for each row on its own."""
        return any("runs." in text for level in self.levels
                   for text in [level.clause] + [item.sql for item in level.items])

    @property
    def uses_windows(self):
        """Whether any window function is called: without one, the definition has no event time."""
        return any(" OVER " in item.sql for level in self.levels for item in level.items)


def plain(definition, source):
    """The definition as its author writes it, over a table or a subquery in parentheses."""
    text = source
    for depth, level in enumerate(definition.levels):
        below = text if depth == 0 else "(\n%s\n) %s" % (indent(text), level.alias)
        if depth == 0 and level.alias:
            below += " " + level.alias
        parts = ([level.star] if level.star else []) + [item.text() for item in level.items if not item.starred]
        text = "SELECT %s\nFROM %s" % (",\n       ".join(parts), below)
        if level.where:
            text += "\nWHERE " + level.where
        if level.clause:
            text += "\n" + level.clause
        text = resolve(text, level.time, arrival=False)
    return text


def indent(text):
    return "  " + text.replace("\n", "\n  ")


class Author:
    """Writes random definitions over one source's columns."""

    def __init__(self, rng, options):
        self.rng, self.options, self.names = rng, options, 0

    def definition(self, columns, upstream):
        """A definition; one that is upstream of another passes the id and the time on."""
        rng = self.rng
        depth = rng.choice((1, 1, 2, 2, 3))
        windowless = rng.randrange(depth) if depth > 1 and rng.random() < 0.25 else None
        result = Definition()
        suspect = self.options.fault and any(column.role == "suspect" for column in columns) and rng.random() < 0.85
        failing = {rng.randrange(depth), rng.randrange(depth)} if suspect else ()
        for place in range(depth):
            level = self.level(columns, place == 0, place == depth - 1, upstream, place != windowless)
            if place in failing:
                self.let_fail(level, columns, place == 0)
            result.levels.append(level)
            result.uses_where |= bool(level.where)
            columns = level.columns
        return result

    def level(self, columns, base, top, upstream, with_windows):
        rng = self.rng
        alias = rng.choice(("", "s", "t")) if base else rng.choice(("s", "q", "l"))
        scope = Scope(columns, alias if alias and rng.random() < 0.3 else "", self.options)
        available = windows(rng, scope) if with_windows else Windows([], "")
        computed = [self.computed(scope, available.over) for _ in range(rng.choice((1, 2, 3, 4, 6)))]
        level = Level([], scope.time.sql, alias, clause=available.clause, calendar=available.calendar)
        if rng.random() < 0.3 and len(columns) < 20:
            level.star = "*" if not alias or rng.random() < 0.5 else alias + ".*"
            level.items = [Item(scope.ref(c).sql, c, starred=True, is_passed=True) for c in columns] + computed
        else:
            passed = self.passed(scope, columns, top, upstream)
            level.items = passed + computed
            rng.shuffle(level.items)
        self.settle_unnamed(level)
        if base and rng.random() < 0.2:
            level.where = condition(rng, scope)
        return level

    def let_fail(self, level, columns, base):
        """Adds what fails for bad rows; with a window only where the level has windows, as rows of views with windows over
        windows are not corrected."""
        rng, fault = self.rng, self.options.fault
        with_windows = any(" OVER " in item.sql for item in level.items)
        suspect = next(c for c in columns if c.role == "suspect")
        suspect = Scope(columns, "", self.options).ref(suspect)
        if base and not level.where and rng.random() < 0.2:
            level.where, level.checks = failing_condition(fault, suspect), True
        else:
            sql, type_name = failing(rng, fault, suspect, with_windows)
            level.items.append(Item(sql, Column(self.fresh("f"), type_name, size=2e9, role="checked")))

    def passed(self, scope, columns, top, upstream):
        """The columns of the level below that are passed on, some renamed."""
        rng, items = self.rng, []
        for column in columns:
            keep = 0.7
            if column.role in ("suspect", "checked"):
                keep = 1
            elif column.role:
                keep = 1 if not top or upstream else 0.9 if column.role == "id" else 0.8
            if rng.random() < keep:
                name = self.fresh("r") if rng.random() < 0.2 else column.name
                items.append(Item(scope.ref(column).sql, replace(column, name=name), is_passed=True))
        return items

    def computed(self, scope, over):
        rng = self.rng
        if over and rng.random() < 0.85:
            unnamed = rng.random() < 0.05
            x = call(rng, scope, over) if unnamed else feature(rng, scope, over)
            few = x.type == "bool" or x.precision == "exact" and x.size <= 3
        else:
            x, few, unnamed = *self.projected(scope), False
        key = few and rng.random() < 0.4
        return Item(x.sql, Column(self.fresh("f"), x.type, x.precision, x.size, x.special, key=key), unnamed=unnamed)

    def projected(self, scope):
        if self.rng.random() < 0.3:
            return Expr("coalesce(%s, false)" % condition(self.rng, scope), "bool"), True
        return (number if self.rng.random() < 0.5 else value)(self.rng, scope), False

    def settle_unnamed(self, level):
        """A call without AS is named after its function; where that name is taken, it gets its own."""
        for item in level.items:
            if item.unnamed:
                function = resolve(item.sql, "", arrival=False).split("(")[0].split(".")[-1]
                item.unnamed = all(function != column.name for column in level.columns)
                if item.unnamed:
                    item.column = replace(item.column, name=function)

    def fresh(self, prefix):
        """A new column name; a few must be quoted."""
        self.names += 1
        name = "%s%d" % (prefix, self.names)
        return {0: "Feature " + name, 1: 'the "' + name + '"', 2: name.upper()}.get(self.rng.randrange(60), name)
