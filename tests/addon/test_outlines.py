"""The mesh of a picture: its outline from the front is the subject's, and the colours sit where the picture has
them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import relievo
from outline import Bools, Floats, front_colours, front_view, inner_part, iou, mean_difference, place
from pictures import Sample, read_picture, samples

SIDE = 512


@dataclass(frozen=True)
class Made:
    """A result as it looks from the front, beside the square of the picture that it was made from."""

    watertight: bool
    outline: Bools  # [SIDE, SIDE]
    colours: Floats  # [SIDE, SIDE, 3]
    subject: Bools  # the true mask where it is known, else the foreground's
    picture: Floats  # [SIDE, SIDE, 3]


@pytest.fixture(scope="module", params=samples(), ids=lambda sample: sample.name)
def made(request: pytest.FixtureRequest) -> Made:
    sample: Sample = request.param
    result = relievo.generate(sample.picture, mask=sample.mask)
    mesh = result.mesh
    view = front_view(mesh.vertices, mesh.faces, SIDE)
    if sample.true_mask:
        subject = place(read_picture(sample.true_mask)[..., 0], result.crop, SIDE) >= 0.5
    else:
        alpha = result.foreground[..., 3] / 255
        subject = place(alpha, (0, 0, alpha.shape[0]), SIDE) >= 0.5
    return Made(
        watertight=mesh.report.watertight,
        outline=view.outline,
        colours=front_colours(view, mesh.corner_uv, mesh.albedo),
        subject=subject,
        picture=place(read_picture(sample.picture)[..., :3], result.crop, SIDE),
    )


def test_outline_is_the_subjects(made: Made) -> None:
    assert iou(made.outline, made.subject) >= 0.9


def test_mesh_is_watertight(made: Made) -> None:
    assert made.watertight


def test_colours_are_the_pictures_and_not_its_mirror_images(made: Made) -> None:
    # Near the border colours are grown from inside, so that no background shows, and where an edge is soft the
    # background's share is taken out of the picture's colours.
    seen = inner_part(made.outline & made.subject, 5)
    difference = mean_difference(made.colours, made.picture, seen)
    assert difference < 0.03
    for axis in (0, 1):
        both = seen & np.flip(seen, axis)
        assert mean_difference(made.colours, np.flip(made.picture, axis), both) > 3 * difference
