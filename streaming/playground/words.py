"""What the page's scripts say. Names in braces are filled in by the scripts."""

from django.utils.translation import gettext as _


def words() -> dict[str, str]:
    """In the language of the request."""
    return {**_states(), **_problems(), **_labels()}


def _states() -> dict[str, str]:
    return {
        "connecting": _("Waiting for the first sound…"),
        "speaking": _("Speaking…"),
        "speakingSide": _("Speaking {side}…"),
        "finishing": _("All of it is here; it is still being played."),
        "done": _("Done: {seconds} s of sound."),
        "stopped": _("Stopped after {seconds} s."),
        "replaying": _("Playing again…"),
        "engineLoading": _(
            "The speech engine is still loading. You can write already; it speaks as soon as it is ready."
        ),
        "engineReady": _("The speech engine is ready."),
        "makingFile": _("Speaking it again with the same seed, as {format}…"),
        "fileSaved": _("Saved as {name}."),
        "copied": _("Copied."),
        "voicesFound": _("Voices found: {count}"),
        "voicesFirst": _("Voices found: {count}. The first {shown} are shown; type more letters."),
        "voicesNone": _("No voice has that in its name, id or labels."),
        "characters": _("Characters: {count}"),
        "waveform": _("Sound of {seconds} seconds"),
        "keyKept": _("The key is kept in this tab."),
        "keyForgotten": _("The key is forgotten."),
        "wholeFirst": _("This browser cannot decode {format} while it arrives: it is played when it is complete."),
    }


def _problems() -> dict[str, str]:
    return {
        "noText": _("Write a text first."),
        "noVoice": _("Choose a voice first."),
        "noVoices": _("There is no voice yet. Add one in the admin, or over the API."),
        "badSeed": _("A seed is a whole number from 0 to 4294967295."),
        "unreachable": _("The server does not answer. Is it running, and is this machine connected?"),
        "refused": _("The server refused the connection without a reason."),
        "broken": _("The connection broke after {seconds} s of sound. What arrived is kept."),
        "noSound": _("The text has nothing to say: no sound was made."),
        "noAudio": _("This browser cannot play sound: {reason}"),
        "cannotDecode": _("This browser cannot decode {format}: {reason}"),
        "cannotCopy": _("The browser does not allow copying. Select the text and copy it yourself."),
        "status": _("The server answered with status {status}."),
    }


def _labels() -> dict[str, str]:
    return {
        "voiceLanguage": _("The voice's own"),
        "sideA": _("A"),
        "sideB": _("B"),
        "speak": _("Speak"),
        "compare": _("Speak both"),
        "milliseconds": _("{count} ms"),
        "seconds": _("{count} s"),
        "times": _("{count}×"),
        "pcm": _("PCM"),
        "mp3": _("MP3"),
        "opus": _("Opus"),
        "telephony": _("Telephony (G.711)"),
        "kilohertz": _("{count} kHz"),
        "kilobits": _("{count} kbit/s"),
        "curlWords": _("curl sends the whole text at once; Python shows how words are sent as they come."),
        "keyFromEnvironment": _("Put your key into the environment first: export XI_API_KEY=sk_…"),
        "perSecond": _("{count} words per second"),
        "perSecondOne": _("1 word per second"),
    }
