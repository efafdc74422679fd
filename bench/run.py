"""Measures the figures and prints the table; scripts/bench.sh calls it with a server running."""

import argparse
import sys

import bulk_load
import environment
import report
import single_row
import state_size

FIGURES = {"copy": bulk_load, "single_row": single_row, "state": state_size}


def positive(text):
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("figures", nargs="*", metavar="FIGURE", help=f"{', '.join(FIGURES)}; all without")
    parser.add_argument("--files", required=True, help="folder that the server can read and write")
    parser.add_argument("--loadgen", required=True, help="the load generator's program")
    parser.add_argument("--results", required=True, help="folder for JSON")
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--rows", type=positive, default=1_000_000)
    parser.add_argument("--seconds", type=positive, default=10)
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
    figures = []
    for name in settings.figures or FIGURES:
        figures.append(FIGURES[name].measure(settings, log))
        report.write_json(settings.results, figures[-1], where)
    print(environment.header(where))
    for figure in figures:
        print()
        print(report.table(figure))


main()
