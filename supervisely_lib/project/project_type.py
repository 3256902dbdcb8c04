"""Kinds of projects of the platform."""

from __future__ import annotations

from supervisely_lib.collection.str_enum import StrEnum


class ProjectType(StrEnum):
    """The `projectType` of meta.json. This SDK reads projects of images."""

    IMAGES = "images"
    VIDEOS = "videos"
    VOLUMES = "volumes"
    POINT_CLOUDS = "point_clouds"
