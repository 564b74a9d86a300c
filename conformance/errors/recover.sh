# Proves: recover with nothing to do says nothing is wrong; a directory that is not there is none of our journals.
. "$HERE/errors/lib.sh"
mkdir "$T/journals"
expect 0 -- recover "$T/journals"
expect 2 "two" -- recover "$T/journals" two
printf 'not a journal' >"$T/journals/x.journal"
expect 0 -- recover "$T/journals"
[ -e "$T/journals/x.journal" ] || die "a foreign file was removed"
exit 0
