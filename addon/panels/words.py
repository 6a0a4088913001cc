"""Formats numbers for the panel."""


def seconds(number: float) -> str:
    return f"{number:.0f} s" if number < 100 else f"{number / 60:.0f} min"
