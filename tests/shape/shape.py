#!/usr/bin/env python3
"""The shape of the code: lengths, who imports whom, leftovers, and schema files that nobody reads.

Usage: shape.py [ROOT]        prints findings as file:line: what, and exits 1 if there are any; notes alone exit 0
The rules and their reasons are in CONTRIBUTING.md. test_shape.py beside this file is its own test.
"""

import re
import sys
from pathlib import Path

FILE_LINES = 250  # more is noted, and fails where it is more than one file in ten
FILE_LIMIT = 300  # more always fails
FUNCTION_LINES = 60

BOTTOM = {"entity", "config", "unit", "halt", "clock", "error", "failpoint"}
STAGES = {"plan", "source", "decode", "sink", "state", "report"}
# What a top module of src/ may import, beside itself and the bottom row. The bottom row imports only its own row.
ABOVE = {
    "cli": set(),
    "telemetry": {"cli"},
    "run": STAGES,
    "commands": STAGES | {"run", "cli", "telemetry"},
    "main": STAGES | {"run", "cli", "telemetry", "commands"},
}

# Entity files that wait for their reader: written, but not yet a line in src/entity/catalog.rs.
WAITING = set()

LEFTOVERS = re.compile(r"\.unwrap\(\)|\b(?:todo|unimplemented|dbg)!")
BLANKED = re.compile(
    r"""//[^\n]*                                  # line comment
      | /\*.*?\*/                                 # block comment
      | \bb?r(?P<hashes>\#*)".*?"(?P=hashes)      # raw string
      | b?"(?:\\.|[^"\\])*"                       # string
      | b?'(?:\\(?:u\{[^}]*\}|.)[^']*|[^\\'])'    # character, but no lifetime
    """,
    re.VERBOSE | re.DOTALL,
)


def spaces(text):
    """The same number of lines and columns, with nothing on them."""
    return re.sub(r"[^\n]", " ", text)


def blank_text(source):
    """Rust source without comments, strings and characters."""
    return BLANKED.sub(lambda match: spaces(match.group()), source)


def closing(code, opening):
    """Place of the brace that closes the one at `opening`."""
    depth = 0
    for place in range(opening, len(code)):
        depth += {"{": 1, "}": -1}.get(code[place], 0)
        if depth == 0:
            return place
    return len(code) - 1


def without_tests(code):
    """Code whose `#[cfg(test)]` items are blank, and the number of lines that they took."""
    lines = 0
    for attribute in reversed(list(re.finditer(r"#\[cfg\(test\)\]", code))):
        body = re.compile(r"[{;]").search(code, attribute.end())
        if not body:
            continue
        end = closing(code, body.start()) if body.group() == "{" else body.start()
        item = code[attribute.start() : end + 1]
        code = code[: attribute.start()] + spaces(item) + code[end + 1 :]
        lines += item.count("\n") + 1
    return code, lines


def test_files(path, source):
    """Files that `path` includes as its tests: `#[cfg(test)] #[path = "x_tests.rs"] mod tests;`."""
    pattern = r'#\[cfg\(test\)\]\s*(?:#\[path = "([^"]+)"\]\s*)?mod (\w+);'
    folder = path.parent if path.stem in ("mod", "lib", "main") else path.parent / path.stem
    for named, module in re.findall(pattern, source):
        yield path.parent / named if named else folder / f"{module}.rs"


class File:
    """One source file, read once."""

    def __init__(self, root, path):
        self.path = path
        self.shown = path.relative_to(root).as_posix()
        self.source = path.read_text(encoding="utf-8")
        self.code, self.test_lines = without_tests(blank_text(self.source))

    def line(self, place):
        return self.code.count("\n", 0, place) + 1

    def length(self):
        return len(self.source.splitlines()) - self.test_lines

    def functions(self):
        """Name, first line and number of lines of each function with a body."""
        for head in re.finditer(r"\bfn\s+(\w+)", self.code):
            body = re.compile(r"[{;]").search(self.code, head.end())
            if body and body.group() == "{":
                first, last = self.line(head.start()), self.line(closing(self.code, body.start()))
                yield head.group(1), first, last - first + 1

    def imports(self, above):
        """Top modules that the file names, with the line. `above` is the number of `super::` that lead to the crate."""
        root = r"\b(?:crate|gong_elt)::"
        if above:
            root = rf"(?:{root}|(?<![\w:])(?:super::){{{above}}}(?!super\b))"
        for found in re.finditer(root + r"\s*(?:(\w+)|(\{))", self.code):
            line = self.line(found.start())
            if found.group(1):
                yield found.group(1), line
                continue
            group = self.code[found.end(2) : closing(self.code, found.start(2))]
            for name in re.findall(r"(?:^|,)\s*(\w+)", re.sub(r"\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}", "", group)):
                yield name, line


def files(root, folder):
    """The source files of a folder, those that are tests apart."""
    paths = sorted((root / folder).rglob("*.rs"))
    tests = {test for path in paths for test in test_files(path, path.read_text(encoding="utf-8"))}
    return [File(root, path) for path in paths if path not in tests]


