/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unix sockets: what both directions share. Private to src/fd. */
#ifndef STASIS_FD_UNIX_H
#define STASIS_FD_UNIX_H

#include <netinet/tcp.h> /* the states, which unix sockets use too */
#include <sys/socket.h>
#include <sys/un.h>

#include "fd/sk_opts.h"
#include "fd/sk_queue.h"

#define UNIX_PATH_MAX sizeof(((struct sockaddr_un *)0)->sun_path)
#define UNIX_TEXT 160

static inline bool unix_is_path(const ProtobufCBinaryData *name)
{
	return name->len && name->data[0];
}

/* Stream and seqpacket sockets: their connections have two ends. */
static inline bool unix_is_stream(uint32_t type)
{
	return type == SOCK_STREAM || type == SOCK_SEQPACKET;
}

/* "unix socket /run/x", "unix socket @x", "unix socket (inode 12)" */
void unix_text(const void *name, size_t len, uint32_t ino, char *buf, size_t size);

/* unix_restore.c */
int unix_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e);
int unix_read_end(struct fd_restore *r, struct err *e);
/* unix_make.c */
void unix_path(const UnixSkEntry *ue, char *buf, size_t size);
int unix_open_all(struct fd_restore *r, struct maker *mk, struct err *e);
/* unix_restore.c */
int unix_made(struct fd_restore *r, struct err *e);

/* unix_send.c */
struct unix_sender;
void unix_senders_want(struct fd_restore *r, struct maker *mk);
void unix_senders_done(struct fd_restore *r);
int unix_send_queue(struct fd_restore *r, struct file_obj *f, const char *what, struct err *e);
int unix_connect_dgram(struct fd_restore *r, struct file_obj *f, const char *what, struct err *e);

/* unix_client.c: the socket of whom asked for its own checkpoint. */
struct unix_sock;
bool unix_is_client(const struct fd_dump *d, uint32_t ino);
/* As if its peer had gone. */
struct unix_sock *unix_client_alone(struct fd_dump *d, const struct unix_sock *s);
/* What it will read when it is restored. */
int unix_client_answer(struct fd_dump *d, const struct file_obj *f, struct err *e);

/* unix_cred.c */
int unix_cred_dump(struct fd_dump *d, const struct fd_look *l, UnixSkEntry *ue, struct err *e);
int unix_cred_read(struct fd_restore *r, struct file_obj *f, struct image_in *in, struct err *e);
/* Roles are known: which sockets the maker cannot make, and which dead processes have to live for them. */
void unix_cred_plan(struct fd_restore *r);
bool unix_same_name(const UnixSkEntry *a, const UnixSkEntry *b);

/* unix_creds.c */
int unix_creds_make(struct fd_restore *r, struct err *e);

/* Restore: what a socket is among the others. */
enum unix_role {
	UNIX_ALONE,    /* unconnected, bound or not; a dgram socket that connects to a name too */
	UNIX_PAIR,     /* an end without a name: made by socketpair */
	UNIX_ACCEPTED, /* has the name of a listener: made by accept */
	UNIX_CLIENT,   /* the other end of such a one */
	UNIX_PENDING,  /* connected to a listener that has not accepted */
};

/* Whom SO_PEERCRED and SO_PEERGROUPS name. All ids are inside ones. */
struct unix_cred {
	pid_t pid; /* 0: no process of the tree's pid namespace */
	uint32_t uid, gid;
	const uint32_t *groups;
	size_t n_groups;
	bool groups_kept; /* those that tasks have from before their user namespace */
};

struct unix_kid {
	enum unix_role role;
	const struct unix_cred *cred;	  /* NULL: not known, or nobody */
	const struct unix_cred *waits_as; /* of UNIX_PENDING: whom the server will see */
	struct file_obj *peer;		  /* NULL: closed before the checkpoint, or none */
	struct file_obj
		*listener;     /* of UNIX_ACCEPTED (NULL: gone, made for a moment), UNIX_PENDING */
	struct file_obj *gone; /* of UNIX_ACCEPTED whose listener is gone: the first of its name */
	bool first;	       /* of a pair: makes both */
	/*
	 * unix_creds.c makes it, or what belongs to this listener (of one that is
	 * gone: its first connection), as others than the maker's credentials
	 * are to be seen.
	 */
	bool by_others;
	size_t call; /* of the maker: whose result is our number there */
	struct sk_queue queue;
};

struct unix_restore {
	struct file_obj **v; /* by inode */
	size_t n;
	struct unix_sender **senders;
	size_t n_senders;
	size_t bytes; /* that wait in all of them */
	struct stub_set *stubs;
	struct unix_cred *maker;
};

/* unix_cred.c: whoever the maker is; order of two, 0: the same. NULL is the maker. */
const struct unix_cred *unix_cred_or_maker(struct fd_restore *r, const struct unix_cred *c);
int unix_cred_cmp(const struct unix_cred *a, const struct unix_cred *b);

/* unix_as.c: calls made with the credentials @c, at most UNIX_AS_MAX at once. Descriptors are ours. */
#define UNIX_AS_MAX 64
int unix_as_pairs(struct fd_restore *r, const struct unix_cred *c, const int *types, size_t n,
		  int (*ret_fds)[2], struct err *e);
int unix_as_listen(struct fd_restore *r, const struct unix_cred *c, int fd, int backlog,
		   struct err *e);
/* Connect all of @fds to the bound socket @to. */
int unix_as_connect(struct fd_restore *r, const struct unix_cred *c, const int *fds, size_t n,
		    const struct file_obj *to, int to_fd, struct err *e);

static inline struct unix_kid *unix_kid(struct file_obj *f)
{
	return fd_work(f)->kid;
}

#endif
