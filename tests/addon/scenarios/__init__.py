"""What the tests of the extension do inside Blender, by topic."""
