#!/usr/bin/python3
"""Runs the SQL examples of README.md and docs/*.md and compares what psql prints with what the documents show. Checks that
what their links lead to is there.

    run.py [--update] [DOCUMENT]...

The server is found through PGHOST, PGPORT, PGUSER and PGDATABASE. Each document has a scratch database and one psql
session of its own, in which its examples run in order. An example is a block

    ```sql            what is run; the extension is created first unless the document does it
    ```text           directly after it (or ```output): all that psql prints for it, errors included

Without an output block an example must run without an error, unless its first line is `-- fails: SQLSTATE`. Trailing
blanks and empty lines around an output do not count; all else does. Blocks of other languages are not run, a block
without a language is an error, so that no example escapes by accident.

Prints a diff for each example that fails and ends with `N examples, M failed`; the links of a document count as one.
--update writes what was seen into the output blocks; the diff of the documents is then to be read.
"""

import difflib
import os
import pathlib
import pty
import re
import secrets
import subprocess
import sys
import tempfile
import threading

TOP = pathlib.Path(__file__).resolve().parents[2]
OUTPUTS = ("text", "output")
FENCE = re.compile(r"^```(.*)$")
FAILS = re.compile(r"^-- fails: ([0-9A-Z]{5})$")
LINK = re.compile(r"\]\(([^)\s]+)\)")
ERROR = re.compile(r"^(ERROR|FATAL|PANIC|server closed|invalid command|\\\w+: )", re.MULTILINE)
SECONDS_A_DOCUMENT = 600


class Block:
    """A fenced block: its language, its lines, and the lines of the document that they are, from 0, end exclusive."""

    def __init__(self, language, first, last, lines):
        self.language = language
        self.first = first
        self.last = last
        self.lines = lines


class Example:
    def __init__(self, code, output):
        self.code = code
        self.output = output  # Block or None
        self.seen = None
        self.sqlstate = None

    def problem(self):
        """What is wrong with what was seen, or None."""
        if self.seen is None:
            return ["psql did not come to its end: a statement before or in it is not finished, or the session is lost"]
        failed = ERROR.search("\n".join(self.seen)) is not None
        expected = FAILS.match(self.code.lines[0]) if self.code.lines else None
        if expected and not failed:
            return [f"should fail with SQLSTATE {expected.group(1)}, but does not", *self.seen]
        if expected and self.sqlstate != expected.group(1):
            return [f"should fail with SQLSTATE {expected.group(1)}, but fails with {self.sqlstate}", *self.seen]
        if self.output is not None:
            shown = trimmed(self.output.lines)
            return list(difflib.unified_diff(shown, self.seen, "shown", "seen", lineterm="")) or None
        if failed and not expected:
            return ["fails", *self.seen]
        return None


def trimmed(lines):
    lines = [line.rstrip() for line in lines]
    while lines and not lines[0]:
        lines.pop(0)
    while lines and not lines[-1]:
        lines.pop()
    return lines


def blocks_of(lines, name):
    blocks, start, language = [], None, None
    for number, line in enumerate(lines):
        fence = FENCE.match(line)
        if not fence:
            continue
        if start is None:
            start, language = number, fence.group(1).strip()
            if not language:
                sys.exit(f"{name}:{number + 1}: block without a language")
        else:
            blocks.append(Block(language, start + 1, number, lines[start + 1:number]))
            start = None
    if start is not None:
        sys.exit(f"{name}:{start + 1}: block without an end")
    return blocks


def examples_of(lines, name):
    blocks = blocks_of(lines, name)
    examples = []
    for block, following in zip(blocks, [*blocks[1:], None]):
        if block.language != "sql":
            continue
        adjacent = following is not None and following.language in OUTPUTS and not any(
            line.strip() for line in lines[block.last + 1:following.first - 1])
        examples.append(Example(block, following if adjacent else None))
    return examples


def prose(path):
    """The lines of a document outside of its blocks, with their numbers."""
    lines = path.read_text(encoding="utf-8").split("\n")
    inside = set()
    for block in blocks_of(lines, path.name):
        inside.update(range(block.first, block.last))
    return [(number, line) for number, line in enumerate(lines, 1) if number - 1 not in inside]


