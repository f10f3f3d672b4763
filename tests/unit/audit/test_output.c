#include "proxy/audit/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/say.h"
#include "proxy/audit/syslog.h"
#include "tests/unit/allocation.h"
#include "tests/unit/audit/journal_files.h"

enum { AUTHPRIV = 10, RECEIVED_MAX = 8 << 20 };

static struct journal journal;
static int pipe_ends[2];
static char *received;
static size_t received_bytes;

/* A journal whose lines go into a pipe as well. */
static void open_with_pipe(const char *path, bool drops)
{
	static char spec[16];
	struct error err;

	assert_int_equal(pipe(pipe_ends), 0);
	assert_int_equal(fcntl(pipe_ends[0], F_SETFL, O_NONBLOCK), 0);
	snprintf(spec, sizeof(spec), "fd:%d", pipe_ends[1]);
	if (journal_open(&journal, path, &err) < 0 ||
	    journal_add_output(&journal, spec, drops, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(fcntl(pipe_ends[1], F_GETFD), FD_CLOEXEC);
	received_bytes = 0;
}

static void receive(void)
{
	ssize_t got;

	while ((got = read(pipe_ends[0], received + received_bytes,
			   RECEIVED_MAX - received_bytes)) > 0)
		received_bytes += (size_t)got;
}

static void add(uint64_t n, size_t bytes)
{
	assert_int_equal(journal_add(&journal, files_body(n, bytes)), 0);
	assert_int_equal(journal_flush(&journal), 0);
}

/* What was received is the file, from byte FROM on. */
static void assert_received(const char *path)
{
	size_t len;
	char *bytes = files_read(path, &len);

	assert_int_equal(received_bytes, len);
	assert_memory_equal(received, bytes, len);
	free(bytes);
}

/* The supervisor would stand still, if COMMAND filled the pipe between the look and the write. */
static void a_pipe_that_others_write_to_is_never_waited_for_and_theirs_is_left_as_it_is(
	void **state)
{
	const char *path = files_path("shared");
	struct error err;
	int others;
	char spec[16];

	(void)state;
	assert_int_equal(pipe(pipe_ends), 0);
	others = dup(pipe_ends[1]);
	snprintf(spec, sizeof(spec), "fd:%d", pipe_ends[1]);
	assert_int_equal(journal_open(&journal, path, &err), 0);
	assert_int_equal(journal_add_output(&journal, spec, true, &err), 0);
	assert_true(fcntl(pipe_ends[1], F_GETFL) & O_NONBLOCK);
	assert_int_equal(fcntl(pipe_ends[1], F_GETFD), FD_CLOEXEC);
	assert_false(fcntl(others, F_GETFL) & O_NONBLOCK);
	journal_close(&journal);
	close(others);
	close(pipe_ends[0]);
}

static void a_descriptor_gets_the_lines_as_they_are(void **state)
{
	const char *path = files_path("lines");

	(void)state;
	open_with_pipe(path, false);
	for (uint64_t n = 1; n <= 5; n++)
		add(n, 0);
	journal_set_rotation(&journal, 1, 0);
	add(6, 0);
	journal_close(&journal);
	receive();
	/* Those of the new file too. */
	files_write(files_path("all"), slice_of(received, received_bytes));
	files_assert_sound(files_path("all"), 6);
	close(pipe_ends[0]);
}

static void what_is_not_taken_is_kept_and_blocks_at_last(void **state)
{
	const char *path = files_path("kept");
	struct error err;
	uint64_t n = 0;
	int rc = 0;

	(void)state;
	open_with_pipe(path, false);
	while (journal_has_room(&journal))
		add(++n, 3000);
	assert_true(journal.outputs.list[0].kept.end > OUTPUT_KEPT_BYTES / 2);
	journal_explain(&journal, ERROR_LIMIT, &err);
	assert_non_null(strstr(err.text, "the audit log cannot be sent on by --audit fd:"));
	/* What was reserved before is written, as long as it can be kept. */
	while (rc == 0) {
		rc = journal_add(&journal, files_body(n + 1, 3000));
		n += rc == 0;
		if (rc == 0)
			rc = journal_flush(&journal);
	}
	assert_int_equal(rc, ERROR_LIMIT);
	for (int i = 0; i < 100000 && buffer_length(&journal.outputs.list[0].kept); i++) {
		receive();
		outputs_deliver(&journal.outputs);
	}
	assert_true(journal_has_room(&journal));
	assert_int_equal(journal_flush(&journal), 0);
	for (int i = 0; i < 100 && buffer_length(&journal.outputs.list[0].kept); i++) {
		receive();
		outputs_deliver(&journal.outputs);
	}
	journal_close(&journal);
	receive();
	files_assert_sound(path, n);
	assert_received(path);
	close(pipe_ends[0]);
}

static void with_continue_records_are_left_out_there_and_not_in_the_file(void **state)
{
	const char *path = files_path("dropped");
	struct verify_result result;
	uint64_t n = 0;
	char *report;

	(void)state;
	open_with_pipe(path, true);
	while (journal.outputs.list[0].dropped < 10) {
		assert_true(journal_has_room(&journal));
		add(++n, 3000);
	}
	while (buffer_length(&journal.outputs.list[0].kept)) {
		receive();
		outputs_deliver(&journal.outputs);
	}
	receive();
	add(++n, 0);
	journal_close(&journal);
	receive();
	files_assert_sound(path, n);
	files_write(files_path("gaps"), slice_of(received, received_bytes));
	report = files_verify(files_path("gaps"), NULL, &result);
	assert_non_null(strstr(report, "missing before this line: 10 lines"));
	assert_int_equal(result.problems, 1);
	assert_int_equal(result.last_seq, n);
	free(report);
	close(pipe_ends[0]);
}

static void a_reader_that_leaves_is_told(void **state)
{
	(void)state;
	open_with_pipe(files_path("left"), true);
	close(pipe_ends[0]);
	add(1, 0);
	assert_int_equal(journal.outputs.list[0].error, -EPIPE);
	journal.outputs.list[0].kept.end = journal.outputs.list[0].kept.start;
	journal_close(&journal);
}

static void what_cannot_be_an_output_is_refused(void **state)
{
	static const struct {
		const char *spec, *why;
	} cases[] = {
		{"-", "standard output is COMMAND's"},
		{"fd:2", "a descriptor from 3 on"},
		{"fd:", "a descriptor from 3 on"},
		{"fd:x", "a descriptor from 3 on"},
		{"fd:-1", "a descriptor from 3 on"},
		{"fd:65536", "a descriptor from 3 on"},
		{"fd:60000", "it is not open for writing"},
		{"syslog:nobody", "no facility is called so"},
		{"syslog:", "no facility is called so"},
	};
	struct outputs outputs = {0};
	struct error err;
	char spec[16];
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(output_is_one(cases[i].spec));
		assert_true(outputs_add(&outputs, cases[i].spec, &err) < 0);
		if (!strstr(err.text, cases[i].why))
			fail_msg("%s", err.text);
	}
	snprintf(spec, sizeof(spec), "fd:%d", fd);
	assert_true(outputs_add(&outputs, spec, &err) < 0);
	close(fd);
	assert_int_equal(outputs.count, 0);
	assert_false(output_is_one("audit.jsonl"));
	assert_false(output_is_one("./syslog"));
	assert_false(output_is_one("syslogs"));
}

/* A daemon's socket at PATH. */
static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Reads messages, and writes what follows their heads to FILE. How many. */
static uint64_t read_messages(int fd, FILE *file)
{
	char message[SYSLOG_MESSAGE_MAX + 1];
	uint64_t count = 0;
	ssize_t len;

	while ((len = recv(fd, message, sizeof(message) - 1, 0)) > 0) {
		message[len] = '\0';
		assert_non_null(strstr(message, "] {\"v\":1,"));
		fprintf(file, "%s\n", strstr(message, "] ") + 2);
		count++;
	}
	return count;
}

static void messages_have_the_form_of_rfc_5424(void **state)
{
	static const struct {
		const char *line, *priority, *time, *data;
	} cases[] = {
		{"{\"v\":1,\"seq\":17,\"time\":\"2026-11-20T14:03:22.104518Z\",\"verdict\":"
		 "\"allow\"}",
		 "<86>1 ", "2026-11-20T14:03:22.104518Z", "[meta sequenceId=\"17\"]"},
		{"{\"v\":1,\"seq\":2147483648,\"verdict\":\"deny\",\"reason\":\"x\"}", "<85>1 ",
		 "-", "[meta sequenceId=\"1\"]"},
		{"{\"v\":1,\"seq\":2,\"verdict\":\"allow\",\"would_deny\":true}", "<85>1 ", "-",
		 "[meta sequenceId=\"2\"]"},
		{"{\"v\":1,\"seq\":3,\"verdict\":\"deny\",\"misuse\":[]}", "<84>1 ", "-",
		 "[meta sequenceId=\"3\"]"},
		{"{\"v\":1,\"seq\":3,\"life\":{\"event\":\"killed\"}}", "<84>1 ", "-",
		 "[meta sequenceId=\"3\"]"},
		/* A text that looks like members. */
		{"{\"v\":1,\"seq\":3,\"http\":{\"path\":\"/,\\\"verdict\\\":\\\"deny\\\"\"}}",
		 "<86>1 ", "-", "[meta sequenceId=\"3\"]"},
		{"no line at all", "<86>1 ", "-", "-"},
		{"{\"v\":1,\"seq\":9,\"time\":\"2026", "<86>1 ", "-", "[meta sequenceId=\"9\"]"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char message[SYSLOG_MESSAGE_MAX + 1], host[256], tail[600];
		size_t len = syslog_format(AUTHPRIV, slice_from_text(cases[i].line), message);

		message[len] = '\0';
		gethostname(host, sizeof(host));
		snprintf(tail, sizeof(tail), "%s%s %s sallyport %d audit %s %s", cases[i].priority,
			 cases[i].time, host, (int)getpid(), cases[i].data, cases[i].line);
		assert_string_equal(message, tail);
	}
}

static void facilities_have_their_numbers(void **state)
{
	(void)state;
	assert_int_equal(syslog_facility(SLICE_LITERAL("user")), 1);
	assert_int_equal(syslog_facility(SLICE_LITERAL("daemon")), 3);
	assert_int_equal(syslog_facility(SLICE_LITERAL("auth")), 4);
	assert_int_equal(syslog_facility(SLICE_LITERAL("authpriv")), AUTHPRIV);
	assert_int_equal(syslog_facility(SLICE_LITERAL("local0")), 16);
	assert_int_equal(syslog_facility(SLICE_LITERAL("local7")), 23);
	assert_int_equal(syslog_facility(SLICE_LITERAL("local8")), -1);
	assert_int_equal(syslog_facility(SLICE_EMPTY), -1);
}

static void add_syslog(const char *socket)
{
	struct output *output = &journal.outputs.list[0];

	*output = (struct output){.spec = "syslog", .path = socket, .facility = AUTHPRIV};
	buffer_init(&output->kept, OUTPUT_KEPT_BYTES);
	output->fd = syslog_connect(socket);
	assert_true(output->fd >= 0);
	journal.outputs.count = 1;
}

/* The daemon is slow, then is away, and then another one is there. */
static void syslog_gets_every_line_though_its_daemon_is_started_anew(void **state)
{
	const char *path = files_path("sent"), *socket = files_path("dev-log");
	FILE *file = fopen(files_path("messages"), "w");
	int daemon = listen_at(socket);
	uint64_t n = 0, count = 0;
	struct error err;

	(void)state;
	assert_int_equal(journal_open(&journal, path, &err), 0);
	add_syslog(socket);
	while (!journal.outputs.list[0].error)
		add(++n, 500);
	assert_int_equal(journal.outputs.list[0].error, -EAGAIN);
	count += read_messages(daemon, file);
	add(++n, 0);
	count += read_messages(daemon, file);
	assert_int_equal(count, n);
	close(daemon);
	add(++n, 0);
	assert_int_equal(journal.outputs.list[0].error, -ECONNREFUSED);
	assert_int_equal(unlink(socket), 0);
	add(++n, 4000);
	daemon = listen_at(socket);
	add(++n, 0);
	count += read_messages(daemon, file);
	assert_int_equal(count, n);
	assert_int_equal(journal.outputs.list[0].error, 0);
	journal_close(&journal);
	fclose(file);
	close(daemon);
	/* The chain holds in what was sent. */
	files_assert_sound(files_path("messages"), n);
}

static int set_up(void **state)
{
	received = malloc(RECEIVED_MAX);
	say_set_fd(open("/dev/null", O_WRONLY | O_CLOEXEC));
	return received ? files_make_folder(state) : -1;
}

static int tear_down(void **state)
{
	free(received);
	return files_remove_folder(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_descriptor_gets_the_lines_as_they_are),
		cmocka_unit_test(
			a_pipe_that_others_write_to_is_never_waited_for_and_theirs_is_left_as_it_is),
		cmocka_unit_test(what_is_not_taken_is_kept_and_blocks_at_last),
		cmocka_unit_test(with_continue_records_are_left_out_there_and_not_in_the_file),
		cmocka_unit_test(a_reader_that_leaves_is_told),
		cmocka_unit_test(what_cannot_be_an_output_is_refused),
		cmocka_unit_test(messages_have_the_form_of_rfc_5424),
		cmocka_unit_test(facilities_have_their_numbers),
		cmocka_unit_test(syslog_gets_every_line_though_its_daemon_is_started_anew),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
