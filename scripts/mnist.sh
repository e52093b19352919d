#!/usr/bin/env bash
# mnist.sh FOLDER: trains the README's network on the MNIST files in FOLDER and fails below 97.5% on the test set, or if one
# thread and two write different models.
set -euo pipefail
mnist=$(realpath "${1:?folder with the four IDX files of MNIST}")
cd "$(dirname "$0")/.."
cargo build --release --features cli
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
for threads in 1 2; do
    target/release/steadynet train "$mnist" --hidden 128 --activation sigmoid --optimizer sgd --lr 0.5 --epochs 15 \
        --threads "$threads" --out "$out/$threads.safetensors" --no-plot --json >"$out/$threads.json"
done
cmp "$out/1.safetensors" "$out/2.safetensors"
python3 - "$out/2.json" <<'PY'
import json, sys
accuracy = json.load(open(sys.argv[1]))["test"]["accuracy"]
print(f"test accuracy {accuracy:.2%}")
sys.exit(accuracy < 0.975)
PY
