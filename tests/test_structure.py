"""The shape of the package: no circle of imports, no room too full."""

from __future__ import annotations

import ast
from collections import Counter
from graphlib import TopologicalSorter
from pathlib import Path

import napari_frtm

ROOT = Path(napari_frtm.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT.parent).with_suffix("").parts): path
    for path in sorted(ROOT.rglob("*.py"))
}
_MOST = 12  # files in a room


def _imported(path: Path) -> set[str]:
    """Return the modules of the package that a file imports, for types alone included."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found & MODULES.keys()


def test_there_is_no_circle_of_imports() -> None:
    """Whatever is imported stands below; imports for types and inside functions count as well."""
    graph = {name: _imported(path) - {name} for name, path in MODULES.items()}

    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names it

    assert set(order) == MODULES.keys()


def test_no_room_of_the_plugin_is_too_full() -> None:
    """Nor of io: a reader sees what is in it at a glance."""
    rooms = Counter(
        path.parent.relative_to(ROOT).as_posix()
        for path in MODULES.values()
        if path.name != "__init__.py" and path.relative_to(ROOT).parts[0] == "plugin"
    )

    assert {room: files for room, files in rooms.items() if files > _MOST} == {}


def test_work_and_runs_know_no_widget_and_no_viewer() -> None:
    """A run has napari's threads, and nothing else of it."""
    for room in ("work", "run"):
        for path in (ROOT / "plugin" / room).glob("*.py"):
            nodes = [n for n in ast.walk(ast.parse(path.read_text())) if hasattr(n, "module")]
            foreign = {n.module for n in nodes if str(n.module).split(".")[0] in ("napari", "qtpy")}
            assert foreign <= {"napari.qt.threading", "qtpy.QtCore"}, path


def test_the_session_of_the_plugin_is_short() -> None:
    """State lives in the store; what docks show and change is thin."""
    lines = (ROOT / "plugin" / "work" / "session.py").read_text(encoding="utf-8").splitlines()

    assert len(lines) < 230
