/*
 * Look-ups through a little name server. The resolver's sources are included: its patience is
 * shorter here, and its clock is the test's.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/wallclock.h"
#include "proxy/engine/resolver.h"

#define RESOLVER_TIMEOUT_MS    150
#define RESOLVER_TRIES	       2
#define RESOLVER_DEADLINE_MS   400
#define RESOLVER_DELAY_AAAA_MS 30
#define RESOLVER_DELAY_A_MS    60

static int64_t clock_us;

static int64_t test_clock(void)
{
	return clock_us;
}

#define monotonic_now_us test_clock
#include "proxy/engine/resolver.c"
#include "proxy/engine/resolver_entry.c"
#undef monotonic_now_us

#include "tests/unit/allocation.h"
#include "tests/unit/engine/upstream.h"

enum { HELD_MAX = 4096 };

/* What the name server does; questions that it holds back are answered by the test. */
struct world {
	struct ev_loop *loop;
	struct upstream upstream;
	struct resolver *resolver;
	struct policy policy;
	const char *a; /* the address that it answers with; NULL: none; "": silence */
	const char *aaaa;
	uint16_t code;
	uint32_t ttl;
	bool hold;
	struct upstream_question held;
	size_t called;
	struct resolver_result result; /* the last */
	char why[CHOICE_WHY_BYTES];
};

static struct host host_of(const char *text)
{
	struct host host;

	assert_int_equal(host_parse(slice_from_text(text), &host), 0);
	return host;
}

static void answer(void *context, const struct upstream_question *question)
{
	struct world *world = context;
	const char *address = question->type == UPSTREAM_A ? world->a : world->aaaa;
	struct upstream_response response;

	if (world->hold) {
		world->held = *question;
		return;
	}
	if (address && !*address)
		return;
	upstream_begin(&response, question, world->code);
	if (address)
		upstream_address(&response, NULL, world->ttl, address);
	upstream_send(question, &response);
}

static int begin(void **state)
{
	struct world *world = calloc(1, sizeof(*world));
	char servers[32];
	struct error err;

	assert_non_null(world);
	clock_us = US_PER_S;
	world->loop = ev_loop_new(EVFLAG_AUTO);
	world->a = "1.2.3.4";
	world->aaaa = "2600::1";
	world->ttl = 300;
	upstream_start(&world->upstream, world->loop, answer, world);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", (unsigned int)world->upstream.port);
	assert_int_equal(
		resolver_create(world->loop, &world->policy, servers, &world->resolver, &err), 0);
	*state = world;
	return 0;
}

static int end(void **state)
{
	struct world *world = *state;

	resolver_free(world->resolver);
	upstream_stop(&world->upstream);
	ev_loop_destroy(world->loop);
	free(world);
	return 0;
}

static void take_result(void *context, const struct resolver_result *result)
{
	struct world *world = context;

	world->called++;
	world->result = *result;
	snprintf(world->why, sizeof(world->why), "%s", result->why);
}

static struct resolver_lookup *look_up(struct world *world, const char *name)
{
	struct host host = host_of(name);

	return resolver_lookup(world->resolver, &host, take_result, world);
}

static void run_until_called(struct world *world, size_t wanted)
{
	int64_t limit = monotonic_now_us() + 3000000;

	while (world->called < wanted && monotonic_now_us() < limit) {
		ev_run(world->loop, EVRUN_NOWAIT);
		usleep(100);
	}
	assert_int_equal(world->called, wanted);
}

static void run_for(struct world *world, int ms)
{
	int64_t limit = monotonic_now_us() + ms * 1000;

	while (monotonic_now_us() < limit) {
		ev_run(world->loop, EVRUN_NOWAIT);
		usleep(100);
	}
}

/* Looks NAME up and waits; the error. */
static int resolve(struct world *world, const char *name)
{
	size_t before = world->called;

	assert_non_null(look_up(world, name));
	assert_int_equal(world->called, before);
	run_until_called(world, before + 1);
	return world->result.error;
}

