"""How a voice speaks where a request does not say: its language, speed, sampling, pronunciation."""

import re
from typing import Any

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from voices.dictionaries import PronunciationDictionary

# \Z, because $ would let a line break at the end through.
LANGUAGE = re.compile(r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,6})?\Z")
LARGEST_SEED = 4_294_967_295
# Seconds of each recording.
REFERENCE_SECONDS = (1, 120)


def _within(least: float, most: float) -> Any:
    return [MinValueValidator(least), MaxValueValidator(most)]


class SpeakingSettings(models.Model):
    """None, or empty: the server's setting decides, or the model."""

    language = models.CharField(
        _("language"),
        max_length=10,
        blank=True,
        validators=[RegexValidator(LANGUAGE, _("Use a language code such as en or zh-cn."))],
        help_text=_("The language if a request names none, for instance en or zh-cn. Empty: the server's default."),
    )
    speed = models.FloatField(
        _("speed"),
        null=True,
        blank=True,
        validators=_within(0.5, 2.0),
        help_text=_("0.5 (slow) to 2.0 (fast), if a request names no speed. Empty: 1.0."),
    )
    temperature = models.FloatField(
        _("temperature"),
        null=True,
        blank=True,
        validators=_within(0.01, 2.0),
        help_text=_("0.01 to 2. Higher: livelier, and less reliable. Empty: the server's setting."),
    )
    top_k = models.PositiveSmallIntegerField(
        _("top-k"),
        null=True,
        blank=True,
        validators=_within(0, 1000),
        help_text=_("How many sounds are considered at each step, 0 to 1000. 0: all. Empty: the server's setting."),
    )
    top_p = models.FloatField(
        _("top-p"),
        null=True,
        blank=True,
        validators=_within(0.01, 1.0),
        help_text=_(
            "Which share of the probable sounds is considered, 0.01 to 1. 1: all. Empty: the server's setting."
        ),
    )
    repetition_penalty = models.FloatField(
        _("repetition penalty"),
        null=True,
        blank=True,
        validators=_within(1.0, 100.0),
        help_text=_("1 to 100. Higher: fewer repeated and drawn-out sounds. Empty: the server's setting."),
    )
    seed = models.PositiveBigIntegerField(
        _("seed"),
        null=True,
        blank=True,
        validators=_within(0, LARGEST_SEED),
        help_text=_("With a seed, a text always sounds the same. Empty: a little different each time."),
    )
    reference_seconds = models.PositiveSmallIntegerField(
        _("reference length"),
        null=True,
        blank=True,
        validators=_within(*REFERENCE_SECONDS),
        help_text=_("How many seconds of each recording are used, from its start. Empty: as many as the server uses."),
    )
    stability_sets_temperature = models.BooleanField(
        _("stability sets the temperature"),
        default=False,
        db_default=False,
        help_text=_(
            "For clients of ElevenLabs: their setting “stability” becomes a temperature, from 1.2 (stability 0) to 0.3 "
            "(stability 1). Otherwise it has no effect."
        ),
    )
    dictionaries = models.ManyToManyField(
        PronunciationDictionary,
        blank=True,
        verbose_name=_("pronunciation dictionaries"),
        help_text=_("Used if a request names no dictionary."),
    )

    class Meta:
        abstract = True
