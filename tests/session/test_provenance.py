"""What a session keeps of its runs."""

from __future__ import annotations

import json

from napari_frtm.session.run.provenance import KEPT, last_run, with_run


def test_what_is_done_again_is_kept_once() -> None:
    """A thousand rounds of two runs leave two, in the order in which they were done last."""
    settings: dict[str, object] = {"form": {"objects": [1]}}
    for _ in range(500):
        settings = with_run(settings, {"scope": "range", "keyframes": (0,)})
        settings = json.loads(
            json.dumps(with_run(settings, {"scope": "here", "keyframes": (0, 9)}))
        )
    settings = with_run(settings, {"scope": "range", "keyframes": (0,)})

    assert settings["form"] == {"objects": [1]}
    assert settings["runs"] == [
        {"scope": "here", "keyframes": [0, 9]},
        {"scope": "range", "keyframes": (0,)},
    ]


def test_what_a_session_keeps_is_bounded() -> None:
    """The newest stay."""
    settings: dict[str, object] = {}
    for number in range(KEPT + 50):
        settings = with_run(settings, {"here": number})

    kept = settings["runs"]
    assert isinstance(kept, list)
    assert [run["here"] for run in kept] == list(range(50, KEPT + 50))
    assert last_run(settings) == {"here": KEPT + 49}
