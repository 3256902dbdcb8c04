"""Weights files of torch modules."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from supervisely_lib.nn.pytorch.cuda import cuda_variable
from supervisely_lib.nn.pytorch.metrics import MultiClassAccuracy
from supervisely_lib.nn.pytorch.weights import WeightsRW


class Net(torch.nn.Module):
    def __init__(self, classes: int, width: int = 4) -> None:
        super().__init__()
        self.body = torch.nn.Sequential(torch.nn.Conv2d(3, width, 3), torch.nn.BatchNorm2d(width))
        self._head_layer = torch.nn.Conv2d(width, classes, 1)


def state(model: Any) -> dict[str, Any]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def same(first: dict[str, Any], second: dict[str, Any], *, names: str) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first if names in name)


@pytest.fixture
def saved(tmp_path: Path) -> Any:
    model = Net(3)
    WeightsRW(str(tmp_path)).save(model)
    return model


def test_what_was_saved_is_loaded_strictly(tmp_path: Path, saved: Any) -> None:
    model = Net(3)

    assert WeightsRW(str(tmp_path)).load_strictly(model) is model

    assert same(state(saved), state(model), names="")


def test_the_file_may_have_another_name(tmp_path: Path) -> None:
    WeightsRW(str(tmp_path), "best.pt").save(Net(2))

    assert (tmp_path / "best.pt").is_file()
    assert not (tmp_path / "model.pt").exists()


def test_transfer_learning_leaves_the_head_as_it_was_built(tmp_path: Path, saved: Any) -> None:
    model = Net(7)
    before = state(model)

    WeightsRW(str(tmp_path)).load_for_transfer_learning(model, ignore_matching_layers=["_head_layer"])

    assert same(before, state(model), names="_head_layer")
    assert same(state(saved), state(model), names="body")


def test_skipped_layers_are_logged_in_order(tmp_path: Path, saved: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        WeightsRW(str(tmp_path)).load_for_transfer_learning(
            Net(3), ignore_matching_layers=["_head_layer"], logger=logging.getLogger("test")
        )

    [record] = caplog.records
    assert record.message == "Skip weight init for output layers."
    assert record.layer_names == ["_head_layer.bias", "_head_layer.weight"]  # type: ignore[attr-defined]


def test_transfer_learning_ignores_names_of_one_side(tmp_path: Path) -> None:
    torch.save({"elsewhere": torch.zeros(3)}, tmp_path / "model.pt")
    model = Net(2)
    before = state(model)

    WeightsRW(str(tmp_path)).load_for_transfer_learning(model)

    assert same(before, state(model), names="")


def test_parameters_of_different_shape_are_refused_with_both_shapes(tmp_path: Path, saved: Any) -> None:
    with pytest.raises(RuntimeError, match=r"named _head_layer.weight.*\[7, 4, 1, 1\].*\[3, 4, 1, 1\]"):
        WeightsRW(str(tmp_path)).load_for_transfer_learning(Net(7))


def test_a_shape_that_could_be_stretched_is_refused_too(tmp_path: Path) -> None:
    torch.save({**Net(3).state_dict(), "_head_layer.bias": torch.ones(1)}, tmp_path / "model.pt")

    with pytest.raises(RuntimeError, match=r"_head_layer\.bias"):
        WeightsRW(str(tmp_path)).load_strictly(Net(3))


@pytest.mark.parametrize(("extra", "missing"), [({"more": torch.zeros(1)}, None), ({}, "_head_layer.bias")])
def test_strict_loading_names_what_only_one_side_has(
    tmp_path: Path, extra: dict[str, Any], missing: str | None
) -> None:
    weights = {name: value for name, value in Net(3).state_dict().items() if name != missing}
    torch.save({**weights, **extra}, tmp_path / "model.pt")

    with pytest.raises(KeyError, match=missing or "more"):
        WeightsRW(str(tmp_path)).load_strictly(Net(3))


def test_weights_saved_by_old_torch_are_read(tmp_path: Path) -> None:
    torch.save(Net(3).state_dict(), tmp_path / "model.pt", _use_new_zipfile_serialization=False)

    WeightsRW(str(tmp_path)).load_strictly(Net(3))


class Anything:
    """Not a tensor: reading it back would run code."""


def test_a_file_with_more_than_tensors_is_refused_with_a_remedy(tmp_path: Path) -> None:
    torch.save({"model": Anything()}, tmp_path / "model.pt")

    with pytest.raises(RuntimeError, match=r"model\.pt is damaged or holds more than tensors.*state_dict"):
        WeightsRW(str(tmp_path)).load_strictly(Net(3))


def test_a_file_that_is_no_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save([1, 2], tmp_path / "model.pt")

    with pytest.raises(RuntimeError, match="holds a list instead of a state dict"):
        WeightsRW(str(tmp_path)).load_for_transfer_learning(Net(3))


def test_half_a_file_is_refused(tmp_path: Path, saved: Any) -> None:
    path = tmp_path / "model.pt"
    path.write_bytes(path.read_bytes()[:500])

    with pytest.raises(RuntimeError, match="is damaged"):
        WeightsRW(str(tmp_path)).load_strictly(Net(3))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"model\.pt"):
        WeightsRW(str(tmp_path)).load_strictly(Net(3))


def test_accuracy_leaves_ignored_pixels_out() -> None:
    outputs = torch.tensor([[[[9.0, 0.0], [0.0, 9.0]], [[0.0, 9.0], [9.0, 0.0]]]])  # guesses 0 1 / 1 0
    targets = torch.tensor([[[[0, 1], [0, 2]]]])

    assert MultiClassAccuracy()(outputs, targets) == 0.5
    assert MultiClassAccuracy(ignore_index=2)(outputs, targets) == pytest.approx(2 / 3)
    assert MultiClassAccuracy(squeeze_targets=False)(outputs, targets[:, 0]) == 0.5


def test_accuracy_of_nothing_is_nan() -> None:
    outputs, targets = torch.zeros(1, 2, 1, 1), torch.zeros(1, 1, 1, 1)

    assert np.isnan(MultiClassAccuracy(ignore_index=0)(outputs, targets))


def test_a_volatile_variable_keeps_its_values() -> None:
    variable = cuda_variable(torch.ones(2), volatile=True)

    assert variable.cpu().tolist() == [1, 1]
    assert not variable.requires_grad
