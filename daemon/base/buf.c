/* buf.c - see buf.h. */
#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct rbuf rbuf_init(const void *data, size_t len)
{
        return (struct rbuf){ .data = data, .len = len, .ok = true };
}

size_t rbuf_left(const struct rbuf *b)
{
        return b->ok ? b->len - b->at : 0;
}

const uint8_t *rbuf_bytes(struct rbuf *b, size_t n)
{
        const uint8_t *p;

        if (!b->ok || n > b->len - b->at) {
                b->ok = false;
                return NULL;
        }
        p = b->data + b->at;
        b->at += n;
        return p;
}

static uint64_t read_be(struct rbuf *b, size_t n)
{
        const uint8_t *p = rbuf_bytes(b, n);
        uint64_t v = 0;

        for (size_t i = 0; p && i < n; i++)
                v = v << 8 | p[i];
        return v;
}

static uint64_t read_le(struct rbuf *b, size_t n)
{
        const uint8_t *p = rbuf_bytes(b, n);
        uint64_t v = 0;

        for (size_t i = 0; p && i < n; i++)
                v |= (uint64_t)p[i] << (8 * i);
        return v;
}

uint8_t rbuf_u8(struct rbuf *b)
{
        return (uint8_t)read_be(b, 1);
}

uint16_t rbuf_be16(struct rbuf *b)
{
        return (uint16_t)read_be(b, 2);
}

uint32_t rbuf_be24(struct rbuf *b)
{
        return (uint32_t)read_be(b, 3);
}

uint32_t rbuf_be32(struct rbuf *b)
{
        return (uint32_t)read_be(b, 4);
}

uint64_t rbuf_be64(struct rbuf *b)
{
        return read_be(b, 8);
}

uint16_t rbuf_le16(struct rbuf *b)
{
        return (uint16_t)read_le(b, 2);
}

uint32_t rbuf_le32(struct rbuf *b)
{
        return (uint32_t)read_le(b, 4);
}

struct wbuf wbuf_init(void *data, size_t size)
{
        return (struct wbuf){ .data = data, .size = size, .ok = true };
}

void wbuf_bytes(struct wbuf *b, const void *p, size_t n)
{
        if (!b->ok || n > b->size - b->at) {
                b->ok = false;
                return;
        }
        if (n > 0)
                memcpy(b->data + b->at, p, n);
        b->at += n;
}

static void write_be(struct wbuf *b, uint64_t v, size_t n)
{
        uint8_t bytes[8];

        for (size_t i = 0; i < n; i++)
                bytes[i] = (uint8_t)(v >> (8 * (n - 1 - i)));
        wbuf_bytes(b, bytes, n);
}

static void write_le(struct wbuf *b, uint64_t v, size_t n)
{
        uint8_t bytes[8];

        for (size_t i = 0; i < n; i++)
                bytes[i] = (uint8_t)(v >> (8 * i));
        wbuf_bytes(b, bytes, n);
}

void wbuf_u8(struct wbuf *b, uint8_t v)
{
        write_be(b, v, 1);
}

void wbuf_be16(struct wbuf *b, uint16_t v)
{
        write_be(b, v, 2);
}

void wbuf_be24(struct wbuf *b, uint32_t v)
{
        write_be(b, v, 3);
}

void wbuf_be32(struct wbuf *b, uint32_t v)
{
        write_be(b, v, 4);
}

void wbuf_be64(struct wbuf *b, uint64_t v)
{
        write_be(b, v, 8);
}

void wbuf_le16(struct wbuf *b, uint16_t v)
{
        write_le(b, v, 2);
}

void wbuf_le32(struct wbuf *b, uint32_t v)
{
        write_le(b, v, 4);
}

struct strbuf strbuf_init(size_t max_len)
{
        return (struct strbuf){ .max = max_len };
}

void strbuf_done(struct strbuf *b)
{
        free(b->text);
        *b = (struct strbuf){ 0 };
}

static bool reserve(struct strbuf *b, size_t more)
{
        size_t size = b->size ? b->size : 256;
        char *text;

        if (b->error)
                return false;
        if (more > b->max || b->len > b->max - more) {
                b->error = -EMSGSIZE;
                return false;
        }
        while (size < b->len + more + 1)
                size *= 2;
        if (size == b->size)
                return true;
        text = realloc(b->text, size);
        if (!text) {
                b->error = -ENOMEM;
                return false;
        }
        b->text = text;
        b->size = size;
        return true;
}

void strbuf_add(struct strbuf *b, const char *s)
{
        size_t n = strlen(s);

        if (!reserve(b, n))
                return;
        memcpy(b->text + b->len, s, n + 1);
        b->len += n;
}

void strbuf_addf(struct strbuf *b, const char *fmt, ...)
{
        va_list ap, again;
        int n;

        va_start(ap, fmt);
        va_copy(again, ap);
        n = vsnprintf(NULL, 0, fmt, ap);
        if (n >= 0 && reserve(b, (size_t)n)) {
                vsnprintf(b->text + b->len, b->size - b->len, fmt, again);
                b->len += (size_t)n;
        }
        va_end(again);
        va_end(ap);
}

int strbuf_take(struct strbuf *b, char **ret)
{
        int r = b->error;

        if (r == 0 && !b->text) {
                b->text = calloc(1, 1);
                r = b->text ? 0 : -ENOMEM;
        }
        if (r == 0)
                *ret = take_ptr(b->text);
        strbuf_done(b);
        return r;
}
