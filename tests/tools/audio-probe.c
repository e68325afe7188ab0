/* audio-probe.c - plays a WAV file into the PipeWire graph, or records a node, and says when its first frame was
 * there.
 *
 *   audio-probe play FILE.wav --name NODE            a stream without target: the caller links it (pw-link)
 *   audio-probe record FILE.wav --target NODE        --monitor: what a sink plays; stops after --seconds or at SIGINT
 *
 * Mono, 48 kHz. At the end one JSON line: {"start_us": T, "frames": N, "rate": 48000}, T being the monotonic time of
 * frame 0: the median over all periods of (time of the callback − frames so far / rate), so that one late callback
 * does not matter. Two probes in different graphs are comparable, as the clock is the machine's.
 */
#include <getopt.h>
#include <pipewire/pipewire.h>
#include <signal.h>
#include <spa/param/audio/format-utils.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RATE = 48000, MAX_PERIODS = 1 << 20, MAX_SECONDS = 600 };

struct probe {
        struct pw_main_loop *loop;
        struct pw_stream *stream;
        bool playing, started;
        float *frames; /* the whole file */
        uint32_t n, at, limit;
        int64_t *starts_us; /* one estimate of frame 0 a period */
        uint32_t periods;
};

static int64_t now_us(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static void note_time(struct probe *p)
{
        if (p->periods < MAX_PERIODS)
                p->starts_us[p->periods++] = now_us() - (int64_t)p->at * 1000000 / RATE;
}

static void fill(struct probe *p, struct spa_data *d, uint32_t wanted)
{
        uint32_t room = d->maxsize / sizeof(float), n = wanted && wanted < room ? wanted : room, left = p->n - p->at;

        note_time(p);
        memset(d->data, 0, n * sizeof(float));
        memcpy(d->data, p->frames + p->at, (n < left ? n : left) * sizeof(float));
        p->at += n < left ? n : left;
        *d->chunk = (struct spa_chunk){ .size = n * sizeof(float), .stride = sizeof(float) };
}

static void take(struct probe *p, const struct spa_data *d)
{
        uint32_t n = d->chunk->size / sizeof(float), room = p->limit - p->at;

        if (n > room)
                n = room;
        note_time(p);
        memcpy(p->frames + p->at, (const char *)d->data + d->chunk->offset, n * sizeof(float));
        p->at += n;
}

static void on_process(void *ctx)
{
        struct probe *p = ctx;
        struct pw_buffer *b = pw_stream_dequeue_buffer(p->stream);

        if (!b)
                return;
        if (b->buffer->datas[0].data) {
                if (p->playing)
                        fill(p, &b->buffer->datas[0], (uint32_t)b->requested);
                else
                        take(p, &b->buffer->datas[0]);
        }
        pw_stream_queue_buffer(p->stream, b);
        if (p->at >= (p->playing ? p->n : p->limit))
                pw_main_loop_quit(p->loop); /* an eventfd write: legal from the data thread */
}

static const struct pw_stream_events events = { PW_VERSION_STREAM_EVENTS, .process = on_process };

static void on_signal(void *ctx, int number)
{
        (void)number;
        pw_main_loop_quit(((struct probe *)ctx)->loop);
}

static int read_wav(struct probe *p, const char *path)
{
        unsigned char head[44];
        FILE *f = fopen(path, "rb");
        int16_t sample;

        if (!f || fread(head, 1, sizeof(head), f) != sizeof(head) || memcmp(head, "RIFF", 4) != 0 || head[22] != 1 ||
            head[34] != 16) {
                fprintf(stderr, "%s: not a mono 16 bit WAV file with a plain header\n", path);
                return -1;
        }
        p->frames = calloc((size_t)RATE * MAX_SECONDS, sizeof(float));
        while (p->frames && p->n < (uint32_t)RATE * MAX_SECONDS && fread(&sample, 2, 1, f) == 1)
                p->frames[p->n++] = (float)sample / 32768.0f;
        fclose(f);
        return p->frames ? 0 : -1;
}

static void put32(FILE *f, uint32_t v)
{
        fwrite(&v, 4, 1, f);
}

/* 32 bit float WAV: what was heard, unclipped. */
static int write_wav(const struct probe *p, const char *path)
{
        FILE *f = fopen(path, "wb");
        uint32_t bytes = p->at * 4;

        if (!f)
                return -1;
        fwrite("RIFF", 1, 4, f);
        put32(f, 36 + bytes);
        fwrite("WAVEfmt ", 1, 8, f);
        put32(f, 16);
        put32(f, 3 | 1 << 16); /* IEEE float, one channel */
        put32(f, RATE);
        put32(f, RATE * 4);
        put32(f, 4 | 32 << 16);
        fwrite("data", 1, 4, f);
        put32(f, bytes);
        fwrite(p->frames, 4, p->at, f);
        return fclose(f);
}

static int compare(const void *a, const void *b)
{
        int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

static int run(struct probe *p, const char *name, const char *target, bool monitor)
{
        uint8_t buffer[1024];
        struct spa_pod_builder b = SPA_POD_BUILDER_INIT(buffer, sizeof(buffer));
        const struct spa_pod *param = spa_format_audio_raw_build(
                &b, SPA_PARAM_EnumFormat,
                &SPA_AUDIO_INFO_RAW_INIT(.format = SPA_AUDIO_FORMAT_F32, .channels = 1, .rate = RATE,
                                         .position = { SPA_AUDIO_CHANNEL_MONO }));
        struct pw_properties *props = pw_properties_new(PW_KEY_MEDIA_TYPE, "Audio", PW_KEY_NODE_NAME, name,
                                                        PW_KEY_NODE_LATENCY, "256/48000", NULL);
        enum pw_stream_flags flags = PW_STREAM_FLAG_MAP_BUFFERS | PW_STREAM_FLAG_RT_PROCESS;

        if (target)
                pw_properties_set(props, PW_KEY_TARGET_OBJECT, target);
        if (monitor)
                pw_properties_set(props, PW_KEY_STREAM_CAPTURE_SINK, "true");
        if (target)
                flags |= PW_STREAM_FLAG_AUTOCONNECT;
        p->loop = pw_main_loop_new(NULL);
        pw_loop_add_signal(pw_main_loop_get_loop(p->loop), SIGINT, on_signal, p);
        pw_loop_add_signal(pw_main_loop_get_loop(p->loop), SIGTERM, on_signal, p);
        p->stream = pw_stream_new_simple(pw_main_loop_get_loop(p->loop), name, props, &events, p);
        if (!p->stream || pw_stream_connect(p->stream, p->playing ? PW_DIRECTION_OUTPUT : PW_DIRECTION_INPUT,
                                            PW_ID_ANY, flags, &param, 1) < 0)
                return -1;
        pw_main_loop_run(p->loop);
        pw_stream_destroy(p->stream);
        pw_main_loop_destroy(p->loop);
        return 0;
}

int main(int argc, char **argv)
{
        static const struct option options[] = { { "name", required_argument, NULL, 'n' },
                                                 { "target", required_argument, NULL, 't' },
                                                 { "monitor", no_argument, NULL, 'm' },
                                                 { "seconds", required_argument, NULL, 's' },
                                                 { NULL, 0, NULL, 0 } };
        struct probe p = { .limit = RATE * MAX_SECONDS };
        const char *name = "audio-probe", *target = NULL;
        bool monitor = false;
        int opt;

        while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1)
                switch (opt) {
                case 'n': name = optarg; break;
                case 't': target = optarg; break;
                case 'm': monitor = true; break;
                case 's': p.limit = (uint32_t)(atof(optarg) * RATE); break;
                default: return 2;
                }
        if (argc - optind != 2 || p.limit > RATE * MAX_SECONDS)
                return 2;
        pw_init(&argc, &argv);
        p.playing = strcmp(argv[optind], "play") == 0;
        p.starts_us = calloc(MAX_PERIODS, sizeof(*p.starts_us));
        if (p.playing ? read_wav(&p, argv[optind + 1]) < 0 : !(p.frames = calloc(p.limit, sizeof(float))))
                return 1;
        if (!p.starts_us || run(&p, name, target, monitor) < 0)
                return 1;
        if (!p.playing && write_wav(&p, argv[optind + 1]) != 0)
                return 1;
        qsort(p.starts_us, p.periods, sizeof(*p.starts_us), compare);
        printf("{\"start_us\": %lld, \"frames\": %u, \"rate\": %d}\n",
               p.periods ? (long long)p.starts_us[p.periods / 2] : 0, p.at, RATE);
        free(p.frames);
        free(p.starts_us);
        pw_deinit();
        return 0;
}
