#include "proxy/steer/ruleset.h"

#include <linux/netfilter.h>
#include <string.h>

#include "tests/unit/allocation.h"

static bool is_final(const struct nft_rule *rule)
{
	enum nft_term_kind last = NFT_TERM_NONE;

	for (size_t i = 0; i < NFT_RULE_TERMS && rule->terms[i].kind != NFT_TERM_NONE; i++)
		last = rule->terms[i].kind;
	return last == NFT_TERM_VERDICT || last == NFT_TERM_REJECT;
}

static void every_chain_drops_what_no_rule_decides(void **state)
{
	(void)state;
	for (size_t i = 0; i < ruleset_table.chain_count; i++)
		assert_int_equal(ruleset_table.chains[i].policy, NF_DROP);
}

/* Only the one that logs goes on to the next. */
static void every_rule_decides(void **state)
{
	size_t undecided = 0;

	(void)state;
	for (size_t i = 0; i < ruleset_table.rule_count; i++)
		undecided += !is_final(&ruleset_table.rules[i]);
	assert_int_equal(undecided, 1);
}

static void every_rule_is_in_a_chain_that_exists(void **state)
{
	(void)state;
	for (size_t i = 0; i < ruleset_table.rule_count; i++) {
		bool known = false;

		for (size_t j = 0; j < ruleset_table.chain_count; j++)
			known |= strcmp(ruleset_table.rules[i].chain,
					ruleset_table.chains[j].name) == 0;
		assert_true(known);
	}
}

static void comparisons_have_something_to_compare_with(void **state)
{
	(void)state;
	for (size_t i = 0; i < ruleset_table.rule_count; i++) {
		const struct nft_term *terms = ruleset_table.rules[i].terms;

		for (size_t j = 0; j < NFT_RULE_TERMS; j++) {
			if (terms[j].kind != NFT_TERM_META && terms[j].kind != NFT_TERM_PAYLOAD)
				continue;
			assert_non_null(terms[j].value);
			assert_in_range(terms[j].len, 1, 16);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_chain_drops_what_no_rule_decides),
		cmocka_unit_test(every_rule_decides),
		cmocka_unit_test(every_rule_is_in_a_chain_that_exists),
		cmocka_unit_test(comparisons_have_something_to_compare_with),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
