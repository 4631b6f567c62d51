"""Puts the pages of the site into a folder: ``python docs/site.py DIR``. ``nox -s docs`` builds the site from it.

Pages that are written stay what they are; systems, datasets and the contract are generated from the code.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from benchmark import registry
from benchmark.card import Card

ROOT = Path(__file__).parents[1]
WRITTEN = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "CITATION.cff", "LICENSE")
CONTRACT = ("benchmark.system", "benchmark.card", "benchmark.spec", "benchmark.inference", "benchmark.data.base")


def write(folder: Path) -> None:
    """Write all pages into ``folder``, which is emptied first."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for name in WRITTEN:
        shutil.copy(ROOT / name, folder / name)
    pages = {"systems": systems_page(), "datasets": datasets_page(), "contract": contract_page()}
    for name, text in pages.items():
        (folder / f"{name}.md").write_text(text, encoding="utf-8")


def systems_page() -> str:
    """A table of all systems and a section for each, from its card."""
    cards = registry.cards().values()
    parts = ["# Systems", f"{len(cards)} systems. The name is what `--systems` takes.", overview(cards)]
    for card in cards:
        facts = {
            "Source": card.source,
            "Citation": card.citation,
            "Licence": card.licence,
            "Fidelity": card.fidelity,
            "Backbone": card.backbone,
            "Parameters": f"{card.parameters:,}",
            "Rows": ", ".join(card.rows),
            "Recipes": ", ".join(card.recipes),
        }
        parts += [f"## {card.name}", titled(card), listed(facts.items())]
        parts += ["Assumptions:\n\n" + "\n".join(f"- {plain(one)}" for one in card.assumptions)] * bool(
            card.assumptions
        )
    return "\n\n".join(parts) + "\n"


def overview(cards: Iterable[Card]) -> str:
    """A table that leads to the sections."""
    lines = ["| system | method | fidelity | backbone | parameters |", "| --- | --- | --- | --- | ---: |"]
    for card in cards:
        words = (f"[{card.name}](#{card.name})", *map(plain, (titled(card), card.fidelity, card.backbone)))
        lines.append(" | ".join(("", *words, f"{card.parameters:,}", "")).strip())
    return "\n".join(lines)


def titled(card: Card) -> str:
    """The title of a system, and how it differs from others of that title."""
    told = not card.variant or f"({card.variant})" in card.title
    return card.title if told else f"{card.title} ({card.variant})"


def datasets_page() -> str:
    """A section for each dataset."""
    parts = [
        "# Datasets",
        "The name is what `--dataset` takes; a folder of yours is described by `isdbench data init`.",
    ]
    for name, kind in registry.datasets().items():
        info = kind.info
        size = "x".join(map(str, info.image_size)) if info.image_size else "differing sizes"
        facts = {"Classes": ", ".join(info.classes), "Images": size, "From": info.where}
        parts += [f"## {name}", info.title, listed(facts.items())]
    return "\n\n".join(parts) + "\n"


def contract_page() -> str:
    """What a system and a dataset have to keep, from the docstrings."""
    intro = "# The contract\n\nWhat a system or a dataset has to keep; CONTRIBUTING.md shows how to add one."
    return "\n\n".join([intro, *(f"::: {module}" for module in CONTRACT)]) + "\n"


def listed(facts: Iterable[tuple[str, str]]) -> str:
    """A Markdown list of named facts; empty ones are left out."""
    return "\n".join(f"- {name}: {plain(value)}" for name, value in facts if value)


def plain(text: str) -> str:
    """Text in which Markdown and HTML mean nothing."""
    for character in "\\`*_[]":
        text = text.replace(character, f"\\{character}")
    return text.replace("<", "&lt;")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
