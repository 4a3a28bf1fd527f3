"""Make the 8-bit form of the embedded `lite` weights, as graphs of OpenVINO, with NNCF.

    python scripts/quantise.py DAVIS --split recipes/calibration.txt

DAVIS is a folder in the layout of DAVIS, the split a file with names of sequences, one a line:
here those training videos that are not in recipes/selection.txt, for what they show tells the
ranges of the numbers between the layers. Eight frames of each are followed in single
precision, and of what F and S were given on the way, parts of 256 x 256 pixels are taken. The
first six convolutions of F stay in single precision, and all biases of it down to stride 16 are
corrected one after the other; without that, J&F loses half a point.

Needs NNCF and OpenVINO: pip install "nncf>=3.4" "openvino>=2026.4"; their makers are not told. The
same pictures, weights and versions give the same contents.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_frtm.config import preset
from napari_frtm.engine.networks.backbone import STRIDES
from napari_frtm.engine.tracking.propagate import propagate
from napari_frtm.evaluation.davis import Sequence, find_sequences
from napari_frtm.io.labels import read_labels
from napari_frtm.io.video.opening import open_video
from napari_frtm.io.weights.checkpoint import read_network
from napari_frtm.io.weights.eight_bits import FILE, write_graphs
from napari_frtm.io.weights.library import file_digest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from napari_frtm.engine.networks.backbone import Features
    from napari_frtm.engine.networks.network import FrtmNetwork

FRAMES, STEP = 8, 5
SIDE = 256
EACH = 6
"""Calls of F, and of S, that are kept of each sequence."""
SINGLE = 6
"""Convolutions at the beginning of F that stay in single precision."""

Given = list["NDArray[np.float32]"]


class Recorder:
    """In place of `CompiledNetworks`: computes nothing, and keeps parts of what there was."""

    parts: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.images: list[Given] = []
        self.refined: list[Given] = []

    def features(self, images: torch.Tensor, *, refine: bool) -> None:
        """Keep what F was given."""
        if found := _middle([images], [1]):
            self.images.append(found)

    def refine(self, scores: torch.Tensor, features: Features) -> None:
        """Keep what S was given, of one object."""
        given = [scores[:, :1], *(features[stride] for stride in STRIDES)]
        if found := _middle(given, [16, *STRIDES]):
            self.refined.append(found)


def main() -> None:
    """Write the file beside the embedded weights."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("davis", type=Path)
    parser.add_argument("--split", required=True, metavar="FILE")
    options = parser.parse_args()
    sys.modules["openvino_telemetry"] = None  # type: ignore[assignment]  # as if not installed
    try:
        import nncf
        import openvino
    except ImportError as error:
        raise SystemExit(f'{error}: pip install "nncf>=3.4" "openvino>=2026.4"') from error
    nncf.set_log_level(logging.ERROR)
    torch.set_num_threads(1)
    network = read_network(preset("lite"))
    sequences = find_sequences(options.davis, options.split)
    images, refined = _recorded(sequences)
    folded = read_network(preset("lite")).for_inference()
    graphs = _quantised(nncf, folded, images, refined)
    facts = {
        "made with": f"nncf {nncf.__version__}, openvino {openvino.__version__}",
        "made from": " ".join(sequence.name for sequence in sequences),
    }
    with tempfile.TemporaryDirectory() as folder:
        saved = {name: _saved(openvino, graph, Path(folder)) for name, graph in graphs.items()}
    write_graphs(FILE, saved, network, facts)
    FILE.with_suffix(".sha256").write_text(f"{file_digest(FILE)}  {FILE.name}\n")
    print(
        f"{FILE.name}: {FILE.stat().st_size / 1e6:.1f} MB, {len(images)} and {len(refined)} parts"
    )


def _recorded(sequences: list[Sequence]) -> tuple[list[Given], list[Given]]:
    """Return what F and S are given while the sequences are followed."""
    config = preset("lite")
    network = read_network(config).for_inference("cpu")
    network.half_precision = False
    images, refined = [], []
    for sequence in sequences:
        recorder: Any = Recorder()
        network.compiled = recorder
        frames = open_video(sequence.images).frames[: FRAMES * STEP : STEP]
        drawn = {0: (read_labels(sequence.truth[0]) > 0).astype(np.int32)}
        for _ in propagate(network, config, frames, drawn):
            pass
        images += _spread(recorder.images)
        refined += _spread(recorder.refined)
        print(sequence.name, len(images), len(refined), flush=True)
    return images, refined


