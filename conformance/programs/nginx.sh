# nginx with four workers on a unix socket, clients inside, and a reload of its configuration now and then.
# needs: nginx perl
run() {
	local server clients= i
	mkdir -p www tmp
	for i in $(seq 200); do seq "$i" "$((i * 30))" >"www/$i"; done
	cat >conf <<-END
		user root; worker_processes 4; daemon off; pid $W/pid; error_log $W/error.log warn;
		events { worker_connections 64; }
		http {
			access_log $W/access.log; sendfile on; keepalive_requests 100;
			limit_req_zone all zone=all:1m rate=100000r/s;
			client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp; uwsgi_temp_path tmp; scgi_temp_path tmp;
			server { listen unix:$W/sock; root $W/www; location / { limit_req zone=all burst=10000 nodelay; } }
		}
	END
	nginx -p "$W" -c "$W/conf" -e "$W/error.log" &
	server=$!
	until_true test -S "$W/sock" -a -s "$W/pid"
	for i in 1 2 3; do
		: >"acked$i"
		perl "$programs/http.pl" "$W/sock" "$W/www" "$W/acked$i" "$T/go" $([ $i = 3 ] && echo once) &
		clients="$clients $!"
	done
	while [ ! -e "$T/go" ]; do sleep 0.3; kill -HUP $server; done &
	ready
	ended $clients $!
	kill -QUIT $server
	ended $server
	cat error.log
	[ "$(lines access.log)" -ge "$(lines acked?)" ] || echo "the log has lost requests"
}
progress() { lines "$W"/acked?; }
verify() { cat "$W/error.log"; }
