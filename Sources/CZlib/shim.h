#pragma once
#include <zlib.h>

// The two initialisers are macros that pass the size of their struct, which Swift cannot call.

/// Prepares a stream that writes gzip. Returns a code of zlib.
static inline int holdfast_deflate_init_gzip(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
}

/// Prepares a stream that reads gzip and nothing else. Returns a code of zlib.
static inline int holdfast_inflate_init_gzip(z_stream *stream) {
    return inflateInit2(stream, 15 + 16);
}