def _spread(found: list[Given]) -> list[Given]:
    """Return some, from the first to the last."""
    chosen = np.unique(np.linspace(0, len(found) - 1, EACH).round().astype(int))
    return [found[index] for index in chosen] if found else []


def _middle(tensors: list[torch.Tensor], strides: list[int]) -> Given | None:
    """Return the middle parts, on multiples of 32 pixels; None of what is smaller."""
    height, width = (n * strides[0] for n in tensors[0].shape[-2:])
    if min(height, width) < SIDE or not len(tensors[0]):
        return None
    top, left = ((n - SIDE) // 64 * 32 for n in (height, width))
    return [
        t[:1, :, top // s : (top + SIDE) // s, left // s : (left + SIDE) // s]
        .float()
        .contiguous()
        .numpy()
        .copy()
        for t, s in zip(tensors, strides, strict=True)
    ]


def _quantised(
    nncf: Any, network: FrtmNetwork, images: list[Given], refined: list[Given]
) -> dict[str, Any]:
    """Return the graphs in 8 bits."""
    from napari_frtm.engine.networks.graphs import deep_graph, segmentation_graph, shallow_graph

    assert network.segmentation is not None
    shallow = shallow_graph(network.backbone, STRIDES[:-1])
    operations = shallow.get_ordered_ops()
    names = [o.get_friendly_name() for o in operations if "Convolution" in o.get_type_name()]
    careful = {
        "ignored_scope": nncf.IgnoredScope(names=names[:SINGLE]),
        "fast_bias_correction": False,
    }
    of_stride_16 = [[given[1 + STRIDES.index(16)]] for given in refined]
    return {
        "shallow": _in_eight_bits(nncf, shallow, images, careful),
        "deep": _in_eight_bits(nncf, deep_graph(network.backbone), of_stride_16, {}),
        "S": _in_eight_bits(nncf, segmentation_graph(network.segmentation), refined, {}),
    }


def _in_eight_bits(nncf: Any, graph: Any, given: list[Given], options: dict[str, Any]) -> Any:
    """Quantise a graph whose channels are where NNCF looks for them, and put them last again."""
    data = nncf.Dataset([one if len(one) > 1 else one[0] for one in given])
    quantised = nncf.quantize(
        _with_inputs(graph, channels_last=False),
        data,
        subset_size=len(given),
        preset=nncf.QuantizationPreset.MIXED,
        **options,
    )
    return _with_inputs(quantised, channels_last=True)


def _with_inputs(graph: Any, *, channels_last: bool) -> Any:
    """Return a graph, which is changed, with the channels of its inputs last, or second."""
    from napari_frtm.engine.networks.untold import openvino, ops

    inputs = []
    for old in graph.get_parameters():
        (target, *others) = old.output(0).get_target_inputs()
        if channels_last:
            channels = old.get_output_partial_shape(0)[1].get_length()
            new = ops.parameter([-1, -1, -1, channels], np.float32)
            value, targets = ops.transpose(new, np.array([0, 3, 1, 2])), [target, *others]
        else:
            channels = old.get_output_partial_shape(0)[3].get_length()
            value = new = ops.parameter([-1, channels, -1, -1], np.float32)
            targets = target.get_node().output(0).get_target_inputs()
        for each in targets:
            each.replace_source_output(value.output(0))
        inputs.append(new)
    return openvino.Model(graph.get_results(), inputs)


def _saved(openvino: Any, graph: Any, folder: Path) -> tuple[bytes, bytes]:
    """Return a graph as OpenVINO describes it, and its constants."""
    path = folder / "graph.xml"
    openvino.save_model(graph, path, compress_to_fp16=False)
    return path.read_bytes(), path.with_suffix(".bin").read_bytes()


if __name__ == "__main__":
    main()
