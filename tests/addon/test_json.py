"""JSON of any origin: one reader with limits, and no Blender that ends because of a document."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from in_blender import facts_of
from relievo import _store

ADDON = Path(__file__).resolve().parents[2] / "addon"


@pytest.fixture(scope="module")
def nested(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return facts_of("nested_documents", tmp_path_factory.mktemp("nested"))


def test_object_with_a_nested_document_is_none_of_relievos(nested: dict[str, Any]) -> None:
    for redone, is_offered, can_redo, used in nested["objects"]:
        assert redone == "['FINISHED']", "the import's options are the defaults"
        assert (is_offered, can_redo) == (False, False)
        assert "was not made by Relievo" in used


def test_record_with_nested_documents_is_shown_and_placed(nested: dict[str, Any]) -> None:
    for is_there, is_shown, used, placed, left, taken_up in nested["records"]:
        assert (is_there, is_shown, used, placed) == (True, True, "['FINISHED']", 1)
        assert left == ["quarters"]
        assert taken_up == "['FINISHED']"


def test_rows_that_are_none_of_ours_are_left_out(nested: dict[str, Any]) -> None:
    assert nested["foreign_keys"] == ["right"]


def test_nested_settings_of_the_machine_are_the_defaults(nested: dict[str, Any]) -> None:
    assert nested["machine"] == ["True"] * 3


def test_stored_result_with_a_nested_document_is_refused(nested: dict[str, Any]) -> None:
    assert nested["results"] == ["The stored result cannot be read."] * 3


def test_repository_with_a_nested_list_is_said_to_be_unreadable(nested: dict[str, Any]) -> None:
    assert all("its list cannot be read: it nests more than" in told for told in nested["updates"])


def test_work_goes_on_after_nested_documents(nested: dict[str, Any]) -> None:
    objects, newer = nested["made"]
    assert objects == ["quarters", "quarters.001"]
    assert newer.startswith("Relievo 99.0.0 is there")


@pytest.mark.parametrize("text", ["", "nothing", '{"a": 1, "a": 2}', "[" * 33 + "]" * 33, '"\udc80"', "NaN", b"\xff"])
def test_reader_refuses_with_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"it |twice"):
        _store.read_json(text)


def test_reader_gives_pythons_own_values() -> None:
    text = '{"a": [1, -2, 18446744073709551615, 0.5, true, null, "☕\\u0000"], "b": {}}'
    assert _store.read_json(text) == {"a": [1, -2, 2**64 - 1, 0.5, True, None, "☕\0"], "b": {}}
    assert [type(value) for value in _store.read_json("[1, 1.0, true]")] == [int, float, bool]


def test_nothing_in_the_extension_reads_json_by_itself() -> None:
    own = [file.name for file in ADDON.rglob("*.py") if re.search(r"json\.loads?\b|JSONDecoder", file.read_text())]
    assert own == []
