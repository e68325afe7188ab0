/* transmit-probe.c - what voice activity would send of a recording: transmit-probe FILE.wav, 48 kHz mono 16 bit.
 *
 * Prints one line a spurt, its beginning and end in ms of the recording. No clock and no device: for tests that
 * compare with the source.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "media/transmit.h"

enum { HEADER = 44, FRAME_MS = 20, FRAME = FRAME_MS * 48 };

struct probe {
        struct transmit t;
        double begin_ms;
};

static void drain(struct probe *p)
{
        float frame[FRAME];
        struct transmit_frame f;

        while (transmit_get(&p->t, frame, &f)) {
                double end_ms = (double)f.end_us / 1000;

                if (f.first)
                        p->begin_ms = end_ms - FRAME_MS;
                if (f.last)
                        printf("%.0f %.0f\n", p->begin_ms, end_ms);
        }
}

static bool feed(struct probe *p, FILE *in, unsigned block)
{
        float samples[TRANSMIT_BLOCK];
        int16_t raw[TRANSMIT_BLOCK];

        if (fread(raw, sizeof(raw), 1, in) != 1)
                return false;
        for (size_t i = 0; i < TRANSMIT_BLOCK; i++)
                samples[i] = (float)raw[i] / 32768;
        transmit_put(&p->t, samples, (block + 1) * 10000);
        drain(p);
        return true;
}

int main(int argc, char **argv)
{
        FILE *in = argc == 2 ? fopen(argv[1], "rb") : NULL;
        static struct probe p;
        unsigned blocks = 0;

        if (!in || fseek(in, HEADER, SEEK_SET) != 0) {
                fprintf(stderr, "usage: transmit-probe FILE.wav\n");
                return 2;
        }
        transmit_init(&p.t, FRAME_MS);
        transmit_control(&p.t, TRANSMIT_VOICE_ACTIVITY, false);
        while (feed(&p, in, blocks))
                blocks++;
        (void)fclose(in);
        return 0;
}
