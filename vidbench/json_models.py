"""Pydantic models from JSON documents, with every fault of a document as one error."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from vidbench.errors import first_problem
from vidmetrics.formats.documents import parse_json
from vidmetrics.formats.faults import UnreadableError

Model = TypeVar("Model", bound=BaseModel)


def model_from_json(model: type[Model], data: bytes, where: str = "The document") -> Model:
    """Return the model that a JSON document describes.

    Args:
        model: its class.
        data: the document, UTF-8.
        where: subject of the sentence in messages.

    Raises:
        UnreadableError: it is not JSON (see `vidmetrics.formats.documents.parse_json`), or violates the schema; names the
            first wrong field.
    """
    parse_json(data, where)
    try:
        # From the text, because strict validation of Python values would refuse a list where a tuple is meant.
        return model.model_validate_json(data)
    except ValidationError as error:
        place, what = first_problem(error)
        raise UnreadableError(f"{place}: {what}", where) from None
