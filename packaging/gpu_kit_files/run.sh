#!/bin/sh
# Runs every check and measurement on this machine, one after the other, and keeps what they say.
#   ./run.sh LIBTORCH_DIR [RESULTS_DIR]
# LIBTORCH_DIR: LibTorch 2.11 for CUDA 13.0 (README.txt says where it comes from); or the environment's LIBTORCH_DIR.
# RESULTS_DIR: where the results go (default: results-DATE here). RELIEVO_DEVICE=cuda:1 measures another card.
set -u
here=$(cd "$(dirname "$0")" && pwd)
torch=${1:-${LIBTORCH_DIR:-}}
results=${2:-$PWD/results-$(date +%Y%m%d-%H%M%S)}
if [ -z "$torch" ]; then
  sed -n '2,5s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi

# The folders of LibTorch's libraries: as its zip has them, as pip lays them out, or all in one.
libraries=
found=
for folder in "$torch" "$torch/lib" "$torch/torch/lib" "$torch"/nvidia/*/lib "$torch"/../nvidia/*/lib \
  "$torch"/../../nvidia/*/lib; do
  [ -d "$folder" ] || continue
  folder=$(cd "$folder" && pwd)
  libraries=$libraries${libraries:+:}$folder
  [ -e "$folder/libtorch_cpu.so" ] && found=$folder
done
if [ -z "$found" ]; then
  echo "run.sh: There is no libtorch_cpu.so in '$torch', nor in lib or torch/lib there." >&2
  echo "  Name the folder of LibTorch 2.11 for CUDA 13.0; README.txt says where it comes from." >&2
  exit 2
fi
mkdir -p "$results" || exit 3
results=$(cd "$results" && pwd)
# LibTorch's zip has some libraries under names with a checksum in them; these are what the program asks for.
mkdir -p "$results/names"
for name in libgomp.so.1 libcudart.so.13; do
  for folder in $(echo "$libraries" | tr ':' ' '); do
    for file in "$folder/$name" "$folder/${name%%.so*}"-*".so${name#*.so}"; do
      [ -e "$file" ] && [ ! -e "$results/names/$name" ] && ln -s "$file" "$results/names/$name"
    done
  done
done
export LD_LIBRARY_PATH="$libraries:$results/names"
export TMPDIR="${TMPDIR:-/tmp}"
# What is measured and learnt elsewhere is left alone.
export XDG_CACHE_HOME="$results/cache"

failed=0
: >"$results/steps.jsonl"
# step NAME SECONDS COMMAND...: what it prints goes to NAME.out (JSON where that is what it prints), what it
# complains of to NAME.err. A step that fails or takes too long does not keep the others from being run.
step() {
  name=$1
  limit=$2
  shift 2
  echo "$name (at most $limit s)"
  begin=$(date +%s)
  timeout -k 10 "$limit" "$@" >"$results/$name.out" 2>"$results/$name.err" </dev/null
  status=$?
  took=$(($(date +%s) - begin))
  echo "{\"step\": \"$name\", \"status\": $status, \"seconds\": $took, \"limit\": $limit}" >>"$results/steps.jsonl"
  if [ $status -ne 0 ]; then
    failed=$((failed + 1))
    echo "  failed with status $status after $took s; $name.err says more"
  fi
}

{
  date
  uname -a
  cat /etc/os-release /proc/cpuinfo /proc/meminfo
  nvidia-smi -q
} >"$results/machine.txt" 2>&1

step devices 60 "$here/relievo" devices --json
device=${RELIEVO_DEVICE:-cuda:0}
if grep -q '"usable_gpus": *0' "$results/devices.out"; then
  echo "No GPU can be used here; devices.out says why. The processor is tried in small sizes instead."
  device=cpu
fi
small=
models="--size full"
if [ "$device" = cpu ]; then
  small=--quick
  models="--size tiny"
fi
step gpu-check 600 "$here/relievo" gpu-check --devices "$device" --parts kernels,golden,tiny,step,memory,loss \
  $models --report "$results/gpu-check.json"
step preview 120 "$here/relievo" generate "$here"/pictures/*.jpg -o "$results/preview" --format ply \
  --devices "$device" --json
for bench in step planes vae pipeline; do
  step "bench-$bench" 240 "$here/relievo" bench "$bench" --device "$device" --alone $small --json
done

echo "Results are in $results, $failed steps failed. Please send the folder back as it is."
[ "$failed" = 0 ]
