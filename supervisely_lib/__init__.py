"""supervisely_lib: what a neural-network plugin imports.

    import supervisely_lib as sly

    project = sly.read_single_project(sly.TaskPaths.DATA_DIR)
    sly.report_metrics_training(epoch, {"loss": 0.25})

Same names, behaviour and bytes as the official SDK of 2019, without its weight: importing the
package loads nothing but this file (docs/sdk.md lists what is here, what differs and why).
"""

from __future__ import annotations

from supervisely_lib._lazy import lazy

_NAMES = {
    # logging and running
    "logger": "sly_logger:logger",
    "EventType": "sly_logger:EventType",
    "ServiceType": "sly_logger:ServiceType",
    "LOGGING_LEVELS": "sly_logger:LOGGING_LEVELS",
    "add_logger_handler": "sly_logger:add_logger_handler",
    "add_default_logging_into_file": "sly_logger:add_default_logging_into_file",
    "get_task_logger": "sly_logger:get_task_logger",
    "change_formatters_default_values": "sly_logger:change_formatters_default_values",
    "main_wrapper": "function_wrapper:main_wrapper",
    "function_wrapper": "function_wrapper:function_wrapper",
    "function_wrapper_nofail": "function_wrapper:function_wrapper_nofail",
    "function_wrapper_external_logger": "function_wrapper:function_wrapper_external_logger",
    "catch_silently": "function_wrapper:catch_silently",
    "TinyTimer": "tiny_timer:TinyTimer",
    # files, environment, JSON
    "fs": "io.fs",
    "env": "io.env",
    "json": "io.json",
    # the task
    "TaskPaths": "task.paths:TaskPaths",
    "Progress": "task.progress:Progress",
    "epoch_float": "task.progress:epoch_float",
    "report_agent_rpc_ready": "task.progress:report_agent_rpc_ready",
    "report_checkpoint_saved": "task.progress:report_checkpoint_saved",
    "report_dtl_finished": "task.progress:report_dtl_finished",
    "report_dtl_verification_finished": "task.progress:report_dtl_verification_finished",
    "report_import_finished": "task.progress:report_import_finished",
    "report_inference_finished": "task.progress:report_inference_finished",
    "report_metrics_training": "task.progress:report_metrics_training",
    "report_metrics_validation": "task.progress:report_metrics_validation",
    # pictures
    "image": "imaging.image",
    "color": "imaging.color",
    # projects
    "Project": "project.project:Project",
    "Dataset": "project.project:Dataset",
    "OpenMode": "project.project:OpenMode",
    "read_single_project": "project.project:read_single_project",
    "download_project": "project.download:download_project",
    "ProjectMeta": "project.project_meta:ProjectMeta",
    # annotations
    "ANN_EXT": "annotation.annotation:ANN_EXT",
    "Annotation": "annotation.annotation:Annotation",
    "Label": "annotation.label:Label",
    "PixelwiseScoresLabel": "annotation.label:PixelwiseScoresLabel",
    "ObjClass": "annotation.obj_class:ObjClass",
    "ObjClassCollection": "annotation.obj_class_collection:ObjClassCollection",
    "Tag": "annotation.tag:Tag",
    "TagCollection": "annotation.tag_collection:TagCollection",
    "TagMeta": "annotation.tag_meta:TagMeta",
    "TagValueType": "annotation.tag_meta:TagValueType",
    "TagMetaCollection": "annotation.tag_meta_collection:TagMetaCollection",
    "Renamer": "annotation.renamer:Renamer",
    # geometry
    "AnyGeometry": "geometry.any_geometry:AnyGeometry",
    "Bitmap": "geometry.bitmap:Bitmap",
    "SkeletonizeMethod": "geometry.bitmap:SkeletonizeMethod",
    "GraphNodes": "geometry.graph:GraphNodes",
    "KeypointsTemplate": "geometry.graph:KeypointsTemplate",
    "Node": "geometry.graph:Node",
    "MultichannelBitmap": "geometry.multichannel_bitmap:MultichannelBitmap",
    "Point": "geometry.point:Point",
    "PointLocation": "geometry.point_location:PointLocation",
    "Polygon": "geometry.polygon:Polygon",
    "Polyline": "geometry.polyline:Polyline",
    "Rectangle": "geometry.rectangle:Rectangle",
    "ImageRotator": "geometry.image_rotator:ImageRotator",
    "geometry_to_bitmap": "geometry.helpers:geometry_to_bitmap",
    # quality measures
    "MetricsBase": "metric.metric_base:MetricsBase",
    "IoUMetric": "metric.iou_metric:IoUMetric",
    "PixelAccuracyMetric": "metric.pixel_accuracy:PixelAccuracyMetric",
    "PrecisionRecallMetric": "metric.precision_recall_metric:PrecisionRecallMetric",
    "ConfusionMatrixMetric": "metric.confusion_matrix_metric:ConfusionMatrixMetric",
    "ClassificationMetrics": "metric.classification_metrics:ClassificationMetrics",
    "MAPMetric": "metric.map_metric:MAPMetric",
    "MetricProjectsApplier": "metric.projects_applier:MetricProjectsApplier",
    # small things plugins borrow
    "rand_str": "_utils:rand_str",
    "batched": "_utils:batched",
    "get_bytes_hash": "_utils:get_bytes_hash",
    "get_string_hash": "_utils:get_string_hash",
    "generate_names": "_utils:generate_names",
    "take_with_default": "_utils:take_with_default",
    # packages, so that sly.nn.hosted and the like resolve without a second import
    "annotation": "annotation",
    "collection": "collection",
    "geometry": "geometry",
    "imaging": "imaging",
    "io": "io",
    "metric": "metric",
    "nn": "nn",
    "project": "project",
    "task": "task",
    "sly_logger": "sly_logger",
}

