"""Pictures of predictions of both examples: the truth on the left, the guess on the right, each over the image."""

import numpy as np
import torch
from pictures import class_colors, truth_and_guess

from supervisely_lib import ObjClass, Rectangle
from tests.support import detection_example


def test_a_class_has_its_own_colour_at_its_id():
    apple, pear = ObjClass("apple", Rectangle, color=[200, 0, 0]), ObjClass("pear", Rectangle, color=[0, 100, 0])

    colors = class_colors([apple, pear], {"apple": 1, "pear": 3})

    assert colors.tolist() == [[0, 0, 0], [200, 0, 0], [0, 0, 0], [0, 100, 0]]


def test_classes_tint_their_pixels_and_background_and_ignored_pixels_stay():
    image = torch.full((3, 1, 3), 100 / 255)
    truth, guess = torch.tensor([[0, 1, -1]]), torch.tensor([[1, 1, 0]])
    colors = np.array([[9, 9, 9], [200, 0, 40]], np.uint8)

    picture = truth_and_guess(image, truth, guess, colors)

    plain, red = [100, 100, 100], [150, 50, 70]
    assert picture.dtype == np.uint8
    assert picture.tolist() == [[plain, red, plain, red, red, plain]]


def test_boxes_are_outlined_in_the_colours_of_their_classes_and_unsure_ones_are_left_out():
    image = torch.zeros(3, 4, 4)
    things = detection_example.boxes.Things(torch.tensor([[0.0, 0, 3, 3]]), torch.tensor([0]))
    found = detection_example.boxes.Found(
        torch.tensor([[1.0, 1, 9, 9], [0, 0, 4, 4]]), torch.tensor([1, 0]), torch.tensor([0.9, 0.1])
    )
    colors = np.array([[7, 7, 7], [200, 200, 200]], np.uint8)

    picture = detection_example.pictures.truth_and_guess(image, things, found, colors)

    assert picture[..., 0].tolist() == [
        [7, 7, 7, 0, 0, 0, 0, 0],
        [7, 0, 7, 0, 0, 200, 200, 200],
        [7, 7, 7, 0, 0, 200, 0, 200],
        [0, 0, 0, 0, 0, 200, 200, 200],
    ]
