# gofmt over parts of the Go library and `go list`: Go programs with many threads and goroutines that interrupt each
# other by SIGURG all the time, collect garbage, and are started and ended over and over.
# needs: go gofmt
run() {
	local want= got root i=0
	export GOCACHE=$W/cache GOPATH=$W/path HOME=$W GO111MODULE=off
	root=$(go env GOROOT)/src
	ready
	while [ ! -e "$T/go" ]; do
		got=$(gofmt -s -r 'a + b -> b + a' -d "$root/go/printer" "$root/strconv" "$root/sort" | grep -v '^[-+][-+]' | md5sum
			go list -deps -f '{{.ImportPath}} {{.Imports}}' net/http | md5sum)
		[ "$got" = "${want:=$got}" ] || echo "round $i: other output than before"
		i=$((i + 1))
		echo "$i" >>rounds
	done
	[ $i -gt 1 ] || echo "only one round"
}
