/* The resolver as a real client sees it: dig, of BIND. Skipped where it is not installed. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/allocation.h"
#include "tests/unit/dns/fixture.h"

struct output {
	int fd;
	size_t len;
	char text[16 << 10];
};

static bool has_ended(void *context)
{
	struct output *output = context;
	ssize_t got = read(output->fd, output->text + output->len,
			   sizeof(output->text) - 1 - output->len);

	if (got > 0)
		output->len += (size_t)got;
	output->text[output->len] = '\0';
	return got == 0;
}

static _Noreturn void become_dig(int out, const char *port, const char *arguments)
{
	char command[512];

	dup2(out, STDOUT_FILENO);
	snprintf(command, sizeof(command), "exec dig -p %s +tries=1 +time=2 %s", port, arguments);
	execl("/bin/sh", "sh", "-c", command, (char *)NULL);
	_exit(127);
}

/* What dig prints. Skips the test when there is no dig. */
static const char *dig(struct fixture *fixture, bool tcp, const char *arguments)
{
	static struct output output;
	int pipes[2], status;
	char port[8];
	pid_t child;

	snprintf(port, sizeof(port), "%u",
		 (unsigned int)(tcp ? fixture->tcp_port[0] : fixture->udp_port[0]));
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	assert_int_equal(fcntl(pipes[0], F_SETFL, O_NONBLOCK), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		become_dig(pipes[1], port, arguments);
	close(pipes[1]);
	output = (struct output){.fd = pipes[0]};
	assert_true(fixture_run_until(fixture, has_ended, &output));
	close(pipes[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		skip();
	return output.text;
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in: %s", part, text);
}

static void addresses(void **state)
{
	assert_string_equal(dig(*state, false, "@127.0.0.1 +short A API.example.com"),
			    "198.18.1.0\n");
	assert_string_equal(dig(*state, false, "@127.0.0.9 +short AAAA api.example.com"),
			    "fd73:616c:6c79::c612:100\n");
	assert_string_equal(dig(*state, true, "@127.0.0.1 +tcp +short A api.example.com"),
			    "198.18.1.0\n");
	assert_string_equal(dig(*state, false, "@127.0.0.1 +short A localhost"), "127.0.0.1\n");
	assert_string_equal(dig(*state, false, "@127.0.0.1 +short -x 198.18.1.0"),
			    "api.example.com.\n");
	assert_string_equal(dig(*state, false, "@127.0.0.1 +short -x fd73:616c:6c79::c612:100"),
			    "api.example.com.\n");
}

static void the_whole_answer(void **state)
{
	const char *text = dig(*state, false, "@127.0.0.1 A wWw.Example.com");

	assert_has(text, "status: NOERROR");
	assert_has(text, "flags: qr rd ra;");
	assert_has(text, "QUERY: 1, ANSWER: 1, AUTHORITY: 0, ADDITIONAL: 1");
	assert_has(text, "udp: 1232");
	assert_has(text, "EDE: 4 (Forged Answer)");
	assert_has(text, "wWw.Example.com.");
	assert_null(strstr(text, "WARNING"));
	assert_null(strstr(text, "Warning"));
	text = dig(*state, false, "@127.0.0.1 +noedns A www.example.com");
	assert_has(text, "ADDITIONAL: 0");
	text = dig(*state, false, "@127.0.0.1 +dnssec +cd A www.example.com");
	assert_has(text, "flags: qr rd ra cd;");
	assert_has(text, "EDNS: version: 0, flags: do; udp: 1232");
}

static void refusals(void **state)
{
	const char *text = dig(*state, false, "@127.0.0.1 TXT data.example.com");

	assert_has(text, "status: REFUSED");
	assert_has(text, "EDE: 21 (Not Supported): (only A, AAAA, PTR, SVCB and HTTPS");
	assert_has(dig(*state, false, "@127.0.0.1 +notcp ANY example.com"), "status: REFUSED");
	assert_has(dig(*state, true, "@127.0.0.1 AXFR example.com"), "Transfer failed");
	assert_has(dig(*state, false, "@127.0.0.1 CH TXT version.bind"), "status: REFUSED");
	assert_has(dig(*state, false, "@127.0.0.1 A under_score.example"), "status: NXDOMAIN");
	assert_has(dig(*state, false, "@127.0.0.1 +opcode=notify SOA example.com"),
		   "status: NOTIMP");
	assert_has(dig(*state, false, "@127.0.0.1 +edns=1 +noednsneg A example.com"),
		   "status: BADVERS");
}

static void service_bindings_are_empty(void **state)
{
	const char *text = dig(*state, false, "@127.0.0.1 TYPE65 example.com");

	assert_has(text, "status: NOERROR");
	assert_has(text, "ANSWER: 0");
	assert_has(dig(*state, false, "@127.0.0.1 TYPE64 _dns.resolver.arpa"), "ANSWER: 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, fixture_create, fixture_free)
		WITH_SERVER(addresses),
		WITH_SERVER(the_whole_answer),
		WITH_SERVER(refusals),
		WITH_SERVER(service_bindings_are_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
