/* test-graph.c - who feeds a stream, as links come and go; the trap of the monitor in particular. */
#include <errno.h>

#include "audio/graph.h"
#include "lib/test.h"

enum { MIC = 10, OTHER_MIC, SINK, US, PLAYER, LINK = 20, SECOND };

static void desktop(struct graph *g)
{
        graph_init(g);
        ASSERT_OK(graph_add_node(g, MIC, 100, "Audio/Source"));
        ASSERT_OK(graph_add_node(g, OTHER_MIC, 101, "Audio/Source/Virtual"));
        ASSERT_OK(graph_add_node(g, SINK, 102, "Audio/Sink"));
        ASSERT_OK(graph_add_node(g, US, 103, "Stream/Input/Audio"));
        ASSERT_OK(graph_add_node(g, PLAYER, 104, "Stream/Output/Audio"));
}

TEST(nothing_linked_is_no_source)
{
        struct graph g;

        desktop(&g);
        ASSERT(!graph_is_fed_by_source(&g, US));
        graph_done(&g);
        graph_done(&g);
}

TEST(microphones_are_sources)
{
        struct graph g;

        desktop(&g);
        ASSERT_OK(graph_add_link(&g, LINK, MIC, US));
        ASSERT(graph_is_fed_by_source(&g, US));
        ASSERT_OK(graph_add_link(&g, SECOND, OTHER_MIC, US));
        ASSERT(graph_is_fed_by_source(&g, US));
        ASSERT(graph_remove(&g, LINK));
        ASSERT(graph_is_fed_by_source(&g, US));
        ASSERT(graph_remove(&g, SECOND));
        ASSERT(!graph_is_fed_by_source(&g, US));
        graph_done(&g);
}

TEST(a_monitor_is_none_even_beside_a_microphone)
{
        static const uint32_t others[] = { SINK, PLAYER, 999 /* a node we were never told of */ };

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                struct graph g;

                desktop(&g);
                ASSERT_OK(graph_add_link(&g, LINK, others[i], US));
                ASSERT(!graph_is_fed_by_source(&g, US));
                ASSERT_OK(graph_add_link(&g, SECOND, MIC, US));
                ASSERT(!graph_is_fed_by_source(&g, US));
                ASSERT(graph_remove(&g, LINK));
                ASSERT(graph_is_fed_by_source(&g, US));
                graph_done(&g);
        }
}

TEST(links_of_others_do_not_matter)
{
        struct graph g;

        desktop(&g);
        ASSERT_OK(graph_add_link(&g, LINK, MIC, US));
        ASSERT_OK(graph_add_link(&g, SECOND, PLAYER, SINK));
        ASSERT(graph_is_fed_by_source(&g, US));
        graph_done(&g);
}

TEST(a_node_takes_its_links_along)
{
        struct graph g;

        desktop(&g);
        ASSERT_OK(graph_add_link(&g, LINK, MIC, US));
        ASSERT(graph_remove(&g, MIC));
        ASSERT(!graph_is_fed_by_source(&g, US));
        ASSERT(!graph_remove(&g, LINK));
        ASSERT(!graph_remove(&g, 12345));
        graph_done(&g);
}

TEST(serials)
{
        struct graph g;

        desktop(&g);
        ASSERT_EQ(graph_serial(&g, US), 103);
        ASSERT_EQ(graph_serial(&g, 12345), 0);
        graph_done(&g);
}

TEST_OOM(adding)
{
        struct graph g;
        int r;

        graph_init(&g);
        r = graph_add_node(&g, MIC, 1, NULL);
        if (r >= 0)
                r = graph_add_link(&g, LINK, MIC, US);
        graph_done(&g);
        return r;
}
