"""The models: fetched, imported, removed."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from .. import lines, models, seen, setup_panel
from ..downloads import SetupError
from ..paths import ASKED_FILE
from .base import Confirmed, SetupOperator, WithFile

_DIALOG = 420  # pixels
_BESIDE = 70  # pixels beside a line of a sidebar that a dialog has not: icon, box and tabs


class _ModelOperator(SetupOperator):
    model: StringProperty(name="Model", options={"SKIP_SAVE"})

    def chosen(self) -> models.Model | None:
        return next(iter(_named(self.model)), None)


def _named(names: str) -> list[models.Model]:
    return [model for model in models.catalogue() if model.name in names.split() and not model.embedded]


class RELIEVO_OT_fetch_model(SetupOperator):
    bl_idname = "relievo.fetch_model"
    bl_label = "Download Model"
    bl_description = "Download this model. What was fetched before is not fetched again"

    model: StringProperty(
        name="Model", description="A model, or several with a space between them", options={"SKIP_SAVE"}
    )
    accept_licence: BoolProperty(
        name="I accept this",
        description="Accept the license of a model that may not be used for anything",
        options={"SKIP_SAVE"},
    )

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        wanted = _named(properties.model)
        if not wanted:
            return ""
        done = (
            "Fetch it"
            if any(not model.is_installed for model in wanted)
            else "Check its files, and fetch again what is wrong"
        )
        return " ".join([f"{done}.", *(f"{model.description}. {model.terms}" for model in wanted)])

    def unaccepted(self) -> list[models.Model]:
        """Returns the models that are to be fetched and whose licence forbids something."""
        return [model for model in _named(self.model) if not model.is_free and not model.is_installed]

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if self.accept_licence or not self.unaccepted():
            return self.execute(context)
        words = {"title": "Accept the License?", "confirm_text": "Download"}
        answer: set[str] = context.window_manager.invoke_props_dialog(self, width=_DIALOG, **words)
        return answer

    def draw(self, context: bpy.types.Context) -> None:
        for model in self.unaccepted():
            self.layout.label(text=model.title)
            lines.draw(self.layout, model.terms, _DIALOG + _BESIDE, "NONE")
        self.layout.prop(self, "accept_licence")

    def run(self, context: bpy.types.Context) -> set[str]:
        setup_panel.refuse_offline()
        if not self.accept_licence:
            for model in self.unaccepted():
                raise SetupError(
                    f"The license '{model.licence}' of the model '{model.name}' was not accepted.",
                    "Nothing was fetched. Read what it means, and accept it.",
                    "invalid_settings",
                )
        if (wanted := _named(self.model)) and setup_panel.installation() is None:
            setup_panel.start(models.install_online(*wanted))
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
