"""Sessions for `nox`: what CI does on other systems and with other versions of Python, by hand.

    nox --list
    nox -s "tests-3.13(qt='pyside6')"

The Makefile is the shorter way on one machine with one Python.
"""

from __future__ import annotations

import nox

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
nox.options.default_venv_backend = "venv"
nox.options.sessions = ("lint",)


def _install(session: nox.Session, group: str) -> None:
    session.install("pip>=25.1")
    session.install("--editable", ".", "--group", group)


@nox.session(python=PYTHONS[0])
def lint(session: nox.Session) -> None:
    """Check style, types and layers."""
    _install(session, "dev")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")
    session.run("lint-imports")


@nox.session(python=PYTHONS)
@nox.parametrize("qt", ["pyqt6", "pyside6"])
def tests(session: nox.Session, qt: str) -> None:
    """Run all tests with PyQt6, those of the plugin with PySide6."""
    _install(session, "dev")
    which = [] if qt == "pyqt6" else ["tests/plugin"]
    session.run(
        *("python", "-m", "pytest", "--numprocesses", "auto", "--maxprocesses", "4", *which),
        *session.posargs,
        env={"QT_API": qt, "PYTEST_QT_API": qt, "QT_QPA_PLATFORM": "offscreen"},
    )


@nox.session(python=PYTHONS[0])
def coverage(session: nox.Session) -> None:
    """Run all tests, and say which lines of the package none of them reaches."""
    _install(session, "dev")
    session.install("pytest-cov>=6")
    session.run(
        *("python", "-m", "pytest", "--numprocesses", "auto", "--maxprocesses", "4"),
        *("--cov", "napari_frtm", "--cov-report", "term-missing:skip-covered"),
        *("--cov-fail-under", "90"),
        *session.posargs,
        env={"QT_API": "pyqt6", "PYTEST_QT_API": "pyqt6", "QT_QPA_PLATFORM": "offscreen"},
    )


@nox.session(python=PYTHONS[0])
def docs(session: nox.Session) -> None:
    """Build the documentation as a site; a warning is an error."""
    _install(session, "docs")
    session.run("mkdocs", "build", "--strict", env={"NO_MKDOCS_2_WARNING": "1"})


@nox.session(python=PYTHONS[0])
def build(session: nox.Session) -> None:
    """Make a wheel and a source distribution; install each by itself, and try it."""
    session.install("build", "twine")
    out = session.create_tmp()
    session.run("python", "-m", "build", "--outdir", f"{out}/dist")
    session.run("twine", "check", "--strict", *_built(out))
    for file in _built(out):
        session.install("--force-reinstall", "--no-deps", file)
        session.install(file)
        with session.chdir(out):  # not beside the package's sources
            session.run("napari-frtm", "--version")
            session.run("napari-frtm", "demo")


def _built(out: str) -> list[str]:
    from pathlib import Path

    return [str(path) for path in sorted(Path(out, "dist").iterdir())]
