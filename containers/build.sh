#!/usr/bin/env bash
# Build the image of a lock, unless it was built before from the same definition, lock and base.
#   containers/build.sh LOCK BOOTSTRAP BASE [OPTION OF APPTAINER BUILD]...
# Images lie in $CLEARBENCH_IMAGES (default ~/.cache/clearbench/images), and clearbench-LOCK.sif in the
# checkout is a link to the one of now.
set -euo pipefail
cd "$(dirname "$0")/.."
case $PWD in *[:,]*) echo "$PWD: apptainer can't bind a folder with : or , in its path; name it otherwise" >&2; exit 1 ;; esac
lock=$1 bootstrap=$2 base=$3
shift 3

sources=(containers/clearbench.def "envs/$lock.lock" pyproject.toml)
digest=$({ sha256sum "${sources[@]}"; echo "$bootstrap $base"; } | sha256sum | cut -d ' ' -f 1)
key=${digest:0:16}
folder=${CLEARBENCH_IMAGES:-$HOME/.cache/clearbench/images}
image=$folder/clearbench-$lock-$key.sif

mkdir -p "$folder"
exec 9> "$folder/.building"
flock 9
if [ ! -e "$image" ]; then
  # The image follows from its sources alone, byte by byte: from no time, no commit and no clone's
  # history, so that nothing is run again for a rebuilt one. The time is the first that archives know.
  export SOURCE_DATE_EPOCH=315532800
  apptainer build --force --bind "$PWD:/srv" "$@" \
    --build-arg "bootstrap=$bootstrap" --build-arg "from=$base" --build-arg "lock=$lock" \
    --build-arg "lock_digest=$(sha256sum < "envs/$lock.lock" | cut -d ' ' -f 1)" \
    --build-arg "version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)" \
    --build-arg "sources_digest=$digest" --build-arg "date=$(date -u -d "@$SOURCE_DATE_EPOCH" +%FT%TZ)" \
    "$image.part" containers/clearbench.def
  python3 containers/normalise.py "$image.part" "$SOURCE_DATE_EPOCH"
  mv "$image.part" "$image"
fi
ln -sfn "$image" "clearbench-$lock.sif"
echo "clearbench-$lock.sif: $image"
