"""Tables for spreadsheets are written in one place, which guards their cells."""

import re

from tests.architecture.source import ROOT, modules

WRITES = re.compile(r"csv\.(?:writer|DictWriter)\b")


def test_only_one_module_writes_tables() -> None:
    found = {str(path.relative_to(ROOT)) for path in modules() if WRITES.search(path.read_text())}

    assert found == {"tenancy/spreadsheets.py"}
