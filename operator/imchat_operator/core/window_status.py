"""Where a maintenance window stands: state, times, conditions, and the Events to post."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import islice

from imchat_operator.core.decision import Reason, Subject, Verdict, decision_id
from imchat_operator.core.notices import effect_text, leads, remembered, told, unchecked
from imchat_operator.core.openings import Invalid, Occurrence
from imchat_operator.core.outbox import pending_events
from imchat_operator.core.snapshot import Window
from imchat_operator.core.status import announcements, conditions
from imchat_operator.core.window_openings import declaration, is_approved, opened, utc
from imchat_operator.models import (
    MaintenanceWindowStatus,
    NoticePolicy,
    WindowState,
    WindowType,
)
from imchat_operator.units import duration_text

_MOST_NAMED = 3
_MOST_PENDING = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class _Outlook:
    """A window's state, its opening now, and the next one."""

    state: WindowState
    current: Occurrence | None = None
    following: Occurrence | None = None
    fault: Invalid | None = None

    @property
    def shown(self) -> Occurrence | None:
        """The opening that `opens` and `closes` tell of."""
        return self.current or self.following


def window_status(
    window: Window, clusters: tuple[str, ...], posted: frozenset[str], now: datetime
) -> MaintenanceWindowStatus:
    """Return a window's next status.

    Args:
        window: the window, with its status as last written.
        clusters: names of the ImChatClusters that it selects.
        posted: receipts of pending Events known to be posted.
        now: the time.
    """
    found, before = _outlook(window, now), window.status
    verdicts = _verdicts(window, found, now)
    states = conditions(before.conditions, verdicts, window.generation, now)
    shown, following = found.shown, found.following
    is_valid = found.state is not WindowState.INVALID
    after = MaintenanceWindowStatus(
        observed_generation=window.generation,
        state=found.state,
        opens=shown.start if shown else None,
        closes=shown.end if shown else None,
        next=following.start if following else None,
        clusters=_listed(clusters),
        declaration=declaration(window, now) if is_valid else before.declaration,
        told=remembered(window, following.start if following else None, now),
        conditions=states,
    )
    notices = (
        *(told(window, after, found.current, now) if is_valid else ()),
        *announcements(window.subject, before.conditions, states),
    )
    events = (
        *(e for e in before.pending_events if e.receipt not in posted),
        *pending_events(decision_id(window.uid, now), notices, now),
    )
    return after.model_copy(update={"pending_events": events[-_MOST_PENDING:]})


def unreadable(
    subject: Subject, before: MaintenanceWindowStatus, generation: int, why: str, now: datetime
) -> MaintenanceWindowStatus:
    """Return the next status of a window whose spec can't be understood: it holds nothing.

    Args:
        subject: the window.
        before: its status as last written.
        generation: of its spec.
        why: it can't be understood, naming the field.
        now: the time.
    """
    verdict = _verdict("Valid", Reason.WINDOW_INVALID, why, holds=False)
    states = conditions(before.conditions, (verdict,), generation, now)
    told = announcements(subject, before.conditions, states)
    return MaintenanceWindowStatus(
        observed_generation=generation,
        state=WindowState.INVALID,
        declaration=before.declaration,
        conditions=states,
        pending_events=pending_events(decision_id(subject.uid, now), told, now),
    )


def next_change(window: Window, now: datetime) -> datetime | None:
    """Return when a window's status may change by itself; None if never."""
    found = _outlook(window, now)
    moments = [m for o in (found.current, found.following) if o for m in (o.start, o.end)]
    if found.following is not None:
        moments += [found.following.start - lead for lead in leads(window.spec)]
    return min((m for m in moments if m > now), default=None)


def _outlook(window: Window, now: datetime) -> _Outlook:
    found = opened(window, now)
    if isinstance(found, Invalid):
        return _Outlook(state=WindowState.INVALID, fault=found)
    ahead = tuple(islice(found, 2))
    if not ahead:
        return _Outlook(state=WindowState.ENDED)
    is_open = ahead[0].start <= now
    state = WindowState.OPEN if is_open else WindowState.SCHEDULED
    following = (ahead[1] if len(ahead) > 1 else None) if is_open else ahead[0]
    return _Outlook(
        state=state if is_approved(window.spec) else WindowState.UNAPPROVED,
        current=ahead[0] if is_open else None,
        following=following,
    )


