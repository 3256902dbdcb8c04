"""Pictures of predictions: the page of the task shows them by step."""

import numpy as np
import supervisely_lib as sly

FOLDER = "images"  # in results/, beside the checkpoints


def class_colors(classes, title_to_idx):
    """Class id → colour."""
    return {title_to_idx[obj_class.name]: obj_class.color for obj_class in classes}


def truth_and_guess(image, truth, guess, colors):
    """image (3, H, W) in [0, 1], truth and guess: boxes and class ids → (H, 2·W, 3) uint8: the truth is on the left."""
    pixels = (image.permute(1, 2, 0).cpu().numpy() * 255).astype(np.uint8)
    return np.concatenate([_with_boxes(pixels.copy(), *things, colors) for things in (truth, guess)], axis=1)


def _with_boxes(pixels, boxes, classes, colors):
    height, width = pixels.shape[:2]
    for box, class_id in zip(boxes.round().long().tolist(), classes.tolist(), strict=True):
        top, left, bottom, right = box
        edges = (max(top, 0), max(left, 0), min(bottom, height) - 1, min(right, width) - 1)
        if edges[2] >= edges[0] and edges[3] >= edges[1]:
            sly.Rectangle(*edges).draw_contour(pixels, colors[class_id])
    return pixels


def log_picture(name, step, picture, caption):
    """Write an image below results/ and name it in a line, which is an ordinary line elsewhere."""
    path = f"{sly.TaskPaths.RESULTS_DIR}/{FOLDER}/{name.replace('/', '_')}_{step:.4f}.png"
    sly.image.write(path, picture)
    asked = {"path": path, "name": name, "step": step, "caption": caption}
    sly.logger.info("prediction", extra={"image": asked})
