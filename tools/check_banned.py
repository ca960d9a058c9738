"""Fail when a source file calls what only the OS seam (sys) may call (CONTRIBUTING.md, rule 6).

Usage: check_banned.py SRC_DIR
"""
import pathlib
import re
import sys

RULES = [  # pattern, folders that may, what to use
    (r"\b(std::|::)?system\(\"|\bsystem\([a-z]", (), "sys::ProcessRunner"),
    (r"\bpopen\(", (), "sys::ProcessRunner"),
    (r"\bstrtok\(|\bsprintf\(|\bstrcpy\(|\bgets\(", (), "base/text.h, fmt"),
    (r"sleep_for|\busleep\(|\bsleep\(\d", ("sys/",), "sys::Clock::sleep"),
    (r"std::thread\b(?!::)", ("sys/",), "std::jthread"),
    (r"co_await|co_return|co_yield", (), "threads or callbacks: GCC 12 destroys temporaries of co_await twice"),
    (r"std::views::|std::source_location|std::format\b|std::expected", (), "see CONTRIBUTING.md, rule 6"),
    (r"\b(rand|srand)\(", (), "sys::Random"),
    (r"std::cout|\bprintf\(", ("cli/", "node/daemon/"), "return the text; cli prints"),
]
src = pathlib.Path(sys.argv[1])
bad = []
for file in sorted(src.rglob("*")):
    if file.suffix not in (".h", ".cpp"):
        continue
    name = file.relative_to(src).as_posix()
    for number, text in enumerate(file.read_text().splitlines(), 1):
        code = text.split("//")[0]
        for pattern, may, instead in RULES:
            if re.search(pattern, code) and not name.startswith(tuple(may) or ("\0",)):
                bad.append(f"{name}:{number}: {text.strip()}\n    use {instead}")
print("\n".join(bad) or "no banned call")
sys.exit(1 if bad else 0)
