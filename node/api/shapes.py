"""Shapes that several routes share. Ids are lower-case hex, times unix milliseconds."""

from typing import Annotated, Final, Self

from fastapi import Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from federation.ids import CenterId, center_id
from node.domain.project import Avoided, Part
from node.services.errors import Invalid

EXAMPLE_ID: Final = "5f0c1e9a7b3d42688e0a1c2d3e4f5061"
EXAMPLE_LONG_ID: Final = EXAMPLE_ID * 2
EXAMPLE_CENTER: Final = "lp1aaaabbbbccccddddeeeeffffgggghhhh"
EXAMPLE_MS: Final = 1_790_000_000_000

MAX_MS: Final = 4_102_444_800_000  # 2100, as in the domain
MAX_COUNT: Final = 1_000_000  # what the protocol lets a counted thing be
MAX_EXACT: Final = 2**53 - 1  # exact in every language that reads our JSON
MAX_TEXT_CHARS: Final = 2_000  # a reason or a note, not a report
MAX_SUBS: Final = 16  # above what the domain allows, so that its own words are heard

HexText = Annotated[
    str, StringConstraints(pattern=r"^([0-9a-f]{2}){1,80}$")
]  # an SM2 signature: 72
IdPath = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", examples=[EXAMPLE_ID])]
LongIdPath = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$", examples=[EXAMPLE_LONG_ID])]
CenterText = Annotated[
    str, StringConstraints(pattern=r"^lp1[a-z2-7]{32}$"), Field(examples=[EXAMPLE_CENTER])
]
CenterPath = Annotated[str, Path(pattern=r"^lp1[a-z2-7]{32}$", examples=[EXAMPLE_CENTER])]
Ms = Annotated[int, Field(ge=0, le=MAX_MS, examples=[EXAMPLE_MS])]
# What is too little is for the use case to say, with all that is wrong; these only bound it.
Count = Annotated[int, Field(ge=-MAX_COUNT, le=MAX_COUNT)]
Duration = Annotated[int, Field(ge=-MAX_MS, le=MAX_MS)]
Text = Annotated[str, StringConstraints(max_length=MAX_TEXT_CHARS)]


class Shape(BaseModel):
    """A body that we take or give; what is unknown in a request is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Made(Shape):
    """The id of what was made."""

    id: HexText = Field(examples=[EXAMPLE_ID])


class Done(Shape):
    """It is done."""

    done: bool = True


class Slots(Shape):
    """So many experts of one specialty."""

    specialty: str = Field(examples=["A0101"], max_length=16)
    count: int = Field(examples=[2])


class Unit(Shape):
    """A unit whose people are not drawn (回避单位), and its part in the project."""

    part: Part = Field(
        description="TENDEREE 招标人, AGENCY 招标代理机构, COMPETENT 主管部门或监督部门"
        " · tenderee, agency, competent department or supervision"
    )
    name: str = Field(examples=["吉安市住房和城乡建设局"])
    uscc: str = Field(examples=["11360800014503211T"])

    @classmethod
    def of(cls, avoided: Avoided) -> Self:
        """As the project has it."""
        return cls(part=avoided.part, name=avoided.party.name, uscc=avoided.party.uscc)


class Reason(Shape):
    """Why."""

    reason: Text = Field(default="", examples=["资料不全,请补充标段编号"])


def center(text: str) -> CenterId:
    """Parse a center id. Raises Invalid."""
    try:
        return center_id(text)
    except ValueError as error:
        raise Invalid("中心编号格式有误", "not a center id") from error


def raw(text: str) -> bytes:
    """The bytes of a hex id that was checked already."""
    return bytes.fromhex(text)
