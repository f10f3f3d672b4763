/* Questions to a real, little name server on the loopback address. */
#include "proxy/engine/nameserver.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wallclock.h"
#include "tests/unit/allocation.h"
#include "tests/unit/engine/upstream.h"

enum {
	TRY_MS = 60,
	TRIES = 2,
};

struct world {
	struct ev_loop *loop;
	struct upstream upstream[2];
	struct nameserver *nameserver;
	size_t answered;
	struct nameserver_answer answer; /* the last */
};

static struct host name_of(const char *text)
{
	struct host host;

	assert_int_equal(host_parse_name(slice_from_text(text), &host), 0);
	return host;
}

static void add_server(struct server_list *list, uint16_t port)
{
	const struct address loopback = {.bytes = {127, 0, 0, 1}, .length = 4};

	list->servers[list->count].address = loopback;
	list->servers[list->count++].port = port;
}

/* A world in which HANDLERS (the second may be NULL) answer. */
static void begin(struct world *world, upstream_handler *first, upstream_handler *second)
{
	struct server_list list = {0};
	struct error err;

	*world = (struct world){.loop = ev_loop_new(EVFLAG_AUTO)};
	assert_non_null(world->loop);
	upstream_start(&world->upstream[0], world->loop, first, world);
	add_server(&list, world->upstream[0].port);
	if (second) {
		upstream_start(&world->upstream[1], world->loop, second, world);
		add_server(&list, world->upstream[1].port);
	}
	assert_int_equal(
		nameserver_create(world->loop, &list, TRY_MS, TRIES, &world->nameserver, &err), 0);
}

static void end(struct world *world)
{
	nameserver_free(world->nameserver);
	upstream_stop(&world->upstream[0]);
	if (world->upstream[1].loop)
		upstream_stop(&world->upstream[1]);
	ev_loop_destroy(world->loop);
}

static void take_answer(void *context, const struct nameserver_answer *answer)
{
	struct world *world = context;

	world->answered++;
	world->answer = *answer;
}

static void run_until_answered(struct world *world, size_t wanted)
{
	int64_t limit = monotonic_now_us() + 5000000;

	while (world->answered < wanted && monotonic_now_us() < limit) {
		ev_run(world->loop, EVRUN_NOWAIT);
		usleep(100);
	}
	assert_int_equal(world->answered, wanted);
}

static void ask(struct world *world, const char *name, enum nameserver_family family)
{
	struct host host = name_of(name);

	assert_int_equal(nameserver_ask(world->nameserver, &host, family, take_answer, world), 0);
}

/* Begins, asks for A, and ends; the answer. */
static struct nameserver_answer answer_of(upstream_handler *first, upstream_handler *second)
{
	struct world world;

	begin(&world, first, second);
	ask(&world, "a.example", NAMESERVER_A);
	run_until_answered(&world, 1);
	end(&world);
	return world.answer;
}

static void send_address(void *context, const struct upstream_question *question)
{
	struct upstream_response response;

	(void)context;
	upstream_begin(&response, question, 0);
	upstream_address(&response, NULL, 300,
			 question->type == UPSTREAM_A ? "192.0.2.1" : "2001:db8::1");
	upstream_send(question, &response);
}

static void both_families_are_read(void **state)
{
	struct world world;

	(void)state;
	begin(&world, send_address, NULL);
	ask(&world, "a.example", NAMESERVER_A);
	run_until_answered(&world, 1);
	assert_int_equal(world.answer.outcome, NAMESERVER_ADDRESSES);
	assert_int_equal(world.answer.count, 1);
	assert_int_equal(world.answer.ttl_s, 300);
	assert_int_equal(world.answer.addresses[0].length, 4);
	assert_memory_equal(world.answer.addresses[0].bytes, "\300\0\2\1", 4);
	ask(&world, "a.example", NAMESERVER_AAAA);
	run_until_answered(&world, 2);
	assert_int_equal(world.answer.addresses[0].length, 16);
	assert_memory_equal(world.answer.addresses[0].bytes, "\x20\1\x0d\xb8", 4);
	assert_int_equal(world.upstream[0].questions, 2);
	end(&world);
}

static void send_nothing_of_use(void *context, const struct upstream_question *question)
{
	struct upstream_response response;

	(void)context;
	upstream_begin(&response, question, 0);
	upstream_send(question, &response);
}

static void send_nxdomain(void *context, const struct upstream_question *question)
{
	(void)context;
	upstream_send_code(question, 3);
}

