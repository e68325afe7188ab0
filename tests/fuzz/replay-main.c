/* replay-main.c - runs a fuzz target over every file of its corpus (a folder or files as arguments), and over each
 * file cut short at every length up to 512 bytes: truncation is the commonest malformation. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Exact-size copies, so that ASan sees the first byte of an over-read. */
static void run_exact(const uint8_t *data, size_t size)
{
        uint8_t *copy = malloc(size ? size : 1);

        if (!copy)
                abort();
        memcpy(copy, data, size);
        LLVMFuzzerTestOneInput(copy, size);
        free(copy);
}

static int run_file(const char *path)
{
        static uint8_t data[1 << 20];
        FILE *f = fopen(path, "rb");
        size_t n;

        if (!f) {
                perror(path);
                return 1;
        }
        n = fread(data, 1, sizeof(data), f);
        fclose(f);
        run_exact(data, n);
        for (size_t cut = 0; cut < n && cut < 512; cut++)
                run_exact(data, cut);
        return 0;
}

static int run_folder(const char *path, unsigned *count)
{
        DIR *d = opendir(path);
        int r = 0;

        if (!d) {
                perror(path);
                return 1;
        }
        for (struct dirent *e = readdir(d); e; e = readdir(d)) {
                char file[4096];

                if (e->d_name[0] == '.')
                        continue;
                snprintf(file, sizeof(file), "%s/%s", path, e->d_name);
                r |= run_file(file);
                (*count)++;
        }
        closedir(d);
        return r;
}

int main(int argc, char **argv)
{
        unsigned count = 0;
        int r = 0;

        for (int i = 1; i < argc; i++) {
                struct stat st;

                if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode)) {
                        r |= run_folder(argv[i], &count);
                } else {
                        r |= run_file(argv[i]);
                        count++;
                }
        }
        printf("%u inputs\n", count);
        return r || count == 0;
}
