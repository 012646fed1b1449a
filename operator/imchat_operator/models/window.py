"""MaintenanceWindow, spec: when people work on the clusters, and what holds still meanwhile."""

from collections.abc import Iterable
from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field

from imchat_operator.models.base import Model, validations
from imchat_operator.models.schedule import Exclusion, Schedule
from imchat_operator.units import Duration, Instant, PositiveDuration


class WindowType(StrEnum):
    """Whether a window is announced beforehand, or approved in a hurry."""

    PLANNED = "Planned"
    EMERGENCY = "Emergency"


class Effect(StrEnum):
    """Which of two things a window is."""

    SILENCE = "Silence"
    PERMIT = "Permit"


class WindowAction(StrEnum):
    """What a window can hold."""

    HEALING = "Healing"
    SCALE_UP = "ScaleUp"
    SCALE_DOWN = "ScaleDown"
    REBALANCE = "Rebalance"
    ROLLOUT = "Rollout"


DEFAULT_ACTIONS = {
    Effect.SILENCE: (WindowAction.HEALING, WindowAction.SCALE_DOWN, WindowAction.REBALANCE),
    Effect.PERMIT: (WindowAction.SCALE_DOWN, WindowAction.REBALANCE),
}


class Overrun(StrEnum):
    """What becomes of an action that is under way when its time is over."""

    FINISH = "Finish"
    UNDO = "Undo"


class NoticePolicy(StrEnum):
    """What becomes of an opening that was declared too late."""

    WARN = "Warn"
    REQUIRE = "Require"


_LONGEST_KEY = 317  # a prefix of 253, a slash, a name of 63
_Key = Annotated[str, Field(max_length=_LONGEST_KEY)]
_Value = Annotated[str, Field(max_length=63)]


class ClusterSelector(Model):
    """Which ImChatClusters of the namespace are meant."""

    match_labels: dict[_Key, _Value] = Field(
        {},
        max_length=16,
        description="Labels that a cluster must have.",
        json_schema_extra=validations(
            {
                "rule": f"self.all(key, size(key) <= {_LONGEST_KEY})",
                "message": f"a label's name has at most {_LONGEST_KEY} characters",
            }
        ),
    )


class Approval(Model):
    """Who lets an emergency go ahead; the policies see to it that nobody else is named."""

    approved_by: str = Field(
        min_length=1, max_length=253, description="The user who sets this, by the API's own name."
    )
    at: Instant | None = Field(None, description="When, for the record.")


class ChecklistItem(Model):
    """One thing to have done before a window opens."""

    name: str = Field(min_length=1, max_length=63, description="What, such as rollback plan.")
    required: bool = Field(default=True, description="Whether it is missed when the window opens.")
    done: bool = Field(default=False, description="Whether it is done.")


_JUSTIFIED = {
    "rule": "self.type != 'Emergency' || (has(self.reason) && self.reason != '' "
    "&& has(self.ticket) && self.ticket != '')",
    "message": "an Emergency needs reason and ticket",
    "fieldPath": ".reason",
}
_AUTHORED = {
    "rule": "self.type != 'Emergency' || (has(self.requestedBy) && self.requestedBy != '')",
    "message": "an Emergency needs requestedBy: your own user name, as kubectl auth whoami "
    "tells it",
    "fieldPath": ".requestedBy",
}
_EXPIRING = {
    "rule": "self.type != 'Emergency' || (size(self.schedules) == 1 "
    "&& has(self.schedules[0].once) && timestamp(self.schedules[0].once.end) "
    "- timestamp(self.schedules[0].once.start) <= duration('8h'))",
    "message": "an Emergency is one schedule with once, of at most 8h",
    "fieldPath": ".schedules",
}
_VALID_FROM_UNTIL = {
    "rule": "!has(self.validFrom) || !has(self.validUntil) "
    "|| timestamp(self.validFrom) < timestamp(self.validUntil)",
    "message": "validUntil must be later than validFrom",
    "fieldPath": ".validUntil",
}
_GROWTH_NEVER_WAITS = {
    "rule": "self.effect != 'Permit' || !self.actions.exists(a, a == 'ScaleUp')",
    "message": "ScaleUp disrupts nobody and must not wait for a Permit window: remove it",
    "fieldPath": ".actions",
}
_TYPE_STAYS = {
    "rule": "self.type == oldSelf.type",
    "message": "type must stay as it is: delete the window and create another",
    "fieldPath": ".type",
}