static void send_servfail(void *context, const struct upstream_question *question)
{
	(void)context;
	upstream_send_code(question, 2);
}

static void send_notimp(void *context, const struct upstream_question *question)
{
	(void)context;
	upstream_send_code(question, 4);
}

static void send_refused(void *context, const struct upstream_question *question)
{
	(void)context;
	upstream_send_code(question, 5);
}

static void send_yxdomain(void *context, const struct upstream_question *question)
{
	(void)context;
	upstream_send_code(question, 6);
}

static void stay_silent(void *context, const struct upstream_question *question)
{
	(void)context;
	(void)question;
}

static void outcomes_are_told_apart(void **state)
{
	static const struct {
		upstream_handler *handlers[2];
		enum nameserver_outcome outcome;
	} rows[] = {
		{{send_nothing_of_use}, NAMESERVER_NO_ADDRESS},
		{{send_nxdomain}, NAMESERVER_NO_SUCH_NAME},
		{{send_servfail}, NAMESERVER_FAILED},
		{{send_notimp}, NAMESERVER_FAILED},
		{{send_yxdomain}, NAMESERVER_FAILED},
		{{send_refused}, NAMESERVER_REFUSED},
		{{stay_silent}, NAMESERVER_TIMEOUT},
		/* The next server is asked when one fails, but not when it knows. */
		{{send_servfail, send_address}, NAMESERVER_ADDRESSES},
		{{send_refused, send_address}, NAMESERVER_ADDRESSES},
		{{stay_silent, send_address}, NAMESERVER_ADDRESSES},
		{{send_nxdomain, send_address}, NAMESERVER_NO_SUCH_NAME},
		{{send_servfail, send_refused}, NAMESERVER_REFUSED},
		{{send_servfail, stay_silent}, NAMESERVER_TIMEOUT},
		{{stay_silent, send_servfail}, NAMESERVER_TIMEOUT},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct nameserver_answer answer = answer_of(rows[i].handlers[0],
							    rows[i].handlers[1]);

		if (answer.outcome != rows[i].outcome)
			fail_msg("row %zu: %s", i, nameserver_outcome_text(answer.outcome));
	}
}

static void a_closed_port_is_unreachable(void **state)
{
	struct world world;

	(void)state;
	begin(&world, send_address, NULL);
	ev_io_stop(world.loop, &world.upstream[0].udp);
	close(world.upstream[0].udp.fd);
	world.upstream[0].udp.fd = -1;
	ask(&world, "a.example", NAMESERVER_A);
	run_until_answered(&world, 1);
	assert_int_equal(world.answer.outcome, NAMESERVER_UNREACHABLE);
	end(&world);
}

static void every_outcome_has_an_error_and_words(void **state)
{
	(void)state;
	for (int i = 0; i < NAMESERVER_OUTCOME_COUNT; i++) {
		assert_non_null(nameserver_outcome_text((enum nameserver_outcome)i));
		assert_int_equal(nameserver_outcome_error((enum nameserver_outcome)i) == 0,
				 i == NAMESERVER_ADDRESSES);
	}
}

static void send_alias(void *context, const struct upstream_question *question)
{
	struct upstream_response response;

	(void)context;
	upstream_begin(&response, question, 0);
	upstream_cname(&response, NULL, 500, "b.example");
	upstream_cname(&response, "b.example", 7, "c.cdn.example");
	upstream_address(&response, "c.cdn.example", 300, "192.0.2.7");
	upstream_address(&response, "other.example", 300, "192.0.2.8");
	upstream_send(question, &response);
}

static void aliases_are_followed_and_shorten_the_ttl(void **state)
{
	struct nameserver_answer answer = answer_of(send_alias, NULL);

	(void)state;
	assert_int_equal(answer.outcome, NAMESERVER_ADDRESSES);
	assert_int_equal(answer.count, 1);
	assert_int_equal(answer.addresses[0].bytes[3], 7);
	assert_int_equal(answer.ttl_s, 7);
}

static void send_alias_alone(void *context, const struct upstream_question *question)
{
	struct upstream_response response;

	(void)context;
	upstream_begin(&response, question, 0);
	upstream_cname(&response, NULL, 500, "b.example");
	upstream_send(question, &response);
}

static void an_alias_to_nowhere_is_no_address(void **state)
{
	(void)state;
	assert_int_equal(answer_of(send_alias_alone, NULL).outcome, NAMESERVER_NO_ADDRESS);
}

