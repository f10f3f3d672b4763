#include "proxy/dns/wire.h"

#include <stdlib.h>

#include "base/cursor.h"
#include "base/error.h"
#include "tests/unit/allocation.h"
#include "tests/unit/dns/message.h"

#define BYTES(text) SLICE_LITERAL(text)

static const struct dns_answer one_address = {
	.extended = DNS_EDE_NONE, .addresses = {{198, 18, 1, 0}}, .address_count = 1};

static void reads_an_ordinary_query(void **state)
{
	uint8_t query[MESSAGE_MAX_BYTES];
	struct dns_question question;
	size_t len = message_query("WWW.Example.com", DNS_TYPE_A, 0, query);

	(void)state;
	assert_int_equal(dns_read_query(slice_of(query, len), &question), 0);
	assert_int_equal(question.problem, DNS_NOERROR);
	assert_int_equal(question.id, MESSAGE_ID);
	assert_int_equal(question.type, DNS_TYPE_A);
	assert_int_equal(question.class, DNS_CLASS_IN);
	assert_true(question.name_is_host);
	assert_string_equal(question.name.text, "www.example.com");
	assert_string_equal(question.shown, "WWW.Example.com");
	assert_false(question.has_edns);
	assert_int_equal(question.udp_bytes, DNS_UDP_DEFAULT_BYTES);
}

static void reads_edns(void **state)
{
	static const struct {
		const char *opt;
		size_t len;
		enum dns_rcode problem;
		bool has_edns, dnssec_ok;
		uint16_t udp_bytes;
	} rows[] = {
		{"\0\0\x29\x10\0\0\0\0\0\0\0", 11, DNS_NOERROR, true, false, 4096},
		{"\0\0\x29\0\0\0\0\x80\0\0\0", 11, DNS_NOERROR, true, true, 512},
		{"\0\0\x29\x02\x01\0\0\x80\0\0\0", 11, DNS_NOERROR, true, true, 513},
		/* A cookie and an option that nobody knows. */
		{"\0\0\x29\x04\xd0\0\0\0\0\0\x11\0\x0a\0\x08"
		 "cccccccc\xff\xf0\0\1x",
		 28, DNS_NOERROR, true, false, 1232},
		{"\0\0\x29\x04\xd0\0\1\0\0\0\0", 11, DNS_BADVERS, true, false, 1232},
		/* A name before it; another type; an option past the end; a length past the end. */
		{"\1x\0\0\x29\x04\xd0\0\0\0\0\0\0", 13, DNS_FORMERR, false, false, 512},
		{"\0\0\xfa\x04\xd0\0\0\0\0\0\0", 11, DNS_FORMERR, false, false, 512},
		{"\0\0\x29\x04\xd0\0\0\0\0\0\5\0\x0a\0\2x", 16, DNS_FORMERR, false, false, 512},
		{"\0\0\x29\x04\xd0\0\0\0\0\0\3\0\x0a\0", 14, DNS_FORMERR, false, false, 512},
		{"\0\0\x29\x04\xd0\0\0\0\0\0\1", 11, DNS_FORMERR, false, false, 512},
		{"\0\0\x29\x04\xd0\0\0\0\0\0", 10, DNS_FORMERR, false, false, 512},
		/* A wrong version and bytes behind: malformed comes first. */
		{"\0\0\x29\x04\xd0\0\1\0\0\0\0x", 12, DNS_FORMERR, true, false, 1232},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t query[MESSAGE_MAX_BYTES];
		struct dns_question question;
		size_t len = message_query("a.example", DNS_TYPE_A, 0, query);

		query[11] = 1;
		memcpy(query + len, rows[i].opt, rows[i].len);
		assert_int_equal(dns_read_query(slice_of(query, len + rows[i].len), &question), 0);
		if (question.problem != rows[i].problem)
			fail_msg("row %zu: %s", i, dns_rcode_name(question.problem));
		assert_int_equal(question.has_edns, rows[i].has_edns);
		assert_int_equal(question.dnssec_ok, rows[i].dnssec_ok);
		assert_int_equal(question.udp_bytes, rows[i].udp_bytes);
	}
}

