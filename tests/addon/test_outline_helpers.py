"""The measuring sticks of outline.py, against shapes that are known without them."""

import numpy as np
from numpy.typing import NDArray
from outline import Floats, front_colours, front_view, inner_part, iou, place

SIDE = 64


def card(left: float, bottom: float, right: float, top: float, y: float = 0.0) -> tuple[Floats, NDArray[np.int32]]:
    """A rectangle that faces -Y, as two triangles."""
    vertices = np.array([[left, y, bottom], [right, y, bottom], [right, y, top], [left, y, top]], np.float32)
    return vertices, np.array([[0, 1, 2], [0, 2, 3]], np.int32)


def test_view_covers_exactly_the_pixels_of_a_card() -> None:
    expected = np.zeros((SIDE, SIDE), bool)
    expected[:16, 48:] = True  # the top right corner
    assert (front_view(*card(0.5, 0.5, 1, 1), SIDE).outline == expected).all()


def test_card_outside_the_square_is_cut() -> None:
    assert front_view(*card(-3, -3, 3, 3), SIDE).outline.all()


def test_nearer_face_hides_the_farther_one() -> None:
    near, faces = card(-1, -1, 1, 1, y=-0.5)
    far, _ = card(-1, -1, 1, 1, y=0.5)
    for order in ([near, far], [far, near]):
        view = front_view(np.concatenate(order), np.concatenate([faces, faces + 4]), SIDE)
        seen = view.face // 2
        assert (seen == [v is near for v in order].index(True)).all()


def test_disc_of_small_triangles_has_the_outline_of_a_disc() -> None:
    angles = np.linspace(0, 2 * np.pi, 500, endpoint=False)
    rim = np.stack([0.8 * np.cos(angles), 0 * angles, 0.8 * np.sin(angles)], axis=1)
    vertices = np.concatenate([[[0, 0, 0]], rim]).astype(np.float32)
    index = np.arange(500)
    faces = np.stack([0 * index, 1 + index, 1 + (index + 1) % 500], axis=1).astype(np.int32)
    at = (np.arange(SIDE) + 0.5) / SIDE * 2 - 1
    assert iou(front_view(vertices, faces, SIDE).outline, at[:, None] ** 2 + at**2 < 0.64) > 0.99


def test_colours_come_from_the_uv_origin_at_the_bottom_left() -> None:
    vertices, faces = card(-1, -1, 1, 1)
    corner_uv = np.array([[[0, 0], [1, 0], [1, 1]], [[0, 0], [1, 1], [0, 1]]], np.float32)
    albedo = np.random.default_rng(1).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    colours = front_colours(front_view(vertices, faces, SIDE), corner_uv, albedo)
    assert np.allclose(colours, albedo / np.float32(255))


def test_placing_the_whole_picture_changes_nothing() -> None:
    picture = np.random.default_rng(2).random((SIDE, SIDE, 3), np.float32)
    assert np.allclose(place(picture, (0, 0, SIDE), SIDE), picture)


def test_placing_a_square_that_reaches_outside_fills_with_zero() -> None:
    placed = place(np.ones((8, 16), np.float32), (-4, -8, 16), 16)
    expected = np.zeros((16, 16), np.float32)
    expected[8:, 4:] = 1
    assert np.array_equal(placed, expected)


def test_inner_part_keeps_its_distance_from_borders_and_sides() -> None:
    mask = np.ones((9, 9), bool)
    mask[0, 0] = False
    expected = np.zeros((9, 9), bool)
    expected[2:-2, 2:-2] = True
    assert np.array_equal(inner_part(mask, 2), expected)
