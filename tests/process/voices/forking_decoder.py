"""The decoder's process, but one that is started once and forks for each file: hundreds of files would each wait for the
start of Python and FFmpeg. What the fork runs is `decode_child.main`, with its limits, but for the rehearsal, which is done
once.

Used by `decoder.py`, as a script: for each line of JSON with the task and the file's size, followed by the file, it answers
one line of JSON with the exit status, what the fork needed, and the size of what it has written, followed by that.
"""

import io
import json
import os
import resource
import sys
from typing import Any, BinaryIO


def decode(task: Any, content: bytes) -> tuple[int, bytes, "resource.struct_rusage"]:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os._exit(_in_fork(task, content, os.fdopen(writing, "wb")))
    os.close(writing)
    with os.fdopen(reading, "rb") as written:
        answer = written.read()
    _, status, needed = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), answer, needed


def _in_fork(task: Any, content: bytes, sink: BinaryIO) -> int:
    from voices.decode_child import main

    try:
        main(task, io.BytesIO(content), sink)
    except SystemExit as ending:
        return int(ending.code or 0)
    except BaseException:
        return 1  # as Python ends with a traceback
    sink.flush()
    return 0


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    from voices import decode_child

    rehearse = decode_child._rehearse
    vars(decode_child)["_rehearse"] = lambda task: None
    is_first = True
    for line in requests:
        request = json.loads(line)
        if is_first:
            rehearse(request["task"])
            is_first = False
        status, answer, needed = decode(request["task"], requests.read(request["size"]))
        cpu = needed.ru_utime + needed.ru_stime
        told = {"status": status, "cpu": cpu, "memory": needed.ru_maxrss * 1024, "size": len(answer)}
        answers.write(json.dumps(told).encode() + b"\n" + answer)
        answers.flush()


if __name__ == "__main__":
    sys.path[:] = json.loads(sys.argv[1])
    from voices import sound_file, survey  # noqa: F401 - each fork has them already

    serve(sys.stdin.buffer, sys.stdout.buffer)
