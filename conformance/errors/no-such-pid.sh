# Proves: a pid that does not exist is named, and no image is left.
. "$HERE/errors/lib.sh"
expect 2 "different questions" -- check --tree 1 --feature list
true &
none=$!
wait $none
img=$(images)
expect 3 "$none" "no (such )?process" -- dump -t $none -D "$img"
empty_dir "$img" "no such pid"
expect 3 "$none" -- check --tree $none
exit 0
