/* Threats S7, S8, S13, S33: secrets in cookies, in the query and in the path, and fields that a
 * rule sets; placeholders in disguise. */
#include "proxy/secret/inject.h"

#include "base/base64.h"
#include "proxy/http/h2_head.h"
#include "tests/unit/secret/secret_fixture.h"

static const char policy[] =
	"sallyport: 1\n"
	"name: test\n"
	"secrets:\n"
	"  SESSION: {from: env, use: [{at: app.example.com, slot: cookie session}]}\n"
	"  MAP: {from: env, use: [{at: https://app.example.com/tiles/**, slot: \"query "
	"auth[key]\"}]}\n"
	"  BOT: {from: env, use: [{at: https://app.example.com/bot/**, slot: path}]}\n"
	"  KEY: {from: env, use: [{at: app.example.com, slot: header X-Key}, {at: "
	"https://app.example.com/bot/**, slot: query key}]}\n"
	"  STRIP: {from: env, misuse: strip, use: [{at: app.example.com, slot: header X-Strip}]}\n"
	"  PASSING: {from: env, misuse: pass, use: [{at: app.example.com, slot: header X-Pass}]}\n"
	"  FORM: {from: env, use: [{at: https://app.example.com/form, slot: form secret}]}\n"
	"  JSON: {from: env, misuse: strict, use: [{at: https://app.example.com/json, slot: json "
	"/a/0}]}\n"
	"  BODY: {from: env, use: [{at: https://app.example.com/json, slot: body}]}\n"
	"  HIDDEN: {from: env}\n"
	"rules:\n"
	"  - allow: https://app.example.com/set/**\n"
	"    set: {Authorization: \"Bearer {HIDDEN}, {KEY}!\", X-Other: \"{HIDDEN}\"}\n"
	"  - allow: app.example.com\n";

static struct fixture f;

static int set_up(void **state)
{
	(void)state;
	fixture_set_up_with(&f, policy);
	memset(f.scratch, 0, SECRET_SCRATCH_BYTES);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fixture_tear_down(&f);
	return 0;
}

static void ask(const char *path, const char *query)
{
	fixture_request(&f, "GET", "app.example.com", path, query);
}

static void assert_text(struct slice text, const char *expected)
{
	if (!slice_equal(text, slice_from_text(expected)))
		print_error("is: %.*s\n", SLICE_ARGS(text));
	assert_true(slice_equal(text, slice_from_text(expected)));
}

/* What path and query would be sent, and that both are back afterwards. */
static void assert_target(const char *path, const char *query)
{
	struct slice before_path = f.message.path, before_query = f.message.query;

	fixture_plan(&f);
	assert_null(f.plan.refusal);
	assert_int_equal(secret_plan_apply(&f.store, &f.plan, &f.message, f.scratch), 0);
	assert_text(f.message.path, path);
	assert_text(f.message.query, query);
	assert_true(f.message.target_is_secret);
	assert_ptr_equal(f.message.query.ptr, f.message.path.ptr + f.message.path.len);
	secret_plan_undo(&f.plan, &f.message, f.scratch);
	assert_false(f.message.target_is_secret);
	assert_ptr_equal(f.message.path.ptr, before_path.ptr);
	assert_ptr_equal(f.message.query.ptr, before_query.ptr);
	for (size_t i = 0; i < SECRET_SCRATCH_BYTES; i++)
		assert_int_equal(f.scratch[i], 0);
}

static void assert_refused(const char *name, enum secret_place place, bool disguised)
{
	fixture_plan(&f);
	assert_int_equal(f.plan.item_count, 0);
	assert_non_null(f.plan.refusal);
	assert_string_equal(f.plan.refusal->entry->policy->name, name);
	assert_int_equal(f.plan.refusal->place, place);
	assert_int_equal(f.plan.refusal->disguised, disguised);
}

static void a_cookie_gets_its_secret(void **state)
{
	(void)state;
	ask("/x", "");
	fixture_field(&f, "Cookie",
		      "theme=dark; session=" PLACEHOLDER("SESSION") " ;session=\"" PLACEHOLDER(
			      "SESSION") "\"; z=1");
	fixture_field(&f, "cookie", "session=a" PLACEHOLDER("SESSION") "b");
	fixture_plan(&f);
	assert_null(f.plan.refusal);
	assert_sent(&f, 0,
		    "theme=dark; session=real-SESSION-value ;session=\"real-SESSION-value\"; z=1");
	assert_sent(&f, 1, "session=areal-SESSION-valueb");
}

