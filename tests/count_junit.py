#!/usr/bin/python3
"""Prints "PASSED FAILED SKIPPED NAME..." for a JUnit file of ctest, the names being those that failed."""
import sys
import xml.etree.ElementTree as tree

passed, failed, skipped = 0, [], []
for case in tree.parse(sys.argv[1]).getroot().iter("testcase"):
    name = case.get("name")
    status = case.get("status")
    if status == "run" and case.find("failure") is None:
        passed += 1
    elif case.find("skipped") is not None or status in ("notrun", "disabled"):
        skipped.append(name)
    else:
        failed.append(name)
for name in skipped:
    print(f"NOT RUN: {name}", file=sys.stderr)
print(passed, len(failed), len(skipped), *failed)
