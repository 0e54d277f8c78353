"""What becomes of the recordings of a voice in an engine: waiting, computing, ready, or failed and why. Known to all
processes that share the database; several that have the same engine do not compute the same twice.

Whoever computes says so for a short time, and again as long as it goes on: of a process that has died, nothing is left.
"""

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from django.db import IntegrityError, models, transaction
from django.utils import timezone

LEASE_SECONDS = 30.0
MOST_REASON_CHARS = 500
# Waiting: for an engine that is starting, or for its turn. None is needed where an engine does not clone, or a voice has no
# recordings, or nobody may use it.
State = Literal["not_needed", "waiting", "computing", "ready", "failed"]


@dataclass(frozen=True)
class Prepared:
    """`reason`: of a failure, in English; a sentence."""

    state: State
    reason: str = ""


class PreparationRun(models.Model):
    """That an engine (`fingerprint`) is computing with the recordings (`key`: `Voice.key`) until `expires_at`; or, where
    there is a reason, why it could not. Nothing is left of one that has succeeded."""

    key = models.CharField(max_length=64)
    fingerprint = models.CharField(max_length=128)
    owner = models.CharField(max_length=32)
    expires_at = models.DateTimeField()
    reason = models.CharField(max_length=MOST_REASON_CHARS, blank=True)
    # Whether the failure's cause may go by itself.
    may_pass = models.BooleanField(default=False, db_default=False)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("key", "fingerprint"), name="one_run_per_engine"),)

    def __str__(self) -> str:
        return f"{self.key:.12} for {self.fingerprint:.12}"

    @property
    def prepared(self) -> Prepared:
        if self.reason:
            return Prepared("failed", self.reason)
        return Prepared("computing" if self.expires_at > timezone.now() else "waiting")


def claim(key: str, fingerprint: str, owner: str) -> bool:
    """Whether the owner may compute: nobody else does. Raises DatabaseError."""
    try:
        with transaction.atomic():
            PreparationRun.objects.create(key=key, fingerprint=fingerprint, owner=owner, expires_at=_expiry())
            return True
    except IntegrityError:
        pass
    free = models.Q(expires_at__lte=timezone.now()) | ~models.Q(reason="") | models.Q(owner=owner)
    runs = PreparationRun.objects.filter(free, key=key, fingerprint=fingerprint)
    return bool(runs.update(owner=owner, expires_at=_expiry(), reason=""))


def renew(key: str, fingerprint: str, owner: str) -> None:
    """It goes on. Raises DatabaseError."""
    _of(key, fingerprint, owner).update(expires_at=_expiry())


def finish(key: str, fingerprint: str, owner: str) -> None:
    """It has succeeded, or was given up. Raises DatabaseError."""
    _of(key, fingerprint, owner).delete()


def fail(key: str, fingerprint: str, owner: str, reason: str, may_pass: bool = False) -> None:
    """Raises DatabaseError."""
    _of(key, fingerprint, owner).update(reason=reason[:MOST_REASON_CHARS], may_pass=may_pass)


def has_failed(key: str, fingerprint: str) -> bool:
    """Whether somebody has found that these recordings cannot be used, for a cause that does not go by itself. Raises
    DatabaseError."""
    runs = PreparationRun.objects.filter(key=key, fingerprint=fingerprint, may_pass=False)
    return runs.exclude(reason="").exists()


def runs_of(keys: Iterable[str], fingerprint: str | None) -> dict[str, Prepared]:
    """By key: what is known of those that are not ready. `fingerprint` None: of any engine."""
    runs = PreparationRun.objects.filter(key__in=list(keys))
    if fingerprint is not None:
        runs = runs.filter(fingerprint=fingerprint)
    return {run.key: run.prepared for run in runs}


def _of(key: str, fingerprint: str, owner: str) -> "models.QuerySet[PreparationRun]":
    return PreparationRun.objects.filter(key=key, fingerprint=fingerprint, owner=owner)


def _expiry() -> datetime.datetime:
    return timezone.now() + datetime.timedelta(seconds=LEASE_SECONDS)
