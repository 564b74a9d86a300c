# prefork.pl SOCKET LOG WORKERS: a server whose parent keeps WORKERS children; a child serves 200 requests and ends.
use strict;
use warnings;
use IO::Socket::UNIX;
use IO::Select;
use IO::Handle;
use POSIX ":sys_wait_h";

my ($path, $log, $workers) = @ARGV;
my $listener = IO::Socket::UNIX->new(Local => $path, Listen => 64) or die "$path: $!";
$listener->blocking(0);
my ($stop, %kids) = (0);

sub serve {
	my ($served, $set) = (0, IO::Select->new($listener));
	$SIG{TERM} = "DEFAULT";
	open my $out, ">>", $log or die "$log: $!";
	$out->autoflush;
	while ($served < 200 || $set->count) {
		for my $s ($set->can_read) {
			if ($s == $listener) {
				my $c = $listener->accept or next;
				$c->autoflush;
				$set->add($c);
				next;
			}
			my $line = <$s>;
			if (!defined $line) { $set->remove($s); close $s; next }
			chomp $line;
			syswrite $out, "$line\n";
			print $s "done $line\n";
			$served++;
			$set->remove($listener) if $served == 200;
		}
	}
	exit 0;
}

$SIG{TERM} = sub { $stop = 1 };
until ($stop) {
	while (keys %kids < $workers) {
		my $pid = fork;
		serve() if defined $pid && $pid == 0;
		$kids{$pid} = 1;
	}
	my $pid = waitpid -1, WNOHANG;
	select undef, undef, undef, 0.01 if $pid <= 0;
	next if $pid <= 0;
	delete $kids{$pid} or print "server: child $pid is not mine\n";
	print "server: child $pid ended with status $?\n" if $? && !$stop;
}
kill TERM => keys %kids;
1 while wait > 0;
