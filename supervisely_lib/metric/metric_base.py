"""The interface of all metrics."""

from __future__ import annotations

from typing import Any

from supervisely_lib.annotation.annotation import Annotation


class MetricsBase:
    """Collects pairs of annotations of the same image: ground truth and prediction."""

    def add_pair(self, ann_gt: Annotation, ann_pred: Annotation) -> None:
        """Add the pair of an image."""
        raise NotImplementedError

    def get_metrics(self) -> dict[Any, Any]:
        """The values for each class or tag."""
        raise NotImplementedError

    def get_total_metrics(self) -> dict[Any, Any]:
        """The values for all classes or tags together."""
        raise NotImplementedError

    def log_total_metrics(self) -> None:
        """Write all values to the log."""
        from supervisely_lib.sly_logger import logger

        for name, values in self.get_metrics().items():
            logger.info("%s", name, extra={"metric_values": _printable(values)})
        logger.info("Total values", extra={"metric_values": _printable(self.get_total_metrics())})


def _printable(values: Any) -> Any:
    if isinstance(values, dict):
        return {str(key): _printable(value) for key, value in values.items()}
    return values.item() if hasattr(values, "item") else values
