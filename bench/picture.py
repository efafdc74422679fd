#!/usr/bin/python3
"""Draws what bench/results/ holds: picture.py RESULTS FILE.svg

Left: every figure that has a goal, as median and range of its rounds, in multiples of the goal: on the green side of 1
it is met. What was measured stands beside it. Right: what a row costs by the number of events in its frame, beside a
plain query for the same features.
"""

import glob
import json
import math
import os
import re
import sys
from dataclasses import dataclass
from fractions import Fraction

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt  # noqa: E402  after the choice of what it draws with

MET, MISSED, PLAIN, COPY = "#2a7f4f", "#c0392b", "#7f8c8d", "#2c6fbb"
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


@dataclass
class Row:
    label: str
    measured: str
    median: float  # these in multiples of the goal, a lower one being better
    low: float
    high: float
    met: bool


def goals(figures):
    for name, figure in figures.items():
        for line in figure["summary"]:
            goal = re.match(r"goal (at most|at least) ([0-9.,]+): (met|missed)", line["verdict"] or "")
            if not goal:
                continue
            bound = float(goal.group(2).replace(",", ""))
            sign = "≤" if goal.group(1) == "at most" else "≥"
            values = [line[which] for which in ("median", "minimum", "maximum")]
            relative = [value / bound if sign == "≤" else bound / value for value in values]
            number = f"{values[0]:,.0f}" if values[0] >= 100 else f"{values[0]:.3g}"
            yield Row(f"{name}: {line['label']}", f"{number} {line['unit']}".strip() + f" ({sign} {bound:g})",
                      relative[0],  min(relative), max(relative), goal.group(3) == "met")


def draw_goals(axes, rows):
    rows = rows[::-1]
    # What is far better than its goal would take the room of the others.
    low = max(1 / 8, min(0.5, *(row.low for row in rows))) / 1.2
    high = max(2, *(row.high for row in rows)) * 1.2
    axes.axvspan(low, 1, color=MET, alpha=0.07, linewidth=0)
    axes.axvline(1, color=PLAIN, linewidth=1)
    for place, row in enumerate(rows):
        color = MET if row.met else MISSED
        axes.plot([max(row.low, low), row.high], [place, place], color=color, linewidth=5, alpha=0.4, solid_capstyle="butt")
        axes.plot(max(row.median, low), place, "o", color=color)
        axes.text(1.02, place, row.measured, color=color, fontsize=8, verticalalignment="center",
                  transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=8)
    axes.set_ylim(-0.7, len(rows) - 0.3)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = [2.0 ** power for power in range(math.ceil(math.log2(low)), math.floor(math.log2(high)) + 1)]
    axes.set_xticks(ticks, [str(Fraction(tick)) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("multiple of the goal: median, least and most of all rounds")
    axes.set_title("goals: green are met", fontsize=10)


def draw_curve(axes, figure):
    for name, color in (("INSERT", MET), ("COPY", COPY), ("query", MISSED)):
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
    axes.set_title("cost of a row by its frame's length", fontsize=10)
    axes.legend(frameon=False, fontsize=8)


def main():
    folder, target = sys.argv[1:]
    figures = results(folder)
    rows = list(goals(figures))
    if not rows:
        raise SystemExit(f"picture.py: {folder} has no results with goals")
    curve = figures.get("curve")
    figure, panels = plt.subplots(1, 2 if curve else 1, figsize=(13 if curve else 8, max(3.5, 1.4 + 0.26 * len(rows))),
                                  squeeze=False, width_ratios=[1, 1] if curve else None)
    draw_goals(panels[0][0], rows)
    if curve:
        draw_curve(panels[0][1], curve)
    for axes in panels[0]:
        axes.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    figure.savefig(target, metadata={"Date": None})


main()
