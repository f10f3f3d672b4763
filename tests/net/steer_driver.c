/*
 * A supervisor and a worker that do as little as can be, to try the steering with:
 *
 *   steer_driver [--log FILE] [--mask PATH] [--read-only PATH] [--file NAME=TEXT]
 *                [--overlay PATH=NAME] [--env NAME=VALUE] [--workdir DIR] [--no-worker]
 *                [--print-times] [--datagrams PORT] COMMAND [ARG...]
 *
 * The worker answers TCP with a line that tells the address that was dialled and where from, then
 * echoes, until it is sent the line "bye"; it answers every A query with 203.0.113.7 and every AAAA
 * query with 2001:db8::7. Of datagrams to the ports for them, it allows those to addresses whose
 * last byte is even, and echoes them in capitals. FILE gets a line for each event and each packet
 * refused. The exit status is COMMAND's, as a shell gives it; 125 if the launch failed.
 */
#include <arpa/inet.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proxy/steer/steer.h"
#include "tests/net/steer_worker.h"

enum { LIST_MAX = 64 };

struct list_option {
	const char *items[LIST_MAX];
	size_t count;
};

struct options {
	struct list_option masked, read_only, files, overlays, environment, ports;
	const char *workdir;
	bool no_worker;
	bool print_times;
};

static FILE *log_file;

__attribute__((format(printf, 1, 2))) static void log_line(const char *format, ...)
{
	va_list args;

	if (!log_file)
		return;
	va_start(args, format);
	vfprintf(log_file, format, args);
	va_end(args);
	fputc('\n', log_file);
	fflush(log_file);
}

static void fail(const char *text)
{
	fprintf(stderr, "steer_driver: %s\n", text);
	exit(125);
}

static void add(struct list_option *list, const char *item)
{
	if (list->count == LIST_MAX - 1)
		fail("too many options of one kind");
	list->items[list->count++] = item;
}

static void take_option(struct options *options, int letter)
{
	switch (letter) {
	case 'l':
		log_file = fopen(optarg, "ae");
		if (!log_file)
			fail("cannot open the log");
		break;
	case 'm':
		add(&options->masked, optarg);
		break;
	case 'r':
		add(&options->read_only, optarg);
		break;
	case 'f':
		add(&options->files, optarg);
		break;
	case 'o':
		add(&options->overlays, optarg);
		break;
	case 'e':
		add(&options->environment, optarg);
		break;
	case 'w':
		options->workdir = optarg;
		break;
	case 'd':
		add(&options->ports, optarg);
		break;
	case 'n':
		options->no_worker = true;
		break;
	case 't':
		options->print_times = true;
		break;
	default:
		fail("unknown option");
	}
}

static void read_options(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
		{"log", required_argument, NULL, 'l'},
		{"mask", required_argument, NULL, 'm'},
		{"read-only", required_argument, NULL, 'r'},
		{"file", required_argument, NULL, 'f'},
		{"overlay", required_argument, NULL, 'o'},
		{"env", required_argument, NULL, 'e'},
		{"workdir", required_argument, NULL, 'w'},
		{"no-worker", no_argument, NULL, 'n'},
		{"print-times", no_argument, NULL, 't'},
		{"datagrams", required_argument, NULL, 'd'},
		{NULL, 0, NULL, 0},
	};
	int letter;

	while ((letter = getopt_long(argc, argv, "+", names, NULL)) != -1)
		take_option(options, letter);
	if (optind == argc)
		fail("no command");
}

/* Splits "LEFT=RIGHT" into two new texts. */
static void split(const char *text, char **left, char **right)
{
	const char *equals = strchr(text, '=');

	if (!equals)
		fail("an option lacks its '='");
	*left = strndup(text, (size_t)(equals - text));
	*right = strdup(equals + 1);
}

struct plan_memory {
	struct steer_plan plan;
	struct steer_file files[LIST_MAX];
	uint16_t ports[LIST_MAX];
	struct steer_overlay overlays[LIST_MAX];
	char *texts[4 * LIST_MAX];
	size_t text_count;
};

static void fill_files(struct plan_memory *memory, const struct options *options)
{
	for (size_t i = 0; i < options->files.count; i++) {
		char *name, *text;

		split(options->files.items[i], &name, &text);
		memory->files[i] = (struct steer_file){name, slice_from_text(text)};
		memory->texts[memory->text_count++] = name;
		memory->texts[memory->text_count++] = text;
	}
	for (size_t i = 0; i < options->overlays.count; i++) {
		char *path, *name;

		split(options->overlays.items[i], &path, &name);
		memory->overlays[i] = (struct steer_overlay){path, name};
		memory->texts[memory->text_count++] = path;
		memory->texts[memory->text_count++] = name;
	}
}

static void fill_plan(struct plan_memory *memory, const struct options *options, char **argv)
{
	fill_files(memory, options);
	for (size_t i = 0; i < options->ports.count; i++)
		memory->ports[i] = (uint16_t)atoi(options->ports.items[i]);
	memory->plan = (struct steer_plan){
		.argv = (const char *const *)argv,
		.envp = options->environment.items,
		.workdir = options->workdir,
		.sandbox = "driven",
		.files = memory->files,
		.file_count = options->files.count,
		.overlays = memory->overlays,
		.overlay_count = options->overlays.count,
		.masked = options->masked.items,
		.masked_count = options->masked.count,
		.read_only = options->read_only.items,
		.read_only_count = options->read_only.count,
		.datagram_ports = memory->ports,
		.datagram_port_count = options->ports.count,
	};
}

static void free_plan(struct plan_memory *memory)
{
	for (size_t i = 0; i < memory->text_count; i++)
		free(memory->texts[i]);
	free(memory);
}