static const char *result_text(const struct world *world, size_t i)
{
	static char text[ADDRESS_TEXT_BYTES];

	assert_true(i < world->result.count);
	address_format(&world->result.addresses[i], text);
	return text;
}

static void both_families_are_asked_and_ipv6_is_first(void **state)
{
	struct world *world = *state;

	assert_int_equal(resolve(world, "a.example"), 0);
	assert_int_equal(world->result.count, 2);
	assert_string_equal(result_text(world, 0), "2600::1");
	assert_string_equal(result_text(world, 1), "1.2.3.4");
	assert_int_equal(world->upstream.questions, 2);
}

static void private_addresses_are_dropped(void **state)
{
	struct world *world = *state;

	world->aaaa = "fd00::1";
	assert_int_equal(resolve(world, "a.example"), 0);
	assert_int_equal(world->result.count, 1);
	assert_string_equal(result_text(world, 0), "1.2.3.4");
}

static void a_name_with_private_addresses_alone_is_denied(void **state)
{
	struct world *world = *state;

	world->a = "169.254.169.254";
	world->aaaa = "::ffff:10.0.0.5";
	assert_int_equal(resolve(world, "a.example"), ERROR_DENIED);
	assert_int_equal(world->result.count, 0);
	assert_non_null(strstr(world->why, "may not be dialled"));
	world->aaaa = NULL;
	assert_int_equal(resolve(world, "b.example"), ERROR_DENIED);
	assert_string_equal(world->why,
			    "169.254.169.254 may not be dialled: cloud metadata service");
}

static void failures_say_what_they_are(void **state)
{
	static const struct {
		uint16_t code;
		const char *a;
		int error;
		const char *why;
	} rows[] = {
		{3, NULL, ERROR_NOT_FOUND, "the name does not exist"},
		{0, NULL, ERROR_NOT_FOUND, "the name has no address"},
		{2, NULL, -EREMOTEIO, "the name servers failed to answer (SERVFAIL)"},
		{5, NULL, -EREMOTEIO, "the name servers refuse to answer (REFUSED)"},
		{0, "", ERROR_TIMEOUT, "no name server answered in time"},
	};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char name[16];

		snprintf(name, sizeof(name), "%c.example", (char)('a' + i));
		world->code = rows[i].code;
		world->a = world->aaaa = rows[i].a;
		assert_int_equal(resolve(world, name), rows[i].error);
		assert_string_equal(world->why, rows[i].why);
		assert_int_equal(world->result.count, 0);
	}
}

static void one_family_is_enough(void **state)
{
	struct world *world = *state;

	world->aaaa = "";
	assert_int_equal(resolve(world, "a.example"), 0);
	assert_string_equal(result_text(world, 0), "1.2.3.4");
	world->a = "";
	world->aaaa = "2600::1";
	assert_int_equal(resolve(world, "b.example"), 0);
	assert_string_equal(result_text(world, 0), "2600::1");
	world->a = NULL;
	assert_int_equal(resolve(world, "c.example"), 0);
	assert_int_equal(world->result.count, 1);
}

static void ipv4_waits_a_moment_for_ipv6_and_longer_the_other_way(void **state)
{
	struct world *world = *state;
	int64_t start = monotonic_now_us();

	world->aaaa = "";
	assert_int_equal(resolve(world, "a.example"), 0);
	assert_in_range(monotonic_now_us() - start, 25000, 390000);
	world->aaaa = "2600::1";
	world->a = "";
	start = monotonic_now_us();
	assert_int_equal(resolve(world, "b.example"), 0);
	assert_in_range(monotonic_now_us() - start, 55000, 390000);
}

/* The slow family's answer is taken in when it comes. */
static void a_late_family_joins_the_cached_answer(void **state)
{
	struct world *world = *state;

	world->aaaa = "";
	assert_int_equal(resolve(world, "a.example"), 0);
	assert_int_equal(world->result.count, 1);
	world->aaaa = "2600::1";
	/* The second try finds the server willing. */
	while (world->upstream.questions < 3)
		ev_run(world->loop, EVRUN_ONCE);
	run_for(world, 10);
	assert_int_equal(resolve(world, "a.example"), 0);
	assert_int_equal(world->result.count, 2);
	assert_int_equal(world->upstream.questions, 3);
}

