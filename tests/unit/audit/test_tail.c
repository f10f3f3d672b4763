#include "proxy/audit/tail.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proxy/audit/display.h"
#include "tests/unit/allocation.h"
#include "tests/unit/audit/journal_files.h"

static const int64_t TIME_US = 1795183402104518; /* 2026-11-20T14:03:22.104518Z */

/* What is shown of RECORD alone, without the line's end and the time. */
static char *show(const struct audit_record *record, bool colours)
{
	static char *shown;
	char body[AUDIT_BODY_MAX];
	size_t size, len = audit_record_format(record, body);
	json_t *value = json_loadb(body, len, JSON_ALLOW_NUL, NULL);
	struct display display;
	FILE *stream;

	free(shown);
	stream = open_memstream(&shown, &size);
	display_init(&display, stream, colours, true);
	strcpy(display.date, "2026-11-20");
	strcpy(display.sandbox, "a1b2");
	display_record(&display, value);
	fclose(stream);
	json_decref(value);
	assert_int_equal(shown[size - 1], '\n');
	shown[size - 1] = '\0';
	return shown;
}

static void assert_shown(const struct audit_record *record, const char *expected)
{
	assert_string_equal(show(record, false), expected);
}

static struct audit_record record_of(enum audit_kind kind, bool allow)
{
	struct audit_record record;

	audit_record_init(&record, kind, "a1b2");
	record.time_us = TIME_US;
	record.allow = allow;
	return record;
}

static void requests_are_shown_by_their_url(void **state)
{
	struct audit_record record = record_of(AUDIT_HTTP, true);

	(void)state;
	record.host = SLICE_LITERAL("api.openai.com");
	record.port = 443;
	record.has_tls = record.has_http = true;
	record.http.method = SLICE_LITERAL("POST");
	record.http.path = SLICE_LITERAL("/v1/chat/completions");
	record.http.status = 200;
	record.secret_count = 1;
	record.secrets[0].name = "OPENAI_API_KEY";
	record.total_us = 182400;
	assert_shown(&record, "14:03:22 ALLOW POST https://api.openai.com/v1/chat/completions 200 "
			      "+OPENAI_API_KEY 182 ms");
	record.has_websocket = true;
	record.websocket.bytes_up = 512;
	record.websocket.bytes_down = 2048;
	assert_shown(&record, "14:03:22 ALLOW POST https://api.openai.com/v1/chat/completions 200 "
			      "512 B up 2.0 KiB down +OPENAI_API_KEY 182 ms");
	record.has_websocket = false;
	record.error = "the origin's certificate has expired";
	record.scrubbed = 2;
	record.secrets_more = 3;
	record.port = 8443;
	assert_shown(&record, "14:03:22 ALLOW POST https://api.openai.com:8443/v1/chat/completions "
			      "200 +OPENAI_API_KEY and 3 more 2 scrubbed 182 ms ! the origin's "
			      "certificate has expired");

	record = record_of(AUDIT_HTTP, false);
	record.has_tls = record.has_http = true;
	record.host = SLICE_LITERAL("evil.example");
	record.port = 443;
	record.http.method = SLICE_LITERAL("GET");
	record.http.path = SLICE_LITERAL("/");
	record.reason = "no rule allows evil.example";
	assert_shown(&record,
		     "14:03:22 DENY  GET https://evil.example/ : no rule allows evil.example");
	record.has_tls = false;
	record.port = 80;
	record.host = SLICE_LITERAL("2001:db8::1");
	record.misuse_count = 1;
	record.misuses[0] = (struct audit_misuse){"KEY", "query", "blocked"};
	assert_shown(&record, "14:03:22 DENY  GET http://[2001:db8::1]/ misuse of KEY in query, "
			      "blocked : no rule allows evil.example");
	record.allow = record.would_deny = true;
	record.misuse_count = 0;
	assert_shown(&record, "14:03:22 DENY? GET http://[2001:db8::1]/ : no rule allows "
			      "evil.example");
}

