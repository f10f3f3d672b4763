/*
 * What an audit record costs, in processor time of one core: to format it, to pass it through the
 * ring, and to write it to the journal; and how many a second the whole way takes, in batches of
 * several sizes. Usage: bench_audit_journal [FILE]; FILE (default: one in /tmp) is removed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "proxy/audit/body.h"
#include "proxy/audit/journal.h"

enum {
	RECORDS = 200000,
	ROUNDS = 7,
};

static struct audit_record record;
static char body[AUDIT_BODY_MAX];

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void fill_record(void)
{
	audit_record_init(&record, AUDIT_HTTP, "a1b2c3d4e5f60718");
	record.allow = true;
	record.rule = 0;
	record.host = SLICE_LITERAL("api.openai.com");
	record.port = 443;
	record.ip = SLICE_LITERAL("203.0.113.7");
	record.has_tls = record.has_upstream = record.has_http = true;
	record.tls.sni = record.host;
	record.tls.version = "TLSv1.3";
	record.tls.cipher = "TLS_AES_128_GCM_SHA256";
	record.tls.alpn = "h2";
	record.upstream = record.tls;
	record.http.version = "2";
	record.http.method = SLICE_LITERAL("POST");
	record.http.path = SLICE_LITERAL("/v1/chat/completions");
	record.http.status = 200;
	record.http.request_bytes = 512;
	record.http.response_bytes = 2048;
	record.secrets[0] = (struct audit_secret){"OPENAI_API_KEY",
						  SLICE_LITERAL("header Authorization")};
	record.secret_count = 1;
	record.total_us = 182400;
	record.connect_us = 12100;
}

static struct slice next_body(int i)
{
	record.time_us = 1795183402104518 + i * 13;
	return slice_of(body, audit_record_format(&record, body));
}

static void format_all(size_t ignored)
{
	(void)ignored;
	for (int i = 0; i < RECORDS; i++)
		next_body(i);
}

static void check_all(size_t ignored)
{
	struct slice s = next_body(0);

	(void)ignored;
	for (int i = 0; i < RECORDS; i++) {
		if (!audit_body_is_sound(s, NULL))
			abort();
	}
}

static struct audit_ring ring;
static struct journal journal;

static void pass_all(size_t batch)
{
	char out[AUDIT_BODY_MAX];
	struct slice s = next_body(0);

	for (size_t i = 0; i < RECORDS; i += batch) {
		for (size_t n = 0; n < batch; n++) {
			if (!audit_ring_reserve(&ring))
				abort();
			audit_ring_commit(&ring, s);
		}
		audit_ring_notify(&ring);
		while (audit_ring_read(&ring, out) > 0)
			;
	}
}

static void write_all(size_t batch)
{
	struct slice s = next_body(0);

	for (size_t i = 0; i < RECORDS; i += batch) {
		for (size_t n = 0; n < batch; n++) {
			if (journal_add(&journal, s) < 0)
				abort();
		}
		if (journal_flush(&journal) < 0)
			abort();
	}
}

static void whole_way(size_t batch)
{
	for (size_t i = 0; i < RECORDS; i += batch) {
		for (size_t n = 0; n < batch; n++) {
			if (!audit_ring_reserve(&ring))
				abort();
			audit_ring_commit(&ring, next_body((int)(i + n)));
		}
		audit_ring_notify(&ring);
		if (journal_drain(&journal, &ring) < 0)
			abort();
	}
}

static void measure(const char *name, void (*run)(size_t batch), size_t batch)
{
	double best = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double before = cpu_ns(), took;

		run(batch);
		took = (cpu_ns() - before) / RECORDS;
		best = took < best ? took : best;
	}
	if (batch)
		printf("%-28s batches of %5zu %8.0f ns/record %9.0f records/s\n", name, batch, best,
		       1e9 / best);
	else
		printf("%-45s %6.0f ns/record\n", name, best);
}

int main(int argc, char **argv)
{
	const char *path = argc > 1 ? argv[1] : "/tmp/sallyport-bench-audit";
	struct error err;

	fill_record();
	unlink(path);
	if (journal_open(&journal, path, &err) < 0 ||
	    audit_ring_create(&ring, AUDIT_RING_BYTES, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return EXIT_FAILURE;
	}
	printf("a record's body: %zu bytes\n", next_body(0).len);
	measure("format", format_all, 0);
	measure("check", check_all, 0);
	measure("ring, in and out", pass_all, 1);
	measure("ring, in and out", pass_all, 100);
	measure("journal", write_all, 1);
	measure("journal", write_all, 10);
	measure("journal", write_all, 100);
	measure("journal", write_all, 1000);
	unlink(path);
	measure("format, ring and journal", whole_way, 1);
	measure("format, ring and journal", whole_way, 10);
	measure("format, ring and journal", whole_way, 100);
	measure("format, ring and journal", whole_way, 1000);
	journal_close(&journal);
	audit_ring_close(&ring);
	unlink(path);
	return EXIT_SUCCESS;
}
