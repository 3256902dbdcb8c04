"""The schedule of validations during training."""

from supervisely_lib._lazy import lazy

__getattr__, __dir__ = lazy(__name__, {"eval_planner": "nn.training.eval_planner"})
