"""supervisely_lib: the SDK that a neural-network plugin imports.

    import supervisely_lib as sly

    project = sly.read_single_project(sly.TaskPaths.DATA_DIR)
    sly.report_metrics_training(epoch, {"loss": 0.25})

It has the names, the behaviour and the output of the official SDK of 2019, but loads faster: importing the
package loads only this file. docs/sdk.md lists the differences and the names that are not included.
"""

import sys

# Older versions, also 2.7, have to read this file as far as the next line; so it has no newer syntax.
if sys.version_info < (3, 8):  # noqa: UP036
    raise ImportError(
        "supervisely_lib needs Python 3.8 or later, not {}.{}; "
        "build the plugin's image from a base with a newer Python.".format(*sys.version_info)
    )

from supervisely_lib._lazy import LeftOutModules, lazy

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
    # images
    "image": "imaging.image",
    "color": "imaging.color",
    # projects
    "Project": "project.project:Project",
    "Dataset": "project.project:Dataset",
    "OpenMode": "project.project:OpenMode",
    "read_single_project": "project.project:read_single_project",
    "download_project": "project.download:download_project",
    "ProjectMeta": "project.project_meta:ProjectMeta",
    "ProjectType": "project.project_type:ProjectType",
    # annotations
    "ANN_EXT": "annotation.annotation:ANN_EXT",
    "Annotation": "annotation.annotation:Annotation",
    "Label": "annotation.label:Label",
    "PixelwiseScoresLabel": "annotation.label:PixelwiseScoresLabel",
    "ObjClass": "annotation.obj_class:ObjClass",
    "ObjClassJsonFields": "annotation.obj_class:ObjClassJsonFields",
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
    "Cuboid": "geometry.cuboid:Cuboid",
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
    "deserialize_geometry": "geometry.helpers:deserialize_geometry",
    "geometry_to_bitmap": "geometry.helpers:geometry_to_bitmap",
    # images together with their annotations
    "aug": "aug.aug",
    # quality metrics
    "MetricsBase": "metric.metric_base:MetricsBase",
    "IoUMetric": "metric.iou_metric:IoUMetric",
    "PixelAccuracyMetric": "metric.pixel_accuracy:PixelAccuracyMetric",
    "PrecisionRecallMetric": "metric.precision_recall_metric:PrecisionRecallMetric",
    "ConfusionMatrixMetric": "metric.confusion_matrix_metric:ConfusionMatrixMetric",
    "ClassificationMetrics": "metric.classification_metrics:ClassificationMetrics",
    "MAPMetric": "metric.map_metric:MAPMetric",
    "MetricProjectsApplier": "metric.projects_applier:MetricProjectsApplier",
    # deployed models
    "AgentAPI": "worker_api.agent_api:AgentAPI",
    "ChunkSplitter": "worker_api.chunking:ChunkSplitter",
    "ChunkedFileReader": "worker_api.chunking:ChunkedFileReader",
    "ChunkedFileWriter": "worker_api.chunking:ChunkedFileWriter",
    # small helpers that plugins use
    "COMMUNITY": "_utils:COMMUNITY",
    "ENTERPRISE": "_utils:ENTERPRISE",
    "rand_str": "_utils:rand_str",
    "batched": "_utils:batched",
    "get_bytes_hash": "_utils:get_bytes_hash",
    "get_string_hash": "_utils:get_string_hash",
    "generate_names": "_utils:generate_names",
    "take_with_default": "_utils:take_with_default",
    "timeit": "decorators.profile:timeit",
    # packages, so that sly.nn.hosted resolves without a second import
    "annotation": "annotation",
    "collection": "collection",
    "geometry": "geometry",
    "imaging": "imaging",
    "io": "io",
    "metric": "metric",
    "nn": "nn",
    "project": "project",
    "task": "task",
    "worker_api": "worker_api",
    "sly_logger": "sly_logger",
}

__getattr__, __dir__ = lazy(__name__, _NAMES)
sys.meta_path.append(LeftOutModules)

