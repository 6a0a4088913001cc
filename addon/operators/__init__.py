"""Everything that can be clicked, a module for each section of the panel. The work is done elsewhere."""

from . import devices, finish, history, mask, models, object_views, picture, queue, redo, setup, sides, views

_MODULES = (picture, sides, mask, views, object_views, queue, redo, finish, history, devices, setup, models)
CLASSES = tuple(cls for module in _MODULES for cls in module.CLASSES)
