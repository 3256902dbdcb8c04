"""Annotations → masks, and masks → annotations (numpy and Pillow)."""

import base64
import io
import zlib

import numpy as np
from PIL import Image, ImageDraw


def class_ids_of(ann, ids):
    """An annotation, and class title → id → (H, W) uint8 of ids; 0 where no label is."""
    size = ann["size"]["width"], ann["size"]["height"]
    canvas = Image.new("L", size)
    draw = ImageDraw.Draw(canvas)
    for thing in ann["objects"]:
        number = ids[thing["classTitle"]]
        if thing.get("bitmap"):
            mask = _mask_of(thing["bitmap"]["data"])
            canvas.paste(number, tuple(thing["bitmap"]["origin"]), mask)
        elif len(thing["points"]["exterior"]) == 2:
            draw.rectangle([tuple(corner) for corner in thing["points"]["exterior"]], fill=number)
        else:
            draw.polygon([tuple(corner) for corner in thing["points"]["exterior"]], fill=number)
    return np.array(canvas)


def bitmap_object(mask, title):
    """mask (H, W) of true and false, with a true pixel → an object of an annotation."""
    rows, cols = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = mask[rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1]
    file = io.BytesIO()
    Image.fromarray(part.astype(np.uint8) * 255).convert("1").save(file, format="PNG", transparency=0)
    data = base64.b64encode(zlib.compress(file.getvalue())).decode()
    bitmap = {"origin": [int(cols[0]), int(rows[0])], "data": data}
    points = {"exterior": [], "interior": []}
    return {"classTitle": title, "description": "", "tags": [], "points": points, "bitmap": bitmap}


def _mask_of(data):
    image = Image.open(io.BytesIO(zlib.decompress(base64.b64decode(data)))).convert("RGBA")
    return image.getchannel("A").point(lambda alpha: 255 if alpha else 0)
