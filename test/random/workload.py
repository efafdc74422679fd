"""Random workloads: in what order rows arrive, in which statements and transactions, and what that must lead to.

Steps are data. `statements` writes a step as SQL; `Simulation` follows the steps without a database and says in which
order each view processed the rows, after everything that was rolled back or refused is gone.
"""

from dataclasses import dataclass, field

from values import quote_literal, quote_name

KINDS = ("ordered", "ordered", "ties", "late", "late with ties")


@dataclass
class Insert:
    """form: values, select, copy: one statement; script, prepared: one statement a row; conflict: ON CONFLICT."""
    form: str
    rows: list
    batch: int = 0
    fails: bool = False


@dataclass
class Control:
    sql: str


@dataclass
class Create:
    view: int


@dataclass
class Refresh:
    view: int


@dataclass
class Mend:
    """From here on the function that fails for bad rows does not."""


@dataclass
class Replay:
    view: int


@dataclass
class Correct:
    """form: update to these rows, told by number, or delete of these; truncate. In one statement with new rows, which are
    inserted: upsert is ON CONFLICT DO UPDATE, merge updates, replace deletes in its WITH. undone: and rolled back."""
    form: str
    rows: list
    batch: int = 0
    undone: bool = False
    inserted: list = field(default_factory=list)

    @property
    def updates(self):
        return self.form in ("update", "upsert", "merge")


