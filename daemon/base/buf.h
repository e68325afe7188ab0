/* buf.h - bounds-checked reading and writing of bytes, and a growing text buffer with a ceiling.
 *
 * Readers and writers remember the first failure: a codec reads a whole structure and checks `ok` once.
 * After a failure every read gives 0 and every write is dropped. Threads: the owner's.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

/* ---- reading: borrows the bytes ---- */
struct rbuf {
        const uint8_t *data;
        size_t len, at;
        bool ok;
};

struct rbuf rbuf_init(const void *data, size_t len);
size_t rbuf_left(const struct rbuf *b);
uint8_t rbuf_u8(struct rbuf *b);
uint16_t rbuf_be16(struct rbuf *b);
uint32_t rbuf_be24(struct rbuf *b);
uint32_t rbuf_be32(struct rbuf *b);
uint64_t rbuf_be64(struct rbuf *b);
uint16_t rbuf_le16(struct rbuf *b);
uint32_t rbuf_le32(struct rbuf *b);
const uint8_t *rbuf_bytes(struct rbuf *b, size_t n); /* borrowed from the input; NULL on failure */

/* ---- writing into the caller's memory ---- */
struct wbuf {
        uint8_t *data;
        size_t size, at;
        bool ok;
};

struct wbuf wbuf_init(void *data, size_t size);
void wbuf_u8(struct wbuf *b, uint8_t v);
void wbuf_be16(struct wbuf *b, uint16_t v);
void wbuf_be24(struct wbuf *b, uint32_t v);
void wbuf_be32(struct wbuf *b, uint32_t v);
void wbuf_be64(struct wbuf *b, uint64_t v);
void wbuf_le16(struct wbuf *b, uint16_t v);
void wbuf_le32(struct wbuf *b, uint32_t v);
void wbuf_bytes(struct wbuf *b, const void *p, size_t n);

/* ---- growing text ---- */
struct strbuf {
        char *text; /* owned, NUL-terminated once anything was written */
        size_t len, size, max;
        int error; /* 0, -ENOMEM or -EMSGSIZE (above max) */
};

struct strbuf strbuf_init(size_t max_len);
void strbuf_done(struct strbuf *b);
void strbuf_add(struct strbuf *b, const char *s);
void strbuf_addf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Gives the text away (an empty string if nothing was written), or the first error. */
int strbuf_take(struct strbuf *b, char **ret);
