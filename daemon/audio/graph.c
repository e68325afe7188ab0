/* graph.c - see graph.h. Lists, walked: a desktop has tens of nodes, and they change when somebody plugs. */
#include "audio/graph.h"

#include <errno.h>
#include <string.h>

struct graph_node {
        struct list link; /* in graph.nodes */
        uint32_t id;
        uint64_t serial;
        bool source;
};

struct graph_link {
        struct list link; /* in graph.links */
        uint32_t id, output_node, input_node;
};

void graph_init(struct graph *g)
{
        list_init(&g->nodes);
        list_init(&g->links);
}

void graph_done(struct graph *g)
{
        struct graph_node *n;
        struct graph_link *l;

        list_for_each (n, &g->nodes, link)
                free(n);
        list_for_each (l, &g->links, link)
                free(l);
        graph_init(g);
}

int graph_add_node(struct graph *g, uint32_t id, uint64_t serial, const char *media_class)
{
        struct graph_node *n = calloc(1, sizeof(*n));

        if (!n)
                return -ENOMEM;
        n->id = id;
        n->serial = serial;
        n->source = media_class && strncmp(media_class, "Audio/Source", strlen("Audio/Source")) == 0;
        list_append(&g->nodes, &n->link);
        return 0;
}

int graph_add_link(struct graph *g, uint32_t id, uint32_t output_node, uint32_t input_node)
{
        struct graph_link *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        l->id = id;
        l->output_node = output_node;
        l->input_node = input_node;
        list_append(&g->links, &l->link);
        return 0;
}

static struct graph_node *find_node(const struct graph *g, uint32_t id)
{
        struct graph_node *n;

        list_for_each (n, &g->nodes, link)
                if (n->id == id)
                        return n;
        return NULL;
}

/* The link `id`, and every link of the node `id`: ids are unique over all kinds of objects, so it is one or the other.
 */
static bool remove_links(struct graph *g, uint32_t id)
{
        struct graph_link *l;
        bool any = false;

        list_for_each (l, &g->links, link) {
                if (l->id != id && l->output_node != id && l->input_node != id)
                        continue;
                list_remove(&l->link);
                free(l);
                any = true;
        }
        return any;
}

bool graph_remove(struct graph *g, uint32_t id)
{
        struct graph_node *n = find_node(g, id);
        bool any = remove_links(g, id);

        if (n) {
                list_remove(&n->link);
                free(n);
        }
        return any || n;
}

uint64_t graph_serial(const struct graph *g, uint32_t node)
{
        const struct graph_node *n = find_node(g, node);

        return n ? n->serial : 0;
}

bool graph_is_fed_by_source(const struct graph *g, uint32_t node)
{
        const struct graph_link *l;
        bool any = false;

        list_for_each (l, &g->links, link) {
                const struct graph_node *from;

                if (l->input_node != node)
                        continue;
                from = find_node(g, l->output_node);
                if (!from || !from->source)
                        return false;
                any = true;
        }
        return any;
}