static void look_ups_of_one_name_share_its_questions(void **state)
{
	struct world *world = *state;

	for (int i = 0; i < 50; i++)
		assert_non_null(look_up(world, i % 2 ? "a.example" : "A.Example."));
	run_until_called(world, 50);
	assert_int_equal(world->upstream.questions, 2);
	assert_int_equal(world->result.count, 2);
}

static void answers_are_kept_for_their_ttl_within_bounds(void **state)
{
	static const struct {
		uint32_t ttl;
		int64_t kept_s;
	} rows[] = {{0, 1}, {1, 1}, {30, 30}, {60, 60}, {86400, 60}, {0xffffffff, 1}};
	struct world *world = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t before = world->upstream.questions;
		char name[16];

		snprintf(name, sizeof(name), "%c.example", (char)('a' + i));
		world->ttl = rows[i].ttl;
		assert_int_equal(resolve(world, name), 0);
		assert_int_equal(world->upstream.questions, before + 2);
		clock_us += rows[i].kept_s * US_PER_S - 1;
		assert_int_equal(resolve(world, name), 0);
		assert_int_equal(world->upstream.questions, before + 2);
		clock_us += 1;
		assert_int_equal(resolve(world, name), 0);
		assert_int_equal(world->upstream.questions, before + 4);
	}
}

static void failures_are_kept_for_a_second(void **state)
{
	struct world *world = *state;

	world->code = 3;
	world->a = world->aaaa = NULL;
	assert_int_equal(resolve(world, "a.example"), ERROR_NOT_FOUND);
	clock_us += US_PER_S - 1;
	assert_int_equal(resolve(world, "a.example"), ERROR_NOT_FOUND);
	assert_int_equal(world->upstream.questions, 2);
	clock_us += 1;
	world->code = 0;
	world->a = "1.2.3.4";
	assert_int_equal(resolve(world, "a.example"), 0);
	assert_int_equal(world->upstream.questions, 4);
}

static void addresses_are_judged_and_given_back(void **state)
{
	struct world *world = *state;

	assert_int_equal(resolve(world, "8.8.8.8"), 0);
	assert_string_equal(result_text(world, 0), "8.8.8.8");
	assert_int_equal(resolve(world, "[2600::1]"), 0);
	assert_string_equal(result_text(world, 0), "2600::1");
	assert_int_equal(resolve(world, "10.0.0.1"), ERROR_DENIED);
	assert_int_equal(resolve(world, "[fd00:ec2::254]"), ERROR_DENIED);
	assert_int_equal(world->upstream.questions, 0);
}

static void localhost_never_leaves_the_host(void **state)
{
	const struct policy_cidr loopback = {
		.address = {127}, .address_bytes = 4, .prefix_bits = 8};
	struct world *world = *state;

	assert_int_equal(resolve(world, "localhost"), ERROR_DENIED);
	assert_int_equal(resolve(world, "a.localhost"), ERROR_DENIED);
	world->policy.private_ranges = &loopback;
	world->policy.private_count = 1;
	assert_int_equal(resolve(world, "localhost"), 0);
	assert_int_equal(world->result.count, 1);
	assert_string_equal(result_text(world, 0), "127.0.0.1");
	assert_int_equal(world->upstream.questions, 0);
}

static void fixed_addresses_come_from_the_policy_alone(void **state)
{
	const struct host addresses[] = {host_of("10.0.0.5"), host_of("[2600::7]")};
	const struct policy_resolve fixed = {
		.name = host_of("db.internal"), .addresses = addresses, .address_count = 2};
	const struct policy_cidr range = {.address = {10}, .address_bytes = 4, .prefix_bits = 8};
	struct world *world = *state;

	world->policy.resolve = &fixed;
	world->policy.resolve_count = 1;
	assert_int_equal(resolve(world, "db.internal"), 0);
	assert_int_equal(world->result.count, 1);
	assert_string_equal(result_text(world, 0), "2600::7");
	world->policy.private_ranges = &range;
	world->policy.private_count = 1;
	assert_int_equal(resolve(world, "db.internal"), 0);
	assert_int_equal(world->result.count, 2);
	assert_string_equal(result_text(world, 1), "10.0.0.5");
	assert_int_equal(world->upstream.questions, 0);
}

