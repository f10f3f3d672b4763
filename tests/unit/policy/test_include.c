/* Policies of several files: threats C1, C4, C10. */
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "tests/unit/policy/fixture.h"

/* A file system of a few files; NAME is NULL behind the last. */
struct file {
	const char *name, *text;
};

static int read_file(void *context, const char *path, size_t max_bytes, char **bytes, size_t *len,
		     struct error *err)
{
	for (const struct file *file = context; file->name; file++) {
		if (strcmp(file->name, path) != 0)
			continue;
		*len = strlen(file->text);
		if (*len > max_bytes)
			return error_set(err, ERROR_LIMIT, "%s is too large", path);
		*bytes = slice_copy_text(slice_from_text(file->text));
		return *bytes ? 0 : error_set_code(err, -ENOMEM, "cannot read %s", path);
	}
	return error_set(err, -ENOENT, "cannot open %s: No such file or directory", path);
}

static int load(const struct file *files, struct policy **policy, struct diagnostics *diagnostics)
{
	struct policy_reader reader = {read_file, (void *)(uintptr_t)files};

	return policy_load_from(&reader, files[0].name, policy, diagnostics);
}

static void assert_says(const struct file *files, const char *part)
{
	struct diagnostics diagnostics;
	struct policy *policy;
	char *shown;
	int rc = load(files, &policy, &diagnostics);

	policy_free(policy);
	shown = diagnostics_render(&diagnostics);
	if (!strstr(shown, part))
		print_error("expected: %s\nfound:\n%s", part, shown);
	assert_non_null(strstr(shown, part));
	assert_int_equal(rc < 0, strstr(part, "error:") != NULL);
	free(shown);
	diagnostics_release(&diagnostics);
}

#define MAIN "sallyport: 1\n"
#define USE  "use: [{at: a.example, slot: header A}]"

static void files_are_put_together(void **state)
{
	static const struct file files[] = {
		{"dir/main.yaml", MAIN "name: agent\ninclude: [sub/one.yaml, /etc/two.yaml]\n"
				       "rules:\n- deny: a.example/x\n- allow: a.example\n"
				       "secrets: {S: {from: {file: s}, " USE "}}\n"},
		{"dir/sub/one.yaml", MAIN "name: one\n"
					  "rules: [{allow: b.example, set: {A: '{T}'}}]\n"
					  "include: [../three.yaml]\n"
					  "secrets: {T: {from: {exec: [./t]}}}\n"},
		{"dir/sub/../three.yaml", MAIN "rules: [{allow: c.example, set: {A: '{S}'}}]\n"},
		{"/etc/two.yaml", MAIN "rules: [{allow: d.example}]\n"
				       "secrets: {U: {from: {file: u}, " USE "}}\n"},
		{0},
	};
	static const char *const hosts[] = {"a.example", "a.example", "b.example", "c.example",
					    "d.example"};
	static const uint32_t at[] = {0, 0, 1, 2, 3};
	struct diagnostics diagnostics;
	struct policy *policy;
	uint8_t digests[4][SHA256_DIGEST_LENGTH], all[SHA256_DIGEST_LENGTH];

	(void)state;
	assert_int_equal(load(files, &policy, &diagnostics), 0);
	assert_int_equal(diagnostics.count, 0);
	assert_string_equal(policy->name, "agent");
	assert_int_equal(policy->rule_count, 5);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(policy->rules[i].index, i);
		assert_int_equal(policy->rules[i].place.file, at[i]);
		assert_string_equal(policy->rules[i].targets[0].host.text, hosts[i]);
	}
	assert_int_equal(policy->secret_count, 3);
	assert_string_equal(policy->secrets[0].from.name, "dir/s");
	assert_string_equal(policy->secrets[1].from.name, "dir/sub/./t");
	assert_string_equal(policy->secrets[2].from.name, "/etc/u");
	assert_ptr_equal(policy->rules[2].sets[0].parts[0].secret, &policy->secrets[1]);
	assert_ptr_equal(policy->rules[3].sets[0].parts[0].secret, &policy->secrets[0]);
	assert_true(policy->secrets[1].is_hidden);

	assert_int_equal(policy->file_count, 4);
	assert_string_equal(policy->file, "dir/main.yaml");
	for (size_t i = 0; i < 4; i++) {
		assert_string_equal(policy->files[i], files[i].name);
		SHA256((const unsigned char *)files[i].text, strlen(files[i].text), digests[i]);
	}
	SHA256(digests[0], sizeof(digests), all);
	assert_memory_equal(policy->sha256, all, sizeof(all));
	policy_free(policy);
	diagnostics_release(&diagnostics);
}

