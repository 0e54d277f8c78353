"""A recording's bytes, for the player in the admin."""

import re

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header
from django.views.decorators.http import require_safe

from voices.containers import MEDIA_TYPES
from voices.models import ReferenceClip
from voices.storage import StorageUnavailable, read_part

# More digits than any file has bytes, fewer than Python refuses to convert.
SINGLE_RANGE = re.compile(r"bytes=([0-9]{0,99})-([0-9]{0,99})", re.IGNORECASE)


@require_safe
def clip_audio(request: HttpRequest, pk: int) -> HttpResponse:
    """Whole, or the one range that is asked for, read at once: an upload is at most `voices.max_clip_megabytes`."""
    clip = get_object_or_404(ReferenceClip.objects.select_related("voice"), pk=pk)
    # RFC 9110, 14.2: ranges mean something to GET only.
    header = request.headers.get("Range", "") if request.method == "GET" else ""
    try:
        response = _bytes_of(clip, header, body=request.method == "GET")
    except FileNotFoundError:
        raise Http404("The file of this recording no longer exists.") from None
    except StorageUnavailable as error:
        return HttpResponse(str(error), status=503, content_type="text/plain; charset=utf-8")
    name = f"{clip.voice.voice_id}-{clip.pk}.{clip.suffix}"
    response["Content-Disposition"] = str(content_disposition_header(as_attachment=False, filename=name))
    response["Accept-Ranges"] = "bytes"
    response["X-Content-Type-Options"] = "nosniff"
    response["Cache-Control"] = "private, no-cache"
    return response


def _bytes_of(clip: ReferenceClip, range_header: str, *, body: bool) -> HttpResponse:
    size = clip.file.size
    wanted = requested_range(range_header, size)
    if wanted is not None and not wanted:
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    part = range(size) if wanted is None else wanted
    response = HttpResponse(
        read_part(clip.file, part) if body else b"",
        status=200 if wanted is None else 206,
        content_type=MEDIA_TYPES[clip.suffix],
        headers={"Content-Length": str(len(part))},
    )
    if wanted is not None:
        response["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    return response


def requested_range(header: str, size: int) -> range | None:
    """The bytes asked for, of `size`. None: all, since no range or no single valid one is asked for. Empty: none exist."""
    match = SINGLE_RANGE.fullmatch(header.strip())
    if not match or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size)
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)
