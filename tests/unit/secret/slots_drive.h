/* A store of two secrets, a judge that writes down what it is asked, and bodies run through a stage
 * however they are cut. */
#ifndef TESTS_UNIT_SECRET_SLOTS_DRIVE_H
#define TESTS_UNIT_SECRET_SLOTS_DRIVE_H

#include <stdio.h>

#include "base/error.h"
#include "proxy/secret/slots.h"
#include "tests/unit/allocation.h"
#include "tests/unit/secret/stage_drive.h"

/* What encodings must take care of is in the value and, as far as it may, in the placeholder. */
#define SLOTS_PLACEHOLDER "ph/key-0123456789"
#define SLOTS_OTHER	  "ph-other-abcdefgh"
#define SLOTS_VALUE	  "r\"e\\a&l=v %a+l\xc3\xbc"

static const char slots_policy[] =
	"sallyport: 1\n"
	"name: test\n"
	"secrets:\n"
	"  KEY:\n"
	"    from: env\n"
	"    use: [{at: \"https://a.example.com/**\", methods: POST, slot: body}]\n"
	"  OTHER:\n"
	"    from: env\n"
	"    use: [{at: \"https://a.example.com/**\", methods: POST, slot: body}]\n"
	"rules:\n"
	"  - allow: a.example.com\n";

struct slots_test {
	struct policy *policy;
	struct secret_store store;
	struct slots_owner owner;
	enum slots_verdict verdict; /* for KEY where a slot is and nothing disguised; others stay */
	enum slots_verdict elsewhere;  /* for the others, and what is disguised */
	enum policy_slot_kind no_slot; /* the kind that counts as none */
	char asked[16 << 10];	       /* "KEY json /a/b; " */
	size_t used;
};

static inline void slots_write_place(struct slots_test *test, const struct slots_place *place)
{
	static const char *const kinds[POLICY_SLOT_COUNT + 1] = {
		[POLICY_SLOT_FORM] = "form", [POLICY_SLOT_JSON] = "json",  [POLICY_SLOT_WS] = "ws",
		[POLICY_SLOT_BODY] = "body", [POLICY_SLOT_COUNT] = "none",
	};
	char *out = test->asked;
	size_t room = sizeof(test->asked);

	test->used += (size_t)snprintf(out + test->used, room - test->used, " %s",
				       kinds[place->kind]);
	if (place->kind == POLICY_SLOT_FORM)
		test->used += (size_t)snprintf(out + test->used, room - test->used, " %.*s",
					       SLICE_ARGS(place->name));
	for (size_t i = 0; i < place->pointer_count; i++)
		test->used += (size_t)snprintf(out + test->used, room - test->used, "%s/%.*s",
					       i ? "" : " ", SLICE_ARGS(place->pointer[i]));
	test->used += (size_t)snprintf(out + test->used, room - test->used, "%s; ",
				       place->disguised ? " disguised" : "");
}

static inline enum slots_verdict slots_judge_test(void *owner, const struct secret_entry *entry,
						  const struct slots_place *place)
{
	struct slots_test *test = owner;
	bool stands = place->kind != test->no_slot && !place->disguised;

	test->used += (size_t)snprintf(test->asked + test->used, sizeof(test->asked) - test->used,
				       "%s", entry->policy->name);
	slots_write_place(test, place);
	if (!slice_equal(entry->placeholder, SLICE_LITERAL(SLOTS_PLACEHOLDER)))
		return SLOTS_KEEP;
	return stands ? test->verdict : test->elsewhere;
}