static const struct {
	const char *label;
	struct slice bytes;
	int rc;
	enum dns_rcode problem;
} refused[] = {
	{"nothing", BYTES(""), ERROR_SYNTAX, 0},
	{"half a header", BYTES("\x12\x34\1\0\0\1"), ERROR_SYNTAX, 0},
	{"a response", BYTES("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"), ERROR_SYNTAX, 0},
	{"a response that is malformed", BYTES("\x12\x34\x80\0\0\7\0\0\0\0\0\0"), ERROR_SYNTAX, 0},
	{"IQUERY", BYTES("\x12\x34\x08\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1"), 0, DNS_NOTIMP},
	{"STATUS", BYTES("\x12\x34\x10\0\0\0\0\0\0\0\0\0"), 0, DNS_NOTIMP},
	{"NOTIFY", BYTES("\x12\x34\x20\0\0\1\0\0\0\0\0\0\1a\0\0\6\0\1"), 0, DNS_NOTIMP},
	{"UPDATE", BYTES("\x12\x34\x28\0\0\1\0\0\0\0\0\0\1a\0\0\6\0\1"), 0, DNS_NOTIMP},
	{"no question", BYTES("\x12\x34\1\0\0\0\0\0\0\0\0\0"), 0, DNS_FORMERR},
	{"a question promised", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0"), 0, DNS_FORMERR},
	{"two questions", BYTES("\x12\x34\1\0\0\2\0\0\0\0\0\0\1a\0\0\1\0\1\1b\0\0\1\0\1"), 0,
	 DNS_FORMERR},
	{"an answer", BYTES("\x12\x34\1\0\0\1\0\1\0\0\0\0\1a\0\0\1\0\1"), 0, DNS_FORMERR},
	{"an authority", BYTES("\x12\x34\1\0\0\1\0\0\0\1\0\0\1a\0\0\1\0\1"), 0, DNS_FORMERR},
	{"EDNS promised", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\1\1a\0\0\1\0\1"), 0, DNS_FORMERR},
	{"EDNS twice",
	 BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\2\1a\0\0\1\0\1"
	       "\0\0\x29\4\xd0\0\0\0\0\0\0\0\0\x29\4\xd0\0\0\0\0\0\0"),
	 0, DNS_FORMERR},
	{"a byte behind", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0\1x"), 0, DNS_FORMERR},
	{"two records promised", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\2\1a\0\0\1\0\1"), 0,
	 DNS_FORMERR},
	{"no root", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0\1a"), 0, DNS_FORMERR},
	{"no type", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\0\0"), 0, DNS_FORMERR},
	{"no class", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\0\0\1\0"), 0, DNS_FORMERR},
	{"a pointer to itself", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0\xc0\x0c\0\1\0\1"), 0,
	 DNS_FORMERR},
	{"a pointer into the header", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\xc0\0\0\1\0\1"), 0,
	 DNS_FORMERR},
	{"an extended label", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0\x41x\0\0\1\0\1"), 0, DNS_FORMERR},
	{"label type 10", BYTES("\x12\x34\1\0\0\1\0\0\0\0\0\0\x81x\0\0\1\0\1"), 0, DNS_FORMERR},
};

static void malformed_queries_are_told_so_or_dropped(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct dns_question question;
		char out[DNS_UDP_MAX_BYTES];
		struct dns_answer answer = {.extended = DNS_EDE_NONE};
		struct message message;
		int rc = dns_read_query(refused[i].bytes, &question);

		if (rc != refused[i].rc || (rc == 0 && question.problem != refused[i].problem))
			fail_msg("%s: %d %d", refused[i].label, rc, question.problem);
		if (rc < 0)
			continue;
		answer.rcode = question.problem;
		rc = (int)dns_write_response(&question, &answer, out, sizeof(out));
		assert_true(message_read(slice_of(out, (size_t)rc), &message));
		assert_int_equal(message.rcode, refused[i].problem);
		assert_int_equal(message.id, 0x1234);
		assert_int_equal(message.flags & 0x7800,
				 (uint8_t)refused[i].bytes.ptr[2] << 8 & 0x7800);
		/* Never longer than what was asked. */
		assert_true((size_t)rc <= refused[i].bytes.len);
	}
}

/* A name is spelled for the log as RFC 4343 says, and is a host only if it is well-formed. */
static void odd_names_are_shown_escaped_and_are_no_hosts(void **state)
{
	static const struct {
		struct slice wire;
		const char *shown;
		bool is_host;
	} rows[] = {
		{BYTES("\0"), ".", false},
		{BYTES("\1a\0"), "a", true},
		{BYTES("\5local\0"), "local", true},
		{BYTES("\4host\5local\0"), "host.local", true},
		{BYTES("\6_dmarc\7example\0"), "_dmarc.example", false},
		{BYTES("\3a.b\7example\0"), "a\\.b.example", false},
		{BYTES("\3a\\b\0"), "a\\\\b", false},
		{BYTES("\3a\0b\0"), "a\\000b", false},
		{BYTES("\4a \xff\n\0"), "a\\032\\255\\010", false},
		{BYTES("\1*\7example\0"), "*.example", false},
		{BYTES("\2-a\0"), "-a", false},
		{BYTES("\003192\0010\0012\0011\0"), "192.0.2.1", false},
		{BYTES("\x08xn--p1ai\0"), "xn--p1ai", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char query[512] = "\x12\x34\1\0\0\1\0\0\0\0\0\0";
		struct dns_question question;

		memcpy(query + 12, rows[i].wire.ptr, rows[i].wire.len);
		memcpy(query + 12 + rows[i].wire.len, "\0\1\0\1", 4);
		assert_int_equal(dns_read_query(slice_of(query, 16 + rows[i].wire.len), &question),
				 0);
		assert_int_equal(question.problem, DNS_NOERROR);
		assert_string_equal(question.shown, rows[i].shown);
		assert_int_equal(question.name_is_host, rows[i].is_host);
	}
}

/* LABELS of LENGTH bytes each, of C. */
static size_t long_query(size_t labels, size_t length, char c, char out[1024])
{
	size_t at = 12;

	memcpy(out, "\x12\x34\1\0\0\1\0\0\0\0\0\0", 12);
	for (size_t i = 0; i < labels; i++) {
		out[at++] = (char)length;
		memset(out + at, c, length);
		at += length;
	}
	memcpy(out + at, "\0\0\1\0\1", 5);
	return at + 5;
}

static void names_are_bounded(void **state)
{
	struct dns_question question;
	char query[1024], tail[1024];
	size_t len;

	(void)state;
	/* 127 labels of one byte are 255 bytes with the root: the most there can be. */
	assert_int_equal(dns_read_query(slice_of(query, long_query(127, 1, 'a', query)), &question),
			 0);
	assert_int_equal(question.problem, DNS_NOERROR);
	assert_true(question.name_is_host);
	assert_int_equal(question.name.length, 253);
	dns_read_query(slice_of(query, long_query(128, 1, 'a', query)), &question);
	assert_int_equal(question.problem, DNS_FORMERR);
	assert_int_equal(question.name_wire.len, 0);
	/* The longest when shown: each byte takes four. */
	dns_read_query(slice_of(query, long_query(4, 62, '\xff', query)), &question);
	assert_int_equal(question.problem, DNS_NOERROR);
	assert_int_equal(strlen(question.shown), 4 * 62 * 4 + 3);
	dns_read_query(slice_of(query, long_query(4, 63, 'a', query)), &question);
	assert_int_equal(question.problem, DNS_FORMERR);
	/* One byte too many, and labels that are too long though all their bytes are there. */
	len = long_query(3, 63, 'a', query) - 5;
	len += long_query(1, 62, 'a', tail) - 12;
	memcpy(query + len - 68, tail + 12, 68);
	dns_read_query(slice_of(query, len), &question);
	assert_int_equal(question.problem, DNS_FORMERR);
	for (size_t length = 64; length < 256; length++) {
		dns_read_query(slice_of(query, long_query(1, length, 'a', query)), &question);
		assert_int_equal(question.problem, DNS_FORMERR);
	}
}

static void every_prefix_of_a_query_is_read_safely(void **state)
{
	uint8_t query[MESSAGE_MAX_BYTES];
	size_t len = message_query("www.example.com", DNS_TYPE_AAAA, 1232, query);

	(void)state;
	for (size_t cut = 0; cut < len; cut++) {
		uint8_t *exact = malloc(cut ? cut : 1);
		struct dns_question question;
		int rc;

		assert_non_null(exact);
		memcpy(exact, query, cut);
		rc = dns_read_query(slice_of(exact, cut), &question);
		assert_true(rc == ERROR_SYNTAX || question.problem == DNS_FORMERR);
		free(exact);
	}
}

static void the_answer_gives_back_what_belongs_to_the_question(void **state)
{
	uint8_t query[MESSAGE_MAX_BYTES];
	struct dns_question question;
	char out[DNS_UDP_MAX_BYTES];
	struct message message;
	size_t len = message_query("wWw.eXample.com", DNS_TYPE_A, 1400, query);

	(void)state;
	query[3] |= 0x10;      /* CD */
	query[3] |= 0x20;      /* AD */
	query[2] |= 0x02;      /* TC */
	query[2] |= 0x04;      /* AA */
	query[len - 4] = 0x80; /* DO */
	assert_int_equal(dns_read_query(slice_of(query, len), &question), 0);
	len = dns_write_response(&question, &one_address, out, sizeof(out));
	assert_true(message_read(slice_of(out, len), &message));
	/* QR, RD, RA, CD: no AA, no AD, no TC. */
	assert_int_equal(message.flags, 0x8000 | 0x0100 | 0x0080 | 0x0010);
	assert_true(slice_equal(message.question, BYTES("\3wWw\7eXample\3com\0\0\1\0\1")));
	assert_int_equal(message.answers, 1);
	assert_int_equal(message.answer[0].type, DNS_TYPE_A);
	assert_int_equal(message.answer[0].ttl, DNS_TTL_S);
	assert_true(slice_equal(message.answer[0].data, BYTES("\306\022\001\0")));
	assert_true(message.has_opt);
	assert_int_equal(message.opt_bytes, DNS_UDP_MAX_BYTES);
	assert_int_equal(message.opt_flags, 0x8000);
}

static void extended_errors_go_only_to_askers_that_speak_edns(void **state)
{
	const struct dns_answer answer = {
		.rcode = DNS_REFUSED, .extended = DNS_EDE_NOT_SUPPORTED, .extended_text = "no"};
	uint8_t query[MESSAGE_MAX_BYTES];
	char out[DNS_UDP_MAX_BYTES];

	(void)state;
	for (uint16_t udp_bytes = 0; udp_bytes <= 1232; udp_bytes = (uint16_t)(udp_bytes + 1232)) {
		size_t len = message_query("a.example", 16, udp_bytes, query);
		struct dns_question question;
		struct message message;

		dns_read_query(slice_of(query, len), &question);
		len = dns_write_response(&question, &answer, out, sizeof(out));
		assert_true(message_read(slice_of(out, len), &message));
		assert_int_equal(message.rcode, DNS_REFUSED);
		assert_int_equal(message.has_opt, udp_bytes > 0);
		assert_int_equal(message.extended, udp_bytes > 0 ? 21 : -1);
		assert_true(
			slice_equal(message.extended_text, udp_bytes ? BYTES("no") : BYTES("")));
	}
}

static void a_wrong_edns_version_is_told_ours(void **state)
{
	const struct dns_answer answer = {.rcode = DNS_BADVERS, .extended = DNS_EDE_NONE};
	uint8_t query[MESSAGE_MAX_BYTES];
	struct dns_question question;
	char out[DNS_UDP_MAX_BYTES];
	struct message message;
	size_t len = message_query("a.example", DNS_TYPE_A, 1232, query);

	(void)state;
	query[len - 5] = 1;
	dns_read_query(slice_of(query, len), &question);
	assert_int_equal(question.problem, DNS_BADVERS);
	len = dns_write_response(&question, &answer, out, sizeof(out));
	assert_true(message_read(slice_of(out, len), &message));
	assert_int_equal(message.flags & 0xf, 0);
	assert_int_equal(message.rcode, 16);
}

static void what_does_not_fit_is_truncated_and_says_so(void **state)
{
	struct host target;
	struct dns_answer answer = {.extended = DNS_EDE_OTHER,
				    .extended_text = "something about it",
				    .target = &target};
	struct dns_question question;
	struct message message;
	char query[1024], out[DNS_UDP_MAX_BYTES], text[4 * 61];
	size_t len = long_query(127, 1, 'a', query);

	(void)state;
	memset(text, 'a', sizeof(text));
	for (size_t i = 60; i < sizeof(text) - 1; i += 61)
		text[i] = '.';
	assert_int_equal(host_parse_name(slice_of(text, sizeof(text)), &target), 0);
	dns_read_query(slice_of(query, len), &question);
	question.type = DNS_TYPE_PTR;
	question.has_edns = true;
	len = dns_write_response(&question, &answer, out, 512);
	assert_true(len <= 512 && message_read(slice_of(out, len), &message));
	assert_true(message.flags & 0x0200);
	assert_int_equal(message.answers, 0);
	assert_int_equal(message.extended, DNS_EDE_OTHER);
	assert_true(message.extended_text.len > 0);
	len = dns_write_response(&question, &answer, out, sizeof(out));
	assert_true(message_read(slice_of(out, len), &message));
	assert_false(message.flags & 0x0200);
	assert_int_equal(message.answers, 1);
	assert_int_equal(message.answer[0].data.len, target.length + 2);
	/* Room for the answer, but not for the words. */
	len = dns_write_response(&question, &answer, out, len - 1);
	assert_true(message_read(slice_of(out, len), &message));
	assert_int_equal(message.answers, 1);
	assert_int_equal(message.extended, DNS_EDE_OTHER);
	assert_int_equal(message.extended_text.len, 0);
}

static void types_and_codes_have_names(void **state)
{
	(void)state;
	assert_string_equal(dns_type_name(1), "A");
	assert_string_equal(dns_type_name(65), "HTTPS");
	assert_string_equal(dns_type_name(0), "TYPE0");
	assert_string_equal(dns_type_name(65280), "TYPE65280");
	assert_string_equal(dns_rcode_name(DNS_NXDOMAIN), "NXDOMAIN");
	assert_string_equal(dns_rcode_name(DNS_BADVERS), "BADVERS");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_an_ordinary_query),
		cmocka_unit_test(reads_edns),
		cmocka_unit_test(malformed_queries_are_told_so_or_dropped),
		cmocka_unit_test(odd_names_are_shown_escaped_and_are_no_hosts),
		cmocka_unit_test(names_are_bounded),
		cmocka_unit_test(every_prefix_of_a_query_is_read_safely),
		cmocka_unit_test(the_answer_gives_back_what_belongs_to_the_question),
		cmocka_unit_test(extended_errors_go_only_to_askers_that_speak_edns),
		cmocka_unit_test(a_wrong_edns_version_is_told_ours),
		cmocka_unit_test(what_does_not_fit_is_truncated_and_says_so),
		cmocka_unit_test(types_and_codes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
