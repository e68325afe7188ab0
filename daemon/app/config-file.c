/* config-file.c - see config-file.h. Where the configuration lies, and the way from there and back: the half of
 * config.h that touches files. Control thread, or rtcroomctl. */
#include "app/config-file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "app/config.h"
#include "app/config-json.h"
#include "base/cleanup.h"

#define SYSTEM_PATH "/etc/xdg/rtcroom/rtcroomd.json"

/* O_NONBLOCK: a FIFO in the place of a file must not hold up the daemon. */
static int open_regular(const char *path, struct stat *ret_st, int *ret_fd)
{
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

        if (fd < 0 || fstat(fd, ret_st) < 0)
                return -errno;
        if (!S_ISREG(ret_st->st_mode))
                return -EINVAL;
        *ret_fd = take_fd(&fd);
        return 0;
}

/* Reads until the end; one byte above the bound tells that there is more. */
static int read_all(int fd, char *text, size_t max_len, size_t *ret_len)
{
        size_t len = 0;

        for (;;) {
                ssize_t n = read(fd, text + len, max_len + 1 - len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                len += (size_t)n;
                if (len > max_len)
                        return -EFBIG;
        }
        text[len] = '\0';
        *ret_len = len;
        return 0;
}

int config_file_read(const char *path, size_t max_len, char **ret_text, size_t *ret_len)
{
        _cleanup_close_ int fd = -1;
        _cleanup_free_ char *text = NULL;
        struct stat st;
        int r;

        r = open_regular(path, &st, &fd);
        if (r < 0)
                return r;
        text = malloc(max_len + 1);
        if (!text)
                return -ENOMEM;
        r = read_all(fd, text, max_len, ret_len);
        if (r < 0)
                return r;
        *ret_text = take_ptr(text);
        return 0;
}

bool config_secret_is_valid(const char *s)
{
        size_t n = 0;

        while (s[n] > ' ' && s[n] <= '~')
                n++;
        return n > 0 && n <= CONFIG_SECRET_MAX && s[n] == '\0';
}

int config_secret_read(const char *path, bool check_mode, char **ret_secret)
{
        _cleanup_close_ int fd = -1;
        char text[CONFIG_SECRET_MAX + 2]; /* and a newline */
        struct stat st;
        size_t len;
        int r;

        r = open_regular(path, &st, &fd);
        if (r < 0)
                return r;
        if (check_mode && (st.st_mode & 077))
                return -EPERM;
        r = read_all(fd, text, CONFIG_SECRET_MAX + 1, &len);
        if (r >= 0) {
                if (len > 0 && text[len - 1] == '\n')
                        text[--len] = '\0';
                r = strlen(text) == len && config_secret_is_valid(text) ? 0 : -EBADMSG;
        }
        if (r >= 0) {
                *ret_secret = strdup(text);
                r = *ret_secret ? 0 : -ENOMEM;
        }
        explicit_bzero(text, sizeof(text));
        return r == -EFBIG ? -EBADMSG : r;
}

char *config_secret_free(char *secret)
{
        if (secret)
                explicit_bzero(secret, strlen(secret));
        free(secret);
        return NULL;
}

/* Every folder above path. */
static int make_folders(const char *path)
{
        _cleanup_free_ char *copy = strdup(path);

        if (!copy)
                return -ENOMEM;
        for (char *slash = strchr(copy + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
                *slash = '\0';
                if (mkdir(copy, 0700) < 0 && errno != EEXIST)
                        return -errno;
                *slash = '/';
        }
        return 0;
}

static int write_all(int fd, const char *text)
{
        for (size_t left = strlen(text); left > 0;) {
                ssize_t n = write(fd, text, left);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                text += n;
                left -= (size_t)n;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

/* temp is a mkostemp() pattern beside target; it holds the name of what is to be removed after a failure. */
static int write_and_rename(char *temp, const char *target, mode_t mode, const char *text)
{
        _cleanup_close_ int fd = mkostemp(temp, O_CLOEXEC);
        int r;

        if (fd < 0)
                return -errno;
        r = fchmod(fd, mode) < 0 ? -errno : write_all(fd, text);
        if (r >= 0 && rename(temp, target) < 0)
                r = -errno;
        if (r < 0)
                (void)unlink(temp);
        return r;
}

int config_file_replace(const char *path, const char *text)
{
        _cleanup_free_ char *real = realpath(path, NULL), *temp = NULL; /* NULL: not there yet */
        const char *target = real ? real : path;
        struct stat st;
        int r;

        r = make_folders(target);
        if (r < 0)
                return r;
        if (asprintf(&temp, "%s.XXXXXX", target) < 0) {
                temp = NULL;
                return -ENOMEM;
        }
        return write_and_rename(temp, target, stat(target, &st) < 0 ? 0600 : st.st_mode & 07777, text);
}

int config_user_path(char **ret_path)
{
        const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        int n;

        /* the XDG base directory specification: a relative path is to be ignored */
        if (base && base[0] == '/')
                n = asprintf(ret_path, "%s/rtcroom/rtcroomd.json", base);
        else if (home && home[0] == '/')
                n = asprintf(ret_path, "%s/.config/rtcroom/rtcroomd.json", home);
        else
                return -ENOENT;
        return n < 0 ? -ENOMEM : 0;
}

int config_find(char **ret_path)
{
        _cleanup_free_ char *user = NULL;
        int r;

        r = config_user_path(&user);
        if (r < 0 && r != -ENOENT)
                return r;
        /* not "can be read": a file that is there and cannot be read must be complained about, not skipped */
        if (r >= 0 && access(user, F_OK) == 0) {
                *ret_path = take_ptr(user);
                return 0;
        }
        *ret_path = NULL;
        if (access(SYSTEM_PATH, F_OK) == 0 && !(*ret_path = strdup(SYSTEM_PATH)))
                return -ENOMEM;
        return 0;
}

/* ---- loading ---- */

static int file_fault(const char *path, int r, struct config_fault *ret_fault)
{
        if (r == -EFBIG)
                snprintf(ret_fault->text, sizeof(ret_fault->text), "%.400s: larger than %d KiB", path,
                         CONFIG_FILE_MAX / 1024);
        else
                snprintf(ret_fault->text, sizeof(ret_fault->text), "%.400s: %s", path, strerror(-r));
        return r;
}

static int load_file(const char *path, struct config **ret, struct config_fault *ret_fault)
{
        _cleanup_free_ char *text = NULL;
        size_t len;
        int r;

        r = config_file_read(path, CONFIG_FILE_MAX, &text, &len);
        if (r < 0)
                return file_fault(path, r, ret_fault);
        r = config_parse(text, len, path, ret, ret_fault);
        explicit_bzero(text, len); /* AppKeys */
        return r;
}

/* $CREDENTIALS_DIRECTORY/appkey.<appId>. Its mode is the service manager's business: with an ACL it shows as 0440. */
static int load_credential(struct config *c, const char *folder, const char *name, struct config_fault *ret_fault)
{
        _cleanup_free_ char *path = NULL;
        char *key = NULL;
        int r;

        if (asprintf(&path, "%s/%s", folder, name) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = config_secret_read(path, false, &key);
        if (r >= 0)
                r = config_set_app_key(c, name + strlen("appkey."), key);
        return r < 0 ? file_fault(path, r, ret_fault) : 0;
}

static void closedirp(DIR **d)
{
        if (*d)
                closedir(*d);
}

static int load_credentials(struct config *c, struct config_fault *ret_fault)
{
        const char *folder = getenv("CREDENTIALS_DIRECTORY");
        _cleanup_(closedirp) DIR *d = folder ? opendir(folder) : NULL;
        int r = 0;

        if (!folder)
                return 0;
        if (!d)
                return file_fault(folder, -errno, ret_fault);
        for (struct dirent *e = readdir(d); e && r >= 0; e = readdir(d))
                if (strncmp(e->d_name, "appkey.", strlen("appkey.")) == 0)
                        r = load_credential(c, folder, e->d_name, ret_fault);
        return r;
}

int config_load(const char *path, struct config **ret, struct config_fault *ret_fault)
{
        _cleanup_(config_freep) struct config *c = NULL;
        int r;

        snprintf(ret_fault->text, sizeof(ret_fault->text), "%s", strerror(ENOMEM));
        r = path ? load_file(path, &c, ret_fault) : config_new_default(&c);
        if (r >= 0)
                r = load_credentials(c, ret_fault);
        if (r < 0)
                return r;
        *ret = take_ptr(c);
        return 0;
}

int config_set_program(const char *path, const char *id, enum consent_policy policy, struct config_fault *ret_fault)
{
        _cleanup_free_ char *old = NULL, *text = NULL;
        _cleanup_(config_freep) struct config *check = NULL;
        size_t len = 0;
        int r;

        snprintf(ret_fault->text, sizeof(ret_fault->text), "%s", strerror(ENOMEM));
        r = config_file_read(path, CONFIG_FILE_MAX, &old, &len);
        if (r < 0 && r != -ENOENT)
                return file_fault(path, r, ret_fault);
        if (r >= 0) {
                r = config_parse(old, len, path, &check, ret_fault);
                if (r < 0)
                        return r;
                check = config_free(check);
        }
        r = config_json_set_program(old ? old : "{}", old ? len : 2, id, consent_policy_to_string(policy), &text);
        if (r >= 0) /* whatever is written can be read: this is also the check of the id */
                r = config_parse(text, strlen(text), path, &check, ret_fault);
        if (r < 0)
                return r;
        r = config_file_replace(path, text);
        return r < 0 ? file_fault(path, r, ret_fault) : 0;
}
