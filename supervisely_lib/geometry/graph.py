"""Key points with edges. The geometry_config of the class lists the nodes and the edges."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Callable

import numpy as np

from supervisely_lib.geometry.constants import COLOR, DISABLED, DST, EDGES, LABEL, LOC, NODES, SRC
from supervisely_lib.geometry.drawing import Array, paint
from supervisely_lib.geometry.geometry import Geometry
from supervisely_lib.geometry.point import Point
from supervisely_lib.geometry.point_location import PointLocation
from supervisely_lib.geometry.rectangle import Rectangle
from supervisely_lib.geometry.validation import int_points
from supervisely_lib.imaging.color import _validate_color, hex2rgb, rgb2hex
from supervisely_lib.io.json import JsonSerializable

if TYPE_CHECKING:
    from supervisely_lib.geometry.image_rotator import ImageRotator

Move = Callable[[PointLocation], PointLocation]


class Node(JsonSerializable):
    """A key point: its location, and whether it is disabled (not visible)."""

    def __init__(
        self,
        location: PointLocation | None = None,
        disabled: bool = False,
        label: str | None = None,
        row: float | None = None,
        col: float | None = None,
    ) -> None:
        """Takes either a location, or row and col; ValueError otherwise."""
        if location is None and row is not None and col is not None:
            location = PointLocation(row, col)
        elif location is None or row is not None or col is not None:
            raise ValueError("Either location or row and col must be specified")
        self._location = location
        self._disabled = disabled
        self._label = label

    @property
    def location(self) -> PointLocation:
        """Its location."""
        return self._location

    @property
    def disabled(self) -> bool:
        """Whether it is disabled; a disabled node and its edges are not drawn."""
        return self._disabled

    def to_json(self) -> dict[str, Any]:
        """Its form in a file; `disabled` is written only if true."""
        place: dict[str, Any] = {LOC: [self._location.col, self._location.row]}
        return {**place, DISABLED: True} if self._disabled else place

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Node:
        """ValueError or TypeError if `loc` is not a pair of numbers."""
        if not isinstance(data, Mapping) or LOC not in data:
            raise ValueError(f"A graph's node must contain {LOC} field.")
        col, row = int_points([data[LOC]], f"{NODES}.{LOC}")[0].tolist()
        return cls(PointLocation(row, col), disabled=bool(data.get(DISABLED, False)))

    def transform_location(self, transform_fn: Move) -> Node:
        """The node at another location."""
        return Node(transform_fn(self._location), self._disabled)


class GraphNodes(Geometry):
    """Nodes by id."""

    items_json_field = NODES

    @staticmethod
    def geometry_name() -> str:
        return "graph"

    def __init__(
        self,
        nodes: Mapping[str, Node] | Sequence[Node],
        sly_id: int | None = None,
        class_id: int | None = None,
        labeler_login: str | None = None,
        updated_at: str | None = None,
        created_at: str | None = None,
    ) -> None:
        """The nodes of a list get their labels as ids, or their numbers. ValueError for an empty list."""
        super().__init__(sly_id, class_id, labeler_login, updated_at, created_at)
        if len(nodes) == 0:
            raise ValueError("Empty list of nodes is not allowed for GraphNodes")
        if isinstance(nodes, Mapping):
            self._nodes = dict(nodes)
        else:
            self._nodes = {str(i) if node._label is None else node._label: node for i, node in enumerate(nodes)}

    @property
    def nodes(self) -> dict[str, Node]:
        """Nodes by id."""
        return self._nodes.copy()

    def _to_json_impl(self) -> dict[str, Any]:
        return {self.items_json_field: {node_id: node.to_json() for node_id, node in self._nodes.items()}}

    @classmethod
    def _from_json_impl(cls, data: Mapping[str, Any]) -> GraphNodes:
        nodes = data.get(cls.items_json_field)
        if not isinstance(nodes, Mapping):
            raise ValueError(f"Data must contain {cls.items_json_field} field with nodes by id.")
        return cls({node_id: Node.from_json(node) for node_id, node in nodes.items()})

    def crop(self, rect: Rectangle) -> list[GraphNodes]:
        """The graph itself if all nodes lie inside, else an empty list."""
        inside = all(rect.contains_point_location(node.location) for node in self._nodes.values())
        return [self.clone()] if inside else []

    def transform(self, transform_fn: Callable[[Node], Node]) -> GraphNodes:
        """A graph in which a function has transformed every node."""
        return GraphNodes({node_id: transform_fn(node) for node_id, node in self._nodes.items()})

    def transform_locations(self, transform_fn: Move) -> GraphNodes:
        """A graph in which a function has transformed the location of every node."""
        return self.transform(lambda node: node.transform_location(transform_fn))

    def rotate(self, rotator: ImageRotator) -> GraphNodes:
        return self.transform_locations(rotator.transform_point)

    def resize(self, in_size: Sequence[int], out_size: Sequence[int]) -> GraphNodes:
        return self.transform_locations(lambda place: place.resize(in_size, out_size))

    def scale(self, factor: float) -> GraphNodes:
        return self.transform_locations(lambda place: place.scale(factor))

    def translate(self, drow: int, dcol: int) -> GraphNodes:
        return self.transform_locations(lambda place: place.translate(drow, dcol))

    def fliplr(self, img_size: Sequence[int]) -> GraphNodes:
        return self.transform_locations(lambda place: place.fliplr(img_size))

    def flipud(self, img_size: Sequence[int]) -> GraphNodes:
        return self.transform_locations(lambda place: place.flipud(img_size))

    def _draw_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        self._draw_contour_impl(bitmap, color, thickness, config)

    def _draw_contour_impl(self, bitmap: Array, color: Any, thickness: int, config: Any) -> None:
        """Draw edges, then nodes, in the colours of the config if it has colours. A mask has one colour only."""
        import cv2

        edges, nodes = (config or {}).get(EDGES) or [], (config or {}).get(self.items_json_field) or {}
        own_colors = bitmap.dtype != np.bool_
        thickness = max(1, thickness)
        for edge in edges:
            ends = [self._nodes.get(edge[SRC]), self._nodes.get(edge[DST])]
            places = [(node.location.col, node.location.row) for node in ends if node and not node.disabled]
            if len(places) == 2:
                ink = edge.get(COLOR, color) if own_colors else color
                line = np.array(places, np.int32)
                paint(bitmap, ink, lambda canvas, ink, line=line: cv2.polylines(canvas, [line], False, ink, thickness))  # type: ignore[misc]
        for node_id, node in self._nodes.items():
            if not node.disabled:
                node_config = nodes.get(node_id)
                ink = color if node_config is None or not own_colors else node_config.get(COLOR, color)
                Point.from_point_location(node.location).draw(bitmap, ink, thickness)

    @property
    def area(self) -> float:
        return 0.0

    def to_bbox(self) -> Rectangle:
        return Rectangle.from_geometries_list(
            [Point.from_point_location(node.location) for node in self._nodes.values()]
        )

    def validate(self, obj_class_shape: str, settings: Any) -> None:
        super().validate(obj_class_shape, settings)
        if not settings:
            raise ValueError("A graph needs a class of shape graph, whose geometry_config lists its nodes.")
        unknown = self._nodes.keys() - settings[self.items_json_field].keys()
        if unknown:
            raise ValueError(f"Graph contains nodes not declared in the template: {unknown!r}.")

    @staticmethod
    def config_from_json(config: Any) -> Any:
        """The geometry_config of a class, with colours as [R, G, B]."""
        return _with_colors(config, hex2rgb)

    @staticmethod
    def config_to_json(config: Any) -> Any:
        """The geometry_config of a class, with colours as "#RRGGBB"."""
        return _with_colors(config, rgb2hex)

    @classmethod
    def allowed_transforms(cls) -> list[type[Geometry]]:
        from supervisely_lib.geometry.any_geometry import AnyGeometry

        return [AnyGeometry, Rectangle]


def _with_colors(config: Any, change: Callable[[Any], Any]) -> Any:
    if config is None:
        return None
    if not isinstance(config, Mapping) or not isinstance(config.get(NODES), Mapping):
        raise ValueError(f"geometry_config of a graph must be an object with {NODES} and {EDGES}.")
    result = copy.deepcopy(dict(config))
    edges = result.get(EDGES, [])
    parts = [*result[NODES].values(), *edges] if isinstance(edges, list) or edges in ("", {}) else [None]
    if not all(isinstance(part, (dict, list, str)) for part in parts):
        raise ValueError(f"geometry_config of a graph must have objects as {NODES} and a list of objects as {EDGES}.")
    for part in parts:
        if isinstance(part, dict) and COLOR in part:
            try:
                part[COLOR] = change(part[COLOR])
            except ValueError as e:
                raise ValueError(f"geometry_config of a graph has the color {part[COLOR]!r}: {e}") from None
    return result


class KeypointsTemplate(GraphNodes):
    """Builds a geometry_config step by step."""

    def __init__(self) -> None:
        self._config: dict[str, Any] = {self.items_json_field: {}, EDGES: []}
        self._nodes = {}

    def add_point(self, label: str, row: int, col: int, color: Sequence[int] = (0, 0, 255)) -> None:
        """Declare a node. KeyError if a node of that name exists."""
        _validate_color(color)
        nodes = self._config[self.items_json_field]
        if label in nodes:
            raise KeyError(f"Label {label} already exists in the graph")
        nodes[label] = {LABEL: label, LOC: [row, col], COLOR: list(color)}
        self._nodes[label] = Node(PointLocation(row=col, col=row))

    def add_edge(self, src: str, dst: str, color: Sequence[int] = (0, 255, 0)) -> None:
        """Declare an edge between two declared nodes; ValueError otherwise."""
        _validate_color(color)
        for label in (src, dst):
            if label not in self._config[self.items_json_field]:
                raise ValueError(f"There is no such node in the graph: {label}")
        self._config[EDGES].append({SRC: src, DST: dst, COLOR: list(color)})

    @property
    def config(self) -> dict[str, Any]:
        """For ObjClass(geometry_config=…)."""
        return self._config

    @property
    def point_names(self) -> list[str]:
        """Names of the nodes, in order."""
        return list(self._config[self.items_json_field])

    def to_json(self) -> dict[str, Any]:
        """The config for a file."""
        result: dict[str, Any] = self.config_to_json(self._config)
        return result
