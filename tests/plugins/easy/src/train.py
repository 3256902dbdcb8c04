"""Training, with the loop of the SDK."""

import torch
from net import make_net
from torch.nn import functional

import supervisely_lib as sly
from supervisely_lib.nn.hosted.pytorch.trainer import PytorchSegmentationTrainer


def loss(scores, targets):
    return functional.cross_entropy(scores, targets)


def share_right(scores, targets):
    return (scores.argmax(dim=1) == targets).float().mean()


def main():
    torch.manual_seed(7)  # with few steps luck would decide
    trainer = PytorchSegmentationTrainer(
        model_factory_fn=make_net,
        optimization_loss_fn=loss,
        training_metrics_dict={"accuracy": share_right},
        default_model_config={"width": 12},
    )
    trainer.train()


if __name__ == "__main__":
    sly.main_wrapper("EASY_TRAIN", main)
