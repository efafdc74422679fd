"""Makes a failing case smaller: fewer steps, rows and features, as long as it still fails."""

import copy
import time

from session import Failure
from workload import Control, Correct, Create, Insert, Refresh, Replay

SECONDS = 60
LIKE = 40  # characters of the message that make two failures the same


def minimise(session, case, failure):
    """The smallest failing case found in a minute, and its failure. The session's history is that of its run."""
    deadline = time.monotonic() + SECONDS
    progress = True
    while progress:
        progress = False
        for smaller in smaller_cases(case):
            if time.monotonic() > deadline:
                progress = False
                break
            if any(a.definition.uses_windows and not b.definition.uses_windows
                   for a, b in zip(case.views, smaller.views)):
                continue
            result = failure_of(session, smaller)
            if result is not None and result.lines[0][:LIKE] == failure.lines[0][:LIKE]:
                case, failure, progress = smaller, result, True
                break
    return case, failure_of(session, case) or failure


def failure_of(session, case):
    try:
        session.run(case)
    except Failure as failure:
        return None if failure.invalid else failure
    except (KeyError, IndexError):  # a view that no step creates any more, a transaction without its end
        return None
    return None


def smaller_cases(case):
    """Cases with one thing less, the biggest cuts first. Whether they make sense is for the database to say."""
    for gone in range(len(case.views) - 1, -1, -1):
        if len(case.views) > 1 and all(view.upstream != gone for view in case.views):
            yield without_view(case, gone)
    yield from with_steps(case, without_transactions(case.steps))
    size = len(case.steps) // 2
    while size:
        for start in range(len(case.steps) - size, -1, -size):
            if not any(isinstance(step, (Create, Control)) for step in case.steps[start:start + size]):
                yield from with_steps(case, case.steps[:start] + case.steps[start + size:])
        size //= 2
    for place, step in enumerate(case.steps):
        if isinstance(step, (Insert, Correct)) and len(step.rows) > 1:
            for row in range(len(step.rows)):
                steps = copy.deepcopy(case.steps)
                del steps[place].rows[row]
                yield from with_steps(case, steps)
    for number, view in enumerate(case.views):
        for depth in range(len(view.definition.levels) - 1, -1, -1):
            level = view.definition.levels[depth]
            for item in range(len(level.items)):
                if not level.items[item].starred and len(level.items) > 1 and level.items[item].column.role != "id":
                    smaller = copy.deepcopy(case)
                    del smaller.views[number].definition.levels[depth].items[item]
                    yield smaller


def without_view(case, gone):
    smaller = copy.deepcopy(case)
    del smaller.views[gone]
    for view in smaller.views:
        if view.upstream is not None:
            view.upstream -= view.upstream > gone
    smaller.steps = [step for step in smaller.steps
                     if not isinstance(step, (Create, Refresh, Replay)) or step.view != gone]
    for step in smaller.steps:
        if isinstance(step, (Create, Refresh, Replay)):
            step.view -= step.view > gone
    return smaller


def without_transactions(steps):
    """Each transaction in turn taken out whole, or its BEGIN and COMMIT, or a savepoint with what it undoes."""
    begin = None
    for place, step in enumerate(steps):
        if isinstance(step, Control) and step.sql == "BEGIN":
            begin = place
        elif isinstance(step, Control) and step.sql in ("COMMIT", "ROLLBACK"):
            inside = steps[begin + 1:place]
            if not any(isinstance(s, Create) for s in inside) or step.sql == "ROLLBACK":
                yield steps[:begin] + steps[place + 1:]
            if step.sql == "COMMIT" and not any(isinstance(s, Control) for s in inside):
                yield steps[:begin] + inside + steps[place + 1:]
            yield from ([*steps[:begin + 1], *part, *steps[place:]] for part in without_savepoints(inside))


def without_savepoints(steps):
    for place, step in enumerate(steps):
        if isinstance(step, Control) and step.sql == "SAVEPOINT a":
            end = next(i for i in range(place, len(steps))
                       if isinstance(steps[i], Control) and steps[i].sql.endswith("SAVEPOINT a") and i > place)
            yield steps[:place] + steps[end + 1:]


def with_steps(case, steps):
    """Cases with other steps: `steps` is one list of steps, or a generator of such lists."""
    for choice in [steps] if isinstance(steps, list) else steps:
        smaller = copy.copy(case)
        smaller.steps = choice
        yield smaller
