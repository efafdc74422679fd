"""Compares a feature table with what its definition says, column by column.

Rows are texts. What carries no rounding must be equal as text; sums and the like of float8 may differ by 1e-9 and of
float4 by 1e-5, relative to the value, with an absolute floor near the rounding error of the columns' sizes.
"""

import math
from collections import defaultdict

RELATIVE = {"double": 1e-9, "single": 1e-5}
FLOOR = {"double": 1e-12, "single": 1e-6}
FLOAT_TYPES = (700, 701)


def same_value(column, type_code, expected, got):
    if expected == got:
        return True
    if expected is None or got is None or column.precision == "exact" or type_code not in FLOAT_TYPES:
        return False
    a, b = float(expected), float(got)
    if not (math.isfinite(a) and math.isfinite(b)):
        return a == b
    relative = RELATIVE[column.precision] * max(abs(a), abs(b))
    return abs(a - b) <= max(relative, FLOOR[column.precision] * max(column.size, 1))


def difference(columns, expected, got, limit=5):
    """None, or lines that say what differs. expected and got are (description, rows)."""
    lines = different_types(expected[0], got[0])
    if lines:
        return lines
    types = [column.type_code for column in expected[0]]
    place = next((i for i, column in enumerate(columns) if column.role == "id"), None)
    match = by_id if place is not None else by_value
    lines = match(columns, types, place, expected[1], got[1])
    return lines[:limit] + ["... and %d more" % (len(lines) - limit)] * (len(lines) > limit) if lines else None


def different_types(expected, got):
    def shown(description):
        return [(c.name, c.type_code, c.precision, c.scale) for c in description]
    if shown(expected) == shown(got):
        return None
    lines = ["columns differ: (name, type oid, precision, scale)"]
    for place in range(max(len(expected), len(got))):
        a, b = (shown(d)[place] if place < len(d) else None for d in (expected, got))
        if a != b:
            lines.append("  expected %s, got %s" % (a, b))
    return lines


def by_id(columns, types, place, expected, got):
    lines, rows = [], {row[place]: row for row in got}
    if len(rows) != len(got):
        lines.append("%d feature rows for %d ids" % (len(got), len(rows)))
    for row in expected:
        other = rows.pop(row[place], None)
        if other is None:
            lines.append("id %s: no feature row" % row[place])
            continue
        for column, type_code, a, b in zip(columns, types, row, other):
            if not same_value(column, type_code, a, b):
                lines.append("id %s, feature %s: expected %s, got %s%s"
                             % (row[place], column.name, short(a), short(b), equal_number(a, b)))
    return lines + ["id %s: feature row without a source row" % key for key in rows]


def by_value(columns, types, _, expected, got):
    """For definitions that do not pass the id on: equal as multisets."""
    exact = [i for i, column in enumerate(columns) if column.precision == "exact" or types[i] not in FLOAT_TYPES]
    groups = defaultdict(list)
    for row in got:
        groups[tuple(row[i] for i in exact)].append(row)
    lines = []
    for row in expected:
        candidates = groups[tuple(row[i] for i in exact)]
        found = next((c for c in candidates if all(map(same_value, columns, types, row, c))), None)
        if found is None:
            lines.append("expected row is missing: %s" % shown_row(columns, row))
        else:
            candidates.remove(found)
    return lines + ["row is not expected: %s" % shown_row(columns, row) for rows in groups.values() for row in rows]


def equal_number(a, b):
    try:
        return " (equal as numbers)" if a is not None and b is not None and float(a) == float(b) else ""
    except ValueError:
        return ""


def short(text):
    if text is None:
        return "NULL"
    return repr(text) if len(text) <= 60 else "%r... (%d characters)" % (text[:50], len(text))


def shown_row(columns, row):
    return ", ".join("%s %s" % (column.name, short(value)) for column, value in zip(columns, row))
