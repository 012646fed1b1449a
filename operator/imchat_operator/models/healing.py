"""ImChatCluster, `spec.healing`: what counts as a failed gateway, and how much is done about it."""

from datetime import timedelta

from pydantic import Field

from imchat_operator.models.base import Model
from imchat_operator.models.scaling import Mode
from imchat_operator.units import Duration, Percent, PositiveDuration


class HealingPause(Model):
    """A reason to begin no repair; healing goes on once every one of them is gone."""

    reason: str = Field(min_length=1, max_length=256, description="Why; shown in the condition.")


class Zombie(Model):
    """How a gateway that is ready, and serves nobody properly, is told by its peers' figures."""

    messages: str = Field(
        "imchat_gateway_messages_total",
        max_length=128,
        description="Counter of messages answered, of each gateway. Empty: traffic is not judged.",
    )
    errors: str = Field(
        "imchat_gateway_errors_total",
        max_length=128,
        description="Counter of client sessions that ended in an error. Empty: not judged.",
    )
    error_factor: int = Field(
        5,
        ge=2,
        le=1000,
        description="Errors per connection, in multiples of the peers' median, that are an "
        "outlier.",
    )


class Healing(Model):
    """What counts as a failed gateway, and how much is repaired at a time."""

    mode: Mode = Field(
        Mode.AUTO,
        description="Auto repairs. Recommend says what it would repair. Observe only watches.",
    )
    pauses: tuple[HealingPause, ...] = Field(
        (), max_length=8, description="Reasons to begin no repair for now."
    )
    restarts: int = Field(
        3, ge=1, le=20, description="Restarts within restartSpan that are a crash loop."
    )
    restart_span: PositiveDuration = Field(
        timedelta(minutes=20), description="The span in which restarts count."
    )
    unresponsive_for: PositiveDuration = Field(
        timedelta(seconds=30), description="Silence of a running gateway that counts as a hang."
    )
    not_ready_for: PositiveDuration = Field(
        timedelta(minutes=2),
        description="Time a gateway may be not ready; also that its node may be cordoned, under "
        "pressure or, while the gateway answers, not ready.",
    )
    zombie_for: PositiveDuration = Field(
        timedelta(minutes=2), description="Time a gateway may be an outlier among its peers."
    )
    zombie: Zombie = Field(Zombie(), description="By which figures peers are compared.")
    pending_for: PositiveDuration = Field(
        timedelta(minutes=5),
        description="Time a gateway may wait for a node, an image or its configuration untold.",
    )
    failed_for: Duration = Field(
        timedelta(minutes=1), description="Time a failed or evicted pod is left lying."
    )
    terminating_for: PositiveDuration = Field(
        timedelta(minutes=1), description="Time a pod may outlive its grace period."
    )
    max_concurrent: int = Field(
        1,
        ge=1,
        le=16,
        description="Gateways repaired at the same time; those lost with one node count as one.",
    )
    max_per_hour: int = Field(
        20, ge=1, le=120, description="Repairs begun within an hour, over the whole fleet."
    )
    min_healthy: Percent = Field(
        51,
        description="Share of healthy gateways in percent below which no repair is begun: "
        "when most look ill, the cause is elsewhere.",
    )
    storm_cooldown: Duration = Field(
        timedelta(minutes=2),
        description="Time without new repairs after the fleet, or a dependency, has recovered.",
    )
    recovered_for: PositiveDuration = Field(
        timedelta(minutes=1),
        description="Time a replacement has to stay well; one that does not is repaired with "
        "back-off.",
    )
    backoff: PositiveDuration = Field(
        timedelta(minutes=1),
        description="Wait before a second repair in the same place; doubles up to an hour.",
    )
    evict_within: PositiveDuration = Field(
        timedelta(minutes=1),
        description="Time that the eviction of an ill gateway may be refused before it is "
        "deleted; for one that is well, draining.deadline is the limit.",
    )
    replace_within: PositiveDuration = Field(
        timedelta(minutes=5), description="Time for the replacement to become ready."
    )
