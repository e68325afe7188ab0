/* volumes.c - remembered volumes and their file. See volumes.h.
 *
 * Control thread. Entries are kept in the order of their last change, so that the oldest is the first to be forgotten.
 * Lines of the file that are no entry are skipped: it may have been edited by hand.
 */
#include "app/volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app/params.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"

LOG_TOPIC("app/volumes");

enum { MAX_ENTRIES = 4096, WRITE_DELAY_MS = 1000 };

struct entry {
        struct list link; /* in volumes.entries, oldest first */
        double volume;
        bool muted;
        char app_id[ID_MAX + 1], user_id[ID_MAX + 1];
};

struct volumes {
        struct list entries;
        unsigned n;
        char *dir, *path, *new_path; /* owned; NULL: nothing is written */
        struct loop *loop;
        struct loop_source *timer;
        bool dirty;
};

static struct entry *find(const struct volumes *v, const char *app_id, const char *user_id)
{
        struct entry *e;

        list_for_each (e, &v->entries, link)
                if (strcmp(e->user_id, user_id) == 0 && strcmp(e->app_id, app_id) == 0)
                        return e;
        return NULL;
}

static void forget(struct volumes *v, struct entry *e)
{
        list_remove(&e->link);
        free(e);
        v->n--;
}

static int put(struct volumes *v, const char *app_id, const char *user_id, double volume, bool muted)
{
        struct entry *e = find(v, app_id, user_id);

        if (!e) {
                e = calloc(1, sizeof(*e));
                if (!e)
                        return -ENOMEM;
                list_init(&e->link);
                (void)snprintf(e->app_id, sizeof(e->app_id), "%s", app_id);
                (void)snprintf(e->user_id, sizeof(e->user_id), "%s", user_id);
                v->n++;
        }
        e->volume = volume;
        e->muted = muted;
        list_remove(&e->link);
        list_append(&v->entries, &e->link);
        if (v->n > MAX_ENTRIES)
                forget(v, list_first(&v->entries, struct entry, link));
        return 0;
}

/* ---- the file ---- */

static int read_line(struct volumes *v, const char *line)
{
        char app_id[ID_MAX + 2], user_id[ID_MAX + 2];
        char word[8] = "";
        double volume;

        if (sscanf(line, "%129s %129s %lf %7s", app_id, user_id, &volume, word) < 3)
                return 0;
        if (!params_is_id(app_id) || !params_is_id(user_id) || !(volume >= 0.0 && volume <= 2.0))
                return 0;
        return put(v, app_id, user_id, volume, strcmp(word, "muted") == 0);
}

static int read_file(struct volumes *v)
{
        char line[512];
        int r = 0;
        FILE *f = fopen(v->path, "re");

        if (!f) {
                if (errno != ENOENT)
                        log_warning("%s: %s", v->path, strerror(errno));
                return 0;
        }
        while (r >= 0 && fgets(line, sizeof(line), f))
                r = read_line(v, line);
        (void)fclose(f); /* was only read */
        return r;
}

static int write_entries(const struct volumes *v, FILE *f)
{
        const struct entry *e;

        list_for_each (e, &v->entries, link)
                if (fprintf(f, "%s %s %.3f%s\n", e->app_id, e->user_id, e->volume, e->muted ? " muted" : "") < 0)
                        return -EIO;
        return 0;
}

static int write_new(const struct volumes *v)
{
        _cleanup_close_ int fd = open(v->new_path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        FILE *f;
        int r;

        if (fd < 0)
                return -errno;
        f = fdopen(fd, "w");
        if (!f)
                return -errno;
        (void)take_fd(&fd);
        r = write_entries(v, f);
        if (fclose(f) != 0 && r >= 0)
                r = -errno;
        return r;
}

static void write_file(struct volumes *v)
{
        int r;

        v->dirty = false;
        if (mkdir(v->dir, 0700) < 0 && errno != EEXIST) {
                log_warning("%s: %s", v->dir, strerror(errno));
                return;
        }
        r = write_new(v);
        if (r >= 0 && rename(v->new_path, v->path) < 0)
                r = -errno;
        if (r < 0)
                log_warning("%s: volumes are not remembered: %s", v->path, strerror(-r));
}

static void on_timer(void *ctx)
{
        write_file(ctx);
}

static int join_path(const char *dir, const char *name, char **ret)
{
        size_t size = strlen(dir) + strlen(name) + 1;
        char *path = malloc(size);

        if (!path)
                return -ENOMEM;
        (void)snprintf(path, size, "%s%s", dir, name);
        *ret = path;
        return 0;
}

static int set_paths(struct volumes *v, const char *state_dir)
{
        int r = join_path(state_dir, "", &v->dir);

        if (r >= 0)
                r = join_path(state_dir, "/volumes", &v->path);
        if (r >= 0)
                r = join_path(state_dir, "/volumes.new", &v->new_path);
        return r;
}

/* ---- the object ---- */

int volumes_new(struct loop *loop, const char *state_dir, struct volumes **ret)
{
        _cleanup_(volumes_freep) struct volumes *v = calloc(1, sizeof(*v));
        int r;

        if (!v)
                return -ENOMEM;
        list_init(&v->entries);
        v->loop = loop;
        r = loop_add_timer(loop, LOOP_NEVER, on_timer, v, &v->timer);
        if (r >= 0 && state_dir)
                r = set_paths(v, state_dir);
        if (r >= 0 && state_dir)
                r = read_file(v);
        if (r < 0)
                return r;
        *ret = take_ptr(v);
        return 0;
}

struct volumes *volumes_free(struct volumes *v)
{
        struct entry *e;

        if (!v)
                return NULL;
        if (v->dirty)
                write_file(v);
        list_for_each (e, &v->entries, link)
                forget(v, e);
        v->timer = loop_remove(v->timer);
        free(v->dir);
        free(v->path);
        free(v->new_path);
        free(v);
        return NULL;
}

double volumes_get(const struct volumes *v, const char *app_id, const char *user_id, bool *ret_muted)
{
        const struct entry *e = find(v, app_id, user_id);

        *ret_muted = e && e->muted;
        return e ? e->volume : 1.0;
}

int volumes_set(struct volumes *v, const char *app_id, const char *user_id, double volume, bool muted)
{
        struct entry *e = find(v, app_id, user_id);
        int r = 0;

        if (muted || fabs(volume - 1.0) >= 0.0005)
                r = put(v, app_id, user_id, volume, muted);
        else if (e)
                forget(v, e);
        if (r < 0 || !v->path)
                return r;
        v->dirty = true;
        return loop_set_timer(v->timer, loop_now_us(v->loop) + WRITE_DELAY_MS * US_PER_MS);
}
