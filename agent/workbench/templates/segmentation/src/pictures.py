"""Pictures of predictions: the page of the task shows them by step."""

import numpy as np
import supervisely_lib as sly

FOLDER = "images"  # in results/, beside the checkpoints


def class_colors(classes, title_to_idx):
    """(N, 3) uint8: the colour of each class id; black for ids without a class."""
    colors = np.zeros((max(title_to_idx.values()) + 1, 3), np.uint8)
    for obj_class in classes:
        colors[title_to_idx[obj_class.name]] = obj_class.color
    return colors


def truth_and_guess(image, truth, guess, colors):
    """image (3, H, W) in [0, 1], truth and guess (H, W) class ids → (H, 2·W, 3) uint8: the truth left of the guess."""
    pixels = (image.permute(1, 2, 0).cpu().numpy() * 255).astype(np.uint8)
    return np.concatenate([_tinted(pixels, ids.cpu().numpy(), colors) for ids in (truth, guess)], axis=1)


def _tinted(pixels, ids, colors):
    """The background (0) stays as it is."""
    return np.where((ids > 0)[..., None], pixels // 2 + colors[ids] // 2, pixels)


def log_picture(name, step, picture, caption):
    """Write an image below results/ and name it in a line, which is an ordinary line elsewhere."""
    path = f"{sly.TaskPaths.RESULTS_DIR}/{FOLDER}/{name.replace('/', '_')}_{step:.4f}.png"
    sly.image.write(path, picture)
    asked = {"path": path, "name": name, "step": step, "caption": caption}
    sly.logger.info("prediction", extra={"image": asked})
