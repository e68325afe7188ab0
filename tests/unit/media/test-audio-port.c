/* test-audio-port.c - peaks of a port: nothing is measured until somebody takes one. */
#include "media/audio-port.h"

#include <math.h>
#include <sys/eventfd.h>

#include "lib/test.h"

TEST(a_peak_is_taken_once)
{
        static const float quiet[] = { 0.1f, -0.2f }, loud[] = { 0.3f, -0.8f, 0.4f }, beyond[] = { -3.0f, NAN };
        struct audio_port *p;

        ASSERT_OK(audio_port_new(1024, &p));
        audio_port_meter(p, loud, 3);
        ASSERT_NEAR(audio_port_take_peak(p), 0, 0); /* nobody had asked */
        audio_port_meter(p, loud, 3);
        audio_port_meter(p, quiet, 2);
        ASSERT_NEAR(audio_port_take_peak(p), 0.8, 1e-6);
        ASSERT_NEAR(audio_port_take_peak(p), 0, 0);
        audio_port_meter(p, beyond, 2);
        ASSERT_NEAR(audio_port_take_peak(p), 1, 0);
        audio_port_unref(p);
}

static bool is_told(struct audio_port *p)
{
        eventfd_t times;

        return eventfd_read(p->need_fd, &times) == 0;
}

TEST(what_is_not_needed_rests_until_it_is)
{
        struct audio_port *p;

        ASSERT_OK(audio_port_new(1024, &p));
        audio_port_need(p, 1000);
        ASSERT(!is_told(p)); /* it was at work */
        ASSERT(!audio_port_rest(p, 999));
        ASSERT(audio_port_rest(p, 1000));
        audio_port_need(p, 2000);
        audio_port_need(p, 3000);
        ASSERT(is_told(p) && !is_told(p));
        audio_port_need(p, AUDIO_PORT_ALWAYS);
        ASSERT(!audio_port_rest(p, 1ull << 60));
        audio_port_unref(p);
}