static void other_kinds_are_shown_too(void **state)
{
	struct audit_record record = record_of(AUDIT_TLS, true);

	(void)state;
	record.host = SLICE_LITERAL("pinned.bank.example");
	record.port = 443;
	record.has_bytes = true;
	record.bytes_up = 1000;
	record.bytes_down = 5 << 20;
	assert_shown(&record, "14:03:22 ALLOW TLS pinned.bank.example:443 1000 B up 5.0 MiB down");

	record = record_of(AUDIT_DNS, false);
	record.has_dns = true;
	record.dns.name = SLICE_LITERAL("evil.example");
	record.dns.type = 28;
	record.dns.rcode = "NXDOMAIN";
	assert_shown(&record, "14:03:22 DENY  DNS AAAA evil.example NXDOMAIN");

	record = record_of(AUDIT_PACKET, false);
	record.has_packet = true;
	record.packet.protocol = "udp";
	record.packet.source = SLICE_LITERAL("10.0.0.2");
	record.packet.source_port = 40000;
	record.packet.destination = SLICE_LITERAL("224.0.0.251");
	record.packet.destination_port = 5353;
	record.packet.suppressed = 12;
	record.reason = "udp is not allowed";
	assert_shown(&record, "14:03:22 DENY  UDP 10.0.0.2 40000 to 224.0.0.251 5353 (and 12 like "
			      "it) : udp is not allowed");

	record = record_of(AUDIT_SANDBOX, false);
	record.has_life = true;
	record.life.event = "start";
	record.life.policy = "coding-agent";
	record.life.mode = "enforce";
	record.life.command = SLICE_LITERAL("python3");
	assert_shown(&record, "14:03:22 START sandbox a1b2, policy coding-agent, mode enforce, "
			      "command python3");
	record = record_of(AUDIT_SANDBOX, false);
	record.has_life = true;
	record.life.event = "worker-lost";
	record.life.lost = 4;
	assert_shown(&record, "14:03:22 WORKER-LOST sandbox a1b2, 4 records lost");

	record = record_of(AUDIT_POLICY, false);
	record.reason = "the new policy does not load; the last good one stays";
	assert_shown(&record, "14:03:22 DENY  POLICY  : the new policy does not load; the last "
			      "good one stays");
}

/* Threat C11. */
static void a_record_cannot_play_with_the_terminal(void **state)
{
	struct audit_record record = record_of(AUDIT_HTTP, true);
	char *shown;

	(void)state;
	record.host = SLICE_LITERAL("a\x1b]0;x\x07");
	record.has_http = true;
	record.http.method = SLICE_LITERAL("G\rET");
	record.http.path = SLICE_LITERAL("/\x1b[2J\n14:03:22 ALLOW\x9b\xe2\x80\xae\0z\x7f\xc3\xa9");
	record.sandbox = "\x1b[31m";
	shown = show(&record, false);
	assert_string_equal(shown,
			    "14:03:22 ALLOW G\\x0dET http://a\\x1b]0;x\\x07/\\x1b[2J\\x0a14:03:22 "
			    "ALLOW\xef\xbf\xbd\\u{202e}\\x00z\\x7f\xc3\xa9 [\\x1b[31m]");
}

static void colours_are_put_around_words_only(void **state)
{
	struct audit_record record = record_of(AUDIT_DNS, false);

	(void)state;
	record.has_dns = true;
	record.dns.name = SLICE_LITERAL("a");
	assert_string_equal(show(&record, true),
			    "\x1b[2m14:03:22\x1b[0m \x1b[31mDENY \x1b[0m DNS TYPE0 a");
}

/* Whatever is in the line, as anybody may have written it. */
static void odd_values_are_survived(void **state)
{
	static const char *const lines[] = {
		"{}",
		"[]",
		"{\"time\":5,\"host\":[],\"http\":7,\"secrets\":{},\"misuse\":\"x\",\"ms\":[1]}",
		"{\"http\":{\"method\":null,\"status\":\"x\"},\"secrets\":[1,null,{\"name\":[]}]}",
		"{\"life\":{\"event\":\"\"},\"sandbox\":null,\"time\":\"\"}",
		"{\"life\":[],\"time\":\"9999-99-99T99:99:99Z\"}",
		"{\"dns\":[],\"verdict\":\"\",\"time\":\"2026-11-20T14:03:22.104518Z and more than "
		"is looked at\"}",
		"{\"packet\":{\"protocol\":\"a protocol with a name that is far longer than "
		"any\"}}",
		"{\"kind\":\"tcp\",\"bytes\":{\"up\":-5,\"down\":9223372036854775807}}",
	};
	struct display display;
	char *shown = NULL;
	size_t size;
	FILE *stream = open_memstream(&shown, &size);

	(void)state;
	display_init(&display, stream, false, false);
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		json_t *value = json_loads(lines[i], 0, NULL);

		assert_non_null(value);
		display_record(&display, value);
		json_decref(value);
	}
	display_record(&display, NULL);
	fclose(stream);
	free(shown);
}