/* Any byte of any file counts, and in which file it is. */
static void every_file_is_in_the_digest(void **state)
{
	struct file files[] = {
		{"m", MAIN "include: [a, b]\n"}, {"a", MAIN "#1\n"}, {"b", MAIN "#2\n"}, {0}};
	static const char *const changes[][2] = {
		{MAIN "#1\n", MAIN "#2\n"},    {MAIN "#1 \n", MAIN "#2\n"},
		{MAIN "#1\n", MAIN "#3\n"},    {MAIN "#2\n", MAIN "#1\n"},
		{MAIN "#1\n#\n", MAIN "#2\n"}, {MAIN "#1\n", MAIN "#\n#2\n"},
	};
	uint8_t digests[ROWS(changes)][SHA256_DIGEST_LENGTH];

	(void)state;
	for (size_t i = 0; i < ROWS(changes); i++) {
		struct diagnostics diagnostics;
		struct policy *policy;

		files[1].text = changes[i][0];
		files[2].text = changes[i][1];
		assert_int_equal(load(files, &policy, &diagnostics), 0);
		memcpy(digests[i], policy->sha256, sizeof(digests[i]));
		policy_free(policy);
		diagnostics_release(&diagnostics);
		for (size_t j = 0; j < i; j++)
			assert_memory_not_equal(digests[i], digests[j], sizeof(digests[i]));
	}
}

