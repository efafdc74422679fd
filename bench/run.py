"""Measures the figures and prints the table; scripts/bench.sh calls it with a server running."""

import argparse
import sys
import time

import added_features
import backfill
import bulk_load
import curve
import diverted
import environment
import hot
import ivm
import latency
import memory
import month
import outside
import report
import row_trigger
import single_row
import state_size

FIGURES = {"copy": bulk_load.copy, "wide": bulk_load.wide, "backfill": backfill.measure,
           "added_features": added_features.measure, "row_trigger": row_trigger.wide,
           "row_trigger_standard": row_trigger.standard, "outside": outside.measure, "ivm": ivm.measure,
           "single_row": single_row.single_row, "many_rows": single_row.many_rows, "latency": latency.latency,
           "reads": latency.reads, "hot": hot.measure, "curve": curve.measure, "state": state_size.measure,
           "month": month.measure, "diverted": diverted.measure, "memory": memory.measure}
# The same in every run, and some minutes long: measured if asked for.
BY_NAME = "month", "memory", "diverted"


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"{', '.join(FIGURES)}; without, all but {', '.join(BY_NAME)}")
    parser.add_argument("--files", required=True, help="folder that the server can read and write")
    parser.add_argument("--loadgen", required=True, help="the load generator's program")
    parser.add_argument("--service", required=True, help="the program of bench/outside")
    parser.add_argument("--results", required=True, help="folder for JSON")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument("--rows", type=positive, help="of the figures that load a number of rows; each has its own")
    parser.add_argument("--seconds", type=positive, default=3)
    settings = parser.parse_args()
    for name in settings.figures:
        if name not in FIGURES:
            parser.error(f'there is no figure "{name}"; there are {", ".join(FIGURES)}')
    return settings


def log(text):
    print(text, file=sys.stderr, flush=True)


def main():
    settings = arguments()
    where = environment.describe(settings)
    figures, left_out = [], []
    for name in settings.figures or [name for name in FIGURES if name not in BY_NAME]:
        start = time.monotonic()
        try:
            figures.append(FIGURES[name](settings, log))
        except report.LeftOut as reason:
            left_out.append(f"{name} is left out: {reason}")
            continue
        report.write_json(settings.results, figures[-1], where)
        log(f"{name}: took {time.monotonic() - start:.0f} s")
    print(environment.header(where))
    for figure in figures:
        print()
        print(report.table(figure))
    for one in left_out:
        print(f"\n{one}")


main()
