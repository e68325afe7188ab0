/* bus-identity.c - a process → sandbox, application id, executable.
 *
 *   Flatpak   /proc/PID/root/.flatpak-info, section [Application], key name: that file is put there by Flatpak and
 *             cannot be changed from inside.
 *   snap      the AppArmor label "snap.NAME.APP (…)", or a cgroup named snap.NAME.APP…; the id is "snap.NAME".
 *   none      the systemd unit of the cgroup: app[-LAUNCHER]-ID-RANDOM.scope, app[-LAUNCHER]-ID[@RANDOM].service
 *             (systemd.io/DESKTOP_ENVIRONMENTS), where the id is escaped as \xNN. A hint, not a proof: programs
 *             outside of sandboxes can name themselves as they like.
 *
 * Under the unit's hardening we live in a user namespace (systemd/README.md), and the kernel shows neither root nor
 * exe of a process outside of it: that takes the right to trace, which ends at the namespace's border, and nothing
 * else tells the file (stat, comm and cmdline are what is left; the bus knows the pid, the service manager the unit).
 *
 * There, a program whose "/" is another mount than ours is sandboxed, be it Flatpak, snap or a container. Its id is
 * that of the scope that Flatpak made for it; it cannot make scopes itself.
 *
 * Of one outside of sandboxes the path is its own claim, argv[0], believed only when the name the kernel gave it at
 * exec (comm) agrees: another program's argv[0] is not enough. Who sets out to deceive can set both, but it can also
 * preload itself into an allowed program, write the configuration, or open the microphone without us.
 *
 * A sandboxed program has no path: what is /usr/bin/x in there is not what it is out here.
 *
 * Ids hold [A-Za-z0-9._-] only: what else is escaped in a unit's name (a "/" in particular, which would make a path of
 * it) makes it no id. A unit's name of more than launcher and id, which has to be escaped, is none either.
 *
 * Safe side: who cannot be looked at (no pid, no access to its root) counts as sandboxed. That the pid stays the same
 * process's meanwhile is bus-process.c's business.
 *
 * Control thread. Bounded reads of /proc, no allocation.
 */
#include "bus/bus-identity.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/utf8.h"

enum { PROC_FILE_MAX = 16 * 1024, COMM_MAX = 15 };

void bus_identity_unknown(struct bus_identity *ret)
{
        *ret = (struct bus_identity){ .sandboxed = true };
}

static bool take_id(const char *from, size_t len, char *ret_id)
{
        static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

        if (len == 0 || len > BUS_APPLICATION_ID_MAX)
                return false;
        for (size_t i = 0; i < len; i++)
                if (!from[i] || !strchr(ok, from[i]))
                        return false;
        memcpy(ret_id, from, len);
        ret_id[len] = '\0';
        return true;
}

bool bus_identity_parse_flatpak(const char *keyfile, char ret_id[static BUS_APPLICATION_ID_MAX + 1])
{
        static const char key[] = "name=";
        bool inside = false;

        for (const char *line = keyfile; *line;) {
                size_t len = strcspn(line, "\n");

                if (line[0] == '[')
                        inside = len == strlen("[Application]") && memcmp(line, "[Application]", len) == 0;
                else if (inside && strncmp(line, key, strlen(key)) == 0)
                        return take_id(line + strlen(key), len - strlen(key), ret_id);
                line += len + (line[len] == '\n');
        }
        return false;
}

/* The start of "snap." at the beginning of a label or of a part of a cgroup path. */
static const char *find_snap(const char *text)
{
        for (const char *at = strstr(text, "snap."); at; at = strstr(at + 1, "snap."))
                if (at == text || at[-1] == '/')
                        return at;
        return NULL;
}

bool bus_identity_parse_snap(const char *label_or_cgroup, char ret_id[static BUS_APPLICATION_ID_MAX + 1])
{
        const char *at = find_snap(label_or_cgroup);
        size_t name;

        if (!at)
                return false;
        name = strcspn(at + strlen("snap."), "./ \n");
        return name > 0 && at[strlen("snap.") + name] == '.' && take_id(at, strlen("snap.") + name, ret_id);
}

