"""What the tests of reliability have made happen and seen survived, counted by the tests themselves.

    python -m benchmarks.reliability [--slow]

Runs the tests marked `fault(kind)`, adds up what their fixture `counted` has counted, and writes
benchmarks/results/reliability.json and, for docs/reliability.md, reliability.md.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import pytest

from segline.base import files

RESULTS = Path(__file__).parent / "results"


class Count:
    """A plugin of pytest: faults by kind, those made and those survived."""

    def __init__(self) -> None:
        self.kinds: dict[str, str] = {}
        self.made: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            marker = item.get_closest_marker("fault")
            if marker:
                self.kinds[item.nodeid] = marker.args[0]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        kind = self.kinds.get(report.nodeid)
        if kind and report.when == "teardown":
            self.made[kind] += dict(report.user_properties).get("faults", 0)
        if kind and report.failed:
            self.failed[kind] += 1
            self.made[kind] += 1


def markdown(found: dict[str, dict[str, int]], fuzzed: dict[str, int]) -> str:
    lines = ["| fault | made | survived |", "|---|---|---|"]
    lines += [
        f"| {kind} | {row['made']} | {row['survived']} |" for kind, row in sorted(found.items())
    ]
    lines += ["", "| reader, fuzzed | inputs |", "|---|---|"]
    lines += [f"| `{name}` | {n:,} |" for name, n in sorted(fuzzed.items())]
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", action="store_true", help="the slow ones too")
    parser.add_argument("tests", nargs="*", default=["tests"])
    asked, count = parser.parse_args(), Count()
    chosen = "fault" if asked.slow else "fault and not slow"
    pytest.main([*asked.tests, "-m", chosen, "-n", "0", "-q"], plugins=[count])
    made = {
        kind: {"made": n, "survived": n - count.failed[kind]} for kind, n in count.made.items() if n
    }
    path, fuzz = RESULTS / "reliability.json", RESULTS / "fuzz.json"
    made = (files.read_json(path) if path.exists() else {}) | made
    files.write_json(path, made)
    fuzzed = files.read_json(fuzz) if fuzz.exists() else {}
    files.write_text(RESULTS / "reliability.md", markdown(made, fuzzed) + "\n")


if __name__ == "__main__":
    main()
