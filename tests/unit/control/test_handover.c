/* Threat S25: secrets pass from one process to the other, and are gone from between them. */
#include "proxy/secret/handover.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/allocation.h"

static const struct policy_use use = {.slot = {.kind = POLICY_SLOT_HEADER}};
static const struct policy_secret secrets[] = {
	{.name = "A", .index = 0, .uses = &use, .use_count = 1},
	{.name = "B", .index = 1, .uses = &use, .use_count = 1},
};
static const struct policy policy = {.secrets = secrets, .secret_count = 2};

static size_t write_text(struct secret_handover *handover, const char *text)
{
	size_t size;
	char *room = secret_handover_room(handover, &size);

	assert_true(size > strlen(text));
	memcpy(room, text, strlen(text));
	return strlen(text);
}

/* In the other process: takes the secrets, and looks whether they are what they should be. */
static int take(struct secret_handover *handover)
{
	struct secret_store store;
	struct error err;

	if (secret_store_init(&store, &err) < 0 ||
	    secret_handover_take(&policy, handover, &store, &err) < 0)
		return 1;
	if (!slice_equal(store.entries[1].value, SLICE_LITERAL("second value")) ||
	    !slice_equal(store.entries[0].placeholder, SLICE_LITERAL("placeholder-of-the-first")))
		return 2;
	return 0;
}

static void another_process_takes_them_and_nothing_is_left(void **state)
{
	struct secret_handover *handover;
	struct error err;
	const char *left;
	size_t size;
	int status;
	pid_t child;

	(void)state;
	assert_int_equal(secret_handover_create(&policy, &handover, &err), 0);
	left = secret_handover_room(handover, &size);
	child = fork();
	if (child == 0) {
		/* The parent writes after the fork, as the supervisor does. */
		while (secret_handover_placeholder(handover, 1).len == 0)
			usleep(1000);
		_exit(take(handover));
	}
	secret_handover_put_value(handover, 0, write_text(handover, "first value"));
	secret_handover_put_placeholder(handover, 0,
					write_text(handover, "placeholder-of-the-first"));
	secret_handover_put_value(handover, 1, write_text(handover, "second value"));
	secret_handover_put_placeholder(handover, 1,
					write_text(handover, "placeholder-of-the-second"));
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	for (size_t i = 0; i < 80; i++)
		assert_int_equal(left[i], 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(another_process_takes_them_and_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