static void log_packet(void *context, const struct steer_packet *packet)
{
	int family = packet->family == 4 ? AF_INET : AF_INET6;
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];

	(void)context;
	inet_ntop(family, packet->source, source, sizeof(source));
	inet_ntop(family, packet->destination, destination, sizeof(destination));
	log_line("packet %u %s %u %s %u", packet->protocol, source, packet->source_port,
		 destination, packet->destination_port);
}

static void log_queued(const struct steer_packet *packet)
{
	int family = packet->family == 4 ? AF_INET : AF_INET6;
	char destination[INET6_ADDRSTRLEN];

	inet_ntop(family, packet->destination, destination, sizeof(destination));
	log_line("queued %u %s %u", packet->protocol, destination, packet->destination_port);
}

static void log_lost(uint64_t total)
{
	log_line("lost %llu", (unsigned long long)total);
}

static void log_dropped(uint64_t total)
{
	log_line("dropped %llu", (unsigned long long)total);
}

/* The worker keeps the sockets, and nothing else that the supervisor has. */
static pid_t start_worker(struct steer_sandbox *sandbox, struct steer_sockets *sockets)
{
	static const struct worker_listener listener = {log_packet, log_queued, log_lost,
							log_dropped};
	pid_t parent = getpid(), pid = fork();

	if (pid == 0) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		close(sandbox->control);
		close(sandbox->pidfd);
		worker_run(sockets, &listener);
	}
	return pid;
}

struct supervisor {
	struct steer_sandbox sandbox;
	pid_t worker;
	int signals;
	int status;
	bool stopped;
	bool done;
};

static void take_event(struct supervisor *supervisor, const struct steer_event *event)
{
	static const char *const names[] = {"started",	 "exec-failed", "stopped",
					    "continued", "exited",	"lost"};

	_Static_assert(sizeof(names) / sizeof(names[0]) == STEER_EVENT_COUNT, "all have names");
	log_line("event %s %d", names[event->kind], event->value);
	switch (event->kind) {
	case STEER_EVENT_STOPPED:
	case STEER_EVENT_CONTINUED:
		supervisor->stopped = event->kind == STEER_EVENT_STOPPED;
		return;
	case STEER_EVENT_EXITED:
		supervisor->status = WIFSIGNALED(event->value) ? 128 + WTERMSIG(event->value)
							       : WEXITSTATUS(event->value);
		break;
	case STEER_EVENT_EXEC_FAILED:
		supervisor->status = event->value == ENOENT ? 127 : 126;
		break;
	case STEER_EVENT_LOST:
		supervisor->status = 125;
		break;
	default:
		return;
	}
	supervisor->done = true;
}

/* All that there are before acting, so that a stop that is over by now is not taken for one. */
static void take_events(struct supervisor *supervisor)
{
	struct steer_event event;

	while (!supervisor->done && steer_next_event(&supervisor->sandbox, &event))
		take_event(supervisor, &event);
	if (!supervisor->stopped || supervisor->done)
		return;
	supervisor->stopped = false;
	raise(SIGSTOP);
}

/* What the terminal sent, the whole process group got. */
static void take_signal(struct supervisor *supervisor)
{
	struct signalfd_siginfo info;

	if (read(supervisor->signals, &info, sizeof(info)) != sizeof(info))
		return;
	steer_signal(&supervisor->sandbox, (int)info.ssi_signo, info.ssi_code == SI_KERNEL);
}

static int watch_signals(void)
{
	static const int numbers[] = {SIGINT,  SIGTERM, SIGHUP,	 SIGQUIT, SIGUSR1, SIGUSR2,
				      SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGWINCH};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void supervise(struct supervisor *supervisor)
{
	steer_start(&supervisor->sandbox);
	while (!supervisor->done) {
		struct pollfd watched[] = {
			{.fd = supervisor->sandbox.control, .events = POLLIN},
			{.fd = supervisor->signals, .events = POLLIN},
		};

		if (poll(watched, 2, -1) < 0)
			continue;
		if (watched[1].revents)
			take_signal(supervisor);
		if (watched[0].revents)
			take_events(supervisor);
	}
}

static double milliseconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void end(struct supervisor *supervisor)
{
	steer_end(&supervisor->sandbox);
	if (supervisor->worker <= 0)
		return;
	/* Time for the last packets refused, which the kernel holds back for a moment. */
	usleep(30 * 1000);
	kill(supervisor->worker, SIGKILL);
	waitpid(supervisor->worker, NULL, 0);
}

int main(int argc, char **argv)
{
	struct plan_memory *memory = calloc(1, sizeof(*memory));
	struct supervisor supervisor = {0};
	struct steer_sockets sockets;
	struct options options = {0};
	double start, launched, ended;
	struct error err;

	steer_become_init(argc, argv);
	if (!memory)
		fail("out of memory");
	if (steer_check_streams(&err) < 0)
		fail(err.text);
	prctl(PR_SET_DUMPABLE, 0);
	read_options(&options, argc, argv);
	fill_plan(memory, &options, argv + optind);
	start = milliseconds();
	if (steer_launch(&memory->plan, &supervisor.sandbox, &sockets, &err) < 0)
		fail(err.text);
	launched = milliseconds();
	if (!options.no_worker)
		supervisor.worker = start_worker(&supervisor.sandbox, &sockets);
	steer_sockets_close(&sockets);
	supervisor.signals = watch_signals();
	log_line("pids %d %d %d", getpid(), supervisor.sandbox.init, supervisor.worker);
	supervise(&supervisor);
	ended = milliseconds();
	end(&supervisor);
	if (options.print_times)
		fprintf(stderr, "launch %.2f ms, command %.2f ms, end %.2f ms\n", launched - start,
			ended - launched, milliseconds() - ended);
	free_plan(memory);
	return supervisor.status;
}
