"""Pictures of detections, which the agent keeps and the page of the task shows by step."""

import numpy as np
import supervisely_lib as sly

FOLDER = "images"  # in results/, beside the checkpoints
SURE = 0.3  # boxes with a lower score are not drawn


def class_colors(classes, title_to_idx):
    """(N, 3) uint8: the colour of each class id."""
    colors = np.zeros((max(title_to_idx.values()) + 1, 3), np.uint8)
    for obj_class in classes:
        colors[title_to_idx[obj_class.name]] = obj_class.color
    return colors


def truth_and_guess(image, things, found, colors):
    """image (3, H, W) float in [0, 1], true and detected objects → (H, 2·W, 3) uint8.

    The true boxes are on the left, the detected ones on the right; colors as of `class_colors`.
    """
    pixels = (image.permute(1, 2, 0).cpu().numpy() * 255).astype(np.uint8)
    sure = found.scores >= SURE
    sides = ((things.boxes, things.classes), (found.boxes[sure], found.classes[sure]))
    return np.concatenate([_with_boxes(pixels, *side, colors) for side in sides], axis=1)


def _with_boxes(pixels, boxes, classes, colors):
    pixels = pixels.copy()
    height, width = pixels.shape[:2]
    for box, class_id in zip(boxes.cpu().numpy(), classes.tolist(), strict=True):
        top, left, bottom, right = np.clip(box.round().astype(int), 0, [height, width, height, width])
        outside = pixels[top:bottom, left:right]
        inside = outside[1:-1, 1:-1].copy()
        outside[:] = colors[class_id]
        outside[1:-1, 1:-1] = inside
    return pixels


def log_picture(name, step, picture, caption):
    """Write an image into results/ and ask the agent to keep it, by a line that is an ordinary one elsewhere."""
    path = f"{sly.TaskPaths.RESULTS_DIR}/{FOLDER}/{name.replace('/', '_')}_{step:.4f}.png"
    sly.image.write(path, picture)
    asked = {"path": path, "name": name, "step": step, "caption": caption}
    sly.logger.info("prediction", extra={"image": asked})
