# A Ruby server: preforked workers with a thread for each connection, and clients on its unix socket.
# needs: ruby perl
. "$programs/perl-prefork.sh"
server="ruby $programs/prefork.rb"