def lengths(sources):
    """Findings and notes about long files and functions."""
    long = [file for file in sources if file.length() > FILE_LINES]
    too_many = len(long) * 10 > len(sources)
    findings, notes = [], []
    for file in long:
        text = f"{file.shown}:1: {file.length()} lines without tests"
        if file.length() > FILE_LIMIT:
            findings.append(f"{text}, the limit is {FILE_LIMIT}")
        elif too_many:
            findings.append(f"{text}: more than one file in ten is over {FILE_LINES}")
        else:
            notes.append(f"{text}, meant are up to {FILE_LINES}")
    for file in sources:
        for name, line, length in file.functions():
            if length > FUNCTION_LINES:
                findings.append(f"{file.shown}:{line}: fn {name} has {length} lines, the limit is {FUNCTION_LINES}")
    return findings, notes


def top_module(parts):
    """The top module that a file of src/ belongs to, by its path below src/."""
    return parts[0].removesuffix(".rs")


def may_import(module, other):
    if other in BOTTOM or other == module:
        return True
    return other in ABOVE.get(module, set())


def directions(root, sources):
    """Findings about imports against the direction, and about top modules that import each other."""
    known = {top_module(file.path.relative_to(root / "src").parts) for file in sources} - {"lib"}
    findings, edges = [], {}
    for file in sources:
        parts = file.path.relative_to(root / "src").parts
        module = top_module(parts)
        if module == "lib":
            continue
        above = len(parts) if parts[-1] != "mod.rs" else len(parts) - 1
        for other, line in file.imports(0 if module == "main" else above):
            if other not in known or other == module:
                continue
            edges.setdefault(module, {}).setdefault(other, f"{file.shown}:{line}")
            if not may_import(module, other):
                findings.append(f"{file.shown}:{line}: {module} imports {other}, which {reason(module, other)}")
    return findings + cycles(edges)


def reason(module, other):
    if module in STAGES and other in STAGES:
        return "is another stage: run translates between stages"
    if module in BOTTOM:
        return "is above the bottom row"
    return "is not below it"


def cycles(edges):
    """One finding for each pair of top modules of which each leads to the other."""

    def reached(start):
        seen, todo = set(), [start]
        while todo:
            for other in edges.get(todo.pop(), {}):
                if other not in seen:
                    seen.add(other)
                    todo.append(other)
        return seen

    reach = {module: reached(module) for module in edges}
    findings = []
    for module in sorted(edges):
        for other, where in sorted(edges[module].items()):
            if module in reach.get(other, set()):
                findings.append(f"{where}: {module} and {other} import each other, directly or by way of others")
    return findings


def leftovers(sources):
    """Findings about what may stand in tests only."""
    findings = []
    for file in sources:
        for found in LEFTOVERS.finditer(file.code):
            findings.append(f"{file.shown}:{file.line(found.start())}: {found.group()} outside tests")
    return findings


def second_opinion(root, sources):
    """The simulator judges the product, so it must not learn from it."""
    findings = []
    for file in sources:
        for found in re.finditer(r"\bgong_elt\b|schemas/", file.source):
            line = file.source.count("\n", 0, found.start()) + 1
            findings.append(f"{file.shown}:{line}: the simulator must not know the product ({found.group()})")
    manifest = root / "tests/simulator/Cargo.toml"
    if manifest.exists() and re.search(r"^gong-elt\b", manifest.read_text(encoding="utf-8"), re.MULTILINE):
        findings.append("tests/simulator/Cargo.toml:1: the simulator must not depend on the product")
    return findings


def schemas(root):
    """Findings about entity files that are neither read nor said to be waiting; notes about names that wait no more."""
    catalog = root / "src/entity/catalog.rs"
    listed = re.search(r"FILES\b[^=]*=\s*files!\s*[\[(](.*?)[\])]\s*;", catalog.read_text(encoding="utf-8"), re.DOTALL)
    if not listed:
        return ["src/entity/catalog.rs:1: no list `FILES: ... = files![...]` found"], []
    read = set(re.findall(r'"(\w+)"', listed.group(1)))
    written = {path.stem for path in (root / "schemas").glob("*.toml")}
    findings = [f"schemas/{name}.toml:1: neither in the catalog nor waiting" for name in sorted(written - read - WAITING)]
    stale = sorted(WAITING & read) + sorted(WAITING - read - written)
    return findings, [f"tests/shape/shape.py:1: {name} waits no more" for name in stale]


def check(root):
    """All findings and notes for a checkout."""
    product, simulator = files(root, "src"), files(root, "tests/simulator/src")
    findings, notes = lengths(product)
    for more_findings, more_notes in (lengths(simulator), schemas(root)):
        findings += more_findings
        notes += more_notes
    findings += directions(root, product) + leftovers(product) + second_opinion(root, simulator)
    return findings, notes


def main(arguments):
    root = Path(arguments[0] if arguments else Path(__file__).resolve().parents[2]).resolve()
    findings, notes = check(root)
    for text in notes:
        print(f"note: {text}")
    for text in findings:
        print(text)
    print(f"shape: {len(findings)} findings, {len(notes)} notes")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
