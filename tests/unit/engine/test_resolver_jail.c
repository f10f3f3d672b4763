/*
 * The resolver with nothing but the system calls that its header names: what it must never do at
 * query time (open a file, look at the host's configuration) would kill the process. Its source is
 * included, with a shorter patience.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/engine/resolver.h"

#define RESOLVER_TIMEOUT_MS 50
#include "proxy/engine/resolver.c"

#include "tests/unit/allocation.h"
#include "tests/unit/engine/upstream.h"

/* Behind ev.h, which has an EV_NONE of its own. */
#include <seccomp.h>

static const int allowed[] = {
	/* The resolver. */
	SCMP_SYS(socket),
	SCMP_SYS(connect),
	SCMP_SYS(sendmsg),
	SCMP_SYS(getsockname),
	SCMP_SYS(recvfrom),
	SCMP_SYS(close),
	SCMP_SYS(getrandom),
	/* The loop, the allocator, the end. */
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(brk),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	SCMP_SYS(mprotect),
	SCMP_SYS(exit_group),
	/* AddressSanitizer, before a function that does not return. */
	SCMP_SYS(sigaltstack),
};

static void lock_up(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++) {
		if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, allowed[i], 0) < 0)
			_exit(100);
	}
	if (seccomp_load(filter) < 0)
		_exit(100);
}

static void take_result(void *context, const struct resolver_result *result)
{
	struct ev_loop *loop = context;

	if (result->error == 0)
		ev_break(loop, EVBREAK_ALL);
	else
		_exit(101);
}

/* Resolves one name after the other, each in its own way; ends with 0. */
static _Noreturn void resolve_in_jail(const char *servers)
{
	static const char *const names[] = {"a.example", "tcp.example", "silent.example"};
	struct ev_loop *loop = ev_loop_new(EVFLAG_NOENV | EVFLAG_NOTIMERFD);
	const struct policy policy = {0};
	struct resolver *resolver;

	setenv("LOCALDOMAIN", "search.example", 1);
	setenv("RES_OPTIONS", "rotate ndots:9", 1);
	setenv("HOSTALIASES", "/etc/hostname", 1);
	if (resolver_create(loop, &policy, servers, &resolver, NULL) < 0)
		_exit(102);
	lock_up();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct host host;

		host_parse_name(slice_from_text(names[i]), &host);
		if (!resolver_lookup(resolver, &host, take_result, loop))
			_exit(103);
		ev_run(loop, 0);
	}
	resolver_free(resolver);
	_exit(0);
}

static void answer(void *context, const struct upstream_question *question)
{
	struct upstream_response response;
	size_t *silent = context;

	if (strcmp(question->name, "tcp.example") == 0 && !question->tcp) {
		upstream_send_code(question, 0x0200);
		return;
	}
	/* The first try of each family goes unanswered. */
	if (strcmp(question->name, "silent.example") == 0 && (*silent)++ < 2)
		return;
	upstream_begin(&response, question, 0);
	upstream_address(&response, NULL, 300,
			 question->type == UPSTREAM_A ? "1.2.3.4" : "2600::1");
	upstream_send(question, &response);
}

static void no_other_system_call_is_needed(void **state)
{
	struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
	struct upstream upstream;
	size_t silent = 0;
	char servers[32];
	int status = 0;
	pid_t child, ended = 0;

	(void)state;
	upstream_start(&upstream, loop, answer, &silent);
	snprintf(servers, sizeof(servers), "127.0.0.1:%u", (unsigned int)upstream.port);
	child = fork();
	assert_true(child >= 0);
	if (child == 0)
		resolve_in_jail(servers);
	while (ended == 0) {
		ev_run(loop, EVRUN_NOWAIT);
		usleep(200);
		ended = waitpid(child, &status, WNOHANG);
	}
	assert_int_equal(ended, child);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("status %#x", (unsigned int)status);
	assert_int_equal(upstream.tcp_questions, 2);
	upstream_stop(&upstream);
	ev_loop_destroy(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_other_system_call_is_needed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
