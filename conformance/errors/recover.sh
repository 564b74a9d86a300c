# Proves: recover with nothing to do is content; a file that is no journal is named and left alone.
. "$HERE/errors/lib.sh"
mkdir "$T/journals"
expect 0 -- recover "$T/journals"
expect 2 "two" -- recover "$T/journals" two
printf 'not a journal' >"$T/journals/x.journal"
expect 6 "x.journal" "not a journal" -- recover "$T/journals"
[ -e "$T/journals/x.journal" ] || die "a foreign file was removed"
exit 0
