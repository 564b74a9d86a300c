# A shell pipeline: numbers sorted, packed, unpacked and counted, round after round, through pipes that are mostly full.
# needs: seq shuf sort gzip tee md5sum
run() {
	local want i=0
	want=$(seq 30000 | md5sum)
	ready
	until [ -e "$T/go" ]; do
		got=$(seq 30000 | shuf | tee "$W/shuffled" | gzip -1 | tee "$W/packed" | gzip -dc | sort -n | md5sum)
		[ "$got" = "$want" ] || echo "round $i: $got, not $want"
		[ "$(sort -n "$W/shuffled" | md5sum)" = "$want" ] || echo "round $i: tee wrote something else"
		i=$((i + 1))
		echo "$i" >>"$W/rounds"
	done
}
