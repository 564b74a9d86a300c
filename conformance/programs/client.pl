# client.pl SOCKET ACKED GO EACH: asks a server over its unix socket, one line for one line, and notes each number that
# was acknowledged. It connects anew after EACH. Ends when GO exists; a wrong or missing answer is said.
use strict;
use warnings;
use IO::Socket::UNIX;

my ($path, $acked, $go, $each) = @ARGV;
my ($s, $n) = (undef, 0);
$SIG{PIPE} = "IGNORE";
open my $out, ">>", $acked or die "$acked: $!";
$out->autoflush;
my $dial = sub {
	for (1 .. 500) {
		my $c = IO::Socket::UNIX->new(Peer => $path);
		return $c if $c;
		select undef, undef, undef, 0.01;
	}
	die "client: cannot connect to $path: $!\n";
};
until (-e $go) {
	$s = $dial->() if $n % $each == 0;
	my $id = "$$-" . $n++;
	print $s "$id\n";
	my $answer = <$s>;
	die "client: no answer to $id: $!\n" unless defined $answer;
	die "client: answer to $id: $answer" unless $answer eq "done $id\n";
	print $out "$id\n";
}