static void send_odd_ttls(void *context, const struct upstream_question *question)
{
	struct upstream_response response;

	(void)context;
	upstream_begin(&response, question, 0);
	upstream_address(&response, NULL, 10, "192.0.2.1");
	upstream_address(&response, NULL, 0x80000001, "192.0.2.2");
	upstream_send(question, &response);
}

static void a_ttl_with_the_highest_bit_is_zero(void **state)
{
	struct nameserver_answer answer = answer_of(send_odd_ttls, NULL);

	(void)state;
	assert_int_equal(answer.count, 2);
	assert_int_equal(answer.ttl_s, 0);
}

static void send_many(void *context, const struct upstream_question *question)
{
	struct upstream_response response;

	(void)context;
	upstream_begin(&response, question, 0);
	for (int i = 0; i < 60; i++)
		upstream_address(&response, NULL, 300, "192.0.2.1");
	upstream_send(question, &response);
}

/* They need EDNS to come over UDP. */
static void many_addresses_are_cut_to_a_bound(void **state)
{
	struct world world;

	(void)state;
	begin(&world, send_many, NULL);
	ask(&world, "a.example", NAMESERVER_A);
	run_until_answered(&world, 1);
	assert_int_equal(world.answer.count, NAMESERVER_ADDRESSES_MAX);
	assert_int_equal(world.upstream[0].tcp_questions, 0);
	end(&world);
}

static void send_truncated(void *context, const struct upstream_question *question)
{
	if (question->tcp)
		send_address(context, question);
	else
		upstream_send_code(question, 0x0200);
}

static void a_truncated_answer_is_fetched_over_tcp(void **state)
{
	struct world world;

	(void)state;
	begin(&world, send_truncated, NULL);
	ask(&world, "a.example", NAMESERVER_A);
	ask(&world, "b.example", NAMESERVER_AAAA);
	run_until_answered(&world, 2);
	assert_int_equal(world.answer.outcome, NAMESERVER_ADDRESSES);
	assert_int_equal(world.upstream[0].tcp_questions, 2);
	end(&world);
}

static void send_format_error_to_edns(void *context, const struct upstream_question *question)
{
	if (question->edns)
		upstream_send_code(question, 1);
	else
		send_address(context, question);
}

static void a_server_without_edns_is_asked_without(void **state)
{
	struct world world;

	(void)state;
	begin(&world, send_format_error_to_edns, NULL);
	for (size_t i = 1; i <= 3; i++) {
		ask(&world, "a.example", NAMESERVER_A);
		run_until_answered(&world, i);
		assert_int_equal(world.answer.outcome, NAMESERVER_ADDRESSES);
	}
	/* Once by c-ares, once by us, and from then on no more. */
	assert_int_equal(world.upstream[0].questions, 5);
	end(&world);
}

static void send_format_error(void *context, const struct upstream_question *question)
{
	(void)context;
	upstream_send_code(question, 1);
}

static void format_errors_without_end_are_a_failure(void **state)
{
	(void)state;
	assert_int_equal(answer_of(send_format_error, NULL).outcome, NAMESERVER_FAILED);
}

/* What a forger would send, each before the true answer. */
static void send_forgeries_first(void *context, const struct upstream_question *question)
{
	struct upstream_question forged = *question;
	struct upstream_response response;

	forged.bytes[1] ^= 1; /* another identifier */
	upstream_begin(&response, &forged, 0);
	upstream_address(&response, NULL, 300, "203.0.113.66");
	upstream_send(question, &response);
	forged = *question;
	forged.bytes[13] ^= 1; /* another name */
	upstream_begin(&response, &forged, 0);
	upstream_address(&response, NULL, 300, "203.0.113.66");
	upstream_send(question, &response);
	forged = *question;
	forged.bytes[question->len - 3] = 16; /* another type */
	upstream_begin(&response, &forged, 0);
	upstream_address(&response, NULL, 300, "203.0.113.66");
	upstream_send(question, &response);
	/* An empty datagram, and noise. */
	sendto(question->fd, "", 0, 0, (const struct sockaddr *)&question->peer,
	       sizeof(question->peer));
	sendto(question->fd, "xyz", 3, 0, (const struct sockaddr *)&question->peer,
	       sizeof(question->peer));
	send_address(context, question);
	send_address(context, question);
}

static void forgeries_and_noise_are_passed_over(void **state)
{
	struct world world;

	(void)state;
	begin(&world, send_forgeries_first, NULL);
	for (size_t i = 1; i <= 5; i++) {
		ask(&world, "a.example", NAMESERVER_A);
		run_until_answered(&world, i);
		assert_int_equal(world.answer.outcome, NAMESERVER_ADDRESSES);
		assert_int_equal(world.answer.addresses[0].bytes[0], 192);
	}
	assert_int_equal(world.upstream[0].questions, 5);
	end(&world);
}

