"""The scenarios that the tests of the extension run inside Blender, by topic."""
