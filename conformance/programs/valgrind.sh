# valgrind on a small program: its client's odd mappings, a stack of its own, everything translated while it runs.
# needs: valgrind perl
run() {
	local pid
	valgrind -q --error-exitcode=9 perl -e '
		my ($dir, $go) = @ARGV;
		my (%h, $n);
		until (-e $go) {
			$h{$n % 500} = "x" x ($n % 1000);
			length $h{$n % 500} == $n % 1000 or die "wrong at $n\n";
			if (++$n % 500 == 0) { open my $f, ">>", "$dir/rounds" or die; print $f "$n\n"; close $f }
		}
	' "$W" "$T/go" &
	pid=$!
	until_true test -s rounds
	ready
	ended $pid
}
