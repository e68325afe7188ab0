/* graph.h - what the daemon knows of the PipeWire graph: nodes and links, to tell whose sound a stream is given.
 *
 * Fed by the registry's events (pw-core.c); pure otherwise. Control thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"

struct graph {
        struct list nodes, links;
};

void graph_init(struct graph *g);
void graph_done(struct graph *g); /* legal twice */

int graph_add_node(struct graph *g, uint32_t id, uint64_t serial, const char *media_class /* or NULL */);
int graph_add_link(struct graph *g, uint32_t id, uint32_t output_node, uint32_t input_node);
/* Forgets the node or link; false: it was neither. The links of a node that is gone go with it. */
bool graph_remove(struct graph *g, uint32_t id);

uint64_t graph_serial(const struct graph *g, uint32_t node); /* object.serial; 0: not there (yet) */
/* True when something is linked to the inputs of `node` and all of it is a microphone: a node of a class that begins
 * with Audio/Source. A sink's monitor, another program's stream or an unknown node is not. */
bool graph_is_fed_by_source(const struct graph *g, uint32_t node);
