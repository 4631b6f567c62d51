"""Blocks of Markdown documents that are generated from records, so that nobody types a number into them.

A block lies between ``<!-- isdbench table1 -->`` and ``<!-- end -->``. ``table1-brief`` leaves out the details
and shows one table: where several exist, the one with the most values that has no accuracy of untrained nets.
``findings`` lists what the records say and the paper does not, ``optimized`` the systems in their fastest form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from reports.analysis.findings import Finding
from reports.tables.table import Table
from reports.writers import markdown
from results.paper import OWN_TABLES, TABLE_NAMES

BLOCKS = (*TABLE_NAMES, *OWN_TABLES)
_BLOCK = re.compile(r"<!-- isdbench (?P<name>[\w-]+) -->\n(?P<old>.*?)(?P<end><!-- end -->|\Z)", re.DOTALL)


def contents(
    tables: Sequence[Table], names: Sequence[str] = BLOCKS, found: Sequence[Finding] | None = None
) -> dict[str, str]:
    """The text of each block, by name: of the tables that ``names`` holds, and of the findings, if given."""
    blocks = {} if found is None else {"findings": "".join(map(_bullet, found))}
    for name in filter(BLOCKS.__contains__, names):
        fitting = [table for table in tables if re.fullmatch(rf"{name}(-.*)?", table.name)]
        none = "No record feeds this table yet.\n"
        blocks[name] = "\n".join(map(markdown.render, fitting)) or none
        blocks[f"{name}-brief"] = markdown.brief(max(fitting, key=lambda table: table.standing)) if fitting else none
    return blocks


def _bullet(finding: Finding) -> str:
    numbers = "".join(f"  - {markdown.escape(number)}\n" for number in finding.numbers)
    return f"- **{markdown.escape(finding.sentence)}**\n{numbers}  - *From {markdown.escape(finding.source)}.*\n"


def renewed(text: str, blocks: Mapping[str, str]) -> str:
    """The text with the contents of its blocks replaced; those that ``blocks`` lacks stay as they are.

    Raises:
        ValueError: a block has no end or an unknown name.
    """

    def block(match: re.Match[str]) -> str:
        name = match["name"]
        known = ["findings", "optimized", *BLOCKS, *(f"{table}-brief" for table in BLOCKS)]
        if name not in known:
            raise ValueError(f"no block is named '{name}'; the names are {', '.join(sorted(known))}")
        if not match["end"]:
            raise ValueError(f"block '{name}' has no '<!-- end -->'")
        if name not in blocks:
            return match[0]
        return f"<!-- isdbench {name} -->\n{blocks[name]}<!-- end -->"

    return _BLOCK.sub(block, text)