static char *tail(const char *path, const struct tail_options *options)
{
	char *shown = NULL;
	size_t size;
	FILE *stream = open_memstream(&shown, &size);
	struct error err;

	if (tail_file(path, options, stream, &err) < 0)
		fail_msg("%s", err.text);
	fclose(stream);
	return shown;
}

static void add_kinds(const char *path, uint64_t count)
{
	struct journal journal;
	struct error err;
	char body[AUDIT_BODY_MAX];

	assert_int_equal(journal_open(&journal, path, &err), 0);
	for (uint64_t n = 1; n <= count; n++) {
		struct audit_record record = record_of(n % 100 ? AUDIT_HTTP : AUDIT_TCP,
						       n % 10 != 0);
		char host[32];

		snprintf(host, sizeof(host), "h%d", (int)n);
		record.host = slice_from_text(host);
		record.has_http = n % 100 != 0;
		record.http.method = SLICE_LITERAL("GET");
		record.sandbox = n % 2 ? "odd" : "even";
		assert_int_equal(
			journal_add(&journal, slice_of(body, audit_record_format(&record, body))),
			0);
	}
	assert_int_equal(journal_flush(&journal), 0);
	journal_close(&journal);
}

static void the_last_records_are_shown(void **state)
{
	const char *path = files_path("last");
	struct tail_options options = {.last = 2, .utc = true};
	char *shown;

	(void)state;
	add_kinds(path, 2000);
	shown = tail(path, &options);
	assert_string_equal(shown, "2026-11-20\n14:03:22 ALLOW GET http://h1999 [odd]\n"
				   "14:03:22 DENY  TCP h2000 [even]\n");
	free(shown);
	options.last = 0;
	shown = tail(path, &options);
	assert_string_equal(shown, "");
	free(shown);
	/* Far back in the file. */
	options = (struct tail_options){
		.last = 20, .utc = true, .filter.kind = "tcp", .filter.denied = true};
	shown = tail(path, &options);
	assert_memory_equal(shown, "2026-11-20\n14:03:22 DENY  TCP h100 [even]\n", 42);
	assert_non_null(strstr(shown, "h2000\n"));
	free(shown);
	options = (struct tail_options){.last = 3, .utc = true, .filter.sandbox = "odd"};
	shown = tail(path, &options);
	assert_string_equal(shown, "2026-11-20\n14:03:22 ALLOW GET http://h1995 [odd]\n"
				   "14:03:22 ALLOW GET http://h1997\n"
				   "14:03:22 ALLOW GET http://h1999\n");
	free(shown);
	options = (struct tail_options){.last = TAIL_LAST_MAX, .utc = true};
	shown = tail(path, &options);
	assert_non_null(strstr(shown, "14:03:22 ALLOW GET http://h1 [odd]\n"));
	free(shown);
	options = (struct tail_options){.last = 1, .filter.kind = "udp"};
	shown = tail(path, &options);
	assert_string_equal(shown, "");
	free(shown);
}

static void what_is_no_record_is_told(void **state)
{
	const char *path = files_path("odd");
	struct tail_options options = {.last = 5, .filter.denied = true};
	char *shown;

	(void)state;
	files_write(path, SLICE_LITERAL("\x1b[2J\nnot whole"));
	shown = tail(path, &options);
	assert_string_equal(shown, "??:??:?? ?     a line that is no record; see 'sallyport audit "
				   "verify'\n");
	free(shown);
}

static void local_time_is_the_zone_of_the_environment(void **state)
{
	const char *path = files_path("zone");
	struct tail_options options = {.last = 1};
	char *shown;

	(void)state;
	add_kinds(path, 1);
	setenv("TZ", "XXX-10", 1);
	tzset();
	shown = tail(path, &options);
	assert_string_equal(shown, "2026-11-21\n00:03:22 ALLOW GET http://h1 [odd]\n");
	free(shown);
	unsetenv("TZ");
	tzset();
}

/* A tail -f in a process of its own. */
struct follower {
	pid_t pid;
	int out;
};

static struct follower follow(const char *path)
{
	struct follower follower;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	follower.out = ends[0];
	follower.pid = fork();
	if (follower.pid == 0) {
		struct tail_options options = {.last = 1, .follow = true, .utc = true};
		FILE *stream = fdopen(ends[1], "w");

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		tail_file(path, &options, stream, NULL);
		_exit(1);
	}
	close(ends[1]);
	return follower;
}

