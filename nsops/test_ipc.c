// SPDX-License-Identifier: GPL-2.0-or-later
/* Images of System V objects, as they should be and as they should not: each fault is refused with its reason. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "image/image.h"
#include "model/images_expect.h"
#include "nsops/ipc-internal.h"

#define NS_ID 11

struct subject {
	IpcVarEntry var;
	uint32_t ctls[4];
	IpcDescEntry desc[3];
	IpcShmEntry shm[2];
	IpcSemEntry sem;
	IpcSemUndo undo, *undos[1];
	uint32_t pids[3];
	uint16_t values[4];
	IpcMsgEntry queue;
	IpcMsg msg;
	size_t msg_bytes;
	MqueueEntry mq;
	MqueueMsg mq_msg;
};

static void subject_init(struct subject *s)
{
	memset(s, 0, sizeof(*s));
	ipc_var_entry__init(&s->var);
	s->var.n_sem_ctls = 4;
	s->var.sem_ctls = s->ctls;
	for (uint32_t i = 0; i < 3; i++) {
		ipc_desc_entry__init(&s->desc[i]);
		s->desc[i].id = 32768 + i;
		s->desc[i].mode = 0600;
	}
	for (int i = 0; i < 2; i++) {
		ipc_shm_entry__init(&s->shm[i]);
		s->shm[i].desc = &s->desc[i];
		s->shm[i].size = 100;
		s->shm[i].has_in_pagemaps = s->shm[i].in_pagemaps = 1;
	}
	ipc_sem_entry__init(&s->sem);
	s->sem.desc = &s->desc[2];
	s->sem.nsems = 3;
	s->sem.n_stasis_pids = 3;
	s->sem.stasis_pids = s->pids;
	ipc_sem_undo__init(&s->undo);
	s->undo.adj = -32768;
	s->undos[0] = &s->undo;
	s->sem.stasis_undo = s->undos;
	s->sem.n_stasis_undo = 1;
	ipc_msg_entry__init(&s->queue);
	s->queue.desc = &s->desc[2];
	s->queue.qnum = 1;
	ipc_msg__init(&s->msg);
	s->msg.mtype = 1;
	s->msg.msize = 5;
	s->msg_bytes = 8;
	mqueue_entry__init(&s->mq);
	s->mq.name = "queue";
	s->mq.maxmsg = 3;
	s->mq.msgsize = 10;
	s->mq.qnum = 1;
	mqueue_msg__init(&s->mq_msg);
	s->mq_msg.size = 5;
}

static void put(struct image_dir *d, enum image_id id, const ProtobufCMessage *const *v, size_t n,
		const void *data, size_t bytes)
{
	struct image_out *o;
	struct err e = { 0 };

	assert_int_equal(image_create(d, id, NS_ID, &o, &e), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(image_put(o, v[i], &e), 0);
	assert_int_equal(image_put_raw(o, data, bytes, &e), 0);
	assert_int_equal(image_out_close(o, &e), 0);
}

static void subject_write(void *subject, const char *path)
{
	struct subject *s = subject;
	const ProtobufCMessage *var = &s->var.base, *sem = &s->sem.base;
	const ProtobufCMessage *shm[2] = { &s->shm[0].base, &s->shm[1].base };
	const ProtobufCMessage *msg[2] = { &s->queue.base, &s->msg.base };
	const ProtobufCMessage *mq[2] = { &s->mq.base, &s->mq_msg.base };
	struct pool *pool = pool_new();
	struct image_dir *d;
	struct err e = { 0 };

	assert_int_equal(image_dir_create(&d, path, pool, &e), 0);
	put(d, IMG_IPC_VAR, &var, 1, "", 0);
	put(d, IMG_IPCNS_SHM, shm, 2, "", 0);
	put(d, IMG_IPCNS_SEM, &sem, 1, s->values, sizeof(s->values));
	put(d, IMG_IPCNS_MSG, msg, 2, "12345678", s->msg_bytes);
	put(d, IMG_IPCNS_MQUEUE, mq, 2, "12345678", 8);
	assert_int_equal(image_dir_commit(d, false, &e), 0);
	image_dir_free(d);
	pool_free(pool);
}

static void check_right(void *subject, struct model *m)
{
	const struct ipc_state *s = m->ipc_state;

	assert_int_equal(s->n_shms, 2);
	assert_int_equal(m->shmems[0]->shmid, 32768);
	assert_true(m->shmems[0]->sysv);
	assert_int_equal(s->n_sems, 1);
	assert_int_equal(s->n_queues, 1);
	assert_memory_equal(s->queues[0].v[0].data, "12345", 5);
	assert_int_equal(s->n_mqueues, 1);
	assert_true(ipc_arena_need(m) > 0);
}

static int read_it(struct model *m, struct err *e)
{
	struct ns ns = { .type = NS_IPC, .id = NS_ID };

	return ipc_read(m, &ns, e);
}

static void expect(struct subject *s, const char *want)
{
	static const struct images_case c = { 1, subject_write, read_it, check_right };

	images_expect(&c, s, want);
}

static void test_images(void **state)
{
	struct subject s;

	subject_init(&s);
	expect(&s, NULL);
	BAD(s.var.n_sem_ctls = 3, "semaphore limits");
	BAD(s.desc[0].id = 0x80000000, "out of range");
	BAD(s.desc[0].mode = 0100600, "out of range");
	BAD(s.desc[1].id = 32768, "is there twice");
	BAD(s.shm[0].size = 0, "0 bytes");
	BAD(s.shm[0].size = UINT64_MAX, "bytes");
	BAD(s.shm[0].has_in_pagemaps = s.shm[0].in_pagemaps = 0, "old way");
	BAD(s.shm[0].has_hugetlb_flag = s.shm[0].hugetlb_flag = 1, "huge pages");
	BAD(s.sem.nsems = 0, "semaphores");
	BAD(s.sem.nsems = 5, "semaphores");
	BAD(s.sem.nsems = UINT32_MAX, "semaphores");
	BAD(s.sem.n_stasis_pids = 2, "2 pids");
	BAD(s.values[1] = 40000, "no value");
	BAD(s.undo.num = 3, "impossible undo");
	BAD(s.undo.adj = 40000, "impossible undo");
	BAD(s.queue.qnum = 2, "missing");
	BAD(s.msg.mtype = 0, "type or size");
	BAD(s.msg.msize = 9, "type or size");
	BAD(s.msg.msize = UINT32_MAX, "type or size");
	BAD(s.mq.name = "a/b", "no name of a message queue");
	BAD(s.mq.name = "..", "no name of a message queue");
	BAD(s.mq.maxmsg = 0, "out of range");
	BAD(s.mq.msgsize = UINT32_MAX, "out of range");
	BAD(s.mq.qnum = 4, "out of range");
	BAD(s.mq.qnum = 2, "missing");
	BAD(s.mq_msg.prio = 32768, "size or priority");
	BAD(s.mq_msg.size = 11, "size or priority");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_images) };

	return cmocka_run_group_tests_name("ipc", tests, NULL, NULL);
}
