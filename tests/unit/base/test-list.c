/* Unit tests of base/list. */
#include "base/list.h"
#include "lib/test.h"

struct item {
        int number;
        struct list in_items; /* in the list of the test */
};

/* The numbers in order, as text. */
static const char *describe(const struct list *head, char *buf)
{
        struct item *i;

        buf[0] = '\0';
        list_for_each (i, head, in_items)
                sprintf(buf + strlen(buf), "%d ", i->number);
        return buf;
}

TEST(order_is_that_of_appending)
{
        struct item items[] = { { .number = 1 }, { .number = 2 }, { .number = 3 } };
        struct list head;
        char text[32];

        list_init(&head);
        ASSERT(list_is_empty(&head));
        ASSERT(list_first(&head, struct item, in_items) == NULL);
        ASSERT_STR(describe(&head, text), "");
        for (int i = 0; i < 3; i++)
                list_append(&head, &items[i].in_items);
        ASSERT(!list_is_empty(&head));
        ASSERT(list_first(&head, struct item, in_items) == &items[0]);
        ASSERT_STR(describe(&head, text), "1 2 3 ");
        list_remove(&items[1].in_items);
        ASSERT_STR(describe(&head, text), "1 3 ");
        list_append(&head, &items[1].in_items);
        ASSERT_STR(describe(&head, text), "1 3 2 ");
}

TEST(removing_twice_is_legal)
{
        struct item a = { .number = 1 }, b = { .number = 2 };
        struct list head;
        char text[32];

        list_init(&head);
        list_append(&head, &a.in_items);
        list_append(&head, &b.in_items);
        list_remove(&a.in_items);
        list_remove(&a.in_items);
        ASSERT(list_is_empty(&a.in_items));
        ASSERT_STR(describe(&head, text), "2 ");
}

TEST(the_body_may_free_its_item)
{
        struct list head;
        struct item *i;
        int sum = 0;

        list_init(&head);
        for (int n = 1; n <= 10; n++) {
                i = calloc(1, sizeof(*i));
                ASSERT(i);
                i->number = n;
                list_append(&head, &i->in_items);
        }
        list_for_each (i, &head, in_items) {
                sum += i->number;
                list_remove(&i->in_items);
                free(i);
        }
        ASSERT_EQ(sum, 55);
        ASSERT(list_is_empty(&head));
}
