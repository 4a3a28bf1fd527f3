"""The documentation: links lead somewhere, all pages are in the menu, and its Python runs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted([*(ROOT / "docs").glob("*.md"), *ROOT.glob("*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"```python\n(.*?)```", re.DOTALL)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Files and headings that pages refer to are there."""
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        if target.startswith(("https://", "http://")):
            continue
        name, _, anchor = target.partition("#")
        linked = (page.parent / name) if name else page
        assert linked.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in _anchors(linked), f"{page.name} links to {target}"


def test_every_page_is_in_the_menu() -> None:
    """No page is left out of the site."""
    menu = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    missing = [p.name for p in (ROOT / "docs").glob("*.md") if f" {p.name}\n" not in menu]
    assert not missing


def test_the_tutorial_in_python_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page about Python says what works."""
    for name in ("roto.mp4", "roto_mask.png"):
        shutil.copy(ROOT / "sample_data" / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    code = _CODE.findall((ROOT / "docs" / "python.md").read_text(encoding="utf-8"))
    exec("\n".join(code), {})
    *frames, sketched = capsys.readouterr().out.splitlines()[1:]
    assert [int(line.split()[0]) for line in frames] == list(range(6))
    assert int(sketched.split()[0]) > 1000
    assert (tmp_path / "found.png").is_file()


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and mkdocs make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in headings
    }