static void a_new_policy_judges_what_is_cached_and_what_is_on_its_way(void **state)
{
	const struct policy_cidr range = {.address = {10}, .address_bytes = 4, .prefix_bits = 8};
	const struct policy open = {.private_ranges = &range, .private_count = 1};
	struct world *world = *state;

	world->a = "10.0.0.5";
	world->aaaa = NULL;
	assert_int_equal(resolve(world, "a.example"), ERROR_DENIED);
	resolver_set_policy(world->resolver, &open);
	assert_int_equal(resolve(world, "a.example"), 0);
	assert_non_null(look_up(world, "a.example"));
	resolver_set_policy(world->resolver, &world->policy);
	run_until_called(world, 3);
	assert_int_equal(world->result.error, ERROR_DENIED);
	assert_int_equal(world->upstream.questions, 2);
}

static void servers_can_be_replaced(void **state)
{
	struct world *world = *state;
	struct upstream second;
	char servers[32];

	world->hold = true;
	assert_non_null(look_up(world, "a.example"));
	while (world->upstream.questions < 2)
		ev_run(world->loop, EVRUN_NOWAIT);
	world->hold = false;
	upstream_start(&second, world->loop, answer, world);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", (unsigned int)second.port);
	assert_int_equal(resolver_set_servers(world->resolver, "nonsense"), ERROR_SYNTAX);
	assert_int_equal(resolver_set_servers(world->resolver, servers), 0);
	run_until_called(world, 1);
	assert_int_equal(world->result.error, 0);
	assert_int_equal(second.questions, 2);
	resolver_free(take_ptr(world->resolver));
	upstream_stop(&second);
}

static void a_list_of_servers_that_is_none_is_explained(void **state)
{
	struct world *world = *state;
	struct resolver *resolver;
	struct error err;

	assert_int_equal(
		resolver_create(world->loop, &world->policy, "dns.example", &resolver, &err),
		ERROR_SYNTAX);
	assert_non_null(strstr(err.text, "name servers \"dns.example\": expected"));
	assert_int_equal(resolver_create(world->loop, &world->policy,
					 "1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4", &resolver, &err),
			 ERROR_LIMIT);
}

static void cancelled_look_ups_are_not_heard_of(void **state)
{
	struct world *world = *state;
	struct resolver_lookup *waiting[3], *ready;

	for (int i = 0; i < 3; i++)
		waiting[i] = look_up(world, "a.example");
	resolver_cancel(waiting[1]);
	ready = look_up(world, "8.8.8.8");
	resolver_cancel(ready);
	run_until_called(world, 2);
	run_for(world, 20);
	assert_int_equal(world->called, 2);
	assert_int_equal(world->resolver->lookup_count, 0);
}

static void an_answer_without_an_asker_is_still_kept(void **state)
{
	struct world *world = *state;

	resolver_cancel(look_up(world, "a.example"));
	run_for(world, 20);
	assert_int_equal(world->called, 0);
	assert_int_equal(resolve(world, "a.example"), 0);
	assert_int_equal(world->upstream.questions, 2);
}

static void a_question_that_is_open_is_not_asked_again(void **state)
{
	struct world *world = *state;

	world->aaaa = "";
	resolver_cancel(look_up(world, "a.example"));
	assert_non_null(look_up(world, "a.example"));
	while (world->upstream.questions < 2)
		ev_run(world->loop, EVRUN_NOWAIT);
	/* The answer for A is there, and AAAA has its moment. */
	run_for(world, 10);
	assert_int_equal(world->called, 0);
	assert_non_null(look_up(world, "a.example"));
	run_until_called(world, 2);
	assert_int_equal(world->result.error, 0);
	assert_int_equal(world->upstream.questions, 2);
	assert_int_equal(world->resolver->open_families, 1);
}