def _listed(names: tuple[str, ...]) -> str:
    """Return names as a column shows them."""
    more = len(names) - _MOST_NAMED
    listed = ", ".join(name[:63] for name in sorted(names)[:_MOST_NAMED])
    return f"{listed} and {more} more" if more > 0 else listed


def _verdicts(window: Window, found: _Outlook, now: datetime) -> tuple[Verdict, ...]:
    if found.state is WindowState.INVALID:
        return (_valid(window, found),)
    lasting = () if found.state is WindowState.ENDED else (*_approved(window), *_checked(window))
    return (_valid(window, found), *_noticed(window, found, now), *lasting)


def _valid(window: Window, found: _Outlook) -> Verdict:
    shown = found.shown
    reason, message = Reason.WINDOW_ENDED, "it does not open again"
    if found.fault is not None:
        reason, message = Reason.WINDOW_INVALID, f"{found.fault.field}: {found.fault.why}"
    elif found.state is WindowState.OPEN and shown is not None:
        reason = Reason.WINDOW_OPEN
        message = f"{effect_text(window.spec)} until {utc(shown.end)}"
    elif shown is not None:
        reason = Reason.WINDOW_SCHEDULED
        message = f"opens at {utc(shown.start)} and closes at {utc(shown.end)}"
    return _verdict("Valid", reason, message, holds=found.fault is None)


def _verdict(kind: str, reason: Reason, message: str, *, holds: bool) -> Verdict:
    return Verdict(type=kind, status="True" if holds else "False", reason=reason, message=message)


def _approved(window: Window) -> list[Verdict]:
    spec = window.spec
    if spec.type is not WindowType.EMERGENCY:
        return []
    reason = Reason.APPROVAL_MISSING
    message = (
        "it does nothing: spec.approval is missing, which a user with the verb approve on "
        "maintenancewindows sets"
    )
    if spec.approval is not None:
        reason = Reason.APPROVED
        message = f"{spec.approval.approved_by} approved {spec.ticket}: {spec.reason}"
    holds = spec.approval is not None
    return [_verdict("Approved", reason, message, holds=holds)]


def _noticed(window: Window, found: _Outlook, now: datetime) -> list[Verdict]:
    spec, notice = window.spec, max(leads(window.spec), default=None)
    if notice is None:
        return []
    declared = declaration(window, now).at
    skipped = _skipped(window, now)
    opening = skipped or found.shown
    if opening is None:
        return []
    is_given = opening.start - declared >= notice
    reason, message = Reason.NOTICE_GIVEN, f"declared at {utc(declared)}"
    if not is_given:
        ahead = duration_text(max(opening.start - declared, timedelta()))
        what = "is skipped" if spec.notice_policy is NoticePolicy.REQUIRE else "takes place"
        reason = Reason.SHORT_NOTICE
        message = (
            f"the opening at {utc(opening.start)} {what}: declared {ahead} ahead, "
            f"{duration_text(notice)} are due"
        )
    return [_verdict("NoticeGiven", reason, message, holds=is_given)]


def _skipped(window: Window, now: datetime) -> Occurrence | None:
    """Return the opening that is skipped for want of notice, if it is the next one."""
    if window.spec.notice_policy is not NoticePolicy.REQUIRE:
        return None
    lenient = window.spec.model_copy(update={"notice_policy": NoticePolicy.WARN})
    found = opened(replace(window, spec=lenient), now)
    first = None if isinstance(found, Invalid) else next(found, None)
    strict = opened(window, now)
    return first if isinstance(strict, Invalid) or first != next(strict, None) else None


def _checked(window: Window) -> list[Verdict]:
    if not window.spec.checklist:
        return []
    missing = unchecked(window.spec)
    reason, message = Reason.CHECKLIST_COMPLETE, "what is required is done"
    if missing:
        reason, message = Reason.CHECKLIST_INCOMPLETE, f"unchecked: {', '.join(missing)}"
    return [_verdict("ChecklistComplete", reason, message, holds=not missing)]
