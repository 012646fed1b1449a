"""ImChatCluster, `status.sizing`: how the size came about, for `imchat explain`."""

from pydantic import Field

from imchat_operator.models.base import Model
from imchat_operator.models.scaling import Direction

MOST_STEPS = 8
MOST_OBSTACLES = 10


class SignalLoad(Model):
    """How loaded the fleet was by one signal, or why that was not known."""

    signal: str = Field("", max_length=64, description="Its name; empty if no sample was new.")
    percent: int | None = Field(None, description="Of what the gateways in rotation carry.")
    limit: int | None = Field(None, description="The signal's capacity target in percent.")
    load: str = Field("", max_length=64, description="The same in the signal's unit.")
    unit: str = Field("", max_length=64, description="The unit of load and capacity.")
    capacity: str = Field("", max_length=64, description="What one gateway carries at 100 %.")
    gateways: int | None = Field(None, description="That carry it.")
    unknown: str = Field("", max_length=512, description="Why it is not known.")


class SizingStep(Model):
    """One step from the load to a size: a wish, or a clamp."""

    reason: str = Field(max_length=64, description="The wish or clamp.")
    size: int = Field(description="Gateways, after this step.")
    why: str = Field(max_length=512, description="The figures.")


class Obstacle(Model):
    """What keeps the size from changing in one direction, whether or not that is wanted."""

    direction: Direction = Field(description="Which change of size it is in the way of.")
    reason: str = Field(max_length=64, description="What is in the way.")
    why: str = Field(max_length=512, description="The figures.")


class Sizing(Model):
    """How the size came about: loads, then each step in its order, and what is in the way."""

    by: str = Field(
        "", max_length=64, description="The rule or floor that asks; empty while none does."
    )
    loads: tuple[SignalLoad, ...] = Field(
        (), max_length=8, description="The load by each signal, in the spec's order."
    )
    steps: tuple[SizingStep, ...] = Field(
        (), max_length=MOST_STEPS, description="From the load to the size, in their order."
    )
    obstacles: tuple[Obstacle, ...] = Field(
        (), max_length=MOST_OBSTACLES, description="What is in the way of a change, if wanted."
    )
