"""Quality of predicted annotations, measured against ground truth."""

from supervisely_lib._lazy import lazy

_MODULES = (
    "classification_metrics common confusion_matrix_metric iou_metric map_metric matching metric_base "
    "pixel_accuracy precision_recall_metric projects_applier"
)
__getattr__, __dir__ = lazy(__name__, {name: f"metric.{name}" for name in _MODULES.split()})
