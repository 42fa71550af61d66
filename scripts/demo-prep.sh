#!/bin/sh
# Check all that a demo on AWS needs, and say what is missing: `ctc ready`, whose options it takes (--help tells them).
set -eu
here=$(cd "$(dirname "$0")/.." && pwd)
if [ ! -x "$here/.venv/bin/ctc" ]; then
	echo "demo-prep.sh: ctc is not installed: run \`make setup\` in $here" >&2
	exit 1
fi
exec "$here/.venv/bin/ctc" ready "$@"
