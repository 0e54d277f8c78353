"""Where speech ends that goes on when its text is over: at a pause, and nothing of the text is lost.

A model that has said its text may go on with something else; when it should have been over is known only roughly. So
everything goes out at once until there is a pause at which the text may be over: it has lasted as long as its fastest
reader would need, as many syllables were heard as it should have, and there were more pauses than its marks make. What
follows is held back until it is known what it was. If the model stops before a slow reader would have, it belonged to the
text and goes out. If it goes on for longer, the speech has ended at that pause.

Samples only: no torch, no clock.
"""

import numpy as np

from streaming.engine.contract import Samples
from streaming.engine.text.piece import Timing

# Seconds. A closure inside a word is silent for less. Of a pause at the end so much is kept, and the last of it fades.
PAUSE = 0.25
KEPT = 0.15
_FADE = 0.005
_FRAME = 0.01
# Of the loudest frame so far (root mean square): -35 dB. Breath and noise of a recording are below it, a voice is above.
_QUIET = 0.018
# A syllable is a peak of the envelope above -25 dB that has sunk to two thirds before the next.
_LOUD = 0.056
_SUNK = 0.67
# How far a frame's level goes into the envelope of the frames before.
_SMOOTHING = 0.4


class Ending:
    """Of one piece of speech. `rate` in samples a second; at `speed` 2 everything takes half as long."""

    def __init__(self, timing: Timing, *, rate: int, speed: float = 1.0) -> None:
        self._timing = timing
        self._frame = round(_FRAME * rate / speed)
        self._frame_seconds = self._frame / rate * speed
        self._kept = round(KEPT * rate / speed)
        self._fade = round(_FADE * rate)
        self._pause_frames = round(PAUSE / self._frame_seconds)
        self._ear = _Ear(pause_frames=self._pause_frames)
        # What has come in and not gone out, and the samples of it that make no whole frame yet.
        self._samples: Samples = np.zeros(0, dtype=np.float32)
        self._unheard: Samples = self._samples
        self._gone = 0
        # Where speech is held back, in samples from the beginning, and whether the text may be over there.
        self._held_at: int | None = None
        self._may_end_there = False
        self.is_over = False

    def push(self, samples: Samples) -> Samples:
        """More speech; returns what may go out. Nothing comes after `is_over`."""
        if self.is_over:
            return self._samples[:0]
        self._samples = np.concatenate([self._samples, samples])
        self._listen(np.concatenate([self._unheard, samples]))
        if self._may_end_there and self._seconds >= self._timing.latest:
            return self._end()
        if self._held_at is None:
            return self._take(len(self._samples))
        return self._take(max(0, self._held_at - self._fade - self._gone))

    def finish(self, *, by_itself: bool) -> Samples:
        """The rest. `by_itself`: the model has stopped; otherwise it was stopped after all that its text may take."""
        if self.is_over or (self._held_at is not None and not by_itself):
            return self._end()
        return self._take(len(self._samples))

    @property
    def _seconds(self) -> float:
        return self._ear.frames * self._frame_seconds

    def _listen(self, samples: Samples) -> None:
        count = len(samples) // self._frame
        frames = samples[: count * self._frame].reshape(count, self._frame)
        for level in np.sqrt(np.mean(np.square(frames), axis=1)).tolist():
            if self._ear.hear(level):
                self._consider()
        self._unheard = samples[count * self._frame :]

    def _consider(self) -> None:
        """A pause has lasted long enough to be one."""
        timing, ear = self._timing, self._ear
        began = self._seconds - PAUSE
        may_end = began >= timing.earliest and ear.syllables >= timing.syllables and ear.pauses > timing.pauses
        if (may_end and not self._may_end_there) or (self._held_at is None and began >= timing.latest):
            self._held_at = max(self._gone, (ear.frames - self._pause_frames) * self._frame + self._kept)
            self._may_end_there = may_end

    def _take(self, length: int) -> Samples:
        taken, self._samples = self._samples[:length], self._samples[length:]
        self._gone += len(taken)
        return taken

    def _end(self) -> Samples:
        """Up to the pause; the rest is nothing that anybody wrote."""
        if self.is_over or self._held_at is None:
            return self._samples[:0]
        self.is_over = True
        taken = self._take(self._held_at - self._gone).copy()
        self._samples = self._samples[:0]
        fade = min(self._fade, len(taken))
        taken[len(taken) - fade :] *= np.linspace(1.0, 0.0, fade, dtype=np.float32)
        return taken


class _Ear:
    """Hears syllables and pauses."""

    def __init__(self, *, pause_frames: int) -> None:
        self._pause_frames = pause_frames
        self._loudest = 0.0
        self._envelope = 0.0
        # The highest point of the envelope while it rises, the lowest while it falls.
        self._turn = 0.0
        self._rises = True
        self._quiet_frames = 0
        self.frames = 0
        self.syllables = 0
        self.pauses = 0

    def hear(self, level: float) -> bool:
        """One frame's root mean square. Whether a pause has become one with it; silence before the first sound is none."""
        self.frames += 1
        self._loudest = max(self._loudest, level)
        self._count_syllable(level)
        self._quiet_frames = self._quiet_frames + 1 if level <= _QUIET * self._loudest else 0
        if self._quiet_frames != self._pause_frames or not self.syllables:
            return False
        self.pauses += 1
        return True

    def _count_syllable(self, level: float) -> None:
        self._envelope += _SMOOTHING * (level - self._envelope)
        if self._rises:
            self._turn = max(self._turn, self._envelope)
            if self._envelope < _SUNK * self._turn:
                self.syllables += self._turn > _LOUD * self._loudest
                self._rises, self._turn = False, self._envelope
        else:
            self._turn = min(self._turn, self._envelope)
            if self._envelope * _SUNK > self._turn:
                self._rises, self._turn = True, self._envelope
