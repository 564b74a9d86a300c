// SPDX-License-Identifier: MIT
/*
 * One end of a connection over which a checkable stream goes both ways at full
 * speed: "DIR serve ADDR PORT" waits for the other end, "DIR talk ADDR PORT"
 * goes there. DIR/ready comes once they are connected, DIR/count is written
 * every so often. After DIR/go the server closes its side; each end reads to
 * the end of file, and its result is "ok" when no byte was lost or repeated.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>

#include "../cases/case.h"

#define BUF (256 * 1024)

static unsigned char ahead[BUF], in[BUF];

/* A period of 251 * 256 would hide whole blocks: the block's number is in it. */
static unsigned char byte_at(uint64_t i)
{
	return (unsigned char)(i * 31 + (i >> 8) * 17 + (i >> 16) * 7 + (i >> 24));
}

static int connected(bool serve, const char *addr, const char *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };
	int fd = case_sys(socket(AF_INET, SOCK_STREAM, 0)), on = 1, c;

	case_check(inet_pton(AF_INET, addr, &a.sin_addr) == 1, "address %s", addr);
	if (!serve) {
		case_sys(connect(fd, (struct sockaddr *)&a, sizeof(a)));
		return fd;
	}
	case_sys(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
	case_sys(bind(fd, (struct sockaddr *)&a, sizeof(a)));
	case_sys(listen(fd, 1));
	case_touch("listening");
	c = case_sys(accept(fd, NULL, NULL));
	return c;
}

static void put_some(int fd, uint64_t *sent)
{
	ssize_t n;

	for (size_t i = 0; i < BUF; i++)
		ahead[i] = byte_at(*sent + i);
	n = send(fd, ahead, BUF, MSG_DONTWAIT | MSG_NOSIGNAL);
	case_check(n > 0 || errno == EAGAIN, "send after %llu bytes: %s", (unsigned long long)*sent,
		   strerror(errno));
	*sent += n > 0 ? (uint64_t)n : 0;
}

/* False: the end of file. */
static bool take_some(int fd, uint64_t *got)
{
	ssize_t n = recv(fd, in, BUF, MSG_DONTWAIT);

	case_check(n >= 0 || errno == EAGAIN, "recv after %llu bytes: %s", (unsigned long long)*got,
		   strerror(errno));
	for (ssize_t i = 0; i < n; i++)
		case_check(in[i] == byte_at(*got + (uint64_t)i), "byte %llu is wrong",
			   (unsigned long long)(*got + (uint64_t)i));
	*got += n > 0 ? (uint64_t)n : 0;
	return n != 0;
}

static void count(uint64_t got)
{
	char path[512], text[32];
	int fd, n = snprintf(text, sizeof(text), "%020llu\n", (unsigned long long)got);

	case_path(path, "count");
	fd = case_sys(open(path, O_WRONLY | O_CREAT, 0644));
	case_sys(pwrite(fd, text, (size_t)n, 0));
	close(fd);
}

int main(int argc, char **argv)
{
	uint64_t sent = 0, got = 0, counted = 0;
	bool serve, closed = false;
	int fd;

	if (argc != 5)
		return 3;
	case_begin(2, argv);
	serve = !strcmp(argv[2], "serve");
	fd = connected(serve, argv[3], argv[4]);
	case_touch("ready");
	for (;;) {
		struct pollfd pf = { .fd = fd, .events = POLLIN | (closed ? 0 : POLLOUT) };

		poll(&pf, 1, 20);
		if (pf.revents & POLLIN && !take_some(fd, &got))
			break;
		if (!closed && pf.revents & POLLOUT)
			put_some(fd, &sent);
		if (!closed && serve && case_exists("go")) {
			case_sys(shutdown(fd, SHUT_WR));
			closed = true;
		}
		if (case_now_ms() - counted > 50) {
			count(got);
			counted = case_now_ms();
		}
	}
	if (!closed)
		case_sys(shutdown(fd, SHUT_WR));
	case_pass();
}
