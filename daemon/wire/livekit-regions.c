/* livekit-regions.c - see livekit-regions.h. */
#include "wire/livekit-regions.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"

enum { DEPTH_MAX = 8 };

static void object_putp(json_object **o)
{
        json_object_put(*o);
}

#define _cleanup_object_ _cleanup_(object_putp)

static int parse_object(const char *json, size_t len, json_object **ret)
{
        struct json_tokener *t = json_tokener_new_ex(DEPTH_MAX);
        _cleanup_object_ json_object *tree = NULL;
        bool whole;

        if (!t)
                return -ENOMEM;
        json_tokener_set_flags(t,
                               JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8 | JSON_TOKENER_ALLOW_TRAILING_CHARS);
        tree = json_tokener_parse_ex(t, json, (int)len);
        whole = json_tokener_get_error(t) == json_tokener_success;
        json_tokener_free(t);
        if (!whole || !json_object_is_type(tree, json_type_object))
                return -EBADMSG;
        *ret = take_ptr(tree);
        return 0;
}

static bool read_region(json_object *o, struct livekit_region *ret)
{
        json_object *url, *distance;
        size_t len;

        if (!json_object_is_type(o, json_type_object) || !json_object_object_get_ex(o, "url", &url) ||
            !json_object_is_type(url, json_type_string))
                return false;
        len = (size_t)json_object_get_string_len(url);
        if (len == 0 || len > LIVEKIT_REGION_URL_MAX || strlen(json_object_get_string(url)) != len)
                return false;
        memcpy(ret->url, json_object_get_string(url), len + 1);
        ret->distance = json_object_object_get_ex(o, "distance", &distance) ? json_object_get_int64(distance) : 0;
        return true;
}

/* Behind those that are as near; the farthest falls out of a full list. */
static void insert(struct livekit_regions *r, const struct livekit_region *region)
{
        size_t at = r->n;

        while (at > 0 && r->list[at - 1].distance > region->distance)
                at--;
        if (at == LIVEKIT_REGIONS_MAX)
                return;
        if (r->n < LIVEKIT_REGIONS_MAX)
                r->n++;
        memmove(&r->list[at + 1], &r->list[at], (r->n - 1 - at) * sizeof(r->list[0]));
        r->list[at] = *region;
}

int livekit_regions_parse(const char *json, size_t len, struct livekit_regions *ret)
{
        _cleanup_object_ json_object *tree = NULL;
        struct livekit_regions regions = { 0 };
        struct livekit_region region;
        json_object *list;
        int r;

        if (len > LIVEKIT_REGIONS_TEXT_MAX)
                return -EMSGSIZE;
        r = parse_object(json, len, &tree);
        if (r < 0)
                return r;
        if (!json_object_object_get_ex(tree, "regions", &list) || !json_object_is_type(list, json_type_array))
                return -EBADMSG;
        for (size_t i = 0; i < json_object_array_length(list); i++)
                if (read_region(json_object_array_get_idx(list, i), &region))
                        insert(&regions, &region);
        *ret = regions;
        return 0;
}
