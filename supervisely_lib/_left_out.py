"""Names of the official SDKs that this SDK does not have, and what to use instead (docs/sdk.md, "Left out").

A name is written as it follows `supervisely_lib.`; the names below a package or module that is left out are left out
too. Loaded when a name is missing.
"""

from __future__ import annotations

_CLIENT = "install the official client (`pip install supervisely`) and use `supervisely.{}`."
_PROTOCOL = (
    "of the private protocol this SDK has what a deployed model needs: `worker_api.agent_api` and the messages of "
    "`worker_api.messages`."
)
_OTHER_DATA = f"this SDK reads projects of images; for videos, volumes and point clouds {_CLIENT}"
_APPLICATIONS = "it belongs to applications, which run on the real instance only."
_SHAPES = "the shapes of this SDK are bitmap, polygon, rectangle, line, point, graph, cuboid and any."
_TEXT = "draw texts on the array with Pillow's ImageDraw."


def _words(text: str) -> list[str]:
    return text.split()


# Of the SDKs of 2019 and later.
INSTEAD = {
    # the client of the instance
    "Api": _CLIENT.format("Api") + " It works with this web instance unchanged.",
    "api": _CLIENT.format("api") + " It works with this web instance unchanged.",
    "upload_project": _CLIENT.format("upload_project") + " Or let the agent read the folder: `agent project add`.",
    "project.project.upload_project": "let the agent read the folder: `agent project add`.",
    "save_project_as_pascal_voc_detection": _CLIENT.format("convert.to_pascal_voc"),
    "export": _CLIENT.format("convert"),
    "network_exceptions": "it belongs to `Api`; " + _CLIENT.format("io.network_exceptions"),
    "io.network_exceptions": "it belongs to `Api`; " + _CLIENT.format("io.network_exceptions"),
    "WaitingTimeExceeded": "it belongs to `Api`; " + _CLIENT.format("WaitingTimeExceeded"),
    "NotificationType": "it belongs to `Api`; " + _CLIENT.format("Api"),
    "UserRoleName": "it belongs to `Api`; " + _CLIENT.format("Api"),
    "user": "it belongs to `Api`; " + _CLIENT.format("Api"),
    "lj": "labelling jobs exist on the real instance only.",
    "labeling_jobs": "labelling jobs exist on the real instance only.",
    "file_cache": "it belongs to `Api`; " + _CLIENT.format("FileCache"),
    "report": "it belongs to applications, which run on the real instance only.",
    # the original agent's protocol
    "api_proto": _PROTOCOL,
    "worker_proto": _PROTOCOL,
    "worker_api.retriers": "`worker_api.agent_api.AgentAPI` tries calls again by itself.",
    "worker_api.rpc_servicer.VIDEO": _OTHER_DATA.format("video"),
    "worker_api.rpc_servicer.VIDEO_ID": _OTHER_DATA.format("video"),
    "worker_api.rpc_servicer.FRAME_INDEX": _OTHER_DATA.format("video"),
    # other data than images
    **{
        name: _OTHER_DATA.format(name)
        for name in _words(
            "Frame FrameCollection VideoAnnotation VideoDataset VideoFigure VideoObject "
            "VideoObjectCollection VideoProject download_video_project upload_video_project video "
            "PointcloudAnnotation PointcloudDataset PointcloudFigure PointcloudObject "
            "PointcloudProject download_pointcloud_project pointcloud"
        )
    },
    **{
        name: _OTHER_DATA.format("video" if "video" in name else "pointcloud")
        for name in _words(
            "imaging.video imaging._video project.video_project video_annotation "
            "project.pointcloud_project pointcloud_annotation geometry.pointcloud geometry.cuboid_3d "
            "geometry.point_3d"
        )
    },
    # shapes
    "AlphaMask": f"use `Bitmap`; {_SHAPES}",
    # applications
    **dict.fromkeys(
        _words(
            "AppService app app_widget docker_utils git io.docker_utils io.github_utils ps "
            "pyscripts_utils script task.task_logger"
        ),
        _APPLICATIONS,
    ),
    # texts on pictures
    "imaging.font": _TEXT,
    "imaging.image.CornerAnchorMode": _TEXT,
    "imaging.image.draw_text": _TEXT,
    "imaging.image.draw_text_sequence": _TEXT,
    # the inside of the official package
    "geometry.conversions": "the SDK converts shapes of shapely itself.",
    "geometry.main_tests": "it holds the tests of the official SDK.",
    "metric.metrics_tests": "it holds the tests of the official SDK.",
    "nn.inference.rest_client": "send the request with any HTTP client; `nn.inference.rest_server` lists the paths.",
}

