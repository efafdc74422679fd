"""Rows that a view cannot process: a column of the source in which a few values are bad, and expressions that fail on them.

All rows with the bad value fail, and no others, whatever was processed before them.
"""

from dataclasses import dataclass

from windows import ORDER


@dataclass(frozen=True)
class Fault:
    """A column's type and values; an integer expression over it that fails for the bad one, and fits int4 for others.

    mended: another body for the function that the expression calls, which is the same for good values; nothing if it
    calls none.
    """
    type: str
    good: tuple
    bad: str
    expression: str
    function: str = ""
    mended: str = ""


DIVIDES = """CREATE OR REPLACE FUNCTION checked(x int4) RETURNS int4 LANGUAGE sql IMMUTABLE AS 'SELECT %s'"""
RAISES = """CREATE OR REPLACE FUNCTION checked(x int4) RETURNS int4 LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
  %sRETURN x;
END $$"""

FAULTS = (
    Fault("int4", ("1", "3", "50", "-7"), "0", "(100 / {0})"),
    Fault("text", ("1", "30", " 5 ", "-2"), "1x", "({0})::int4"),
    Fault("int4", ("1", "-30", "500"), "2000000000", "({0} + 1000000000)"),
    Fault("int4", ("1", "3", "50", "-7"), "0", "checked({0})", DIVIDES % "100 / x", DIVIDES % "100 / nullif(x, 0)"),
    Fault("int4", ("1", "3", "50", "-7"), "1000", "checked({0})",
          RAISES % "IF x = 1000 THEN RAISE EXCEPTION '% is bad', x; END IF; ", RAISES % ""),
)


class FaultyValues:
    """Draws the values of the column."""

    def __init__(self, rng, fault):
        self.fault, self.share = fault, rng.choice((0.03, 0.1, 0.1, 0.3))

    def draw(self, rng):
        chance = rng.random()
        if chance < self.share:
            return self.fault.bad
        return None if chance > 0.95 else rng.choice(self.fault.good)


def failing(rng, fault, suspect, windows):
    """An expression that is evaluated for each row and fails for bad ones, and its type."""
    x = fault.expression.format(suspect.sql)
    form = rng.randrange(4) if windows else 0
    if form == 1:
        return "max(%s) OVER (ORDER BY %s)" % (x, ORDER), "int4"
    if form == 2:
        return "count(*) OVER (PARTITION BY %s %% 2 ORDER BY %s)" % (x, ORDER), "int8"
    if form == 3:
        return "count(*) FILTER (WHERE %s > 20) OVER (ORDER BY %s)" % (x, ORDER), "int8"
    return x, "int4"


def failing_condition(fault, suspect):
    """A condition that does so, and holds for some of the others."""
    x = fault.expression.format(suspect.sql)
    return "(%s > 2 OR %s IS NULL)" % (x, x)
