"""What a package says that depends on where its repository is: addresses, and links of the README.

The package index and the napari hub show the README away from the files that it links to, so its
relative links become addresses. Which ones is known where a package is built: from the variables
of GitHub's workflows, from git's `origin`, or, when a wheel is made of a source distribution, from
what that says. Where none is known, the links stay as they are, and no address is claimed.
"""

from __future__ import annotations

import os
import re
import subprocess
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<target>[^)#\s]+)")
_SECURE_SHELL = re.compile(r"(?:ssh://)?git@([\w.-]+)[:/](.+)")


class PackageMetadata(MetadataHookInterface):
    """Adds `readme` and `urls` to the metadata of the project."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add both.

        Parameters
        ----------
        metadata : dict
            The table ``project``; changed in place.
        """
        root = Path(self.root)
        repository = address(root)
        text = (root / "README.md").read_text(encoding="utf-8")
        if repository is not None:
            text = with_addresses(text, repository, f"v{metadata['version']}")
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
        metadata["urls"] = {} if repository is None else _urls(repository)


def address(root: Path) -> str | None:
    """Return the address of the repository without a slash at its end; None if it has none.

    Parameters
    ----------
    root : Path
        Folder of the project.
    """
    server, name = os.environ.get("GITHUB_SERVER_URL"), os.environ.get("GITHUB_REPOSITORY")
    if server and name:
        return f"{server}/{name}"
    if (known := root / "PKG-INFO").is_file():
        header = HeaderParser().parsestr(known.read_text(encoding="utf-8"))
        urls = [str(each).partition(", ") for each in header.get_all("Project-URL", [])]
        return next((url for label, _, url in urls if label == "Repository"), None)
    if not (root / ".git").exists():
        return None
    asked = ["git", "-C", str(root), "remote", "get-url", "origin"]
    try:
        origin = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:  # no git
        return None
    origin = _SECURE_SHELL.sub(r"https://\1/\2", origin).removesuffix(".git").rstrip("/")
    return origin if origin.startswith("https://") else None


def with_addresses(text: str, repository: str, version: str) -> str:
    """Return a text in Markdown whose relative links lead to files of a repository.

    Parameters
    ----------
    text : str
        Of a file in the root of the repository.
    repository : str
        Its address.
    version : str
        Tag of the files.
    """

    def absolute(link: re.Match[str]) -> str:
        if re.match(r"[a-z]+:", link["target"]):
            return link[0]
        kind = "raw" if link["image"] else "blob"
        where = f"{repository}/{kind}/{version}/{link['target']}"
        return f"{link['image']}[{link['text']}]({where}"

    return _LINK.sub(absolute, text)


def _urls(repository: str) -> dict[str, str]:
    return {
        "Repository": repository,
        "Documentation": f"{repository}/blob/main/docs/index.md",
        "Changelog": f"{repository}/blob/main/CHANGELOG.md",
        "Issues": f"{repository}/issues",
    }
