/* Slots in JSON from arbitrary bytes: however the body is cut, the same comes out, and the judge is
 * asked the same. Where another parser takes the body, the placeholder is in the string that it
 * finds at the pointer that the judge is told, and it takes what comes out, too. */
#include <jansson.h>

#include "tests/fuzz/slots_body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static json_t *document; /* or NULL */

static struct stage *make(const struct slots_test *test)
{
	return slots_json_stage(&test->owner, POLICY_SLOT_JSON);
}

static json_t *child_of(json_t *value, struct slice token)
{
	char text[256];

	if (json_is_object(value))
		return json_object_getn(value, token.ptr, token.len);
	assert(json_is_array(value) && token.len < sizeof(text));
	memcpy(text, token.ptr, token.len);
	text[token.len] = 0;
	return json_array_get(value, (size_t)atoll(text));
}

static enum slots_verdict judge(void *owner, const struct secret_entry *entry,
				const struct slots_place *place)
{
	json_t *value = document;

	if (document && place->kind == POLICY_SLOT_JSON && !place->disguised) {
		for (size_t i = 0; i < place->pointer_count && value; i++)
			value = child_of(value, place->pointer[i]);
		assert(json_is_string(value));
		assert(strstr(json_string_value(value),
			      entry->policy->name[0] == 'K' ? SLOTS_PLACEHOLDER : SLOTS_OTHER));
	}
	return slots_judge_test(owner, entry, place);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slots_test *test = slots_fuzz_test();
	struct slice body;
	struct buffer out;
	json_t *rewritten;

	if (size < 2)
		return 0;
	body = slots_make_body(slice_of(data + 2, size - 2));
	test->owner.judge = judge;
	test->verdict = SLOTS_PUT_IN;
	test->elsewhere = data[0] & 1 ? SLOTS_KEEP : SLOTS_TAKE_OUT;
	/* What is taken out of names changes pointers. */
	if (test->elsewhere == SLOTS_KEEP)
		document = json_loadb(body.ptr, body.len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES,
				      NULL);
	if (slots_fuzz_run(test, make, body, data[0], data[1], &out) == STAGE_END && document) {
		rewritten = json_loadb(buffer_slice(&out).ptr, buffer_length(&out), JSON_DECODE_ANY,
				       NULL);
		assert(rewritten);
		json_decref(rewritten);
	}
	buffer_free(&out);
	json_decref(document);
	document = NULL;
	return 0;
}
