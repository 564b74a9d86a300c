# http.pl SOCKET WWW ACKED GO [once]: fetches the files of WWW over a unix socket and compares them, on one connection
# as long as it lasts or on a new one each time. Notes each that was right.
use strict;
use warnings;
use IO::Socket::UNIX;

my ($path, $www, $acked, $go, $once) = @ARGV;
my ($s, $left, $n) = (undef, 0, 0);
$SIG{PIPE} = "IGNORE";
open my $out, ">>", $acked or die "$acked: $!";
$out->autoflush;
sub file { local $/; open my $f, "<", $_[0] or die "$_[0]: $!"; return scalar <$f> }
until (-e $go) {
	my $i = 1 + $n++ % 200;
	my $close = $once || $left == 1;
	if (!$s) {
		$s = IO::Socket::UNIX->new(Peer => $path) or die "client: connect: $!\n";
		$left = 100;
	}
	print $s "GET /$i HTTP/1.1\r\nHost: x\r\n", $close ? "Connection: close\r\n" : "", "\r\n";
	my ($len, $closing, $body) = (0, 0, "");
	my $status = <$s>;
	# Idle connections are closed by a worker that ends: ask again.
	if (!defined $status && $left < 100) { undef $s; redo }
	die "client: no answer: $!\n" unless defined $status;
	die "client: $status" unless $status =~ / 200 /;
	while (defined(my $line = <$s>)) {
		last if $line eq "\r\n";
		$len = $1 if $line =~ /^Content-Length: (\d+)/i;
		$closing = 1 if $line =~ /^Connection: close/i;
	}
	read($s, $body, $len) == $len or die "client: $i is cut off\n";
	die "client: $i is wrong\n" unless $body eq file("$www/$i");
	print $out "$i\n";
	$left--;
	undef $s if $close || $closing;
}
