# Three hundred children at once, each counting and dying and being followed by another.
# needs: perl
run() {
	perl -e '
		use POSIX ":sys_wait_h";
		my ($dir, $go, %kid) = @ARGV[0, 1];
		my $wanted = 300;
		open my $ready, ">", "$dir/begun"; close $ready;
		my $ended = 0;
		my $fork = sub {
			my $pid = fork;
			die "fork: $!" unless defined $pid;
			if ($pid) { $kid{$pid} = 1; return }
			my $n = 0;
			my $turns = 10 + int rand 30;
			for (1 .. $turns) { select undef, undef, undef, 0.2; $n++ }
			exit($n == $turns ? 42 : 1);
		};
		$fork->() for 1 .. $wanted;
		until (-e $go) {
			while ((my $pid = waitpid -1, WNOHANG) > 0) {
				print "child $pid: status $?\n" if $? != 42 << 8;
				print "child $pid: not mine\n" unless delete $kid{$pid};
				open my $f, ">>", "$dir/ended"; print $f "$pid\n"; close $f;
				$fork->();
			}
			print scalar(keys %kid), " children\n" unless keys %kid == $wanted;
			select undef, undef, undef, 0.005;
		}
		kill TERM => keys %kid;
		while ((my $pid = wait) > 0) { delete $kid{$pid} or print "child $pid: not mine\n" }
		print "children are missing: ", join(" ", keys %kid), "\n" if keys %kid;
	' "$W" "$T/go" &
	until_true test -e "$W/begun"
	ready
	ended $!
}
progress() { lines "$W/ended"; }