static void faults_are_told_with_their_file(void **state)
{
	static const struct {
		struct file files[4];
		const char *part;
	} rows[] = {
		{{{"d/m.yaml", MAIN "include: [p.yaml]\n"}},
		 "d/m.yaml:2:11: error: cannot open d/p.yaml: No such file"},
		{{{"m", MAIN "include: [p]\n"}, {"p", "\n" MAIN "rules: [{alow: x}]\n"}},
		 "p:3:10: error: unknown key \"alow\" in a rule\n    3 | rules: [{alow: x}]\n"},
		{{{"m", MAIN "include: [p]\n"}, {"p", MAIN "rules: [}\n"}}, "p:2:9: error: "},
		{{{"m", MAIN "include: [p]\n"}, {"p", MAIN "rules:\n\t- x\n"}},
		 "p:3:1: error: no text can start with this"},
		{{{"m", MAIN "include: [p]\n"}, {"p", MAIN "# \x01\n"}},
		 "p:2:3: error: control or invisible character"},
		{{{"m", MAIN "include: [p]\n"}, {"p", "\xef\xbb\xbf" MAIN}},
		 "p:1:1: error: the file starts with a byte order mark"},
		{{{"m", MAIN "include: [p]\n"}, {"p", ""}},
		 "p:1:1: error: the file has no content"},
		{{{"m", MAIN "include: [p]\n"}, {"p", "rules: []\n"}},
		 "p:1:1: error: a policy needs \"sallyport\""},
		{{{"m", MAIN "include: [p]\n"}, {"p", "- x\n"}},
		 "p:1:1: error: a policy must be a mapping, not a list"},
		{{{"m", MAIN "include: [p]\n"}, {"p", MAIN "mode: observe\n"}},
		 "p:2:1: error: \"mode\" is for the whole policy, and not for a file that is "
		 "included"},
		{{{"m", MAIN "include: [p]\n"}, {"p", MAIN "audit: {when_full: continue}\n"}},
		 "p:2:1: error: \"audit\" is for the whole policy"},
		{{{"m", MAIN "include: [p]\n"}, {"p", MAIN "network: {private: [10.0.0.0/8]}\n"}},
		 "p:2:1: error: \"network\" is for the whole policy"},
		{{{"m", MAIN "include: [p]\n"}, {"p", MAIN "name: a b\n"}},
		 "p:2:7: error: a policy's name has letters"},
		/* What may be included. */
		{{{"m", MAIN "include: p\n"}, {"p", MAIN}},
		 "m:2:1: error: \"include\" must be a list of files, not text"},
		{{{"m", MAIN "include: []\n"}}, "m:2:1: error: \"include\" is an empty list"},
		{{{"m", MAIN "include: [[p]]\n"}}, "m:2:11: error: a file is text, not a list"},
		{{{"m", MAIN "include: [~/p]\n"}}, "m:2:11: error: \"~\" is not expanded"},
		{{{"m", MAIN "include: ['']\n"}}, "m:2:11: error: this entry is blank"},
		{{{"m", MAIN "include: [m]\n"}},
		 "m:2:11: error: this file is part of the policy already, as m"},
		{{{"m", MAIN "include: [./m]\n"}, {"./m", MAIN "include: [./m]\n"}},
		 "m:2:11: error: this file is part of the policy already, as m"},
		{{{"m", MAIN "include: [p]\n"}, {"p", MAIN "include: [m]\n"}},
		 "p:2:11: error: this file is part of the policy already, as m"},
		{{{"m", MAIN "include: [p, q]\n"}, {"p", MAIN "#\n"}, {"q", MAIN "#\n"}},
		 "m:2:14: error: this file is part of the policy already, as p"},
		/* Names, and what only shows as a whole. */
		{{{"m", MAIN "include: [p]\nrules: [{allow: a.example}]\n"
			     "secrets: {S: {from: env, " USE "}}\n"},
		  {"p", MAIN "secrets: {S: {from: env, " USE "}}\n"}},
		 "p:2:11: error: the secret S is given twice; the first is on line 4 of m"},
		{{{"m", MAIN "include: [p]\nrules: [{allow: b.example}]\n"},
		  {"p", MAIN "secrets: {S: {from: env, " USE "}}\n"}},
		 "p:2:37: error: no rule allows this host"},
		{{{"m", MAIN "include: [p]\nrules: [{allow: b.example, set: {A: '{S}'}}]\n"},
		  {"p", MAIN "secrets: {T: {from: env}}\n"}},
		 "m:3:39: error: there is no secret S"},
		{{{"m", MAIN "include: [p]\n"}, {"p", MAIN "secrets: {T: {from: env}}\n"}},
		 "p:2:11: error: a secret needs \"use\""},
		{{{"m", MAIN "include: [p]\nrules:\n- allow: a.example\n"},
		  {"p", MAIN "rules: [{allow: a.example/x, credentials: none}]\n"}},
		 "p:2:17: warning: this never matches: rules[0] on line 4 of m allows "
		 "\"a.example\""},
		{{{"m", MAIN "include: [p]\nrules:\n- allow: a.example\n"},
		  {"p", MAIN "rules: [{deny: a.example/x}]\n"}},
		 "p:2:16: warning: this denial comes too late: rules[0] on line 4 of m allows"},
		{{{"m", MAIN "include: [p]\nrules:\n- allow: tls://a.example\n"},
		  {"p", MAIN "rules: [{allow: a.example}]\nsecrets: {S: {from: env, " USE "}}\n"}},
		 "p:3:37: error: rules[0] on line 4 of m passes this host through unopened"},
		{{{"m", MAIN "include: [p]\n"},
		  {"p", MAIN "rules:\n- allow: a.example\n- allow: a.example/x\n"}},
		 "p:4:10: error: this never matches: rules[0] on line 3 allows"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		assert_says(rows[i].files, rows[i].part);
}

/* It is what an including file is for. */
static void denials_of_the_including_file_are_no_faults(void **state)
{
	static const struct file files[] = {
		{"m", MAIN "include: [p]\nrules:\n- deny: [a.example/x/**, b.example]\n"},
		{"p",
		 MAIN "rules:\n- allow: [a.example/x/y, a.example/z, b.example]\n"
		      "secrets: {S: {from: env, use: [{at: a.example, slot: header A},\n"
		      "{at: b.example, slot: header A}, {at: a.example/x/y, slot: header A}]}}\n"},
		{0},
	};
	struct diagnostics diagnostics;
	struct policy_verdict verdict;
	struct policy *policy;

	(void)state;
	assert_int_equal(load(files, &policy, &diagnostics), 0);
	assert_int_equal(diagnostics.count, 0);
	fixture_decide(policy, "GET https://a.example/z", &verdict);
	assert_true(verdict.allow);
	fixture_decide(policy, "GET https://a.example/x/y", &verdict);
	assert_false(verdict.allow);
	assert_int_equal(verdict.rule->index, 0);
	policy_free(policy);
	diagnostics_release(&diagnostics);
}

static void a_text_without_a_file_includes_nothing(void **state)
{
	(void)state;
	fixture_assert_says(MAIN "include: [p]\n",
			    "p.yaml:2:1: error: a policy that is not read from a file cannot "
			    "include others",
			    false);
}

enum { MANY = POLICY_FILES_MAX + 1 };

static void depth_number_and_size_are_bounded(void **state)
{
	static char names[MANY + 1][16], texts[MANY + 1][80];
	static struct file files[MANY + 2];
	size_t size = POLICY_FILE_MAX_BYTES - 100;
	char *list = malloc(MANY * 8 + 100), *large = malloc(size + 1);
	size_t used;

	(void)state;
	assert_true(list && large);
	used = (size_t)snprintf(list, 100, MAIN "include: [");
	for (size_t i = 0; i < MANY; i++) {
		snprintf(names[i + 1], sizeof(names[0]), "p%zu", i);
		snprintf(texts[i + 1], sizeof(texts[0]), MAIN "include: [p%zu]\n", i + 1);
		files[i + 1] = (struct file){names[i + 1], texts[i + 1]};
		used += (size_t)snprintf(list + used, 16, "p%zu,", i);
	}
	strcpy(list + used, "]\n");
	files[0] = (struct file){"m", MAIN "include: [p0]\n#\n"};
	assert_says(files, "p7:2:11: error: files include each other too deeply");
	files[0].text = list;
	for (size_t i = 0; i < MANY; i++)
		snprintf(texts[i + 1], sizeof(texts[0]), MAIN "# %zu\n", i);
	assert_says(files, "error: a policy has at most 64 files");

	memset(large, '#', size);
	memcpy(large, MAIN, sizeof(MAIN) - 1);
	large[size] = '\0';
	files[0].text = MAIN "include: [p0, p1]\n";
	snprintf(texts[2], sizeof(texts[0]), MAIN "#%60s\n", "");
	files[1].text = large;
	assert_says(files, "m:2:15: error: the files of the policy have more than 8388608 bytes "
			   "together");
	free(list);
	free(large);
}

/* HEAD, and COUNT lines made of BEFORE, a number and AFTER. */
static char *many(const char *head, const char *before, const char *after, size_t count)
{
	size_t size = count * 80 + 100, used;
	char *text = malloc(size);

	assert_non_null(text);
	used = (size_t)snprintf(text, size, "%s", head);
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(text + used, size - used, "%s%zu%s", before, i, after);
	return text;
}

static void bounds_hold_for_all_files_together(void **state)
{
	char *rules = many(MAIN "rules:\n", "- allow: a", ".example\n", POLICY_RULES_MAX);
	char *secrets = many(MAIN "rules: [{allow: a.example}]\nsecrets:\n", "  S",
			     ": {from: env, " USE "}\n", POLICY_SECRETS_MAX - 1);
	char *more = many(MAIN "secrets:\n", "  T", ": {from: env, " USE "}\n", 2);
	const struct file ruled[] = {
		{"m", MAIN "include: [p]\nrules: [{allow: b.example}]\n"}, {"p", rules}, {0}};
	const struct file secret[] = {
		{"m", MAIN "include: [p, q]\n"}, {"p", secrets}, {"q", more}, {0}};

	(void)state;
	assert_says(ruled, "p:2:1: error: there are 50001 rules; at most 50000 are possible");
	assert_says(secret, "q:2:1: error: there are 257 secrets; at most 256 are possible");
	free(rules);
	free(secrets);
	free(more);
}

/* Each of the two files has less than a policy may have. */
static void entries_are_counted_over_all_files(void **state)
{
	char *one = many(MAIN "name: [", "x", ",", POLICY_NODES_MAX / 2 + 100);
	char *two = many(MAIN "mode: [", "x", ",", POLICY_NODES_MAX / 2 + 100);
	const struct file files[] = {{"m", MAIN "include: [p, q]\n"}, {"p", one}, {"q", two}, {0}};

	(void)state;
	strcat(one, "]\n");
	strcat(two, "]\n");
	assert_says(files, "error: the policy has too many entries");
	free(one);
	free(two);
}

static int try_load(void *context)
{
	struct diagnostics diagnostics;
	struct policy *policy;
	int rc = load(context, &policy, &diagnostics);

	assert_int_equal(rc<0, diagnostics.errors> 0);
	policy_free(policy);
	diagnostics_release(&diagnostics);
	return rc;
}

static void running_out_of_memory_is_reported(void **state)
{
	static const struct file files[] = {
		{"d/m", MAIN "include: [p, q]\nrules: [{allow: a.example}]\n"},
		{"d/p", MAIN "include: [r]\nsecrets: {S: {from: env, " USE "}}\n"},
		{"d/q", MAIN "rules: [{allow: b.example, set: {A: 'x {T} {S} y'}}]\n"},
		{"d/r", MAIN "secrets: {T: {from: env}}\n"},
		{0},
	};

	(void)state;
	allocation_try_all(try_load, (void *)(uintptr_t)files, false);
}

static void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void files_are_read_from_the_disk(void **state)
{
	char folder[] = "/tmp/sallyport-include-XXXXXX";
	struct diagnostics diagnostics;
	struct policy *policy;
	char *shown;

	(void)state;
	assert_non_null(mkdtemp(folder));
	assert_int_equal(chdir(folder), 0);
	mkdir("sub", 0700);
	write_file("m.yaml", MAIN "include: [sub/p.yaml]\n");
	write_file("sub/p.yaml", MAIN "include: [q.yaml]\n");
	write_file("sub/q.yaml", MAIN "rules: [{allow: a.example}]\n");
	assert_int_equal(policy_load_file("m.yaml", &policy, &diagnostics), 0);
	assert_int_equal(policy->rule_count, 1);
	assert_string_equal(policy->files[2], "sub/q.yaml");
	policy_free(policy);
	diagnostics_release(&diagnostics);

	/* A link is the file that it leads to. */
	unlink("sub/q.yaml");
	assert_int_equal(symlink("../m.yaml", "sub/q.yaml"), 0);
	assert_true(policy_load_file("m.yaml", &policy, &diagnostics) < 0);
	shown = diagnostics_render(&diagnostics);
	assert_non_null(strstr(shown, "sub/p.yaml:2:11: error: this file is part of the policy "
				      "already, as m.yaml"));
	free(shown);
	diagnostics_release(&diagnostics);

	unlink("sub/q.yaml");
	mkdir("sub/q.yaml", 0700);
	assert_true(policy_load_file("m.yaml", &policy, &diagnostics) < 0);
	shown = diagnostics_render(&diagnostics);
	assert_non_null(strstr(shown, "sub/p.yaml:2:11: error: "));
	assert_non_null(strstr(shown, "is a directory"));
	free(shown);
	diagnostics_release(&diagnostics);
	rmdir("sub/q.yaml");
	unlink("sub/p.yaml");
	unlink("m.yaml");
	rmdir("sub");
	rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_put_together),
		cmocka_unit_test(every_file_is_in_the_digest),
		cmocka_unit_test(faults_are_told_with_their_file),
		cmocka_unit_test(denials_of_the_including_file_are_no_faults),
		cmocka_unit_test(a_text_without_a_file_includes_nothing),
		cmocka_unit_test(depth_number_and_size_are_bounded),
		cmocka_unit_test(bounds_hold_for_all_files_together),
		cmocka_unit_test(entries_are_counted_over_all_files),
		cmocka_unit_test(running_out_of_memory_is_reported),
		cmocka_unit_test(files_are_read_from_the_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
