#!/usr/bin/env python3
"""Counts the kernel's instructions, and compares them with those that are recorded.

run.py             fails where a workload takes a tenth more instructions an event than recorded, or a tenth less
run.py --record    writes the counts anew to recorded.json
run.py --left-out  says why nothing can be counted here, if so

Times differ from run to run, counts of instructions do not: so what the kernel costs is kept in check by them. They
belong to a compiler: with another one than the counts were recorded with there is nothing to compare. The tenth leaves
room for the C library, which chooses some of its functions by the processor.
"""

import glob
import json
import os
import re
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
PROGRAM = os.path.join(HERE, "../../build/counts/kernel_counts")
RECORDED = os.path.join(HERE, "recorded.json")
TOLERANCE = 0.1


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"{command[0]} failed:\n{done.stderr}{done.stdout}")
    return done.stdout


def compiler():
    version, machine = run("g++", "-dumpfullversion").strip(), run("g++", "-dumpmachine").strip()
    return f"g++ {version}, {machine}"


def recorded():
    with open(RECORDED) as file:
        return json.load(file)


def counts():
    """Instructions an event, by workload."""
    with tempfile.TemporaryDirectory() as folder:
        printed = run("valgrind", "-q", "--tool=callgrind", "--instr-atstart=no",
                      f"--callgrind-out-file={folder}/out", PROGRAM)
        instructions = {}
        for name in glob.glob(f"{folder}/out.*"):
            with open(name) as file:
                dump = file.read()
            workload = re.search(r"^desc: Trigger: Client Request: (.*)$", dump, re.MULTILINE)
            instructions[workload.group(1)] = int(re.search(r"^totals: (\d+)$", dump, re.MULTILINE).group(1))
    events = dict(line.split("\t") for line in printed.splitlines())
    return {workload: round(instructions[workload] / int(number), 1) for workload, number in events.items()}


def record():
    measured = counts()
    with open(RECORDED, "w") as file:
        json.dump({"compiler": compiler(), "instructions_per_event": measured}, file, indent=1)
        file.write("\n")
    for workload, count in measured.items():
        print(f"{count:>10,.1f}  {workload}")


def left_out():
    here, there = compiler(), recorded()["compiler"]
    return "" if here == there else f"counts are recorded for {there}, and this is {here}"


def check():
    expected, measured = recorded()["instructions_per_event"], counts()
    failed = 0
    for workload in dict.fromkeys([*expected, *measured]):
        old, new = expected.get(workload), measured.get(workload)
        if old is None or new is None:
            problem = "is not recorded" if old is None else "is recorded, but not counted"
        elif abs(new - old) > TOLERANCE * old:
            problem = f"takes {abs(new / old - 1):.0%} {'more' if new > old else 'less'} than recorded"
        else:
            problem = None
        failed += problem is not None
        print(f"{'  ' if problem is None else '! '}{new or 0:>10,.1f}, recorded {old or 0:>10,.1f}  {workload}"
              f"{'' if problem is None else ' ' + problem}")
    if failed:
        print("If that is meant to be, `make counts` records the counts anew; the commit says why they have changed.")
    print(f"{len(expected.keys() | measured.keys())} counts, {failed} failed")
    return failed == 0


def main():
    match sys.argv[1:]:
        case []:
            sys.exit(0 if check() else 1)
        case ["--record"]:
            record()
        case ["--left-out"]:
            print(left_out())
        case _:
            sys.exit(__doc__)


main()
