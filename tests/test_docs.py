"""The documentation says what the code does, and leads nowhere that is not there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from konkyo.ui.web.i18n import Language, say

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(path.name for path in DOCS.glob("*.md"))


def test_the_reference_pages_are_what_the_code_says(tmp_path: Path) -> None:
    # In a process of its own: click keeps the help option of a command that was run by itself.
    subprocess.run(
        [sys.executable, "-m", "konkyo.ui.cli.reference", str(tmp_path)],
        check=True,
        cwd=ROOT,
        timeout=300,
    )
    for name in ("configuration.md", "commands.md"):
        assert (DOCS / name).read_text("utf-8") == (tmp_path / name).read_text("utf-8"), (
            "run: make docs"
        )


def test_every_page_is_in_the_site() -> None:
    listed = yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]
    assert set(re.findall(r"[\w-]+\.md", str(listed))) == set(PAGES)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *(DOCS / page for page in PAGES)], ids=lambda page: page.name
)
def test_links_lead_somewhere_and_nothing_is_said_twice(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)\s#]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), f"{page}: {target}"
    said = [
        line
        for line in re.sub(r"```.*?```", "", text, flags=re.DOTALL).splitlines()
        if line.startswith("#") or len(line) > 100
    ]
    assert [line for line in said if said.count(line) > 1] == []


@pytest.mark.parametrize("language", ["ja", "ko", "zh"])
def test_first_steps_quote_the_words_that_the_page_shows(language: Language) -> None:
    text = (DOCS / f"first-steps-{language}.md").read_text("utf-8")
    # What is quoted elsewhere are questions and names.
    steps = "\n".join(re.findall(r"^\d\. .*\n(?: +.*\n)*", text, re.M))
    quoted = [word for words in re.findall(r"「(.*?)」|‘(.*?)’|“(.*?)”", steps) for word in words]
    found = {part for word in quoted for part in word.split(" · ")} - {"", "…"}
    shown = {say(language, key) for key in ("original", "checked", "refused")}
    assert found == {*shown, say(language, "sources", count=1)}


def test_examples_import_from_public_packages_only() -> None:
    for page in [ROOT / "README.md", *(DOCS / page for page in PAGES)]:
        blocks = re.findall(r"```(?:py|python)\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
        for module in re.findall(r"^\s*(?:from|import) (konkyo\S*)", "\n".join(blocks), re.M):
            assert module.count(".") < 2, f"{page.name}: {module}"
