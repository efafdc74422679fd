"""Draws what bench/results/ holds: picture.py RESULTS FILE.svg

Left: every figure that has a goal, as median and range of its rounds, in multiples of the goal: below 1 it is met. Right:
what a row costs by the number of events in its frame, beside a plain query for the same features.
"""

import glob
import json
import os
import re
import sys

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  after the choice of what it draws with

MET, MISSED, PLAIN = "#2a7f4f", "#c0392b", "#7f8c8d"
# The same bytes for the same results.
matplotlib.rcParams["svg.hashsalt"] = "feature_ext"
matplotlib.rcParams["svg.fonttype"] = "none"


def results(folder):
    loaded = {}
    for name in sorted(glob.glob(os.path.join(folder, "*.json"))):
        with open(name) as file:
            one = json.load(file)
        loaded[one["name"]] = one
    return loaded


def goals(figures):
    """(label, median, minimum, maximum, met), in multiples of the goal."""
    for name, figure in figures.items():
        for line in figure["summary"]:
            goal = re.match(r"goal (at most|at least) ([0-9.,]+): (met|missed)", line["verdict"] or "")
            if not goal:
                continue
            bound = float(goal.group(2).replace(",", ""))
            values = [line[which] for which in ("median", "minimum", "maximum")]
            relative = [value / bound for value in values] if goal.group(1) == "at most" else \
                       [bound / value for value in values]
            yield f"{name}: {line['label']}", relative[0], min(relative), max(relative), goal.group(3) == "met"


def draw_goals(axes, rows):
    for place, (label, median, low, high, met) in enumerate(reversed(rows)):
        color = MET if met else MISSED
        axes.plot([low, high], [place, place], color=color, linewidth=2)
        axes.plot(median, place, "o", color=color)
    axes.set_yticks(range(len(rows)), [row[0] for row in reversed(rows)], fontsize=8)
    axes.set_xscale("log")
    axes.axvline(1, color=PLAIN, linewidth=1)
    axes.set_xlabel("multiple of the goal: left of 1 it is met")
    axes.set_xticks([0.25, 0.5, 1, 2, 4], ["1/4", "1/2", "1", "2", "4"])
    axes.minorticks_off()


def draw_curve(axes, figure):
    for name, color in (("INSERT", MET), ("COPY", "#2c6fbb"), ("query", MISSED)):
        points = []
        for line in figure["summary"]:
            found = re.fullmatch(name + r", ([0-9,]+) events", line["label"])
            if found:
                points.append((int(found.group(1).replace(",", "")),
                               line["median"] * (1000 if line["unit"] == "ms" else 1)))
        axes.plot(*zip(*points), "o-", color=color,
                  label={"query": "plain query"}.get(name, f"{name} into the feature view"))
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("events in the frame of 24 hours")
    axes.set_ylabel("microseconds a row")
    axes.legend(frameon=False, fontsize=8)


def main():
    folder, target = sys.argv[1:]
    figures = results(folder)
    rows = list(goals(figures))
    if not rows:
        raise SystemExit(f"picture.py: {folder} has no results with goals")
    curve = figures.get("curve")
    figure, panels = plt.subplots(1, 2 if curve else 1, figsize=(13 if curve else 8, 1.5 + 0.26 * len(rows)),
                                  squeeze=False, width_ratios=[1.2, 1] if curve else None)
    draw_goals(panels[0][0], rows)
    if curve:
        draw_curve(panels[0][1], curve)
    for axes in panels[0]:
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})


main()
