"""The models: fetched, imported, removed."""

from pathlib import Path

import bpy
from bpy.props import StringProperty

from .. import models, seen, setup_panel
from ..paths import ASKED_FILE
from .base import Confirmed, SetupOperator, WithFile


class _ModelOperator(SetupOperator):
    model: StringProperty(name="Model", options={"SKIP_SAVE"})

    def chosen(self) -> models.Model | None:
        return next((model for model in models.catalogue() if model.name == self.model and not model.embedded), None)


class RELIEVO_OT_fetch_model(_ModelOperator):
    bl_idname = "relievo.fetch_model"
    bl_label = "Download Model"
    bl_description = "Download this model. What was fetched before is not fetched again"

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        model = next((model for model in models.catalogue() if model.name == properties.model), None)
        if model is None:
            return ""
        done = "Check its files, and fetch again what is wrong" if model.is_installed else "Fetch it"
        return f"{done}. {model.description}. Licence: {model.licence}. {model.licence_note}"

    def run(self, context: bpy.types.Context) -> set[str]:
        setup_panel.refuse_offline()
        if (model := self.chosen()) is not None and setup_panel.installation() is None:
            setup_panel.start(models.install_online(model))
        return self.ended()


class RELIEVO_OT_import_model(WithFile, _ModelOperator):
    bl_idname = "relievo.import_model"
    bl_label = "Import Model"
    bl_description = "Copy this model from a weight file, from a folder or from a zip that holds it"

    filepath: StringProperty(name="File or Folder", **ASKED_FILE)

    def run(self, context: bpy.types.Context) -> set[str]:
        if (model := self.chosen()) is not None and setup_panel.installation() is None:
            setup_panel.start(models.install_from(model, Path(bpy.path.abspath(self.filepath))))
        return self.ended()


class RELIEVO_OT_remove_model(Confirmed, _ModelOperator):
    bl_idname = "relievo.remove_model"
    bl_label = "Remove Model"
    bl_description = "Delete this model's files from this machine"

    def run(self, context: bpy.types.Context) -> None:
        if (model := self.chosen()) is not None:
            models.remove(model)
            seen.look()


CLASSES = (RELIEVO_OT_fetch_model, RELIEVO_OT_import_model, RELIEVO_OT_remove_model)