# Of the SDK of 2018, which the SDK of 2019 replaced, name by name; empty if nothing took its place.
OF_2018 = {
    "Rect": "Rectangle",
    "FigClasses": "ObjClassCollection",
    "FigureBitmap": "Bitmap",
    "FigureFactory": "Label",
    "FigureLine": "Polyline",
    "FigurePoint": "Point",
    "FigurePolygon": "Polygon",
    "FigureRectangle": "Rectangle",
    "ImageResizer": "image.resize",
    "SlidingWindows": "geometry.sliding_windows.SlidingWindows",
    "color2code": "color.rgb2hex",
    "gen_new_color": "color.generate_rgb",
    "get_random_color": "color.random_rgb",
    "hex2rgb": "color.hex2rgb",
    "hex2rgba": "color.hex2rgb",
    "ProjectMetaFmt": "ProjectMeta",
    "DatasetStructure": "Dataset",
    "ProjectFS": "Project",
    "ProjectStructure": "Project",
    "ProjectWriterFS": "Project",
    "TaskHelperInference": "nn.hosted.inference_batch.BatchInferenceApplier",
    "TaskHelperTrain": "nn.hosted.trainer.SuperviselyModelTrainer",
    "task_verification": "main_wrapper",
    "TrainCheckpoints": "nn.hosted.trainer.TrainCheckpoints",
    "ProgressCounter": "Progress",
    **dict.fromkeys(
        _words(
            "progress_counter_dtl progress_counter_import progress_counter_inference "
            "progress_counter_train progress_download_nn progress_download_project "
            "progress_upload_project"
        ),
        "Progress",
    ),
    "ObjRenamer": "Renamer",
    "InferenceFeederFactory": "nn.hosted.inference_modes.InferenceModeFactory",
    "InfResultsToFeeder": "nn.hosted.inference_modes.InferenceModeFactory",
    "InfFeederBboxes": "nn.hosted.inference_modes.InfModeBboxes",
    "InfFeederFullImage": "nn.hosted.inference_modes.InfModeFullImage",
    "InfFeederRoi": "nn.hosted.inference_modes.InfModeRoi",
    "InfFeederSlWindow": "nn.hosted.inference_modes.InfModeSlidingWindowSegmentation",
    "json_dump": "json.dump_json_file",
    "json_dumps": "json.dump_json_file",
    "json_load": "json.load_json_file",
    "json_loads": "json.load_json_file",
    "CorruptedSampleCatcher": "nn.dataset.CorruptedSampleCatcher",
    "create_detection_classes": "nn.hosted.class_indexing.make_out_classes",
    "create_segmentation_classes": "nn.hosted.class_indexing.create_segmentation_classes",
    "detection_preds_to_sly_rects": "nn.raw_to_labels.detection_preds_to_sly_rects",
    "ensure_samples_nonempty": "nn.dataset.ensure_samples_nonempty",
    "prediction_to_sly_bitmaps": "nn.raw_to_labels.segmentation_array_to_sly_bitmaps",
    "samples_by_tags": "nn.dataset.samples_by_tags",
    "update_recursively": "nn.config.update_recursively",
    "rect_from_bounds": "aug.instance_crop",
    "random_rect_from_bounds": "aug.random_crop",
    "resize_inter_nearest": "image.resize_inter_nearest",
    "image_transpose_exif": "image.read",
    "ImgProto": "Dataset",
    "ImportImgLister": "fs.list_files",
    "overlay_images": "",
    **{
        name: f"fs.{name}"
        for name in _words(
            "archive_directory clean_dir copy_file ensure_base_path file_exists get_file_ext "
            "get_file_size get_subdirs mkdir remove_dir silent_remove"
        )
    },
    "get_image_hash": "image.get_hash",
    "list_dir": "fs.list_files",
    "remap_gpu_devices": "env.remap_gpu_devices",
    "required_env": "env",
    "function_wrapper_repeat": "function_wrapper",
    "generate_random_string": "rand_str",
    "StatTimer": "TinyTimer",
    "global_timer": "TinyTimer",
    "DtlHelper": "",
    "DtlPaths": "TaskPaths",
    "ImageDescriptor": "Annotation",
    "get_data_sources": "",
    "get_res_project_name": "",
    # packages and modules
    "dtl_utils": "",
    "figure": "geometry",
    "tasks": "task",
    "utils": "io, supervisely_lib.imaging or supervisely_lib.nn",
    "project.annotation": "annotation.annotation",
    "project.project_structure": "project.project",
}


def reason(name: str) -> str | None:
    """Why `supervisely_lib.<name>` is left out, in a sentence; None for any other name."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        known = ".".join(parts[:count])
        if known in INSTEAD:
            return f"supervisely_lib.{name} is not part of this SDK: {INSTEAD[known]}"
        if known in OF_2018:
            successor = OF_2018[known]
            rest = f"; use supervisely_lib.{successor}." if successor else ", without a successor."
            return f"supervisely_lib.{name} belongs to the SDK of 2018, which the SDK of 2019 has replaced{rest}"
    return None


def names() -> list[str]:
    """All names of the tables."""
    return sorted({*INSTEAD, *OF_2018})