def anchors(path):
    """Those that GitHub makes of a document's headings."""
    headings = [re.sub(r"[^\w\- ]", "", line.lstrip("#").strip().lower()).replace(" ", "-")
                for _, line in prose(path) if line.startswith("#")]
    earlier = [headings[:number].count(heading) for number, heading in enumerate(headings)]
    return {f"{heading}-{count}" if count else heading for heading, count in zip(headings, earlier)}


def broken_links(path):
    """Of a document, to files and headings of the project: the line and the link."""
    broken = []
    for number, line in prose(path):
        for link in LINK.findall(line):
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if not target.exists() or (anchor and anchor not in anchors(target)):
                broken.append((number, link))
    return broken


def administrate(statement):
    subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c", statement], check=True)


def psql(database, script):
    """The output of one session, errors in their place. A terminal makes psql write line by line: through a pipe its
    errors would overtake its results."""
    environment = {**os.environ, "PGDATABASE": database, "PGCLIENTENCODING": "UTF8", "PAGER": "", "TERM": "dumb"}
    for name in ("PGOPTIONS", "PGTZ", "PGDATESTYLE", "COLUMNS"):
        environment.pop(name, None)
    with tempfile.TemporaryFile() as script_file:
        script_file.write(script.encode())
        script_file.seek(0)
        ours, theirs = pty.openpty()
        process = subprocess.Popen(["psql", "-X", "-q", "-P", "pager=off"], stdin=script_file, stdout=theirs,
                                   stderr=theirs, env=environment)
        os.close(theirs)
        deadline = threading.Timer(SECONDS_A_DOCUMENT, process.kill)
        deadline.start()
        output = bytearray()
        try:
            while chunk := os.read(ours, 65536):
                output += chunk
        except OSError:  # how a terminal says that nobody writes to it any more
            pass
        process.wait()
        deadline.cancel()
        os.close(ours)
    return output.decode().replace("\r\n", "\n")


def run(examples, database):
    marker = secrets.token_hex(8)
    script = []
    if not any("CREATE EXTENSION feature_ext" in "\n".join(example.code.lines) for example in examples):
        script.append("CREATE EXTENSION feature_ext;")
    for number, example in enumerate(examples):
        script += [f"\\echo {marker} begin {number}", *example.code.lines,
                   f"\\echo {marker} end {number} :LAST_ERROR_SQLSTATE"]
    output = psql(database, "\n".join(script) + "\n")
    for number, example in enumerate(examples):
        found = re.search(rf"^{marker} begin {number}\n(.*?)^{marker} end {number} (\w+)$", output,
                          re.MULTILINE | re.DOTALL)
        if found:
            example.seen = trimmed(found.group(1).split("\n"))
            example.sqlstate = found.group(2)
    before = output.split(f"{marker} begin 0")[0]
    if before.strip():
        print(before)


def update(path, lines, examples):
    for example in reversed(examples):  # from the end, so that line numbers before it stay true
        if example.output is not None and example.seen is not None:
            lines[example.output.first:example.output.last] = example.seen
            example.output.lines = example.seen
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def main(arguments):
    updating = "--update" in arguments
    paths = [pathlib.Path(argument).resolve() for argument in arguments if argument != "--update"]
    paths = paths or [TOP / "README.md", *sorted((TOP / "docs").glob("*.md"))]
    total = failures = 0
    for path in paths:
        name = os.path.relpath(path, TOP)
        total += 1
        broken = broken_links(path)
        failures += bool(broken)
        for number, link in broken:
            print(f"{name}:{number}: the link to {link} leads nowhere")
        lines = path.read_text(encoding="utf-8").split("\n")
        if lines and not lines[-1]:
            lines.pop()
        examples = examples_of(lines, name)
        if not examples:
            continue
        database = f"docs_{secrets.token_hex(4)}"
        administrate(f"CREATE DATABASE {database} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        try:
            run(examples, database)
        finally:
            administrate(f"DROP DATABASE {database} WITH (FORCE)")
        if updating:
            update(path, lines, examples)
        for example in examples:
            total += 1
            problem = example.problem()
            if problem is not None:
                failures += 1
                print(f"{name}:{example.code.first + 1}: {problem[0]}", *problem[1:], "", sep="\n")
    print(f"{total} examples, {failures} failed")
    return 1 if failures or not total else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
