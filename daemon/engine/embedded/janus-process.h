/* janus-process.h - one process of Janus: started, listened to, ended. What it means is janus-child.c's.
 *
 * The process dies with us whatever happens (PR_SET_PDEATHSIG; it is forked from the control thread, which lives as
 * long as the daemon). Its output comes by a pipe into our log, line by line, at debug. Control thread.
 */
#pragma once

#include "base/loop.h"

struct janus_process;

/* `exited` is called once, from the loop; the object is then only to be freed. */
int janus_process_start(struct loop *loop, const char *executable, const char *configs_folder,
                        void (*exited)(int status, void *ctx), void *ctx, struct janus_process **ret);
void janus_process_terminate(struct janus_process *p); /* SIGTERM; `exited` follows */
/* Kills what is left, and waits for it: a few milliseconds. No callback after it returns. */
struct janus_process *janus_process_free(struct janus_process *p);
