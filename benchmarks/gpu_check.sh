#!/usr/bin/env bash
# Everything that a GPU has to show, in one command that ends by itself: see benchmarks/gpu/check.py.
#   benchmarks/gpu_check.sh [--out FOLDER]
# PYTHON names another interpreter than the project's own, or python3 where there is none. PATIENCE=10 gives all of it ten times as
# long, for a rehearsal on a busy machine.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ -z "${PYTHON:-}" ]; then
    PYTHON=python3
    [ -x .venv/bin/python ] && PYTHON=.venv/bin/python
fi
# The check ends after 465 s by its own clock; this is for one that hangs.
exec timeout --kill-after=5 $((475 * ${PATIENCE:-1})) "$PYTHON" benchmarks/gpu/check.py "$@"
