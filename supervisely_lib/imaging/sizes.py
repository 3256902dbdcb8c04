"""Sizes of scaled images. Pure. The module is separate from imaging.image, so that geometry needs no image code."""

from __future__ import annotations

from collections.abc import Sequence

KEEP_ASPECT_RATIO = -1


def restore_proportional_size(
    in_size: Sequence[int],
    out_size: Sequence[int] | None = None,
    frow: float | None = None,
    fcol: float | None = None,
    f: float | None = None,
) -> tuple[int, int]:
    """The new (height, width): out_size, where one side may be -1 (keep the proportions); or in_size multiplied by
    the factor f; or by the factors frow and fcol. ValueError for any other combination.
    """
    if out_size is None:
        if f is not None:
            frow = fcol = f
        if frow is None or fcol is None:
            raise ValueError("A size or factors for rows and columns are needed.")
        if frow < 0 or fcol < 0:
            raise ValueError(f"Factors must be positive, not {frow} and {fcol}.")
        return round(frow * in_size[0]), round(fcol * in_size[1])

    if frow is not None or fcol is not None:
        raise ValueError("Must be specified output size or scale factors not both of them.")
    height, width = out_size
    if height == KEEP_ASPECT_RATIO and width == KEEP_ASPECT_RATIO:
        raise ValueError("Must be specified at least 1 dimension of size!")
    for side in (height, width):
        if side <= 0 and side != KEEP_ASPECT_RATIO:
            raise ValueError(f"Size dimensions must be greater than 0, not {height} × {width}.")
    if height == KEEP_ASPECT_RATIO:
        height = max(1, round(width / in_size[1] * in_size[0]))
    elif width == KEEP_ASPECT_RATIO:
        width = max(1, round(height / in_size[0] * in_size[1]))
    return height, width
