#!/bin/bash
# Makes the stored sample of a disk format: make-sample.sh CHRONIK OUT.tar.gz
# A node with every kind of thing on disk, killed in the middle of it, and what its clients read.
set -euo pipefail
chronik=$1 out=$(realpath -m "$2") work=$(mktemp -d)
trap 'kill -9 $node 2>/dev/null || true; rm -rf "$work"' EXIT
export CHRONIK_BOOTSTRAP=127.0.0.1:39892
# Zeros of unused journal files would only make the sample large.
export CHRONIK_JOURNAL_FILE_BYTES=4194304
"$chronik" start --data-dir "$work/data" --listen $CHRONIK_BOOTSTRAP --http 127.0.0.1:39880 \
    --internal-listen 127.0.0.1:39882 2>"$work/log" &
node=$!
grep -q 'event="ready"' <(tail -F -n +1 "$work/log" 2>/dev/null)
topic() { "$chronik" topic create "$@"; }
topic plain --partitions 2
topic rolled --config segment.bytes=1048576
topic memory --config chronik.durability=quorum-memory
topic gone
seq 1 300 | sed 's/.*/key-&:value-&/' | "$chronik" produce plain --key-separator : --header sample=1
for codec in gzip snappy lz4 zstd; do
    seq 1 40 | sed "s/.*/$codec-&/" | "$chronik" produce plain --partition 0 --compression $codec
done
# Past two rolls.
filler=$(printf 'x%.0s' $(seq 1000))
seq -f "%.0f-$filler" 1 2400 | "$chronik" produce rolled
seq 1 50 | sed 's/.*/memory-&/' | "$chronik" produce memory
seq 1 5 | "$chronik" produce gone
"$chronik" topic delete gone
"$chronik" topic create gone --partitions 3
for topic in plain rolled memory gone; do
    "$chronik" consume $topic --from-beginning --json | sort >"$work/$topic.json"
done
kill -9 $node
wait $node 2>/dev/null || true
tar -C "$work" --sparse -czf "$out" data plain.json rolled.json memory.json gone.json
ls -la "$out"
