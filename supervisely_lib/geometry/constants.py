"""Keys of geometries in annotation files (contract: project_format.md 3, 4)."""

from __future__ import annotations

POINTS = "points"
EXTERIOR = "exterior"
INTERIOR = "interior"

BITMAP = "bitmap"
MULTICHANNEL_BITMAP = "multichannel_bitmap"
DATA = "data"
ORIGIN = "origin"

ANY_SHAPE = "any"
GEOMETRY_SHAPE = "shape"
GEOMETRY_TYPE = "geometryType"

ID = "id"
CLASS_ID = "classId"
LABELER_LOGIN = "labelerLogin"
CREATED_AT = "createdAt"
UPDATED_AT = "updatedAt"

NODES = "nodes"
EDGES = "edges"
LOC = "loc"
DISABLED = "disabled"
SRC = "src"
DST = "dst"
COLOR = "color"
LABEL = "label"

# Names of the official module that this SDK does not use itself.
COLS = "cols"
ENABLED = "enabled"
LOCATION = "location"
ROWS = "rows"
TEMPLATE = "template"
TYPE = "type"
