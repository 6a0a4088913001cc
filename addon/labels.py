"""The names in Blender's window of settings, their choices, models and stages. Knows nothing of Blender.

The engine's own names (`grid`, `instant-mesh-large`) stay in files, in Python and on the command line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """The label and tooltip of a setting."""

    label: str
    description: str


# The settings are in the order of the panel.
MODEL = {"model": Word("Model", "What makes the object. Quick Relief comes with Relievo; others are downloaded once")}
SIDES = {
    "sheet": Word(
        "Sheet",
        "The picture is a turnaround sheet: the sides of its figures in reading order, as in front,right,back. The "
        "cutout's preview shows how it is cut",
    ),
    "back": Word("Back Colors", "How Quick Relief colors the back where there is no picture of it"),
}
VIEWS = {
    "views": Word(
        "Own Views",
        "Your own images of the object from up to six sides, instead of those that the model paints: images named "
        "like cup_az030_el20.png (azimuth, elevation), their folder, or a list (.json) of them; or six at the model's "
        "own angles, also in one image of 3 rows and 2 columns",
    ),
    "view_count": Word("Views Used", "How many of six views the model sees: 6 or 4"),
    "seed": Word("Seed", "Where the model's random numbers begin; the same seed gives the same object"),
    "steps": Word("Steps", "Steps in which the views are painted; more take longer"),
    "input_size": Word("View Resolution", "Side of each view in pixels, a multiple of 16; less needs less memory"),
}
ADVANCED = {
    "sampler": Word("Sampler", "How the painting of the views goes from step to step"),
    "guidance": Word("Guidance", "How closely the painted views follow the picture"),
    "precision": Word("Precision", "How exactly numbers are computed; less exact needs less memory"),
}
SHAPE = {
    "grid": Word(
        "Shape Detail",
        "Cubes along each side of the box that holds the object; more show finer detail and take longer",
    ),
    "shape": Word("Shape", "What Quick Relief makes of one picture"),
    "depth": Word("Thickness", "How thick an object of Quick Relief becomes; at 1 a disc becomes a ball"),
    "faces": Word("Max Triangles", "The mesh is simplified to at most so many; 0 is no limit, else 100 or more"),
    "debris": Word("Remove Small Parts", "Drop loose parts that have less than this share of the surface; 0 keeps all"),
    "open_at_box": Word(
        "Leave Open at Borders", "Leave a shape that reaches the border of its box open there, instead of closing it"
    ),
}
TEXTURE = {
    "texture_size": Word("Texture Size", "Side of the texture in pixels"),
    "projection": Word("Picture onto Texture", "Lay the picture itself over the texture where it sees the object"),
    "normal_map": Word("Normal Map", "Keep the detail that fewer triangles lose in a normal map"),
    "vertex_colours": Word("Vertex Colors", "Store colors at the vertices, too"),
}
MASK = {
    "mask_threshold": Word("Edge Cutoff", "How certain a pixel must be to count as the subject"),
    "mask_invert": Word("Invert Mask", "Swap subject and background"),
    "subject": Word("Subject", "Which of several separate subjects, from left to right; 0 makes one object of all"),
}
SETTINGS: dict[str, Word] = {**MODEL, **SIDES, **VIEWS, **ADVANCED, **SHAPE, **TEXTURE, **MASK}

CHOICES = {  # by the choice, or by SETTING:CHOICE where a word has several meanings
    "back:auto": ("Automatic", "Fill where the front has features that its outline has not, such as a face"),
    "inflate": ("Inflate", "A round body: for photos and shaded drawings"),
    "extrude": ("Extrude", "A plate with round edges: for flat drawings, logos and pixel art"),
    "mirror": ("Mirror", "The front again"),
    "fill": ("Fill", "What the outline shows (hair, shell, cloth) continues round the back"),
    "euler-ancestral": ("Euler Ancestral", "The published one, with noise in each step"),
    "dpm-solver++": ("DPM-Solver++", "Good with few steps"),
    "unipc": ("UniPC", "Good with few steps"),
    "auto": ("Automatic", "With Quick Relief only, whose texture is the picture"),
    "on": ("On", "Always"),
    "off": ("Off", "Never: the texture is what the model has painted"),
}
PRECISIONS = (
    ("auto", "Automatic", "As the device computes best"),
    ("fp32", "32 Bit", "The most exact; needs most memory"),
    ("bf16", "16 Bit (bfloat)", "Half the memory; for newer devices"),
    ("fp16", "16 Bit (half)", "Half the memory; GPUs only"),
)

# Labels that stand beside the authors' own names.
_MODELS = {
    "preview": "Quick Relief (front and sides)",
    "u2net": "Better Cutout (U²-Net)",
    "zero123plus-v1.2": "Side Views (Zero123++ v1.2)",
    "instant-mesh-base": "Full 3D (InstantMesh base)",
    "instant-mesh-large": "Full 3D (InstantMesh large)",
    "instant-nerf-base": "Full 3D (NeRF, InstantMesh base)",
    "instant-nerf-large": "Full 3D (NeRF, InstantMesh large)",
    "triposr": "Full 3D (TripoSR)",
}

STAGES = {  # while a job is in it
    "": "Waiting",
    "loading": "Starting the Compute Engine",
    "foreground": "Finding the Subject",
    "multiview": "Painting Other Views",
    "reconstruct": "Reconstructing",
    "surface": "Meshing",
    "texture": "Texturing",
}
_NEEDED_FOR = {"foreground": "Cutout", "multiview": "Side views", "reconstruct": "Shape and color"}


def choice(setting: str, word: str) -> tuple[str, str]:
    """Returns the label and tooltip of a choice; a word that is not known here stands for itself."""
    return CHOICES.get(f"{setting}:{word}") or CHOICES.get(word) or (word, "")


def needed_for(stages: Sequence[str], is_embedded: bool) -> str:
    """Says what a model is needed for."""
    if is_embedded:
        return "Cutout and relief"
    return ", ".join(_NEEDED_FOR.get(stage, stage) for stage in stages)


def size(number: int) -> str:
    return f"{number / 1e9:.1f} GB" if number >= 1e9 else f"{number / 1e6:.0f} MB"


def model(name: str, title: str = "") -> str:
    """Returns a model's label; one that is not known here has its title."""
    return _MODELS.get(name) or title or name
