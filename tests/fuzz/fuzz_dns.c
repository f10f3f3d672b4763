/*
 * The sandbox's resolver without its sockets. Whatever is asked, the response is well-formed, stays
 * within the asker's limit, repeats the question as it was written, and gives no address but those
 * of this sandbox.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "proxy/dns/answer.h"
#include "tests/unit/dns/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct names *names;

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void require_own_addresses(const struct dns_question *question,
				  const struct dns_answer *answer)
{
	size_t len = question->type == DNS_TYPE_A ? 4 : 16;

	for (size_t i = 0; i < answer->address_count; i++) {
		const struct host *name;

		if (names_is_localhost(&question->name))
			continue;
		require(names_is_synthetic(answer->addresses[i], len));
		name = names_find(names, answer->addresses[i], len);
		require(name && host_equal(name, &question->name));
	}
}

static void require_sound(const struct dns_question *question, const struct dns_answer *answer,
			  struct slice response)
{
	struct message message;

	require(message_read(response, &message));
	require(message.id == question->id && message.rcode == answer->rcode);
	require(message.has_opt == question->has_edns);
	require(message.questions == (question->name_wire.len > 0));
	if (question->name_wire.len > 0) {
		require(message.question.len == question->name_wire.len + 4);
		require(slice_equal(slice_first(message.question, question->name_wire.len),
				    question->name_wire));
	}
	if (message.flags & 0x0200)
		require(message.answers == 0);
	else
		require(message.answers == answer->address_count + (answer->target != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t limits[] = {DNS_UDP_DEFAULT_BYTES, DNS_UDP_MAX_BYTES};
	struct dns_question question;
	struct dns_answer answer;
	char out[DNS_UDP_MAX_BYTES];

	/* Kept over runs and filled by them, as a sandbox's would be. */
	if (!names)
		names = names_create(NAMES_MAX);
	require(names);
	if (dns_read_query(slice_of(data, size), &question) < 0)
		return 0;
	for (const char *c = question.shown; *c; c++)
		require(*c > 0x20 && *c < 0x7f);
	dns_decide_answer(names, &question, &answer);
	require_own_addresses(&question, &answer);
	for (size_t i = 0; i < 2; i++) {
		size_t len = dns_write_response(&question, &answer, out, limits[i]);

		require(len <= limits[i]);
		require_sound(&question, &answer, slice_of(out, len));
	}
	return 0;
}
