"""Fail when a file or function outgrows the house rule (CONTRIBUTING.md, rule 1).

Usage: check_sizes.py SRC_DIR ALLOW_LIST. The allow list holds "path limit reason" lines.
"""
import pathlib
import re
import sys

SOURCE, HEADER, FUNCTION = 600, 250, 60
src, allow_file = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
allowed = {}
for line in allow_file.read_text().splitlines():
    if line and not line.startswith("#"):
        path, limit, reason = line.split(maxsplit=2)
        allowed[path] = int(limit)

bad = []
for file in sorted(src.rglob("*")):
    if file.suffix not in (".h", ".cpp"):
        continue
    name = file.relative_to(src).as_posix()
    lines = file.read_text().splitlines()
    limit = allowed.get(name, HEADER if file.suffix == ".h" else SOURCE)
    if len(lines) > limit:
        bad.append(f"{name}: {len(lines)} lines, at most {limit}")
    # A function of ours begins at column 1 (or 2, in a class) and ends with a brace in the same column.
    begin = None
    for number, text in enumerate(lines, 1):
        if re.match(r"[A-Za-z].*\) (const )?(noexcept )?(override )?\{$", text) and not text.startswith(
            ("namespace", "class", "struct", "enum", "extern")
        ):
            begin = number
        elif text == "}" and begin:
            if number - begin + 1 > FUNCTION:
                bad.append(f"{name}:{begin}: function of {number - begin + 1} lines, at most {FUNCTION}")
            begin = None

print("\n".join(bad) or "sizes are within the rule")
sys.exit(1 if bad else 0)