class Workload:
    """Draws the rows of one case and the steps that bring them in."""

    def __init__(self, rng, table, views, rows, kind):
        self.rng, self.table, self.views, self.kind = rng, table, views, kind
        self.large = rows > 100
        self.late_share = 0.25 if rows <= 150 else rng.choice((0.005, 0.02))
        self.batches_matter = any(view.definition.uses_where or view.upstream is not None for view in views)
        start = 0 if rng.random() < 0.55 else rng.randrange(rows)
        self.created = sorted(start if rng.random() < 0.5 else rng.randrange(start, rows) for _ in views)
        self.rows = self.draw_rows(rows)
        self.next_ghost = rows + 1
        # A row that an update lets enter a view, by its WHERE, is inserted into a view on that after those that are updated;
        # which rows WHERE leaves out is not known here.
        entering = any(view.upstream is not None and views[view.upstream].definition.uses_where for view in views)
        self.corrects = rng.random() < 0.6 and "ties" not in kind and not entering \
            and all(view.can_be_corrected for view in views)
        self.now = []  # rows that the source has
        self.mended = False
        self.used = {row.step for row in self.rows}
        self.steps = []
        self.fill()

    def draw_rows(self, count):
        """Rows in arrival order. Those that a view finds at its creation have distinct times: arrival is not known."""
        rng, gap = self.rng, self.table.scale.gap
        latest, rows, used = 5 * gap, [], set()
        for place in range(count):
            distinct = place < self.created[-1]
            low = 0 if "ties" in self.kind and not distinct and rng.random() < 0.5 else 1
            step = latest + (0 if low == 0 else rng.randint(1, gap))
            if "late" in self.kind and rng.random() < self.late_share:
                step = max(0, latest - rng.choice((1, 1, rng.randint(0, gap), rng.randint(0, 50 * gap),
                                                   rng.randint(0, latest))))
            while step in used and (distinct or "ties" not in self.kind):
                step += 1
            used.add(step)
            latest = max(latest, step)
            rows.append(self.table.row(rng, place + 1, step))
        return rows

    def fill(self):
        rng, done, pending = self.rng, 0, list(range(len(self.views)))
        while done < len(self.rows) or pending:
            while pending and self.created[pending[0]] <= done:
                self.create(pending.pop(0))
            until = min([len(self.rows), done + self.statement_size()] + [self.created[v] for v in pending[:1]])
            rows = self.rows[done:until]
            done = until
            if not rows:
                continue
            if self.corrects and self.table.primary_key and self.now and rng.random() < 0.15:
                self.correct(rows)
            elif rng.random() < 0.3:
                self.transaction(rows)
            else:
                if rng.random() < 0.08:
                    self.undone(rows)
                if rng.random() < 0.06:
                    self.refused(rows)
                self.insert(rows)
            self.now += rows
            if rng.random() < 0.03:
                self.refresh()
            if self.corrects and rng.random() < 0.25:
                self.correct()
            if self.table.fault:
                self.replay()

    def statement_size(self):
        rng = self.rng
        if self.large:
            return rng.choice((1, 20, 50, 100) if len(self.rows) <= 500 else (1, 100, 300, 700))
        return rng.choice((1, 1, 2, rng.randint(2, 6), rng.randint(2, 25)))

    def create(self, view):
        rng = self.rng
        if rng.random() < 0.06:
            self.steps += [Control("BEGIN"), Create(view)]
            self.insert(self.ghosts(self.rows[:2]))
            self.steps.append(Control("ROLLBACK"))
        if rng.random() < 0.15:
            self.steps += [Control("BEGIN"), Create(view), Control("COMMIT")]
        else:
            self.steps.append(Create(view))

    def refresh(self):
        """Computes a view anew. Not with ties, whose order is then that of the source's rows on disk."""
        created = [step.view for step in self.steps if isinstance(step, Create)]
        if created and "ties" not in self.kind:
            self.steps.append(Refresh(self.rng.choice(created)))

    def replay(self):
        """Tries what was diverted again, with and without the cause being mended."""
        rng = self.rng
        if self.table.fault.mended and not self.mended and rng.random() < 0.06:
            self.mended = True
            self.steps.append(Mend())
        diverting = [step.view for step in self.steps if isinstance(step, Create) and self.views[step.view].diverts]
        if diverting and rng.random() < (0.15 if self.mended else 0.05):
            self.steps.append(Replay(rng.choice(diverting)))

    def correct(self, inserted=()):
        """Rows that are there get other values, at other times, or go; and in the same statement others come."""
        rng = self.rng
        if not self.now:
            return
        if inserted:
            form = rng.choice(("upsert", "merge", "replace"))
        else:
            form = rng.choice(("update",) * 6 + ("delete",) * 4 + (("truncate",) if rng.random() < 0.2 else ()))
        count = rng.choice((1, 1, 2, rng.randint(1, len(self.now)), max(1, len(self.now) // 10)))
        chosen = sorted(rng.sample(range(len(self.now)), min(count, len(self.now))))
        rows = [self.now[place] for place in chosen]
        step = Correct(form, rows, undone=not inserted and rng.random() < 0.15, inserted=list(inserted))
        if form == "truncate":
            step.rows = []
        elif step.updates:
            step.rows = [self.other_version(row) for row in rows]
        # Of an update PostgreSQL decides in which order it changes rows, and so what batches there are.
        if form == "delete" and len(step.rows) > 1 and rng.random() < 0.4:
            step.batch = rng.randint(2, 10)
        self.steps.append(step)
        if step.undone:
            return
        gone = {row.number for row in rows} if form != "truncate" else {row.number for row in self.now}
        self.now = [row for row in self.now if row.number not in gone] + (step.rows if step.updates else [])

    def other_version(self, row):
        """Always at another time: a row of which a view reads nothing else is not processed again."""
        rng, gap = self.rng, self.table.scale.gap
        new = max(0, row.step + rng.choice((-1, 1, rng.randint(-gap, gap), rng.randint(-50 * gap, gap))))
        while new in self.used:
            new += 1
        self.used.add(new)
        made = self.table.row(rng, row.number, new)
        if rng.random() < 0.5:  # most values as they were
            kept = rng.randrange(len(made.values))
            for place, column in enumerate(self.table.columns):
                if column.role == "" and place != kept:
                    made.values[place] = row.values[place]
        return made

    def transaction(self, rows):
        """Several statements in one transaction, with savepoints kept and rolled back to."""
        rng = self.rng
        self.steps.append(Control("BEGIN"))
        while rows:
            size = rng.randint(1, len(rows))
            part, rows = rows[:size], rows[size:]
            kind = rng.random()
            if kind < 0.25:
                self.steps.append(Control("SAVEPOINT a"))
                self.insert(self.ghosts(part))
                if rng.random() < 0.3:
                    self.steps.append(Control("SAVEPOINT b"))
                    self.insert(self.ghosts(part))
                self.steps.append(Control("ROLLBACK TO SAVEPOINT a"))
            elif kind < 0.35:
                self.steps.append(Control("SAVEPOINT a"))
                self.refused(part)
                self.steps.append(Control("ROLLBACK TO SAVEPOINT a"))
            elif kind < 0.5:
                self.steps.append(Control("SAVEPOINT a"))
                self.insert(part)
                self.steps.append(Control("RELEASE SAVEPOINT a"))
                continue
            self.insert(part)
        self.steps.append(Control("COMMIT"))

    def undone(self, rows):
        self.steps.append(Control("BEGIN"))
        self.insert(self.ghosts(rows))
        if self.rng.random() < 0.4:
            self.insert(self.ghosts(rows[:1]))
        self.steps.append(Control("ROLLBACK"))

    def refused(self, rows):
        """A statement that fails on its last row: a bad event time, or a key that is there already."""
        rng = self.rng
        here = [self.views[step.view] for step in self.steps if isinstance(step, Create)]
        ghosts = self.ghosts(rows)
        timed = any(view.upstream is None and view.definition.uses_windows and not view.definition.uses_where
                    and not view.diverts for view in here)
        if timed and rng.random() < 0.6:
            self.steps.append(Insert("values", ghosts[:-1] + [self.table.with_bad_time(rng, ghosts[-1])], fails=True))
        elif self.table.primary_key and len(ghosts) > 1:
            ghosts[-1].number = ghosts[0].number
            ghosts[-1].values[self.id_place] = ghosts[0].values[self.id_place]
            self.steps.append(Insert(rng.choice(("values", "copy")), ghosts, fails=True))

    @property
    def id_place(self):
        return self.table.columns.index(self.table.id)

    def ghosts(self, rows):
        """Rows that will not stay: other values at about the same times."""
        result = []
        for row in rows:
            result.append(self.table.row(self.rng, self.next_ghost, max(0, row.step + self.rng.randint(-5, 5))))
            self.next_ghost += 1
        return result

    def insert(self, rows):
        """One or more statements for rows, in this order of arrival."""
        rng = self.rng
        if len(rows) == 1:
            form = rng.choice(("values", "values", "prepared", "select", "copy"))
        else:
            form = rng.choice(("values", "values", "select", "copy", "prepared", "script"))
            if self.large and form in ("prepared", "script") and len(rows) > 20:
                form = "copy"
        if form in ("values", "select") and self.table.primary_key and rng.random() < 0.2:
            self.steps.append(Insert("conflict", self.with_repeats(rows)))
            return
        step = Insert(form, list(rows))
        if len(rows) > 1 and form in ("values", "select", "copy"):
            if rng.random() < 0.5:
                rng.shuffle(step.rows)
            if rng.random() < 0.2:
                step.batch = rng.randint(2, 10)
                if self.batches_matter or self.kind == "ordered":
                    step.rows.sort(key=lambda row: row.step)
        self.steps.append(step)

    def with_repeats(self, rows):
        """Rows among which some repeat a key, of the table or of the statement."""
        rng, result = self.rng, list(rows)
        known = [row for step in self.steps if isinstance(step, Insert) and not step.fails for row in step.rows] + rows
        # A key that was deleted is free again.
        for _ in range(0 if self.corrects else rng.choice((0, 1, 2))):
            other = rng.choice(known)
            if other.number <= len(self.rows):
                result.append(self.table.row(rng, other.number, other.step + rng.randint(0, 3)))
        return result


class Simulation:
    """What is in the source table and in which order each view processed it."""

    def __init__(self, views, table):
        self.views, self.table, self.mended = views, table, False
        self.stored, self.processed = [], {}
        self.saved = []  # (name, stored, processed); BEGIN is saved under ""

    def run(self, steps):
        for step in steps:
            if isinstance(step, Create):
                self.compute(step.view)
            elif isinstance(step, Refresh):
                self.refresh(step.view)
            elif isinstance(step, Mend):
                self.mended = True
            elif isinstance(step, Replay):
                self.pass_on(step.view, sorted(self.diverted(step.view), key=lambda row: row.step))
            elif isinstance(step, Control):
                self.control(step.sql)
            elif isinstance(step, Correct):
                self.correct(step)
            elif not step.fails:
                self.insert(step)
        return self

    def of_source(self, view):
        upstream = self.views[view].upstream
        return self.stored if upstream is None else self.processed[upstream]

    def diverted(self, view):
        """Rows that its source has and it does not, in the order in which they came."""
        there = {row.number for row in self.processed[view]}
        return [row for row in self.of_source(view) if row.number not in there]

    def without_bad(self, view, rows):
        fails = self.views[view].definition.fails and not self.mended
        return [row for row in rows if not (fails and self.table.is_bad(row))]

    def compute(self, view):
        """In the order of event time, from what there is."""
        rows = sorted(self.of_source(view), key=lambda row: row.step)
        self.processed[view] = self.without_bad(view, rows)

    def pass_on(self, view, rows):
        """Rows that a view's source has got, in the order of event time: to it and to those on it."""
        if view not in self.processed:
            return
        rows = self.without_bad(view, rows)
        self.processed[view] = self.processed[view] + rows
        for number, other in enumerate(self.views):
            if other.upstream == view:
                self.pass_on(number, rows)

    def on_source(self):
        return [number for number, view in enumerate(self.views) if view.upstream is None]

    def refresh(self, view):
        """A view and those on it."""
        self.compute(view)
        for number, other in enumerate(self.views):
            if other.upstream == view and number in self.processed:
                self.refresh(number)

    def insert(self, step):
        alone = step.form in ("prepared", "script")
        for rows in [[row] for row in step.rows] if alone else [step.rows]:
            fresh = []
            for row in rows:
                if step.form != "conflict" or all(row.number != r.number for r in self.stored + fresh):
                    fresh.append(row)
            self.stored = self.stored + fresh
            size = step.batch or len(fresh) or 1
            for start in range(0, len(fresh), size):
                batch = sorted(fresh[start:start + size], key=lambda row: row.step)
                self.processed = dict(self.processed)
                for view in self.on_source():
                    self.pass_on(view, batch)

    def correct(self, step):
        """Old versions are as if they had never come, new ones come now."""
        if step.undone:
            return
        gone = {row.number for row in (self.stored if step.form == "truncate" else step.rows)}
        new = step.rows if step.updates else []
        before = {view: {row.number for row in order} for view, order in self.processed.items()}

        def without(rows):
            return [row for row in rows if row.number not in gone]
        self.stored = without(self.stored) + new + step.inserted
        self.processed = {view: without(order) for view, order in self.processed.items()}
        self.changed = {view: new + step.inserted for view in self.processed}
        for view in self.on_source():
            self.correct_view(view, new, step.inserted, before)

    def correct_view(self, view, changed, inserted, before):
        """Rows that the view's source had before come before those that are inserted, both in the order of event time;
        so do, for the views on it, those that have a feature row already."""
        if view not in self.processed:
            return
        changed, inserted = (sorted(self.without_bad(view, rows), key=lambda row: row.step)
                             for rows in (changed, inserted))
        self.processed[view] = self.processed[view] + changed + inserted
        there = [row for row in changed if row.number in before[view]]
        others = [row for row in changed if row.number not in before[view]]
        for number, other in enumerate(self.views):
            if other.upstream == view:
                self.correct_view(number, there, others + inserted, before)

    def control(self, sql):
        verb, *rest = sql.split()
        name = rest[-1] if rest else ""
        if verb in ("BEGIN", "SAVEPOINT"):
            self.saved.append((name, self.stored, self.processed))
        elif verb == "ROLLBACK":
            while self.saved[-1][0] != name:
                self.saved.pop()
            _, self.stored, self.processed = self.saved[-1]
            if not name:
                self.saved = []
        elif verb == "RELEASE":
            while self.saved.pop()[0] != name:
                pass
        elif verb == "COMMIT":
            self.saved = []


def statements(step, table, rng):
    """A step as (kind, text, data): kind is sql or copy. rng only varies how the same statement is written."""
    if isinstance(step, Control):
        return [("sql", step.sql, None)]
    if isinstance(step, Correct):
        return [("sql", correction(step, table, rng), None)]
    if step.form == "copy":
        lines = "".join("\t".join(copy_field(v) for v in row.values) + "\n" for row in step.rows)
        return [("copy", "COPY %s FROM STDIN" % table.name, lines)]
    if step.form == "prepared":
        return [("sql", "EXECUTE put (%s)" % ", ".join(map(quote_literal, row.values)), None) for row in step.rows]
    if step.form == "select":
        tuples = ["(%s)" % ", ".join([str(place)] + ["%s::%s" % (quote_literal(v), c.declared)
                                                     for c, v in zip(table.columns, row.values)])
                  for place, row in enumerate(step.rows)]
        names = ", ".join(quote_name(c.name) for c in table.columns)
        return [("sql", "INSERT INTO %s SELECT %s FROM (VALUES %s) v (place, %s) ORDER BY place"
                 % (table.name, names, ", ".join(tuples), names), None)]
    places = list(range(len(table.columns)))
    target = table.name
    if rng.random() < 0.3:
        rng.shuffle(places)
        target += " (%s)" % ", ".join(quote_name(table.columns[p].name) for p in places)
    tuples = ["(%s)" % ", ".join(quote_literal(row.values[p]) for p in places) for row in step.rows]
    if step.form == "script":
        return [("sql", "; ".join("INSERT INTO %s VALUES %s" % (target, t) for t in tuples), None)]
    tail = " ON CONFLICT DO NOTHING" if step.form == "conflict" else ""
    return [("sql", "INSERT INTO %s VALUES %s%s" % (target, ", ".join(tuples), tail), None)]


def correction(step, table, rng):
    identity = quote_name(table.id.name)
    place = table.columns.index(table.id)
    names = [quote_name(column.name) for column in table.columns]
    columns = ", ".join(names)

    def values(rows):
        return "VALUES " + ", ".join("(%s)" % ", ".join("%s::%s" % (quote_literal(v), c.declared)
                                                        for c, v in zip(table.columns, row.values)) for row in rows)

    def assignments(new):
        return ", ".join("%s = %s.%s" % (name, new, name) for name in names if name != identity or step.form == "update")

    if step.form == "truncate":
        return "TRUNCATE " + table.name
    if step.form == "update":
        return "UPDATE %s old SET %s FROM (%s) new (%s) WHERE old.%s = new.%s" % (
            table.name, assignments("new"), values(step.rows), columns, identity, identity)
    if step.updates:
        rows = step.rows + step.inserted
        rng.shuffle(rows)
        if step.form == "upsert":
            return "INSERT INTO %s (%s) %s ON CONFLICT (%s) DO UPDATE SET %s" % (
                table.name, columns, values(rows), identity, assignments("excluded"))
        return "MERGE INTO %s old USING (%s) new (%s) ON old.%s = new.%s WHEN MATCHED THEN UPDATE SET %s " \
               "WHEN NOT MATCHED THEN INSERT (%s) VALUES (%s)" % (
                   table.name, values(rows), columns, identity, identity, assignments("new"), columns,
                   ", ".join("new." + name for name in names))
    delete = "DELETE FROM %s WHERE %s IN (%s)" % (
        table.name, identity, ", ".join(quote_literal(row.values[place]) for row in step.rows))
    if step.form == "delete":
        return delete
    return "WITH gone AS (%s) INSERT INTO %s (%s) %s" % (delete, table.name, columns, values(step.inserted))


def prepare_statement(table):
    types = ", ".join(column.declared for column in table.columns)
    parameters = ", ".join("$%d" % (place + 1) for place in range(len(table.columns)))
    return "PREPARE put (%s) AS INSERT INTO %s VALUES (%s)" % (types, table.name, parameters)


def copy_field(value):
    if value is None:
        return "\\N"
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