TYPE_CHECKING = False
if TYPE_CHECKING:  # the same names as in the table, for type checkers
    from supervisely_lib import annotation as annotation
    from supervisely_lib import collection as collection
    from supervisely_lib import geometry as geometry
    from supervisely_lib import imaging as imaging
    from supervisely_lib import io as io
    from supervisely_lib import metric as metric
    from supervisely_lib import nn as nn
    from supervisely_lib import project as project
    from supervisely_lib import sly_logger as sly_logger
    from supervisely_lib import task as task
    from supervisely_lib import worker_api as worker_api
    from supervisely_lib._utils import COMMUNITY as COMMUNITY
    from supervisely_lib._utils import ENTERPRISE as ENTERPRISE
    from supervisely_lib._utils import batched as batched
    from supervisely_lib._utils import generate_names as generate_names
    from supervisely_lib._utils import get_bytes_hash as get_bytes_hash
    from supervisely_lib._utils import get_string_hash as get_string_hash
    from supervisely_lib._utils import rand_str as rand_str
    from supervisely_lib._utils import take_with_default as take_with_default
    from supervisely_lib.annotation.annotation import ANN_EXT as ANN_EXT
    from supervisely_lib.annotation.annotation import Annotation as Annotation
    from supervisely_lib.annotation.label import Label as Label
    from supervisely_lib.annotation.label import PixelwiseScoresLabel as PixelwiseScoresLabel
    from supervisely_lib.annotation.obj_class import ObjClass as ObjClass
    from supervisely_lib.annotation.obj_class import ObjClassJsonFields as ObjClassJsonFields
    from supervisely_lib.annotation.obj_class_collection import ObjClassCollection as ObjClassCollection
    from supervisely_lib.annotation.renamer import Renamer as Renamer
    from supervisely_lib.annotation.tag import Tag as Tag
    from supervisely_lib.annotation.tag_collection import TagCollection as TagCollection
    from supervisely_lib.annotation.tag_meta import TagMeta as TagMeta
    from supervisely_lib.annotation.tag_meta import TagValueType as TagValueType
    from supervisely_lib.annotation.tag_meta_collection import TagMetaCollection as TagMetaCollection
    from supervisely_lib.aug import aug as aug
    from supervisely_lib.decorators.profile import timeit as timeit
    from supervisely_lib.function_wrapper import catch_silently as catch_silently
    from supervisely_lib.function_wrapper import function_wrapper as function_wrapper
    from supervisely_lib.function_wrapper import function_wrapper_external_logger as function_wrapper_external_logger
    from supervisely_lib.function_wrapper import function_wrapper_nofail as function_wrapper_nofail
    from supervisely_lib.function_wrapper import main_wrapper as main_wrapper
    from supervisely_lib.geometry.any_geometry import AnyGeometry as AnyGeometry
    from supervisely_lib.geometry.bitmap import Bitmap as Bitmap
    from supervisely_lib.geometry.bitmap import SkeletonizeMethod as SkeletonizeMethod
    from supervisely_lib.geometry.cuboid import Cuboid as Cuboid
    from supervisely_lib.geometry.graph import GraphNodes as GraphNodes
    from supervisely_lib.geometry.graph import KeypointsTemplate as KeypointsTemplate
    from supervisely_lib.geometry.graph import Node as Node
    from supervisely_lib.geometry.helpers import deserialize_geometry as deserialize_geometry
    from supervisely_lib.geometry.helpers import geometry_to_bitmap as geometry_to_bitmap
    from supervisely_lib.geometry.image_rotator import ImageRotator as ImageRotator
    from supervisely_lib.geometry.multichannel_bitmap import MultichannelBitmap as MultichannelBitmap
    from supervisely_lib.geometry.point import Point as Point
    from supervisely_lib.geometry.point_location import PointLocation as PointLocation
    from supervisely_lib.geometry.polygon import Polygon as Polygon
    from supervisely_lib.geometry.polyline import Polyline as Polyline
    from supervisely_lib.geometry.rectangle import Rectangle as Rectangle
    from supervisely_lib.imaging import color as color
    from supervisely_lib.imaging import image as image
    from supervisely_lib.io import env as env
    from supervisely_lib.io import fs as fs
    from supervisely_lib.io import json as json
    from supervisely_lib.metric.classification_metrics import ClassificationMetrics as ClassificationMetrics
    from supervisely_lib.metric.confusion_matrix_metric import ConfusionMatrixMetric as ConfusionMatrixMetric
    from supervisely_lib.metric.iou_metric import IoUMetric as IoUMetric
    from supervisely_lib.metric.map_metric import MAPMetric as MAPMetric
    from supervisely_lib.metric.metric_base import MetricsBase as MetricsBase
    from supervisely_lib.metric.pixel_accuracy import PixelAccuracyMetric as PixelAccuracyMetric
    from supervisely_lib.metric.precision_recall_metric import PrecisionRecallMetric as PrecisionRecallMetric
    from supervisely_lib.metric.projects_applier import MetricProjectsApplier as MetricProjectsApplier
    from supervisely_lib.project.download import download_project as download_project
    from supervisely_lib.project.project import Dataset as Dataset
    from supervisely_lib.project.project import OpenMode as OpenMode
    from supervisely_lib.project.project import Project as Project
    from supervisely_lib.project.project import read_single_project as read_single_project
    from supervisely_lib.project.project_meta import ProjectMeta as ProjectMeta
    from supervisely_lib.project.project_type import ProjectType as ProjectType
    from supervisely_lib.sly_logger import LOGGING_LEVELS as LOGGING_LEVELS
    from supervisely_lib.sly_logger import EventType as EventType
    from supervisely_lib.sly_logger import ServiceType as ServiceType
    from supervisely_lib.sly_logger import add_default_logging_into_file as add_default_logging_into_file
    from supervisely_lib.sly_logger import add_logger_handler as add_logger_handler
    from supervisely_lib.sly_logger import change_formatters_default_values as change_formatters_default_values
    from supervisely_lib.sly_logger import get_task_logger as get_task_logger
    from supervisely_lib.sly_logger import logger as logger
    from supervisely_lib.task.paths import TaskPaths as TaskPaths
    from supervisely_lib.task.progress import Progress as Progress
    from supervisely_lib.task.progress import epoch_float as epoch_float
    from supervisely_lib.task.progress import report_agent_rpc_ready as report_agent_rpc_ready
    from supervisely_lib.task.progress import report_checkpoint_saved as report_checkpoint_saved
    from supervisely_lib.task.progress import report_dtl_finished as report_dtl_finished
    from supervisely_lib.task.progress import report_dtl_verification_finished as report_dtl_verification_finished
    from supervisely_lib.task.progress import report_import_finished as report_import_finished
    from supervisely_lib.task.progress import report_inference_finished as report_inference_finished
    from supervisely_lib.task.progress import report_metrics_training as report_metrics_training
    from supervisely_lib.task.progress import report_metrics_validation as report_metrics_validation
    from supervisely_lib.tiny_timer import TinyTimer as TinyTimer
    from supervisely_lib.worker_api.agent_api import AgentAPI as AgentAPI
    from supervisely_lib.worker_api.chunking import ChunkedFileReader as ChunkedFileReader
    from supervisely_lib.worker_api.chunking import ChunkedFileWriter as ChunkedFileWriter
    from supervisely_lib.worker_api.chunking import ChunkSplitter as ChunkSplitter
