/* levels.h - Voice.OpenLevels: a context's people and microphone, measured into shared memory while somebody looks.
 *
 * A context has at most one ring, made when it is first asked for and shared by all who ask: what they cost does not
 * grow with their number. While a reader has it in use and the context is in its room a frame is written every
 * LEVELS_INTERVAL_US and when somebody begins or ends speaking, and the tracks are asked for their peaks; at all other
 * times nothing happens. Control thread.
 */
#pragma once

#include "app/context.h"

enum { LEVELS_INTERVAL_US = 40000 };

struct levels;

/* The room was entered, or left: there are no people any more. */
void levels_follow_room(struct context *c);
/* Somebody begins or ends speaking: a frame that says so is written in the next turn of the loop. */
void levels_follow_speaker(struct context *c);
/* Destroyed: readers are told that nothing comes any more. */
void levels_close(struct context *c);
