"""What the keys of YAML files are declared with: dataclasses that pydantic checks in a file.

A dataclass that code makes itself is taken as it is; only files are checked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from difflib import get_close_matches
from typing import Annotated, ClassVar, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

# A key, below the mapping that has the fault, and what is wrong with its value.
Fault = tuple[tuple[str | int, ...], str]
Text = Annotated[str, Field(min_length=1)]
Names = Annotated[tuple[Text, ...], Field(min_length=1)]
Days = Annotated[int, Field(gt=0)]
FAULTS = "faults"


class Facts:
    """A mapping whose keys are the fields of a dataclass; any other key is a fault."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    def faults(self) -> Iterator[Fault]:
        """What is wrong though each value by itself is right; asked once they all are."""
        return iter(())

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        if found := [*self.faults()]:
            raise PydanticCustomError(FAULTS, "facts that contradict each other", {FAULTS: found})
        return self


def nearest(name: str, known: Collection[str]) -> str:
    """What may have been meant, to be appended to a sentence; else all that there is."""
    close = get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"
