"""What a first layer of results needs is loaded beside the viewer, and no more than that."""

from __future__ import annotations

import subprocess
import sys

LOADED = """
import sys
import numpy, pint
from napari_frtm.plugin.view.result_layers import load_for_labels

load_for_labels()
registry = pint.get_application_registry().get()
assert type(registry).__name__ == "LazyRegistry", "a thread must not make it: the viewer uses it"
known = set(sys.modules)

from napari.layers import Labels

Labels(numpy.zeros((1, 1), numpy.uint8))
large = [name for name in set(sys.modules) - known if name.split(".")[0] in PACKAGES]
assert not large, large
"""


def test_what_labels_need_is_imported_and_nothing_of_napari_is_made() -> None:
    """Napari's registry of units, made in two threads at once, knows no pixels."""
    packages = 'PACKAGES = ("pandas", "scipy", "skimage")'

    process = subprocess.run(
        [sys.executable, "-c", packages + LOADED], capture_output=True, text=True, check=False
    )

    assert process.returncode == 0, process.stderr
