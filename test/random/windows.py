"""Random window clauses, and the marks by which a definition has two forms.

A definition is written once, for the plain query and for the arrival query (oracle.py) at a time. ORDER stands for the
event time in ORDER BY, and `either` for a piece that is not the same in both. In the arrival form "runs.at" is the
event time of the row that is asked for, and "runs.last" and "__a" are the arrival numbers of that row and of any.
"""

from dataclasses import dataclass

from expressions import key

ORDER = "\x01"
OPEN, MIDDLE, CLOSE = "\x02", "\x03", "\x04"

# Wider than what arrival numbers add to a time, narrower than the grid of times; see oracle.py.
SLACK = "interval '5 milliseconds'"
INTEGER_UNIT, INTEGER_SLACK = 1000000, 500000

DAYS = ("1 day", "1 day", "2 days", "1 day 2 hours", "1 week")
MONTHS = ("1 month", "2 months", "1 mon 2 days")


def either(plain, arrival):
    return OPEN + plain + MIDDLE + arrival + CLOSE


def resolve(text, order, arrival):
    """One of the two forms of a marked text."""
    kept, result, piece = [True], [], ""
    for character in text + CLOSE:
        if character not in (OPEN, MIDDLE, CLOSE):
            piece += character
            continue
        if kept[-1]:
            result.append(piece)
        piece = ""
        if character == OPEN:
            kept.append(kept[-1] and not arrival)
        elif character == MIDDLE:
            kept[-1] = kept[-2] and arrival
        else:
            kept.pop()
    return "".join(result).replace(ORDER, order)


@dataclass(frozen=True)
class Options:
    """What may be drawn in a case."""
    scale: object
    peers: bool           # functions and exclusions that ask for peers: with ties, only for few rows
    calendar: bool        # frames whose length depends on the row: only for few rows
    collections: bool     # aggregates whose results grow with the frame
    functions: frozenset  # aggregates of the extension that the database has
    fault: object = None  # how rows of the source can be bad; see faults.py


@dataclass(frozen=True)
class Window:
    """What may follow OVER."""
    target: str          # a name, or the window in parentheses
    partition: str       # its PARTITION BY clause, or nothing
    exclude: str = ""    # "CURRENT ROW", "GROUP", "TIES" or nothing


@dataclass
class Windows:
    """The windows of one level, and the level's WINDOW clause."""
    over: list
    clause: str
    calendar: bool = False  # whether a frame's length depends on the row


