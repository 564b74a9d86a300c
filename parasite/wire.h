/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the coordinator and the parasite say to each other, in memory that both
 * map at the same address. The only header the blob includes.
 *
 * Runs in: the coordinator and every frozen or half-restored task.
 */
#ifndef STASIS_WIRE_H
#define STASIS_WIRE_H

#include <stdint.h>

/* One system call: a cache line. nr's low 16 bits are the call's number. */
struct sv_call {
	uint64_t nr;
	uint64_t a[6];
	int64_t res; /* written back; negative errno on failure */
};

/* A failing call does not end the batch. */
#define SV_IGN (1ull << 63)
/* clone3 whose child starts on its own ring: the word at the top of its stack. */
#define SV_SPAWN (1ull << 62)
/* Argument SV_REF_ARG is the result of the call SV_REF_BACK places before. */
#define SV_REF (1ull << 61)
/* The process ends when the result is not the last argument, which the call must not use. */
#define SV_EXPECT (1ull << 60)
#define SV_REF_MAKE(arg, back) (SV_REF | (uint64_t)(arg) << 48 | (uint64_t)(back) << 16)
#define SV_REF_ARG(nr) ((nr) >> 48 & 7)
#define SV_REF_BACK(nr) ((nr) >> 16 & 0xffffffff)
#define SV_NR(nr) ((nr)&0xffff)

/* Shared by all rings that work towards one wait of the coordinator. */
struct sv_head {
	uint32_t pending; /* rings still working; the last one wakes the coordinator (futex) */
	uint32_t spin;	  /* turns to spin before sleeping; 0 when many tasks share few cores */
};

/* One thread's mailbox. */
struct sv_ring {
	uint32_t seq;	   /* raised by the coordinator to start a batch (futex) */
	uint32_t last;	   /* the sequence number done last */
	uint32_t n;	   /* calls in the batch */
	uint32_t executed; /* calls that were done and, without SV_IGN, succeeded */
	struct sv_call *calls;
	struct sv_head *head;
};

/* Ring and stack of a thread: the ring lies at the slot's start, the stack grows down from its end. */
#define SV_SLOT 2048u

#endif
