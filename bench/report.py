"""Figures as a table for people and as JSON for programs."""

import json
import os
import statistics
import textwrap
from dataclasses import dataclass

from reasons import REASONS


class LeftOut(Exception):
    """Why a figure cannot be measured here."""


@dataclass
class Goal:
    direction: str  # "at most" or "at least"
    bound: float
    judged: str = "median"

    def met(self, value):
        return value <= self.bound if self.direction == "at most" else value >= self.bound


@dataclass
class Line:
    label: str
    unit: str
    digits: int
    values: list
    goal: Goal = None

    def summary(self):
        return {"median": statistics.median(self.values), "minimum": min(self.values), "maximum": max(self.values)}


@dataclass
class Figure:
    name: str
    title: str
    extent: str
    lines: list
    rounds: list


def counted_rounds(number):
    return f"{number} round" if number == 1 else f"{number} rounds"


def misses(line):
    return line.goal is not None and not line.goal.met(line.summary()[line.goal.judged])


def verdict(line):
    if not line.goal:
        return ""
    return f"goal {line.goal.direction} {line.goal.bound:,}: {'missed' if misses(line) else 'met'}"


def table(figure):
    text = [f"{figure.title} ({figure.extent})",
            f"{'':48}{'':4}{'median':>11}{'minimum':>11}{'maximum':>11}"]
    for line in figure.lines:
        numbers = "".join(f"{value:>11,.{line.digits}f}" for value in line.summary().values())
        text.append(f"  {line.label:46}{line.unit:>4}{numbers}   {verdict(line)}".rstrip())
    if figure.name in REASONS and any(misses(line) for line in figure.lines):
        text += textwrap.wrap(REASONS[figure.name], 118, initial_indent="  Missed: ", subsequent_indent="  ")
    return "\n".join(text)


def write_json(folder, figure, environment):
    os.makedirs(folder, exist_ok=True)
    lines = [{"label": line.label, "unit": line.unit, **line.summary(), "verdict": verdict(line) or None}
             for line in figure.lines]
    with open(os.path.join(folder, f"{figure.name}.json"), "w") as file:
        json.dump({"name": figure.name, "title": figure.title, "extent": figure.extent, **environment,
                   "summary": lines, "rounds": figure.rounds}, file, indent=1)
        file.write("\n")
