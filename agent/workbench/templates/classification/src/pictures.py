"""Pictures of predictions: the page of the task shows them by step."""

import numpy as np
import supervisely_lib as sly

FOLDER = "images"  # in results/, beside the checkpoints


def framed(image, is_right):
    """image (3, H, W) in [0, 1] → (H + 4, W + 4, 3) uint8 in a green frame, or in a red one for a wrong prediction."""
    pixels = (image.permute(1, 2, 0).cpu().numpy() * 255).astype(np.uint8)
    height, width = pixels.shape[:2]
    picture = np.full((height + 4, width + 4, 3), (0, 160, 80) if is_right else (210, 40, 40), np.uint8)
    picture[2:-2, 2:-2] = pixels
    return picture


def log_picture(name, step, picture, caption):
    """Write an image below results/ and name it in a line, which is an ordinary line elsewhere."""
    path = f"{sly.TaskPaths.RESULTS_DIR}/{FOLDER}/{name.replace('/', '_')}_{step:.4f}.png"
    sly.image.write(path, picture)
    asked = {"path": path, "name": name, "step": step, "caption": caption}
    sly.logger.info("prediction", extra={"image": asked})