/* Four look-ups; the first one called cancels itself and the others. */
struct plot {
	struct world *world;
	struct resolver_lookup *lookups[4];
	int called;
};

static void cancel_all(void *context, const struct resolver_result *result)
{
	struct plot *plot = context;

	(void)result;
	plot->called++;
	for (int i = 0; i < 4; i++)
		resolver_cancel(plot->lookups[i]);
}

static void a_callback_may_cancel_itself_and_others(void **state)
{
	static const char *const names[] = {"a.example", "a.example", "8.8.8.8", "b.example"};
	struct world *world = *state;
	struct plot plot = {.world = world};

	for (int i = 0; i < 4; i++) {
		struct host host = host_of(names[i]);

		plot.lookups[i] = resolver_lookup(world->resolver, &host, cancel_all, &plot);
		assert_non_null(plot.lookups[i]);
	}
	run_for(world, 30);
	assert_int_equal(plot.called, 1);
	assert_int_equal(world->resolver->lookup_count, 0);
}

static void look_up_again(void *context, const struct resolver_result *result)
{
	struct plot *plot = context;
	struct host host = host_of(plot->called % 2 ? "a.example" : "8.8.8.8");

	assert_int_equal(result->error, 0);
	if (++plot->called < 10)
		assert_non_null(resolver_lookup(plot->world->resolver, &host, look_up_again, plot));
}

static void a_callback_may_look_up(void **state)
{
	struct world *world = *state;
	struct plot plot = {.world = world};
	struct host host = host_of("a.example");

	assert_non_null(resolver_lookup(world->resolver, &host, look_up_again, &plot));
	run_for(world, 30);
	assert_int_equal(plot.called, 10);
}

static void free_resolver(void *context, const struct resolver_result *result)
{
	struct plot *plot = context;

	plot->called++;
	resolver_free(take_ptr(plot->world->resolver));
	/* The words outlive it. */
	assert_non_null(result->why);
}

static void a_callback_may_free_the_resolver(void **state)
{
	static const char *const names[] = {"a.example", "a.example", "8.8.8.8", "b.example"};
	struct world *world = *state;
	struct plot plot = {.world = world};

	world->hold = true;
	for (int i = 0; i < 4; i++) {
		struct host host = host_of(names[i]);

		assert_non_null(resolver_lookup(world->resolver, &host, free_resolver, &plot));
	}
	run_for(world, 30);
	assert_int_equal(plot.called, 1);
}

static void freeing_ends_what_is_open_without_a_callback(void **state)
{
	struct world *world = *state;

	world->hold = true;
	assert_non_null(look_up(world, "a.example"));
	assert_non_null(look_up(world, "8.8.8.8"));
	resolver_free(take_ptr(world->resolver));
	run_for(world, 10);
	assert_int_equal(world->called, 0);
}

static void look_ups_are_bounded(void **state)
{
	struct world *world = *state;
	struct resolver_lookup *first;

	world->hold = true;
	first = look_up(world, "a.example");
	for (int i = 1; i < RESOLVER_LOOKUPS_MAX; i++)
		assert_non_null(look_up(world, "a.example"));
	assert_null(look_up(world, "a.example"));
	assert_null(look_up(world, "8.8.8.8"));
	resolver_cancel(first);
	assert_non_null(look_up(world, "8.8.8.8"));
}

/* Cancelling ends the look-up, but not the question: those are bounded as well. */
static void questions_of_cancelled_look_ups_count(void **state)
{
	struct world *world = *state;
	char name[32];

	world->a = world->aaaa = "";
	for (int i = 0; i < RESOLVER_LOOKUPS_MAX; i++) {
		struct resolver_lookup *lookup;

		snprintf(name, sizeof(name), "h%d.example", i);
		lookup = look_up(world, name);
		assert_non_null(lookup);
		resolver_cancel(lookup);
	}
	assert_null(look_up(world, "one-more.example"));
	assert_non_null(look_up(world, "h1.example"));
	run_until_called(world, 1);
	assert_int_equal(world->result.error, ERROR_TIMEOUT);
}

