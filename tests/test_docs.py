"""The documentation says what the code does, and leads nowhere that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ui.reference import commands_page, configuration_page

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))


def test_the_configuration_page_is_what_the_code_says() -> None:
    assert (DOCS / "configuration.md").read_text("utf-8") == configuration_page(), "run: make docs"


def test_the_commands_page_is_what_the_code_says() -> None:
    assert (DOCS / "commands.md").read_text("utf-8") == commands_page(), "run: make docs"


def test_every_page_is_in_the_site() -> None:
    listed = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    assert set(re.findall(r"[\w-]+\.md", str(listed))) == set(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_somewhere(page: str) -> None:
    text = (DOCS / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (DOCS / target).exists(), f"{page}: {target}"
