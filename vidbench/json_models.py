"""Pydantic models from JSON documents, with every fault of a document as one error."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError

from vidbench.errors import first_problem
from vidmetrics.formats.documents import parse_json
from vidmetrics.formats.faults import UnreadableError

Model = TypeVar("Model", bound=BaseModel)


class InvalidDocumentError(UnreadableError):
    """A document that is not JSON or violates a schema.

    Attributes:
        place: the first wrong field, e.g. ``"metrics.fvd.value"``, or ``"the document"``.
        problem: what is wrong there, without a full stop.
    """

    def __init__(self, place: str, problem: str, where: str) -> None:
        super().__init__(f"{place}: {problem}", where)
        self.place, self.problem = place, problem


def model_from_json(model: type[Model], data: bytes, where: str = "The document") -> Model:
    """Return the model that a JSON document describes.

    Args:
        model: its class.
        data: the document, UTF-8.
        where: subject of the sentence in messages.

    Raises:
        InvalidDocumentError: it is not JSON (see `vidmetrics.formats.documents.parse_json`), or violates the schema; names the
            first wrong field.
    """
    try:
        parse_json(data, where)
        # From the text, because strict validation of Python values would refuse a list where a tuple is meant.
        return model.model_validate_json(data)
    except ValidationError as error:
        raise InvalidDocumentError(*first_problem(error), where) from None
    except UnreadableError as error:
        raise InvalidDocumentError("the document", error.clause, where) from None
