"""Fields of bodies and queries whose values are read as on sockets (`protocol.values`): true for 1, "0.5" for 0.5, null for
"not given". Each of them needs a default.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal, Self

from ninja import Schema
from pydantic import AfterValidator, BeforeValidator, ModelWrapValidatorHandler, model_validator
from pydantic_core import PydanticCustomError, PydanticUseDefault

from streaming.protocol.parameters import OPENAI_SPEEDS, SPEEDS, clamped
from streaming.protocol.values import boolean_of, is_given, normalization_of, number_of, whole_number_of


def _or_default(read: Callable[[object], Any]) -> Callable[[object], Any]:
    def validate(value: object) -> Any:
        if not is_given(value):
            raise PydanticUseDefault
        return read(value)

    return validate


class SentObject(Schema):
    """An object within a body. `Schema` by itself reads attributes, and so takes a list or a text for an object in which
    nothing is given."""

    @model_validator(mode="wrap")
    @classmethod
    def _is_an_object(cls, value: Any, read: ModelWrapValidatorHandler[Self]) -> Self:
        if not isinstance(value, Mapping | cls):
            raise PydanticCustomError("object_type", "Input should be an object")
        return read(value)


def _same(value: object) -> object:
    return value


# For a choice or a name: null stands for the default.
OR_DEFAULT = BeforeValidator(_or_default(_same))
Number = Annotated[float, BeforeValidator(_or_default(number_of))]
WholeNumber = Annotated[int, BeforeValidator(_or_default(whole_number_of))]
# A boolean stands for one of the words here, too.
Normalization = Annotated[
    Literal["auto", "on", "off"], BeforeValidator(_or_default(lambda value: "on" if normalization_of(value) else "off"))
]
Boolean = Annotated[bool, BeforeValidator(_or_default(boolean_of))]

# Outside of its range, the nearest one is taken.
Speed = Annotated[Number, AfterValidator(partial(clamped, limits=SPEEDS))]
OpenAISpeed = Annotated[Number, AfterValidator(partial(clamped, limits=OPENAI_SPEEDS))]