static void another_cookie_does_not(void **state)
{
	static const char *const values[] = {
		"Session=#",   "session2=#",  "#=session",  "session=x, other=y; s=#",
		"a=session=#", "#",	      "session#=x", "xsession=#; y",
		"session",     "%73ession=#",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		const char *mark = strchr(values[i], '#');
		char text[128];

		if (!mark)
			continue;
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - values[i]), values[i],
			 PLACEHOLDER("SESSION"), mark + 1);
		ask("/x", "");
		fixture_field(&f, "Cookie", text);
		assert_refused("SESSION", SECRET_IN_COOKIE, false);
	}
	ask("/x", "");
	fixture_field(&f, "X-Cookie", "session=" PLACEHOLDER("SESSION"));
	assert_refused("SESSION", SECRET_IN_FIELD, false);
}

static void a_parameter_gets_its_secret_and_its_name_is_compared_decoded(void **state)
{
	(void)state;
	ask("/tiles/1", "?a=b&auth[key]=" PLACEHOLDER("MAP") "&c");
	assert_target("/tiles/1", "?a=b&auth[key]=real-MAP-value&c");
	ask("/tiles/1", "?auth%5bk%65y%5D=x" PLACEHOLDER("MAP") "&auth[key]=" PLACEHOLDER("MAP"));
	assert_target("/tiles/1", "?auth%5bk%65y%5D=xreal-MAP-value&auth[key]=real-MAP-value");
	/* A client may encode what it need not. */
	ask("/tiles/1", "?auth[key]=ph%2DMAP-0123456789abcde%66");
	assert_target("/tiles/1", "?auth[key]=real-MAP-value");
}

static void another_parameter_does_not(void **state)
{
	static const char *const queries[] = {
		"?auth=#",
		"?#",
		"?#=x",
		"?auth[key]#=x",
		"?AUTH[KEY]=#",
		"?x=auth[key]=#",
		"?auth[key];x=#",
		"?a=1;auth[key]=#",
		"?auth%255bkey%255d=#",
		"?auth[key",
		"??auth[key]=#",
		"?+auth[key]=#",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		const char *mark = strchr(queries[i], '#');
		char text[128];

		if (!mark)
			continue;
		snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - queries[i]), queries[i],
			 PLACEHOLDER("MAP"), mark + 1);
		ask("/tiles/1", text);
		assert_refused("MAP", SECRET_IN_QUERY, false);
	}
	ask("/other", "?auth[key]=" PLACEHOLDER("MAP"));
	assert_refused("MAP", SECRET_IN_QUERY, false);
}

static void a_segment_gets_its_secret(void **state)
{
	(void)state;
	ask("/bot/" PLACEHOLDER("BOT") "/send", "?a=b");
	assert_target("/bot/real-BOT-value/send", "?a=b");
	ask("/bot/" PLACEHOLDER("BOT"), "");
	assert_target("/bot/real-BOT-value", "");
	ask("/bot/" PLACEHOLDER("BOT") "/" PLACEHOLDER("BOT"), "?key=" PLACEHOLDER("KEY"));
	assert_target("/bot/real-BOT-value/real-BOT-value", "?key=real-KEY-value");
}

static void a_part_of_a_segment_does_not(void **state)
{
	static const char *const paths[] = {
		"/bot/x#", "/bot/#x", "/bot/#;x=1", "/bot/a%2F#", "/bot/#%2Fb", "/bot/#:1", "/#",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const char *mark = strchr(paths[i], '#');
		char text[128];

		snprintf(text, sizeof(text), "%.*s%s%s", (int)(mark - paths[i]), paths[i],
			 PLACEHOLDER("BOT"), mark + 1);
		ask(text, "");
		assert_refused("BOT", SECRET_IN_PATH, false);
	}
}