def interval_text(rng, seconds):
    """An interval that is `seconds` long, in one of the forms people write; never in days, which can be 23 hours."""
    if seconds == int(seconds) and rng.random() < 0.5:
        seconds = int(seconds)
        for unit, length in (("hour", 3600), ("minute", 60)):
            if seconds and seconds % length == 0:
                return "%d %s%s" % (seconds // length, unit, "s" * (seconds != length))
        return "%d:%02d:%02d" % (seconds // 3600, seconds // 60 % 60, seconds % 60)
    return "%g seconds" % seconds if seconds < 1e5 else "%d seconds" % seconds


class Frames:
    """Draws the frame clauses of one case."""

    def __init__(self, rng, options):
        self.rng, self.scale, self.options = rng, options.scale, options
        self.calendar = False

    def steps(self):
        rng = self.rng
        return rng.choice((1, 2, 3, 5, 10, 30, 100)) * rng.choice((1, self.scale.gap, self.scale.gap)) \
            * (rng.random() > 0.05)

    def calendar_offset(self):
        """An interval in days and months, and whether frame starts keep the order of rows by it; or nothing."""
        if not self.scale.calendar or self.rng.random() > 0.4:
            return None, True
        text = self.rng.choice(DAYS + MONTHS)
        ordered = self.scale.calendar == "dates" or self.scale.calendar == "months" and text in DAYS
        return (text, ordered) if ordered or self.options.calendar else (None, True)

    def range_bound(self, steps, start):
        """An offset PRECEDING, at a frame's start or at its end."""
        rng = self.rng
        slack = " + " + SLACK if start else ""
        if self.scale.integer:
            wide = "%d::numeric" % (steps * INTEGER_UNIT + (INTEGER_SLACK if start else 0))
            return either(str(steps), wide) + " PRECEDING"
        form = rng.choice(("'%s'", "'%s'", "interval '%s'", "'%s'::interval"))
        calendar, ordered = self.calendar_offset()
        if ordered:
            plain = form % (calendar or interval_text(rng, steps * self.scale.grid))
            return either(plain, "(%s)::interval%s" % (plain, slack)) + " PRECEDING"
        self.calendar = True
        elapsed = "make_interval(secs => extract(epoch FROM runs.at - (runs.at - interval '%s'))::float8)" % calendar
        return either(form % calendar, elapsed + slack) + " PRECEDING"

    def range_frame(self):
        rng, kind = self.rng, self.rng.randrange(10)
        if kind == 0:
            slack = "%d::numeric" % INTEGER_SLACK if self.scale.integer else SLACK
            start = either("CURRENT ROW", slack + " PRECEDING")
        else:
            long, short = sorted((self.steps(), self.steps()), reverse=rng.random() < 0.95)
            start = self.range_bound(long, True)
        if kind < 4:
            return "RANGE " + start
        if kind < 7:
            return "RANGE BETWEEN %s AND CURRENT ROW" % start
        if kind == 9:
            start = "UNBOUNDED PRECEDING"
        return "RANGE BETWEEN %s AND %s" % (start, self.range_bound(short, False))

    def rows_frame(self):
        rng = self.rng
        start, end = rng.choice((0, 1, 2, 3, 5, 10, 50, 200)), rng.choice((0, 1, 1, 2, 3, 10))
        if rng.random() < 0.95:
            start, end = max(start, end), min(start, end)
        return rng.choice(("ROWS BETWEEN {0} PRECEDING AND CURRENT ROW", "ROWS {0} PRECEDING",
                           "ROWS BETWEEN {0} PRECEDING AND {1} PRECEDING",
                           "ROWS BETWEEN {0} PRECEDING AND {1} PRECEDING", "ROWS CURRENT ROW",
                           "ROWS BETWEEN CURRENT ROW AND CURRENT ROW")).format(start, end)

    def unbounded_frame(self):
        return self.rng.choice((
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "ROWS UNBOUNDED PRECEDING",
            "ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING", "ROWS BETWEEN UNBOUNDED PRECEDING AND 3 PRECEDING",
            "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW", "RANGE UNBOUNDED PRECEDING"))

    def draw(self):
        """A frame clause and what it excludes; without a clause it is the default frame."""
        rng = self.rng
        frame = rng.choice((self.range_frame, self.range_frame, self.rows_frame, self.rows_frame,
                            self.unbounded_frame, str))()
        if not frame or rng.random() < 0.85:
            return frame + rng.choice(("", "", " EXCLUDE NO OTHERS")) * bool(frame), ""
        exclude = rng.choice(("CURRENT ROW", "GROUP", "TIES") if self.options.peers else ("CURRENT ROW",))
        # Arrival numbers leave no peers, so there this is done by the function; see calls.py.
        clause = " EXCLUDE " + exclude
        return frame + (clause if exclude == "CURRENT ROW" else either(clause, "")), exclude


def windows(rng, scope):
    """One to five windows over one or two partition lists: named, inherited from named ones, and inline."""
    over, named, frames = [], [], Frames(rng, scope.options)

    def name(body):
        named.append("%s AS (%s)" % ("w%d" % (len(named) + 1), body))
        return "w%d" % len(named)

    for _ in range(rng.choice((1, 1, 2, 3))):
        keys = [key(rng, scope) for _ in range(rng.choice((0, 1, 1, 1, 2, 3)))]
        partition = "PARTITION BY " + ", ".join(dict.fromkeys(keys)) if keys else ""
        order = "ORDER BY " + ORDER + rng.choice(("", "", "", " ASC", " ASC NULLS LAST"))
        whole = (partition + " " + order).strip()
        kind = rng.random()
        head = whole
        if kind < 0.4:
            base = name(whole)
            over.append(Window(base, partition))
            head = rng.choice((base, whole))
        elif kind < 0.6 and partition:
            head = name(partition) + " " + order
        for _ in range(rng.choice((1, 1, 2))):
            frame, exclude = frames.draw()
            body = (head + " " + frame).strip()
            over.append(Window(name(body) if rng.random() < 0.5 else "(%s)" % body, partition, exclude))
    return Windows(over[:5], "WINDOW " + ", ".join(named) if named else "", frames.calendar)