static int hex_value(char c)
{
        return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \xNN → byte, in place. */
static void unescape(char *s)
{
        char *to = s;

        while (*s) {
                int high = s[0] == '\\' && s[1] == 'x' ? hex_value(s[2]) : -1;
                int low = high >= 0 ? hex_value(s[3]) : -1;

                if (low >= 0 && (high | low) != 0) {
                        *to++ = (char)(high << 4 | low);
                        s += 4;
                } else {
                        *to++ = *s++;
                }
        }
        *to = '\0';
}

/* The unit's name without suffix and random part, in place; false: no unit of a desktop application. */
static bool strip_unit(char *unit)
{
        char *dot = strrchr(unit, '.'), *random = NULL;

        if (strncmp(unit, "app-", 4) != 0 || !dot)
                return false;
        if (strcmp(dot, ".scope") == 0) {
                *dot = '\0';
                random = strrchr(unit, '-');
                if (random == unit + 3)
                        return false;
        } else if (strcmp(dot, ".service") == 0) {
                *dot = '\0';
                random = strchr(unit, '@');
        } else {
                return false;
        }
        if (random)
                *random = '\0';
        return true;
}

/* The last part of the path in the unified hierarchy ("0::"), in `path`; NULL: none, or it does not fit. */
static char *own_unit(const char *cgroup, char *path, size_t size)
{
        const char *line = strncmp(cgroup, "0::", 3) == 0 ? cgroup : strstr(cgroup, "\n0::");
        char *slash;

        if (!line)
                return NULL;
        line += strcspn(line, "0") + strlen("0::");
        if (strcspn(line, "\n") >= size)
                return NULL;
        snprintf(path, size, "%.*s", (int)strcspn(line, "\n"), line);
        slash = strrchr(path, '/');
        return slash ? slash + 1 : NULL;
}

bool bus_identity_parse_unit(const char *cgroup, char ret_id[static BUS_APPLICATION_ID_MAX + 1])
{
        char path[4096], *unit = own_unit(cgroup, path, sizeof(path)), *dash;

        if (!unit || !strip_unit(unit))
                return false;
        unit += strlen("app-");
        dash = strchr(unit, '-');
        if (dash && strchr(dash + 1, '-'))
                return false;
        if (dash)
                unit = dash + 1;
        unescape(unit);
        return take_id(unit, strlen(unit), ret_id);
}

bool bus_identity_parse_flatpak_scope(const char *cgroup, char ret_id[static BUS_APPLICATION_ID_MAX + 1])
{
        char path[4096];
        const char *unit = own_unit(cgroup, path, sizeof(path));

        return unit && strncmp(unit, "app-flatpak-", strlen("app-flatpak-")) == 0 &&
               bus_identity_parse_unit(cgroup, ret_id);
}

/* Reads up to size - 1 bytes of a file and ends them with NUL. */
static int read_file_at(int dir, const char *name, char *buf, size_t size)
{
        _cleanup_close_ int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
        struct stat st;
        size_t n = 0;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -EINVAL;
        while (n < size - 1) {
                ssize_t got = read(fd, buf + n, size - 1 - n);

                if (got < 0)
                        return -errno;
                if (got == 0)
                        break;
                n += (size_t)got;
        }
        buf[n] = '\0';
        return 0;
}

/* The mount that is "/": "major:minor root" (proc(5), mountinfo, fields 3 and 4). The last one covers those before. */
bool bus_identity_parse_root(const char *mountinfo, char *ret, size_t size)
{
        bool found = false;

        for (const char *line = mountinfo; *line;) {
                char device[32], root[1024], point[8];
                size_t len = strcspn(line, "\n");

                if (sscanf(line, "%*u %*u %31s %1023s %7s", device, root, point) == 3 && strcmp(point, "/") == 0)
                        found = snprintf(ret, size, "%s %s", device, root) < (int)size;
                line += len + (line[len] == '\n');
        }
        return found;
}

static bool shares_our_root(int proc, char *buf)
{
        _cleanup_close_ int self = open("/proc/self", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
        char ours[1100], theirs[1100];

        return self >= 0 && read_file_at(self, "mountinfo", buf, PROC_FILE_MAX) >= 0 &&
               bus_identity_parse_root(buf, ours, sizeof(ours)) &&
               read_file_at(proc, "mountinfo", buf, PROC_FILE_MAX) >= 0 &&
               bus_identity_parse_root(buf, theirs, sizeof(theirs)) && strcmp(ours, theirs) == 0;
}

/* argv[0] → the file it stands for: absolute, or a bare name where programs are usually found. "" if neither. */
static void find_program(const char *name, char *ret, size_t size)
{
        static const char *const folders[] = { "/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin" };
        char path[PATH_MAX], real[PATH_MAX];

        ret[0] = '\0';
        if (strchr(name, '/')) {
                if (name[0] == '/' && realpath(name, real) && strlen(real) < size)
                        strcpy(ret, real);
                return;
        }
        for (size_t i = 0; *name && i < ARRAY_SIZE(folders); i++)
                if (snprintf(path, sizeof(path), "%s/%s", folders[i], name) < (int)sizeof(path) &&
                    access(path, X_OK) == 0 && realpath(path, real) && strlen(real) < size) {
                        strcpy(ret, real);
                        return;
                }
}

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash ? slash + 1 : path;
}

/* comm is the name of the file that was executed, cut to 15 bytes (proc(5)), unless the program changed it. */
static bool comm_agrees(const char *comm, const char *name)
{
        size_t len = strcspn(comm, "\n");

        return len > 0 && strncmp(comm, name, len) == 0 && (name[len] == '\0' || len == COMM_MAX);
}

/* The path that argv[0] claims, or "". */
static void read_claim(int proc, char *buf, struct bus_identity *id)
{
        char comm[COMM_MAX + 2];

        if (read_file_at(proc, "comm", comm, sizeof(comm)) < 0 ||
            read_file_at(proc, "cmdline", buf, PROC_FILE_MAX) < 0)
                return;
        find_program(buf, id->exe_path, sizeof(id->exe_path));
        if (!comm_agrees(comm, base_name(buf)) && !comm_agrees(comm, base_name(id->exe_path)))
                id->exe_path[0] = '\0';
        id->claims_path = true;
}

/* A path goes into messages, logs and dialogs: one that is no plain text is none. */
static bool is_plain(const char *s)
{
        for (size_t n; *s; s += n) {
                n = utf8_character(s);
                if (n == 0 || (n == 1 && ((unsigned char)*s < ' ' || *s == 0x7f)))
                        return false;
        }
        return true;
}

/* The exe link, or where it is not shown what the program claims. */
static void read_exe(int proc, char *buf, struct bus_identity *id)
{
        ssize_t n = readlinkat(proc, "exe", id->exe_path, sizeof(id->exe_path));
        bool hidden = n < 0 && (errno == EACCES || errno == EPERM);

        id->exe_path[n < 0 || (size_t)n == sizeof(id->exe_path) ? 0 : n] = '\0';
        if (hidden)
                read_claim(proc, buf, id);
        if (!is_plain(id->exe_path))
                id->exe_path[0] = '\0';
}

/* The id of a sandboxed program whose root is hidden. */
static void read_hidden_id(int proc, char *buf, struct bus_identity *id)
{
        if (read_file_at(proc, "cgroup", buf, PROC_FILE_MAX) >= 0 && !bus_identity_parse_snap(buf, id->application_id))
                (void)bus_identity_parse_flatpak_scope(buf, id->application_id);
}

/* True when the process is outside of every sandbox as far as Flatpak knows; an id is filled in when it is inside. */
static bool is_outside_flatpak(int proc, char *buf, struct bus_identity *id)
{
        _cleanup_close_ int root = openat(proc, "root", O_RDONLY | O_CLOEXEC | O_DIRECTORY | O_PATH);
        int r;

        if (root < 0) {
                if ((errno == EACCES || errno == EPERM) && shares_our_root(proc, buf))
                        return true;
                read_hidden_id(proc, buf, id);
                return false;
        }
        r = read_file_at(root, ".flatpak-info", buf, PROC_FILE_MAX);
        if (r >= 0)
                (void)bus_identity_parse_flatpak(buf, id->application_id);
        return r == -ENOENT;
}

static void identify_unsandboxed(int proc, const char *label, char *buf, struct bus_identity *id)
{
        id->sandboxed = label && bus_identity_parse_snap(label, id->application_id);
        if (id->sandboxed)
                return;
        if (read_file_at(proc, "cgroup", buf, PROC_FILE_MAX) < 0) {
                id->sandboxed = true;
                return;
        }
        id->sandboxed = bus_identity_parse_snap(buf, id->application_id);
        if (!id->sandboxed)
                (void)bus_identity_parse_unit(buf, id->application_id);
}

void bus_identity_of_pid(pid_t pid, const char *label, struct bus_identity *ret)
{
        char path[32], buf[PROC_FILE_MAX];
        _cleanup_close_ int proc = -1;

        bus_identity_unknown(ret);
        if (pid <= 0)
                return;
        snprintf(path, sizeof(path), "/proc/%d", (int)pid);
        proc = open(path, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
        if (proc < 0)
                return;
        read_exe(proc, buf, ret);
        if (is_outside_flatpak(proc, buf, ret))
                identify_unsandboxed(proc, label, buf, ret);
        if (ret->sandboxed) {
                ret->exe_path[0] = '\0';
                ret->claims_path = false;
        }
}
