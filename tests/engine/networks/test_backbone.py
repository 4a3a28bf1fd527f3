"""Backbones: strides, channels, exact torchvision features, folded batch norms."""

from __future__ import annotations

import pytest
import torch
import torchvision

from napari_frtm.engine.networks import backbone as backbone_file
from napari_frtm.engine.networks.backbone import CHANNELS, STRIDES, Backbone, fold_batch_norms
from napari_frtm.errors import CheckpointError


@pytest.mark.parametrize("name", CHANNELS)
def test_features_have_the_stride_and_channels_they_say(name: str) -> None:
    """And fewer strides run fewer layers."""
    backbone = Backbone(name)
    images = torch.rand(2, 3, 64, 96)

    features = backbone(images)
    shallow = backbone(images, (16,))

    for stride, channels in zip(STRIDES, CHANNELS[name], strict=True):
        assert features[stride].shape == (2, channels, 64 // stride, 96 // stride)
    assert list(shallow) == [16]
    assert torch.equal(shallow[16], features[16])


def test_resnet_features_are_those_of_torchvision() -> None:
    """conv4_x of a normalised image."""
    torch.manual_seed(0)
    body = torchvision.models.resnet18().eval()
    images = torch.rand(1, 3, 64, 64)
    mean, std = (
        torch.tensor(v).view(3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )

    features = Backbone("resnet18", body.state_dict())(images)

    x = body.maxpool(body.relu(body.bn1(body.conv1((images - mean) / std))))
    expected = body.layer3(body.layer2(body.layer1(x)))
    assert torch.allclose(features[16], expected)


@pytest.mark.parametrize("name", CHANNELS)
def test_features_of_bands_are_those_of_the_image(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No band is larger than asked for, and no pixel sees beyond the overlap."""
    backbone = Backbone(name)
    images = torch.rand(2, 3, 288, 64)
    whole = backbone(images)
    heights: list[int] = []
    backbone.stages[0].register_forward_pre_hook(lambda _, given: heights.append(given[0].shape[2]))

    monkeypatch.setattr(backbone_file, "_BAND", 64 * 128)
    banded = backbone(images)

    assert heights == 2 * [96, 128, 128, 128, 64]
    for stride in STRIDES:
        error = (banded[stride] - whole[stride]).abs().max() / whole[stride].abs().max()
        assert error < 1e-5


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "mobilenet_v2"])
def test_folding_batch_norms_changes_nothing(name: str) -> None:
    """Up to rounding, with running statistics that are not trivial."""
    torch.manual_seed(0)
    backbone = Backbone(name)
    for module in backbone.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
    images = torch.rand(1, 3, 64, 64)
    before = backbone(images)

    fold_batch_norms(backbone)

    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in backbone.modules())
    for stride, expected in before.items():
        error = (backbone(images)[stride] - expected).abs().max() / expected.abs().max()
        assert error < 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda s: s.pop("layer1.0.conv1.weight"), "1 entries are missing", id="gone"),
        pytest.param(
            lambda s: s.update({"conv1.weight": torch.zeros(1)}),
            r"'conv1.weight'.*\(1,\)",
            id="size",
        ),
    ],
)
def test_weights_of_another_network_are_refused(change: object, message: str) -> None:
    """Naming the entry."""
    state = torchvision.models.resnet18().state_dict()
    change(state)  # type: ignore[operator]

    with pytest.raises(CheckpointError, match=message):
        Backbone("resnet18", state)
