"""Random changes of the colours and sharpness of an image: uint8 (h, w, 3) in and out."""

from __future__ import annotations

import numpy as np

from supervisely_lib.geometry.drawing import Array


def _check_factors(min_factor: float, max_factor: float) -> None:
    if min_factor < 0:
        raise ValueError("Minimum value must be greater than or equal to 0.")
    if min_factor > max_factor:
        raise ValueError("Maximum value must be greater than or equal to minimum value.")


def _as_uint8(image: Array) -> Array:
    result: Array = np.clip(image, 0, 255).astype(np.uint8)
    return result


def random_contrast(image: Array, min_factor: float, max_factor: float) -> Array:
    """The image with distances from the mean gray multiplied by a random factor of that range."""
    import cv2

    _check_factors(min_factor, max_factor)
    mean = round(float(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).mean()))
    factor = np.random.uniform(min_factor, max_factor)
    return _as_uint8(factor * (image.astype(np.float32) - mean) + mean)


def random_brightness(image: Array, min_factor: float, max_factor: float) -> Array:
    """The image with all values multiplied by a random factor of that range."""
    _check_factors(min_factor, max_factor)
    return _as_uint8(image.astype(np.float32) * np.random.uniform(min_factor, max_factor))


def random_noise(image: Array, mean: float, std: float) -> Array:
    """The image with Gaussian noise; mean and deviation are in gray levels."""
    return _as_uint8(image.astype(np.float32) + np.random.normal(mean, std, image.shape))


def random_color_scale(image: Array, min_factor: float, max_factor: float) -> Array:
    """The image with each channel multiplied by a random factor of its own from that range."""
    return _as_uint8(image * np.random.uniform(min_factor, max_factor, (1, 1, image.shape[2])))


def blur(image: Array, kernel_size: int) -> Array:
    """Each pixel becomes the mean of a square with that side."""
    import cv2

    return np.asarray(cv2.blur(image, (kernel_size, kernel_size)))


def median_blur(image: Array, kernel_size: int) -> Array:
    """Each pixel becomes the median of a square with that side, which must be odd."""
    import cv2

    return np.asarray(cv2.medianBlur(image, kernel_size))


def gaussian_blur(image: Array, sigma_min: float, sigma_max: float) -> Array:
    """The image blurred with a random sigma from that range, in pixels."""
    import cv2

    return np.asarray(cv2.GaussianBlur(image, (0, 0), np.random.uniform(sigma_min, sigma_max)))
