/* bus-identity.h - who a program is: sandbox, application id, executable. Control thread; reads /proc. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { BUS_APPLICATION_ID_MAX = 255 };

struct bus_identity {
        char application_id[BUS_APPLICATION_ID_MAX + 1]; /* "" if none */
        char exe_path[1024];                             /* "" if unknown, longer, or sandboxed */
        bool claims_path;                                /* the kernel does not tell: the path is the program's word */
        bool sandboxed;                                  /* also when it cannot be told */
        pid_t pid;           /* 0 if unknown; with the start time it is this process only */
        uint64_t start_time; /* ticks since boot */
};

/* Nothing is known: sandboxed, no names. */
void bus_identity_unknown(struct bus_identity *ret);
/* The process's identity; parts that cannot be read are left unknown, pid and start time always (bus-process.h fills
 * them in). `label`: its LSM label, or NULL. */
void bus_identity_of_pid(pid_t pid, const char *label, struct bus_identity *ret);

/* Which mount is "/", as text to compare; false: none, or it does not fit. */
bool bus_identity_parse_root(const char *mountinfo, char *ret, size_t size);

/* The parsers; each returns whether it found an id. Texts are NUL-terminated and may be anything. */
bool bus_identity_parse_flatpak(const char *keyfile, char ret_id[static BUS_APPLICATION_ID_MAX + 1]);
bool bus_identity_parse_snap(const char *label_or_cgroup, char ret_id[static BUS_APPLICATION_ID_MAX + 1]);
/* Only of the scope that Flatpak makes for an application: "app-flatpak-ID-RANDOM.scope". */
bool bus_identity_parse_flatpak_scope(const char *cgroup, char ret_id[static BUS_APPLICATION_ID_MAX + 1]);
bool bus_identity_parse_unit(const char *cgroup, char ret_id[static BUS_APPLICATION_ID_MAX + 1]);
