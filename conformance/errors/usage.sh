# Proves: unknown options, commands and values end with status 2, name the word, and suggest the nearest.
. "$HERE/errors/lib.sh"
sleeper
expect 2 "--leave-runing" "did you mean --leave-running" -- dump -t "$pid" --leave-runing
expect 2 "dmup" "did you mean dump" -- dmup
expect 2 "--tree" "\"12x\"" -- dump --tree 12x
expect 2 "--tree" "\"0\"" -- dump -t 0
expect 2 "--ghost-limit" "\"5X\"" "64K" -- dump -t "$pid" --ghost-limit 5X
expect 2 "--tree PID" -- dump
expect 2 "--lazy-pages" "not built yet" -- dump -t "$pid" --lazy-pages
expect 2 "pre-dump" "not built yet" -- pre-dump -t "$pid"
expect 2 "work directory" "$T/none" -- dump -t "$pid" -W "$T/none"
expect 2 "/no/such/x" "a directory that exists" -- dump -t "$pid" --log-file /no/such/x -D "$T"
expect 2 "$pid" "--tree PID" -- dump -t "$pid" "$pid"
printf 'images-dir /tmp\nghost-limt 3\n' >"$T/conf"
expect 2 "$T/conf:2" "ghost-limit" -- dump -t "$pid" --config "$T/conf"
"$STASIS" dump --log-format=json -t 0 2>"$T/out"
[ $? = 2 ] || die "status of an error in JSON"
jq -e '.error.class == "usage" and .error.status == 2 and (.error.object | contains("--tree"))' <"$T/out" >/dev/null ||
	die "not the JSON that was promised: $(cat "$T/out")"
[ "$("$STASIS" --version | head -1)" = "Version: 4.2" ] || die "--version does not start with the level that runtimes compare"
unharmed "wrong usage"
finishes "wrong usage"
exit 0