static void another_source_is_not_heard(void **state)
{
	struct world world;
	int forger = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in target = {.sin_family = AF_INET};

	(void)state;
	begin(&world, stay_silent, NULL);
	ask(&world, "a.example", NAMESERVER_A);
	while (world.upstream[0].questions == 0)
		ev_run(world.loop, EVRUN_NOWAIT);
	target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	target.sin_port = htons(world.upstream[0].last_peer_port);
	assert_int_equal(sendto(forger, "", 0, 0, (const struct sockaddr *)&target, sizeof(target)),
			 0);
	run_until_answered(&world, 1);
	assert_int_equal(world.answer.outcome, NAMESERVER_TIMEOUT);
	close(forger);
	end(&world);
}

static void send_malformed(void *context, const struct upstream_question *question)
{
	struct upstream_response response;

	(void)context;
	upstream_begin(&response, question, 0);
	upstream_address(&response, NULL, 300, "192.0.2.1");
	response.answers = 9;
	upstream_send(question, &response);
}

static void a_malformed_answer_is_said_to_be_one(void **state)
{
	(void)state;
	assert_int_equal(answer_of(send_malformed, NULL).outcome, NAMESERVER_MALFORMED);
}

static struct upstream_question held;

static void hold(void *context, const struct upstream_question *question)
{
	(void)context;
	held = *question;
}

/* The answer to the first try, long after the second one was sent. */
static void a_late_answer_is_taken(void **state)
{
	struct world world;

	(void)state;
	begin(&world, hold, NULL);
	ask(&world, "a.example", NAMESERVER_A);
	while (world.upstream[0].questions < 2)
		ev_run(world.loop, EVRUN_ONCE);
	send_address(&world, &held);
	run_until_answered(&world, 1);
	assert_int_equal(world.answer.outcome, NAMESERVER_ADDRESSES);
	/* And one to a question that is over does no harm. */
	send_address(&world, &held);
	ask(&world, "b.example", NAMESERVER_A);
	while (world.upstream[0].questions < 3)
		ev_run(world.loop, EVRUN_ONCE);
	send_address(&world, &held);
	run_until_answered(&world, 2);
	end(&world);
}

/* A question in its second try has twice the time; one that is asked then must not wait as long. */
static void a_first_try_is_not_held_up_by_a_second(void **state)
{
	struct server_list list = {0};
	struct world world;

	(void)state;
	begin(&world, stay_silent, NULL);
	nameserver_free(world.nameserver);
	add_server(&list, world.upstream[0].port);
	assert_int_equal(nameserver_create(world.loop, &list, 150, TRIES, &world.nameserver, NULL),
			 0);
	ask(&world, "a.example", NAMESERVER_A);
	while (world.upstream[0].questions < 2)
		ev_run(world.loop, EVRUN_ONCE);
	ask(&world, "b.example", NAMESERVER_A);
	while (world.upstream[0].questions < 4)
		ev_run(world.loop, EVRUN_ONCE);
	assert_int_equal(world.answered, 0);
	end(&world);
}

static void identifiers_and_ports_cannot_be_told_in_advance(void **state)
{
	enum { QUESTIONS = 40 };
	unsigned int ids_in_a_row = 0, same_port = 0;
	uint16_t last_id = 0, last_port = 0;
	struct world world;

	(void)state;
	begin(&world, hold, NULL);
	for (size_t i = 1; i <= QUESTIONS; i++) {
		uint16_t id;

		ask(&world, "a.example", NAMESERVER_A);
		while (world.upstream[0].questions < i)
			ev_run(world.loop, EVRUN_NOWAIT);
		send_address(&world, &held);
		run_until_answered(&world, i);
		id = (uint16_t)(held.bytes[0] << 8 | held.bytes[1]);
		ids_in_a_row += id == (uint16_t)(last_id + 1) || id == last_id;
		same_port += world.upstream[0].last_peer_port == last_port;
		last_id = id;
		last_port = world.upstream[0].last_peer_port;
	}
	assert_true(ids_in_a_row < 3);
	assert_true(same_port < 3);
	end(&world);
}