static inline void slots_set_up(struct slots_test *test)
{
	static struct diagnostics diagnostics;
	static const struct slice placeholders[] = {SLICE_LITERAL(SLOTS_PLACEHOLDER),
						    SLICE_LITERAL(SLOTS_OTHER)};
	static const struct slice values[] = {SLICE_LITERAL(SLOTS_VALUE),
					      SLICE_LITERAL("other-value")};

	*test = (struct slots_test){
		.verdict = SLOTS_PUT_IN, .elsewhere = SLOTS_KEEP, .no_slot = POLICY_SLOT_BODY};
	if (policy_load_text("test", slice_from_text(slots_policy), &test->policy, &diagnostics) <
		    0 ||
	    secret_store_init(&test->store, NULL) < 0)
		abort();
	for (size_t i = 0; i < 2; i++) {
		if (secret_store_add(&test->store, &test->policy->secrets[i], placeholders[i],
				     values[i], NULL) < 0)
			abort();
	}
	if (secret_store_seal(&test->store, NULL) < 0)
		abort();
	test->owner = (struct slots_owner){&test->store, slots_judge_test, test};
}

static inline void slots_tear_down(struct slots_test *test)
{
	secret_store_free(&test->store);
	policy_free(test->policy);
}

/* STAGE, made for TEST, over TEXT. */
static inline int slots_run(struct slots_test *test, struct stage *stage, struct slice text,
			    size_t first, size_t cut, struct buffer *out)
{
	int rc;

	assert(stage);
	test->used = 0;
	test->asked[0] = 0;
	buffer_init(out, 64 << 20);
	rc = drive(stage, text, first, cut, first & 1, out);
	if (rc < 0)
		assert(stage->why);
	stage->ops->free(stage);
	return rc;
}

/* However TEXT is cut, EXPECTED comes out of the stages that MAKE makes, and the judge is asked
 * ASKED. */
static inline void slots_assert(struct slots_test *test,
				struct stage *(*make)(const struct slots_test *test),
				struct slice text, struct slice expected, const char *asked)
{
	for (size_t cut = 0; cut <= text.len; cut++) {
		struct buffer out;
		size_t first = cut ? cut : 1, then = cut ? text.len : 1;
		int rc = slots_run(test, make(test), text, first, then, &out);

		assert_int_equal(rc, STAGE_END);
		if (!slice_equal(buffer_slice(&out), expected))
			fail_msg("%.*s cut at %zu: %.*s", SLICE_ARGS(text), cut,
				 SLICE_ARGS(buffer_slice(&out)));
		if (strcmp(test->asked, asked) != 0)
			fail_msg("%.*s cut at %zu: %s", SLICE_ARGS(text), cut, test->asked);
		buffer_free(&out);
	}
}

/* TEXT is refused, and no placeholder in it goes on. */
static inline void slots_assert_refused(struct slots_test *test,
					struct stage *(*make)(const struct slots_test *test),
					struct slice text)
{
	for (size_t cut = 1; cut <= text.len; cut++) {
		struct buffer out;

		assert_int_equal(slots_run(test, make(test), text, cut, cut, &out), ERROR_DENIED);
		assert_int_equal(slice_find(buffer_slice(&out), SLICE_LITERAL(SLOTS_PLACEHOLDER)),
				 buffer_length(&out));
		buffer_free(&out);
	}
}

struct slots_attempt {
	struct slots_test *test;
	struct stage *(*make)(const struct slots_test *test);
	struct slice pieces[2];
};

/* Rewrites ATTEMPT's two pieces, for allocation_try_all(). */
static inline int slots_try(void *context)
{
	const struct slots_attempt *attempt = context;
	struct stage *stage = attempt->make(attempt->test);
	int rc = stage ? 0 : -ENOMEM;

	for (size_t i = 0; i < 2 && rc >= 0; i++) {
		struct slice piece = attempt->pieces[i];
		uint8_t room[STAGE_OUT_BYTES];
		struct writer out = writer_of(room, sizeof(room));

		rc = stage->ops->step(stage, &piece, i == 1, &out);
		if (rc < 0)
			assert_string_equal(stage->why, "out of memory");
	}
	if (stage)
		stage->ops->free(stage);
	return rc;
}

#endif
