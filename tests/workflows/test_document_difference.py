"""Two documents side by side: each planted change in words, and nothing else."""

import pytest

from workflows import document_difference

BEFORE = """\
# Complaints

| Owner | Ann |

## Nodes

### 1. Letter

What comes in.

```text
## not a heading
```

## Retention

30 days.
"""


def sentences(after: str) -> list[str]:
    told = document_difference.compare(BEFORE, after, named=("then", "now"))
    return [each.sentence for each in told.sections]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("Ann", "Rob", "“Overview” changed: 1 line added, 1 line removed."),
        ("30 days.", "60 days.", "“Retention” changed: 1 line added, 1 line removed."),
        (
            "## not a",
            "## still not a",
            "“Nodes: 1. Letter” changed: 1 line added, 1 line removed.",
        ),
        ("## Retention\n\n30 days.\n", "", "“Retention” is gone."),
    ],
)
def test_each_change_is_named_and_nothing_else(old: str, new: str, told: str) -> None:
    assert sentences(BEFORE.replace(old, new)) == [told]


def test_a_new_section_is_new() -> None:
    assert sentences(f"{BEFORE}\n## Policies\n\nOne.\n")[0] == "“Policies” is new."


def test_the_same_is_empty() -> None:
    told = document_difference.compare(BEFORE, BEFORE, named=("then", "now"))

    assert told.is_empty
    assert told.sections == ()


def test_lines_are_a_unified_difference() -> None:
    told = document_difference.compare(BEFORE, BEFORE.replace("30", "60"), named=("a", "b"))

    assert told.unified.splitlines()[:2] == ["--- a", "+++ b"]
    assert "-30 days." in told.unified
    assert "+60 days." in told.unified