/* With always a question open, a socket would stay for ever; the other channel takes over. */
static void a_port_serves_a_bounded_number_of_questions(void **state)
{
	enum { QUESTIONS = 400 };
	unsigned int changes = 0;
	uint16_t last_port = 0;
	struct world world;
	struct upstream_question before;

	(void)state;
	begin(&world, hold, NULL);
	ask(&world, "a.example", NAMESERVER_A);
	while (world.upstream[0].questions < 1)
		ev_run(world.loop, EVRUN_NOWAIT);
	for (size_t i = 1; i <= QUESTIONS; i++) {
		before = held;
		ask(&world, "a.example", NAMESERVER_A);
		while (world.upstream[0].questions < i + 1)
			ev_run(world.loop, EVRUN_NOWAIT);
		changes += world.upstream[0].last_peer_port != last_port;
		last_port = world.upstream[0].last_peer_port;
		send_address(&world, &before);
		run_until_answered(&world, i);
	}
	assert_in_range(changes, QUESTIONS / 40, QUESTIONS / 10);
	end(&world);
}

static void new_servers_are_asked_what_the_old_ones_were(void **state)
{
	struct server_list second = {0};
	struct world world;

	(void)state;
	begin(&world, stay_silent, send_address);
	add_server(&second, world.upstream[1].port);
	{
		struct server_list first = {0};

		add_server(&first, world.upstream[0].port);
		assert_int_equal(nameserver_set_servers(world.nameserver, &first), 0);
	}
	for (int i = 0; i < 3; i++)
		ask(&world, "a.example", NAMESERVER_A);
	while (world.upstream[0].questions < 3)
		ev_run(world.loop, EVRUN_NOWAIT);
	assert_int_equal(nameserver_set_servers(world.nameserver, &second), 0);
	run_until_answered(&world, 3);
	assert_int_equal(world.answer.outcome, NAMESERVER_ADDRESSES);
	assert_int_equal(world.upstream[1].questions, 3);
	end(&world);
}

static void freeing_drops_what_is_open(void **state)
{
	struct world world;

	(void)state;
	begin(&world, stay_silent, NULL);
	for (int i = 0; i < 100; i++)
		ask(&world, "a.example", NAMESERVER_A);
	end(&world);
	assert_int_equal(world.answered, 0);
}

static void onion_names_do_not_exist_and_are_not_asked_for(void **state)
{
	struct world world;

	(void)state;
	begin(&world, send_address, NULL);
	ask(&world, "a.onion", NAMESERVER_A);
	assert_int_equal(world.answered, 1);
	assert_int_equal(world.answer.outcome, NAMESERVER_NO_SUCH_NAME);
	assert_int_equal(world.upstream[0].questions, 0);
	end(&world);
}

static int create_and_ask(void *context)
{
	struct host host = name_of("a.example");
	struct server_list list = {0};
	struct world world = {.loop = context};
	int rc;

	add_server(&list, 1);
	rc = nameserver_create(context, &list, TRY_MS, TRIES, &world.nameserver, NULL);
	if (rc < 0)
		return rc;
	rc = nameserver_ask(world.nameserver, &host, NAMESERVER_A, take_answer, &world);
	nameserver_free(world.nameserver);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);

	(void)state;
	allocation_try_all(create_and_ask, loop, false);
	ev_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_families_are_read),
		cmocka_unit_test(outcomes_are_told_apart),
		cmocka_unit_test(a_closed_port_is_unreachable),
		cmocka_unit_test(every_outcome_has_an_error_and_words),
		cmocka_unit_test(aliases_are_followed_and_shorten_the_ttl),
		cmocka_unit_test(an_alias_to_nowhere_is_no_address),
		cmocka_unit_test(a_ttl_with_the_highest_bit_is_zero),
		cmocka_unit_test(many_addresses_are_cut_to_a_bound),
		cmocka_unit_test(a_truncated_answer_is_fetched_over_tcp),
		cmocka_unit_test(a_server_without_edns_is_asked_without),
		cmocka_unit_test(format_errors_without_end_are_a_failure),
		cmocka_unit_test(forgeries_and_noise_are_passed_over),
		cmocka_unit_test(another_source_is_not_heard),
		cmocka_unit_test(a_malformed_answer_is_said_to_be_one),
		cmocka_unit_test(a_late_answer_is_taken),
		cmocka_unit_test(a_first_try_is_not_held_up_by_a_second),
		cmocka_unit_test(identifiers_and_ports_cannot_be_told_in_advance),
		cmocka_unit_test(a_port_serves_a_bounded_number_of_questions),
		cmocka_unit_test(new_servers_are_asked_what_the_old_ones_were),
		cmocka_unit_test(freeing_drops_what_is_open),
		cmocka_unit_test(onion_names_do_not_exist_and_are_not_asked_for),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