_OFFICIAL = "Install the official client (`pip install supervisely`) and use `supervisely.{}`."
_LEFT_OUT = {
    "Api": _OFFICIAL.format("Api") + " It speaks to this web instance as it is.",
    "api": _OFFICIAL.format("api"),
    "upload_project": _OFFICIAL.format("upload_project") + " Or let the agent read the folder: `agent add-project`.",
    "aug": "Augment with numpy, OpenCV or albumentations; Annotation has crop, rotate, resize, fliplr and flipud.",
    "AgentAPI": "Only the original agent speaks this protocol; plugins never did.",
    "api_proto": "Only the original agent speaks this protocol; plugins never did.",
    "ChunkSplitter": "Only the original agent speaks this protocol; plugins never did.",
    "Cuboid": "Project shapes this SDK reads: bitmap, polygon, rectangle, line, point, graph, any.",
    "AlphaMask": "Use Bitmap; project shapes this SDK reads: bitmap, polygon, rectangle, line, point, graph, any.",
    "VideoAnnotation": _OFFICIAL.format("VideoAnnotation"),
    "VideoProject": _OFFICIAL.format("VideoProject"),
    "PointcloudAnnotation": _OFFICIAL.format("PointcloudAnnotation"),
    "PointcloudProject": _OFFICIAL.format("PointcloudProject"),
    "AppService": "Applications run on the real instance only.",
    "save_project_as_pascal_voc_detection": _OFFICIAL.format("save_project_as_pascal_voc_detection"),
}

__getattr__, __dir__ = lazy(__name__, _NAMES, _LEFT_OUT)

TYPE_CHECKING = False
if TYPE_CHECKING:  # what the table says, in words a type checker reads
    from supervisely_lib._utils import batched as batched
    from supervisely_lib._utils import generate_names as generate_names
    from supervisely_lib._utils import get_bytes_hash as get_bytes_hash
    from supervisely_lib._utils import get_string_hash as get_string_hash
    from supervisely_lib._utils import rand_str as rand_str
    from supervisely_lib._utils import take_with_default as take_with_default
