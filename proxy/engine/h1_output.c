#include "proxy/engine/h1_output.h"

void h1_output_data(struct stream *stream, enum h1_framing framing, struct slice data)
{
	char line[H1_CHUNK_OVERHEAD_BYTES];

	if (framing != H1_FRAME_CHUNKED) {
		stream_write(stream, data);
		return;
	}
	stream_write(stream, slice_of(line, h1_write_chunk_size(data.len, line)));
	stream_write(stream, data);
	stream_write(stream, SLICE_LITERAL("\r\n"));
}

void h1_output_end(struct stream *stream, enum h1_framing framing,
		   const struct http_fields *trailers)
{
	struct writer out;

	if (framing != H1_FRAME_CHUNKED)
		return;
	out = writer_of(stream_stage_reserve(stream, 2 * HTTP_TRAILER_MAX_BYTES),
			2 * HTTP_TRAILER_MAX_BYTES);
	if (h1_write_last_chunk(&out, trailers) == 0)
		stream_stage_commit(stream, writer_length(&out));
	else
		stream_write(stream, SLICE_LITERAL("0\r\n\r\n"));
}
