"""Messages of the engine and the set-up in the words of Blender's window, by code and setting. Knows nothing of
Blender.

The engine speaks to people at a command line as well. Here, and only here, names of settings and models become labels,
and a hint that names a command, an option, an environment variable or pip becomes what a person can click.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from . import labels
from .failure import Failure

# Remedies for a failure whose hint by the engine is for a command line, by its code; for `io`, by remedy.
_HINTS: Mapping[str, str] = {
    "model_missing": "Download the model under Model in the panel, or in the preferences.",
    "model_corrupt": "Remove the model in the preferences and download it again.",
    "model_mismatch": "Remove the model in the preferences and download it again.",
    "out_of_memory": "Close other programs, lower Shape Detail or Texture Size, switch more devices on under Compute, "
    "or allow Lower Quality If Memory Runs Out.",
    "device_lost": "Check the device's cables, cooling and driver and restart Blender, or switch it off under Compute.",
    "invalid_settings": "Change the setting and try again.",
    "invalid_image": "Choose another picture.",
    "io": "Check that there is room on the disk and that the folder may be written to, then try again.",
    "network": "Check the connection and try again: what has arrived is kept.",
    "setup": "Install the compute engine in the preferences.",
    "addons": "Disable the add-on that loaded it in the preferences, then restart Blender.",
}
_ELSEWHERE = re.compile(
    r"`|\brelievo [a-z]+\b|(?<!\w)--[a-z]|\b[A-Z]+_[A-Z_]+\b|\bpip\b|\bmake [a-z]|\bnvidia-smi\b|\blossy\b"
)
_VARIABLES = {"RELIEVO_RUNTIME_DIR names": "The folder of LibTorch is", "RELIEVO_MODELS": "the folder of models"}
_STAGES = {
    "foreground": "the cutout",
    "multiview": "the side views",
    "reconstruct": "the reconstruction",
    "surface": "the mesh",
    "simplify": "the simplified mesh",
    "texture": "the texture",
}
_EXACT = {
    "The mask 'file' has no mask_file.": "There is no mask file: choose it under Mask.",
    "Costs are estimated; every finished picture measures them.": "Times are estimates until the first mesh is made.",
    "Costs are measured.": "Times were measured on this machine.",
}
# Replacements that tell how the work is shared out in plain words.
_PLAN = {
    " with everything resident": "",
    "each with its own stages resident": "each with stages of its own",
    "the weights of": "the models for",
    "host memory": "the computer's memory",
    " device groups take pictures": " groups of devices take pictures",
    "The VAE": "The decoder of the side views",
    ", 1 at a time": ", one at a time",
}
_NAMES = "|".join(sorted(map(re.escape, labels.SETTINGS), key=len, reverse=True))
_SETTING = re.compile(rf"(?<=^Invalid |^Unknown )({_NAMES})(?= ')")
_MODEL = re.compile(
    r"(?<![\w/\\.-])'?((?:instant-(?:mesh|nerf)|zero123plus|u2net|triposr)(?:[\w.-]*\w)?)'?(?![\w/\\-])"
)


def in_blender(failure: Failure) -> Failure:
    """Returns the failure as it is told to a person who has a window and no command line."""
    if failure.message in _EXACT:  # the replacement says what to do
        return replace(failure, message=_EXACT[failure.message], hint="")
    message, hint = text(failure.message), text(failure.hint)
    if _ELSEWHERE.search(hint):
        hint = _HINTS.get(failure.remedy if failure.code == "io" else "") or _HINTS.get(failure.code, "")
    return replace(failure, message=message, hint=hint)


def text(said: str) -> str:
    """Returns a message, hint or note with labels in place of names."""
    if said in _EXACT:
        return _EXACT[said]
    for variable, means in _VARIABLES.items():
        said = said.replace(variable, means)
    said = _SETTING.sub(lambda found: labels.SETTINGS[found[1]].label, said)
    said = said.replace("The model 'preview'", f"The model '{labels.model('preview')}'")
    return _MODEL.sub(lambda found: f"'{labels.model(found[1])}'", said)


def device(note: str) -> str:
    """Says why a device is left out; advice for a command line becomes something that can be clicked."""
    sentences = re.split(r"(?<=[.:]) (?=[A-Z])", note)
    told = [text(sentence) for sentence in sentences if not _ELSEWHERE.search(sentence)]
    if len(told) < len(sentences):
        told.append("Install the compute engine for NVIDIA GPU in the preferences.")
    return " ".join(told)


def plan(lines: list[str]) -> list[str]:
    """Returns the plan's sentences, which name stages by what they make."""
    told = []
    for line in map(text, lines):
        for words, means in _PLAN.items():
            line = line.replace(words, means)
        line = re.sub(r"^cpu\b", "The CPU", line)
        for name, means in _STAGES.items():
            line = re.sub(rf"\b{name}\b", means, line)
        if not _ELSEWHERE.search(line):
            told.append(line)
    return told