/* Waits until TEXT was written; fails after five seconds. */
static void await(const struct follower *follower, const char *text)
{
	char got[8192] = "";
	size_t used = 0;

	while (!strstr(got, text)) {
		struct pollfd poll_fd = {.fd = follower->out, .events = POLLIN};
		ssize_t len;

		if (poll(&poll_fd, 1, 5000) != 1)
			fail_msg("waited for \"%s\", got \"%s\"", text, got);
		len = read(follower->out, got + used, sizeof(got) - 1 - used);
		assert_true(len > 0);
		used += (size_t)len;
		got[used] = '\0';
	}
}

static void stop(struct follower *follower)
{
	kill(follower->pid, SIGKILL);
	waitpid(follower->pid, NULL, 0);
	close(follower->out);
}

static void records_that_come_are_shown(void **state)
{
	const char *path = files_path("followed");
	struct follower follower = follow(path);
	struct journal journal;
	struct error err;

	(void)state;
	/* The file does not exist yet; then grows; is moved away; cut off; deleted. */
	files_add(path, 1, 2);
	await(&follower, "http://api.example.com/2/");
	files_add(path, 3, 3);
	await(&follower, "http://api.example.com/3/");
	assert_int_equal(journal_open(&journal, path, &err), 0);
	assert_int_equal(rename(path, files_path("followed.1")), 0);
	journal_add(&journal, files_body(4, 0));
	assert_int_equal(journal_flush(&journal), 0);
	await(&follower, "(the log goes on in a new file)\n"
			 "00:00:00 DENY  http://api.example.com/4/");
	assert_int_equal(truncate(path, 0), 0);
	await(&follower, "(the log was cut off)");
	journal_add(&journal, files_body(5, 0));
	assert_int_equal(journal_flush(&journal), 0);
	await(&follower, "/5/");
	assert_int_equal(unlink(path), 0);
	journal_add(&journal, files_body(6, 0));
	assert_int_equal(journal_flush(&journal), 0);
	await(&follower, "/6/");
	journal_close(&journal);
	stop(&follower);
}

static void a_line_is_shown_once_it_is_whole(void **state)
{
	const char *path = files_path("half");
	struct follower follower;
	struct pollfd poll_fd;
	size_t len;
	char *bytes;

	(void)state;
	files_add(path, 1, 1);
	bytes = files_read(path, &len);
	files_write(path, slice_of(bytes, len - 5));
	follower = follow(path);
	poll_fd = (struct pollfd){.fd = follower.out, .events = POLLIN};
	assert_int_equal(poll(&poll_fd, 1, 500), 0);
	files_write(path, slice_of(bytes, len));
	await(&follower, "/1/");
	free(bytes);
	stop(&follower);
}

static void what_cannot_be_shown_is_told(void **state)
{
	struct tail_options options = {.last = 1};
	struct error err;

	(void)state;
	assert_int_equal(tail_file("/nonexistent", &options, stdout, &err), -ENOENT);
	assert_string_equal(err.text,
			    "cannot show the audit log /nonexistent: No such file or directory");
	assert_int_equal(tail_file("/", &options, stdout, &err), -EISDIR);
	options.follow = true;
	assert_int_equal(tail_file("/dev/null", &options, stdout, &err), -EINVAL);
}

static int tail_once(void *context)
{
	struct tail_options options = {.last = 3};
	FILE *null = fopen("/dev/null", "w");
	struct error err;
	int rc = tail_file(context, &options, null, &err);

	fclose(null);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s", files_path("memory"));
	files_add(path, 1, 5);
	allocation_try_all(tail_once, path, false);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_shown_by_their_url),
		cmocka_unit_test(other_kinds_are_shown_too),
		cmocka_unit_test(a_record_cannot_play_with_the_terminal),
		cmocka_unit_test(colours_are_put_around_words_only),
		cmocka_unit_test(odd_values_are_survived),
		cmocka_unit_test(the_last_records_are_shown),
		cmocka_unit_test(what_is_no_record_is_told),
		cmocka_unit_test(local_time_is_the_zone_of_the_environment),
		cmocka_unit_test(records_that_come_are_shown),
		cmocka_unit_test(a_line_is_shown_once_it_is_whole),
		cmocka_unit_test(what_cannot_be_shown_is_told),
		cmocka_unit_test(running_out_of_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, files_make_folder, files_remove_folder);
}