/* Stores VALUE for the secret KEY or MAP in a store of its own. */
static void values_are_escaped_as_their_place_needs(void **state)
{
	static const struct {
		const char *secret, *value, *path, *query;
	} rows[] = {
		{"MAP", "a b&c=d+e%41#?/\xc3\xbc~", "/tiles/1",
		 "?auth[key]=a%20b%26c%3Dd%2Be%2541%23%3F%2F%C3%BC~"},
		{"BOT", "12:AB c\xc3\xbc?#=@[]\"~", "/bot/12:AB%20c%C3%BC%3F%23=@%5B%5D%22~", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		bool is_map = strcmp(rows[i].secret, "MAP") == 0;

		ask(is_map ? "/tiles/1" : "/bot/" PLACEHOLDER("BOT"),
		    is_map ? "?auth[key]=" PLACEHOLDER("MAP") : "");
		for (size_t j = 0; j < f.store.count; j++) {
			if (strcmp(f.store.entries[j].policy->name, rows[i].secret) == 0)
				f.store.entries[j].value = slice_from_text(rows[i].value);
		}
		assert_target(rows[i].path, rows[i].query);
	}
	fixture_tear_down(&f);
	set_up(NULL);
}

static void what_http_2_sends_is_in_the_scratch_memory_and_never_indexed(void **state)
{
	nghttp2_nv list[H2_ENTRIES_MAX];
	size_t hidden = 0;
	ssize_t count;

	(void)state;
	ask("/bot/" PLACEHOLDER("BOT"), "?key=" PLACEHOLDER("KEY"));
	fixture_field(&f, "X-Key", PLACEHOLDER("KEY"));
	fixture_field(&f, "Cookie", "session=" PLACEHOLDER("SESSION"));
	fixture_field(&f, "X-Plain", "plain");
	fixture_plan(&f);
	assert_int_equal(secret_plan_apply(&f.store, &f.plan, &f.message, f.scratch), 0);
	count = h2_list_request(&f.message, f.message.path, list);
	assert_true(count > 0);
	for (ssize_t i = 0; i < count; i++) {
		struct slice value = slice_of(list[i].value, list[i].valuelen);
		bool is_secret = slice_find(value, SLICE_LITERAL("real-")) < value.len;

		assert_int_equal(is_secret, (list[i].flags & NGHTTP2_NV_FLAG_NO_INDEX) != 0);
		assert_int_equal(is_secret, value.ptr >= f.scratch &&
						    value.ptr < f.scratch + SECRET_SCRATCH_BYTES);
		hidden += is_secret;
	}
	assert_int_equal(hidden, 3);
	secret_plan_undo(&f.plan, &f.message, f.scratch);
	for (size_t i = 0; i < f.message.fields.count; i++)
		assert_false(f.message.fields.list[i].is_secret);
}

static void disguised(const char *text, bool in_field)
{
	char query[512], path[512];

	if (in_field) {
		ask("/x", "");
		fixture_field(&f, "X-Key", text);
		assert_refused("KEY", SECRET_IN_FIELD, true);
		ask("/x", "");
		fixture_field(&f, "Cookie", text);
		assert_refused("KEY", SECRET_IN_COOKIE, true);
	}
	snprintf(query, sizeof(query), "?key=%s", text);
	ask("/bot/x", query);
	assert_refused("KEY", SECRET_IN_QUERY, true);
	if (strpbrk(text, "%\\\"<>") || strchr(text, '#'))
		return;
	snprintf(path, sizeof(path), "/bot/%s", text);
	ask(path, "");
	assert_refused("KEY", SECRET_IN_PATH, true);
}

static void percent(const char *text, const char *sign, size_t each, char *out)
{
	for (size_t i = 0; text[i]; i++) {
		if (i % each == 0)
			out += sprintf(out, "%s%02X", sign, (unsigned char)text[i]);
		else
			*out++ = text[i];
	}
	*out = '\0';
}

static void a_disguise_is_seen_through_and_never_replaced(void **state)
{
	static const char key[] = PLACEHOLDER("KEY");
	char text[512], again[2048], blob[512];

	(void)state;
	for (size_t each = 1; each <= 5; each++) {
		percent(key, "%25", each, text);
		disguised(text, true);
		percent(key, "%", each, text);
		ask("/x", "");
		fixture_field(&f, "X-Key", text);
		assert_refused("KEY", SECRET_IN_FIELD, true);
	}
	for (int before = 0; before < 3; before++) {
		size_t length;

		snprintf(text, sizeof(text), "%.*s%s;x", before, "ab", key);
		length = base64_encode(slice_from_text(text), blob);
		blob[length] = '\0';
		disguised(blob, true);
		percent(blob, "%", 1, again);
		disguised(again, true);
	}
	for (size_t i = 0; key[i]; i++)
		sprintf(text + 2 * i, "%02x", (unsigned char)key[i]);
	disguised(text, true);
	for (size_t i = 0; key[i]; i++)
		sprintf(text + 6 * i, "\\u%04x", (unsigned char)key[i]);
	disguised(text, true);
	/* In Basic credentials too, wherever it stands there. */
	snprintf(text, sizeof(text), "user:%%70h-KEY-0123456789abcdef");
	memcpy(blob, "Basic ", 6);
	blob[6 + base64_encode(slice_from_text(text), blob + 6)] = '\0';
	ask("/x", "");
	fixture_field(&f, "Authorization", blob);
	assert_refused("KEY", SECRET_IN_BASIC, true);
}

static void a_disguise_is_dealt_with_as_the_secret_says(void **state)
{
	(void)state;
	ask("/x", "?a=%2570h-PASSING-0123456789abcdef");
	fixture_plan(&f);
	assert_null(f.plan.refusal);
	assert_int_equal(f.plan.misuses[0].action, SECRET_PASSED);
	assert_text(f.message.query, "?a=%2570h-PASSING-0123456789abcdef");
	/* It cannot be taken out without doubt. */
	ask("/x", "?a=" PLACEHOLDER("STRIP") "&b=%2570h-STRIP-0123456789abcdef");
	assert_refused("STRIP", SECRET_IN_QUERY, true);
}

static void a_bound_placeholder_does_not_excuse_a_disguised_one(void **state)
{
	(void)state;
	ask("/x", "");
	fixture_field(&f, "X-Key", PLACEHOLDER("KEY") " %70h-KEY-0123456789abcdef");
	fixture_plan(&f);
	assert_non_null(f.plan.refusal);
	assert_true(f.plan.refusal->disguised);
}

static void a_path_that_was_stripped_is_planned_for_anew(void **state)
{
	(void)state;
	ask("/bot/." PLACEHOLDER("STRIP") "./x", "?key=" PLACEHOLDER("KEY"));
	assert_int_equal(secret_plan_begin(&f.plan, f.policy, &f.request), 0);
	assert_int_equal(secret_plan_path(&f.store, &f.message, &f.plan), 1);
	assert_text(f.message.path, "/bot/../x");
}

static void fields_are_set_in_the_place_of_what_was_there(void **state)
{
	static const char *const names[] = {"authorization", "Authorization", "X_Other",
					    "x-other",	     "X-Third",	      "AUTHORIZATION"};
	struct secret_put put;

	(void)state;
	ask("/set/x", "");
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		fixture_field(&f, names[i], "Bearer mine");
	f.plan = (struct secret_plan){0};
	secret_plan_begin(&f.plan, f.policy, &f.request);
	assert_int_equal(secret_plan_set(&f.policy->rules[0], &f.message, &f.plan), 0);
	assert_int_equal(secret_plan_make(&f.store, &f.message, &f.plan), 0);
	assert_true(secret_plan_has_secrets(&f.plan));
	assert_int_equal(f.message.fields.count, 3);
	assert_text(f.message.fields.list[0].name, "X-Third");
	assert_text(f.message.fields.list[1].name, "Authorization");
	assert_text(f.message.fields.list[1].value, "");
	assert_sent(&f, 1, "Bearer real-HIDDEN-value, real-KEY-value!");
	assert_sent(&f, 2, "real-HIDDEN-value");
	assert_true(secret_plan_list(&f.plan, 1, &put));
	assert_string_equal(put.secret->name, "KEY");
	assert_text(put.slot, "set Authorization");
	assert_true(secret_plan_list(&f.plan, 2, &put));
	assert_text(put.slot, "set X-Other");
	assert_false(secret_plan_list(&f.plan, 3, &put));
}

static const struct secret_entry *entry_of(const char *name)
{
	for (size_t i = 0; i < f.store.count; i++) {
		if (strcmp(f.store.entries[i].policy->name, name) == 0)
			return &f.store.entries[i];
	}
	return NULL;
}

static void a_body_is_judged_by_where_in_it_a_placeholder_stands(void **state)
{
	static const struct slice tokens[] = {SLICE_LITERAL("a"), SLICE_LITERAL("0")};
	struct slots_place place = {
		.kind = POLICY_SLOT_JSON, .pointer = tokens, .pointer_count = 2};
	struct secret_put put;

	(void)state;
	ask("/json", "");
	f.message.body = HTTP_BODY_STREAM;
	fixture_plan(&f);
	assert_true(secret_plan_has_secrets(&f.plan));
	assert_false(secret_plan_list(&f.plan, 0, &put));
	assert_int_equal(secret_plan_judge(&f.plan, entry_of("JSON"), &place), SLOTS_PUT_IN);
	assert_true(secret_plan_list(&f.plan, 0, &put));
	assert_text(put.slot, "json /a/0");
	assert_int_equal(secret_plan_judge(&f.plan, entry_of("BODY"), &place), SLOTS_PUT_IN);
	assert_int_equal(secret_plan_judge(&f.plan, entry_of("FORM"), &place), SLOTS_KEEP);
	assert_int_equal(secret_plan_judge(&f.plan, entry_of("STRIP"), &place), SLOTS_TAKE_OUT);
	place.disguised = true;
	assert_int_equal(secret_plan_judge(&f.plan, entry_of("BODY"), &place), SLOTS_KEEP);
	assert_int_equal(secret_plan_judge(&f.plan, entry_of("STRIP"), &place), SLOTS_REFUSE);
	place = (struct slots_place){
		.kind = POLICY_SLOT_JSON, .pointer = tokens, .pointer_count = 1};
	assert_int_equal(secret_plan_judge(&f.plan, entry_of("JSON"), &place), SLOTS_REFUSE);
	assert_non_null(f.plan.refusal);

	ask("/form", "");
	f.message.body = HTTP_BODY_STREAM;
	fixture_plan(&f);
	place = (struct slots_place){.kind = POLICY_SLOT_FORM, .name = SLICE_LITERAL("secret")};
	assert_int_equal(secret_plan_judge(&f.plan, entry_of("FORM"), &place), SLOTS_PUT_IN);
	place.name = SLICE_LITERAL("Secret");
	assert_int_equal(secret_plan_judge(&f.plan, entry_of("FORM"), &place), SLOTS_KEEP);
	/* Without a body there is nothing for it to go into. */
	ask("/form", "");
	fixture_plan(&f);
	assert_false(secret_plan_has_secrets(&f.plan));
	ask("/x", "");
	f.message.body = HTTP_BODY_STREAM;
	fixture_plan(&f);
	assert_false(secret_plan_has_secrets(&f.plan));
}

static void without_memory_nothing_is_half_done(void **state)
{
	int rc = -ENOMEM;

	(void)state;
	for (size_t bytes = 0; rc == -ENOMEM; bytes += 64) {
		ask("/bot/x", "?a=" PLACEHOLDER("STRIP"));
		fixture_field(&f, "X-A", "v " PLACEHOLDER("STRIP"));
		fixture_field(&f, "Authorization", "Basic dTpwaC1TVFJJUC0wMTIzNDU2Nzg5YWJjZGVm");
		f.arena.max_bytes = f.arena.used_bytes + bytes;
		f.plan = (struct secret_plan){0};
		secret_plan_begin(&f.plan, f.policy, &f.request);
		rc = secret_plan_make(&f.store, &f.message, &f.plan);
		f.arena.max_bytes = 1 << 20;
	}
	assert_int_equal(rc, 0);
	assert_text(f.message.query, "?a=");
	assert_text(f.message.fields.list[0].value, "v");
	assert_text(f.message.fields.list[1].value, "Basic dTo=");
}

static void the_log_has_names_in_the_place_of_placeholders_however_they_are_written(void **state)
{
	(void)state;
	ask("/x", "");
	assert_text(secret_redact(&f.store,
				  SLICE_LITERAL("/a/" PLACEHOLDER("BOT") "/b?k=%2570h-KEY-"
									 "0123456789abcdef&z"),
				  &f.arena),
		    "/a/{BOT}/b?k={KEY}&z");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cookie_gets_its_secret),
		cmocka_unit_test(another_cookie_does_not),
		cmocka_unit_test(a_parameter_gets_its_secret_and_its_name_is_compared_decoded),
		cmocka_unit_test(another_parameter_does_not),
		cmocka_unit_test(a_segment_gets_its_secret),
		cmocka_unit_test(a_part_of_a_segment_does_not),
		cmocka_unit_test(values_are_escaped_as_their_place_needs),
		cmocka_unit_test(what_http_2_sends_is_in_the_scratch_memory_and_never_indexed),
		cmocka_unit_test(a_disguise_is_seen_through_and_never_replaced),
		cmocka_unit_test(a_disguise_is_dealt_with_as_the_secret_says),
		cmocka_unit_test(a_bound_placeholder_does_not_excuse_a_disguised_one),
		cmocka_unit_test(a_path_that_was_stripped_is_planned_for_anew),
		cmocka_unit_test(fields_are_set_in_the_place_of_what_was_there),
		cmocka_unit_test(a_body_is_judged_by_where_in_it_a_placeholder_stands),
		cmocka_unit_test(without_memory_nothing_is_half_done),
		cmocka_unit_test(
			the_log_has_names_in_the_place_of_placeholders_however_they_are_written),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