static void the_cache_is_bounded(void **state)
{
	struct world *world = *state;
	struct host host = {.kind = HOST_NAME};

	/* Settled by hand; asking for all of them would take long. */
	for (int i = 0; i < RESOLVER_CACHE_MAX + 100; i++) {
		struct entry *entry;

		host.length = (uint8_t)snprintf(host.text, sizeof(host.text), "h%d.example", i);
		entry = entry_create(world->resolver, &host);
		assert_non_null(entry);
		entry->expires_us = clock_us + US_PER_S;
	}
	assert_int_equal(world->resolver->by_name.count, RESOLVER_CACHE_MAX);
	assert_null(map_find(&world->resolver->by_name, SLICE_LITERAL("h99.example")));
	assert_non_null(map_find(&world->resolver->by_name, SLICE_LITERAL("h100.example")));
	/* What has expired goes as others come. */
	clock_us += 2 * US_PER_S;
	for (int i = 0; i < 10; i++) {
		host.length = (uint8_t)snprintf(host.text, sizeof(host.text), "n%d.example", i);
		assert_non_null(entry_create(world->resolver, &host));
	}
	assert_int_equal(world->resolver->by_name.count, RESOLVER_CACHE_MAX - 10);
}

static int look_up_once(void *context)
{
	struct world *world = context;
	struct resolver *resolver;
	struct host host = host_of("a.example");
	char servers[32];
	int rc;

	snprintf(servers, sizeof(servers), "127.0.0.1:%u", (unsigned int)world->upstream.port);
	rc = resolver_create(world->loop, &world->policy, servers, &resolver, NULL);
	if (rc < 0)
		return rc;
	world->called = 0;
	if (!resolver_lookup(resolver, &host, take_result, world)) {
		resolver_free(resolver);
		return -ENOMEM;
	}
	run_until_called(world, 1);
	resolver_free(resolver);
	return world->result.error;
}

static void running_out_of_memory_is_reported(void **state)
{
	/* Of two questions one may fail, and the other still have an answer. */
	allocation_try_all(look_up_once, *state, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, begin, end)
		IN_WORLD(both_families_are_asked_and_ipv6_is_first),
		IN_WORLD(private_addresses_are_dropped),
		IN_WORLD(a_name_with_private_addresses_alone_is_denied),
		IN_WORLD(failures_say_what_they_are),
		IN_WORLD(one_family_is_enough),
		IN_WORLD(ipv4_waits_a_moment_for_ipv6_and_longer_the_other_way),
		IN_WORLD(a_late_family_joins_the_cached_answer),
		IN_WORLD(look_ups_of_one_name_share_its_questions),
		IN_WORLD(answers_are_kept_for_their_ttl_within_bounds),
		IN_WORLD(failures_are_kept_for_a_second),
		IN_WORLD(addresses_are_judged_and_given_back),
		IN_WORLD(localhost_never_leaves_the_host),
		IN_WORLD(fixed_addresses_come_from_the_policy_alone),
		IN_WORLD(a_new_policy_judges_what_is_cached_and_what_is_on_its_way),
		IN_WORLD(servers_can_be_replaced),
		IN_WORLD(a_list_of_servers_that_is_none_is_explained),
		IN_WORLD(cancelled_look_ups_are_not_heard_of),
		IN_WORLD(an_answer_without_an_asker_is_still_kept),
		IN_WORLD(a_question_that_is_open_is_not_asked_again),
		IN_WORLD(a_callback_may_cancel_itself_and_others),
		IN_WORLD(a_callback_may_look_up),
		IN_WORLD(a_callback_may_free_the_resolver),
		IN_WORLD(freeing_ends_what_is_open_without_a_callback),
		IN_WORLD(look_ups_are_bounded),
		IN_WORLD(questions_of_cancelled_look_ups_count),
		IN_WORLD(the_cache_is_bounded),
		IN_WORLD(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
