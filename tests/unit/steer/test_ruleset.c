#include "proxy/steer/ruleset.h"

#include <linux/netfilter.h>
#include <string.h>

#include "tests/unit/allocation.h"

static struct ruleset ruleset;

static int with_datagrams(void **state)
{
	static const uint16_t ports[] = {123};

	(void)state;
	ruleset_make(&ruleset, ports, 1, NFT_TERM_QUEUE_COMPAT);
	return 0;
}

static int without_datagrams(void **state)
{
	(void)state;
	ruleset_make(&ruleset, NULL, 0, NFT_TERM_QUEUE_COMPAT);
	return 0;
}

static enum nft_term_kind last_kind(const struct nft_rule *rule)
{
	enum nft_term_kind last = NFT_TERM_NONE;

	for (size_t i = 0; i < NFT_RULE_TERMS && rule->terms[i].kind != NFT_TERM_NONE; i++)
		last = rule->terms[i].kind;
	return last;
}

static bool is_final(const struct nft_rule *rule)
{
	enum nft_term_kind last = last_kind(rule);

	return last == NFT_TERM_VERDICT || last == NFT_TERM_REJECT || last == NFT_TERM_QUEUE_COMPAT;
}

static void every_chain_drops_what_no_rule_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < ruleset.table.chain_count; i++)
		assert_int_equal(ruleset.table.chains[i].policy, NF_DROP);
}

/* Only one that logs, or that remembers a verdict, goes on to the next. */
static void every_rule_decides(void **state)
{
	size_t logging = 0;

	(void)state;
	for (size_t i = 0; i < ruleset.rule_count; i++) {
		logging += last_kind(&ruleset.rules[i]) == NFT_TERM_LOG;
		if (last_kind(&ruleset.rules[i]) == NFT_TERM_LOG ||
		    last_kind(&ruleset.rules[i]) == NFT_TERM_ADD_TO_SET)
			continue;
		assert_true(is_final(&ruleset.rules[i]));
	}
	assert_int_equal(logging, 1);
}

static void every_rule_is_in_a_chain_that_exists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ruleset.rule_count; i++) {
		bool known = false;

		for (size_t j = 0; j < ruleset.table.chain_count; j++)
			known |= strcmp(ruleset.rules[i].chain, ruleset.table.chains[j].name) == 0;
		assert_true(known);
	}
}

static void comparisons_have_something_to_compare_with(void **state)
{
	(void)state;
	for (size_t i = 0; i < ruleset.rule_count; i++) {
		const struct nft_term *terms = ruleset.rules[i].terms;

		for (size_t j = 0; j < NFT_RULE_TERMS; j++) {
			if (terms[j].kind != NFT_TERM_META && terms[j].kind != NFT_TERM_PAYLOAD)
				continue;
			assert_non_null(terms[j].value);
			assert_in_range(terms[j].len, 1, 16);
		}
	}
}

static void without_ports_nothing_is_queued(void **state)
{
	(void)state;
	assert_int_equal(ruleset.table.set_count, 0);
	for (size_t i = 0; i < ruleset.rule_count; i++)
		assert_int_not_equal(last_kind(&ruleset.rules[i]), NFT_TERM_QUEUE_COMPAT);
}

static void sets_that_are_named_exist(void **state)
{
	(void)state;
	for (size_t i = 0; i < ruleset.rule_count * NFT_RULE_TERMS; i++) {
		const struct nft_term *term =
			&ruleset.rules[i / NFT_RULE_TERMS].terms[i % NFT_RULE_TERMS];
		bool known = false;

		if (term->kind != NFT_TERM_IN_SET && term->kind != NFT_TERM_ADD_TO_SET)
			continue;
		for (size_t j = 0; j < ruleset.table.set_count; j++)
			known |= strcmp(ruleset.sets[j].name, term->value) == 0 &&
				 ruleset.sets[j].key == term->key;
		assert_true(known);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(every_chain_drops_what_no_rule_decides, with_datagrams),
		cmocka_unit_test_setup(every_rule_decides, with_datagrams),
		cmocka_unit_test_setup(every_rule_is_in_a_chain_that_exists, with_datagrams),
		cmocka_unit_test_setup(comparisons_have_something_to_compare_with, with_datagrams),
		cmocka_unit_test_setup(every_chain_drops_what_no_rule_decides, without_datagrams),
		cmocka_unit_test_setup(every_rule_decides, without_datagrams),
		cmocka_unit_test_setup(every_rule_is_in_a_chain_that_exists, without_datagrams),
		cmocka_unit_test_setup(comparisons_have_something_to_compare_with,
				       without_datagrams),
		cmocka_unit_test_setup(without_ports_nothing_is_queued, without_datagrams),
		cmocka_unit_test_setup(sets_that_are_named_exist, with_datagrams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