class MaintenanceWindowSpec(Model):
    """A time in which people work on the clusters and automation holds still."""

    model_config = ConfigDict(
        json_schema_extra=validations(
            _JUSTIFIED,
            _AUTHORED,
            _EXPIRING,
            _VALID_FROM_UNTIL,
            _GROWTH_NEVER_WAITS,
            _TYPE_STAYS,
        )
    )

    type: WindowType = Field(
        WindowType.PLANNED,
        description="Planned: announced beforehand. Emergency: at once, needs reason, ticket, "
        "requestedBy and approval, and is over 8h after its start at the latest.",
    )
    effect: Effect = Field(
        Effect.SILENCE,
        description="Silence: the actions are held while it is open. "
        "Permit: the actions wait until it is open.",
    )
    actions: tuple[WindowAction, ...] = Field(
        (),
        max_length=5,
        description="What it holds. Without it: Healing, ScaleDown and Rebalance for Silence; "
        "ScaleDown and Rebalance for Permit.",
    )
    cluster_selector: ClusterSelector = Field(
        ClusterSelector(), description="Clusters it is for; without labels, all of the namespace."
    )
    schedules: tuple[Schedule, ...] = Field(
        min_length=1, max_length=16, description="Open while any of these is."
    )
    exclusions: tuple[Exclusion, ...] = Field(
        (), max_length=64, description="Days on which it stays closed, whatever schedules say."
    )
    valid_from: Instant | None = Field(None, description="It does nothing before.")
    valid_until: Instant | None = Field(None, description="It does nothing from then on.")
    min_replicas: int | None = Field(
        None, ge=1, le=1000, description="The fleet is not smaller while it is open."
    )
    prepare: Duration = Field(
        timedelta(minutes=15), description="How long before it opens minReplicas are there."
    )
    max_deferral: PositiveDuration = Field(
        timedelta(hours=840),
        description="Longest time that it keeps an action waiting; then the action goes on.",
    )
    start_cutoff: Duration = Field(
        timedelta(),
        description="How long before its time ends an action may no longer begin: before a "
        "Permit window closes, before a Silence window opens.",
    )
    overrun: Overrun = Field(
        Overrun.UNDO,
        description="What becomes of a scale-down or rebalance under way when its time ends: "
        "Finish or Undo. A repair is always finished.",
    )
    notice: tuple[PositiveDuration, ...] = Field(
        (timedelta(hours=168), timedelta(hours=24), timedelta(hours=1)),
        max_length=8,
        description="How long ahead it is announced; the longest is the notice that is due.",
    )
    notice_policy: NoticePolicy = Field(
        NoticePolicy.WARN,
        description="When it is declared too late for the longest notice. Warn: it opens all the "
        "same. Require: that opening is skipped.",
    )
    checklist: tuple[ChecklistItem, ...] = Field(
        (), max_length=32, description="What should be done before it opens; it opens anyway."
    )
    reason: str = Field("", max_length=512, description="Why; it is shown.")
    ticket: str = Field("", max_length=128, description="Where it is tracked, such as CHG-1234.")
    requested_by: str = Field(
        "",
        max_length=253,
        description="Who asks for an Emergency, by the API's own user name; the policies see to "
        "it that it is the user who wrote it last.",
    )
    approval: Approval | None = Field(
        None, description="Set by a user with the verb approve on maintenancewindows."
    )

    @property
    def held_actions(self) -> tuple[WindowAction, ...]:
        """What it holds: what it names, or else what its effect usually holds."""
        return tuple(dict.fromkeys(self.actions)) or DEFAULT_ACTIONS[self.effect]


def matches(selector: ClusterSelector, labels: Iterable[tuple[str, str]]) -> bool:
    """Return whether labels satisfy a selector; an empty selector takes everything."""
    return set(selector.match_labels.items()) <= set(labels)
