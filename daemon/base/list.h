/* list.h - intrusive doubly linked ring list.
 *
 * The head is a struct list of its own; a member embeds one. Each embedding field carries a comment that names the
 * list it sits in. An initialised member that is in no list points at itself, so list_remove() is legal twice.
 * Threads: whichever owns the list.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/cleanup.h"

struct list {
        struct list *prev, *next;
};

static inline void list_init(struct list *l)
{
        l->prev = l->next = l;
}

static inline bool list_is_empty(const struct list *l)
{
        return l->next == l;
}

/* Puts `member` at the end of `head`. */
static inline void list_append(struct list *head, struct list *member)
{
        member->prev = head->prev;
        member->next = head;
        head->prev->next = member;
        head->prev = member;
}

static inline void list_remove(struct list *member)
{
        member->prev->next = member->next;
        member->next->prev = member->prev;
        list_init(member);
}

/* The member's owner, or NULL for an empty list. */
#define list_first(head, type, field) (list_is_empty(head) ? NULL : container_of((head)->next, type, field))

/* The loop variable may be removed (and freed) in the body. Static analysis is shown a plain loop: it cannot parse the
 * comma expressions that keep the next member at hand. */
#ifdef __cppcheck__
#define list_for_each(var, head, field)                            \
        for (var = list_first(head, __typeof__(*var), field); var; \
             var = list_first(&var->field, __typeof__(*var), field))
#else
#define list_for_each(var, head, field)                                                               \
        for (__typeof__(var) var##_next = (var = container_of((head)->next, __typeof__(*var), field), \
                                          container_of(var->field.next, __typeof__(*var), field));    \
             &var->field != (head);                                                                   \
             var = var##_next, var##_next = container_of(var##_next->field.next, __typeof__(*var), field))
#endif
