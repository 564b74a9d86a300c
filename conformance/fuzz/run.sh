#!/bin/sh
# fuzz/run.sh [N] [SEED] [DIR...]: read N broken images made from each of four arbitrary checkpoints (and from those in
# DIR...), with the image code built under ASan and UBSan. Deterministic for a SEED. No root.
set -eu
cd "$(dirname "$0")/../.."
n=${1:-5000} seed=${2:-1}
[ $# -lt 2 ] && set -- || shift 2
san="-fsanitize=address,undefined -fno-sanitize-recover=undefined"
build=${BUILD:-build}/fuzz

sources=$(ls src/base/*.c src/image/*.c | grep -v /test_)
schemas=$(ls src/image/schema/*.proto | sed 's|.*/\(.*\)\.proto|schema/\1.pb-c.c|')
objects=$(for s in $sources $schemas; do echo "$build/${s%.c}.o"; done)
# shellcheck disable=SC2086
make -s -j"$(nproc)" BUILD="$build" SAN="$san" CFLAGS="-O1 -g" $objects >/dev/null
rm -f "$build/image.a"
# shellcheck disable=SC2086
ar rcs "$build/image.a" $objects
# shellcheck disable=SC2046,SC2086
${CC:-gcc} -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -Wno-unused-parameter $san -I. -Isrc -I"$build" \
	-o "$build/fuzz_image" conformance/fuzz/fuzz_image.c "$build/image.a" $(pkg-config --libs libprotobuf-c) -lpthread

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for k in 1 2 3 4; do
	"$build/fuzz_image" make "$scratch/$k" $((seed * 4 + k))
	set -- "$@" "$scratch/$k"
done
for dir; do
	echo "fuzz: $(basename "$dir"), seed $seed: $("$build/fuzz_image" run "$dir" "$n" "$seed")"
done
