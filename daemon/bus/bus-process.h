/* bus-process.h - the identity of one process and no other: its number may be reused while we look. Control thread. */
#pragma once

#include "bus/bus-identity.h"

/* How a process is looked at. Tests hand in their own. */
struct bus_process_ops {
        uint32_t version;                                       /* 0 */
        int (*pin)(pid_t pid, void *ctx);                       /* pidfd_open(2) */
        bool (*is_alive)(int pidfd, void *ctx);                 /* not yet ended */
        int (*pid_of)(int pidfd, pid_t *ret, void *ctx);        /* of a descriptor that the bus gave */
        int (*start_time)(pid_t pid, uint64_t *ret, void *ctx); /* proc(5), stat, field 22 */
        void (*look)(pid_t pid, const char *label, struct bus_identity *ret, void *ctx);
        /* The bus, asked again: that name is still there, and of that process. */
        bool (*confirm)(pid_t pid, void *ctx);
};

struct bus_process {
        pid_t pid;         /* 0: the bus did not tell */
        int pidfd;         /* as the bus gave it, borrowed; negative: it did not */
        const char *label; /* LSM label, or NULL */
};

/* The identity, or bus_identity_unknown() when it cannot be told for sure. */
void bus_process_identify(const struct bus_process *p, const struct bus_process_ops *ops, void *ctx,
                          struct bus_identity *ret);

/* The kernel's, without `confirm`. */
extern const struct bus_process_ops bus_process_system;

/* Field 22 of /proc/PID/stat: the name in field 2 may hold anything. False: there is none. Pure. */
bool bus_process_parse_start_time(const char *stat, uint64_t *ret);
/* "Pid:" of /proc/self/fdinfo/PIDFD. False: none, or the process is gone (-1). Pure. */
bool bus_process_parse_fdinfo(const char *fdinfo, pid_t *ret);
