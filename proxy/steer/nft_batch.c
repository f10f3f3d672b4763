#include "proxy/steer/nft_batch.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_NFQUEUE.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/cleanup.h"
#include "proxy/steer/netlink_message.h"
#include "proxy/steer/steer.h"

enum {
	BATCH_BYTES = 64 << 10,
	MESSAGE_BYTES = 64 << 10, /* room for the longest message past the batch's limit */
	ANSWER_BYTES = 16 << 10,
	TARGET_BYTES = 8, /* struct xt_NFQ_info_v3, padded as the kernel wants it */
};

struct batch {
	const struct nft_table *table;
	struct mnl_nlmsg_batch *messages;
	uint32_t sequence;
	uint32_t first; /* sequence number of the first message that wants an answer */
	bool full;
};

static struct nlmsghdr *start_message(struct batch *batch, uint16_t type)
{
	return nftnl_nlmsg_build_hdr(
		mnl_nlmsg_batch_current(batch->messages), type, (uint16_t)batch->table->family,
		NLM_F_CREATE | NLM_F_EXCL | NLM_F_APPEND | NLM_F_ACK, batch->sequence++);
}

static void end_message(struct batch *batch)
{
	if (!mnl_nlmsg_batch_next(batch->messages))
		batch->full = true;
}

static int add_table(struct batch *batch)
{
	struct nftnl_table *table = nftnl_table_alloc();
	int rc = 0;

	if (!table)
		return -ENOMEM;
	if (nftnl_table_set_str(table, NFTNL_TABLE_NAME, batch->table->name) < 0)
		rc = -ENOMEM;
	nftnl_table_set_u32(table, NFTNL_TABLE_FAMILY, batch->table->family);
	nftnl_table_nlmsg_build_payload(start_message(batch, NFT_MSG_NEWTABLE), table);
	end_message(batch);
	nftnl_table_free(table);
	return rc;
}

static int add_chain(struct batch *batch, const struct nft_chain *row)
{
	struct nftnl_chain *chain = nftnl_chain_alloc();
	int rc = 0;

	if (!chain)
		return -ENOMEM;
	if (nftnl_chain_set_str(chain, NFTNL_CHAIN_TABLE, batch->table->name) < 0 ||
	    nftnl_chain_set_str(chain, NFTNL_CHAIN_NAME, row->name) < 0 ||
	    nftnl_chain_set_str(chain, NFTNL_CHAIN_TYPE, "filter") < 0)
		rc = -ENOMEM;
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_HOOKNUM, row->hook);
	nftnl_chain_set_s32(chain, NFTNL_CHAIN_PRIO, row->priority);
	nftnl_chain_set_u32(chain, NFTNL_CHAIN_POLICY, row->policy);
	nftnl_chain_nlmsg_build_payload(start_message(batch, NFT_MSG_NEWCHAIN), chain);
	end_message(batch);
	nftnl_chain_free(chain);
	return rc;
}

static uint32_t key_bytes(enum nft_key key)
{
	/* Each part of a key takes whole registers of four bytes. */
	switch (key) {
	case NFT_KEY_DESTINATION4:
		return 4 + 4;
	case NFT_KEY_DESTINATION6:
		return 16 + 4;
	case NFT_KEY_PORT:
		break;
	}
	return sizeof(uint16_t);
}

static int fill_set(struct nftnl_set *set, const struct batch *batch, const struct nft_set *row)
{
	int rc = 0;

	if (nftnl_set_set_str(set, NFTNL_SET_TABLE, batch->table->name) < 0 ||
	    nftnl_set_set_str(set, NFTNL_SET_NAME, row->name) < 0)
		rc = -ENOMEM;
	nftnl_set_set_u32(set, NFTNL_SET_ID, (uint32_t)(row - batch->table->sets) + 1);
	nftnl_set_set_u32(set, NFTNL_SET_FAMILY, batch->table->family);
	nftnl_set_set_u32(set, NFTNL_SET_KEY_LEN, key_bytes(row->key));
	if (row->timeout_ms) {
		nftnl_set_set_u32(set, NFTNL_SET_FLAGS, NFT_SET_TIMEOUT | NFT_SET_EVAL);
		nftnl_set_set_u64(set, NFTNL_SET_TIMEOUT, row->timeout_ms);
		nftnl_set_set_u32(set, NFTNL_SET_DESC_SIZE, row->size);
	}
	return rc;
}

static int add_ports(struct nftnl_set *set, const struct nft_set *row)
{
	for (size_t i = 0; i < row->port_count; i++) {
		struct nftnl_set_elem *element = nftnl_set_elem_alloc();
		uint16_t port = htons(row->ports[i]);

		if (!element)
			return -ENOMEM;
		nftnl_set_elem_set(element, NFTNL_SET_ELEM_KEY, &port, sizeof(port));
		nftnl_set_elem_add(set, element);
	}
	return 0;
}

/* The set, and, as another message, what is in it. */
static int add_set(struct batch *batch, const struct nft_set *row)
{
	struct nftnl_set *set = nftnl_set_alloc();
	int rc;

	if (!set)
		return -ENOMEM;
	rc = fill_set(set, batch, row);
	nftnl_set_nlmsg_build_payload(start_message(batch, NFT_MSG_NEWSET), set);
	end_message(batch);
	if (rc == 0)
		rc = add_ports(set, row);
	if (rc == 0 && row->port_count && !batch->full) {
		nftnl_set_elems_nlmsg_build_payload(start_message(batch, NFT_MSG_NEWSETELEM), set);
		end_message(batch);
	}
	nftnl_set_free(set);
	return rc;
}

static struct nftnl_expr *add_expression(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *expression = nftnl_expr_alloc(name);

	if (expression)
		nftnl_rule_add_expr(rule, expression);
	return expression;
}

static int add_mask(struct nftnl_rule *rule, const struct nft_term *term)
{
	static const uint8_t none[16];
	struct nftnl_expr *e;

	if (!term->mask)
		return 0;
	e = add_expression(rule, "bitwise");
	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_DREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_BITWISE_LEN, term->len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_MASK, term->mask, term->len);
	nftnl_expr_set(e, NFTNL_EXPR_BITWISE_XOR, none, term->len);
	return 0;
}

static int add_comparison(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *e;

	if (add_mask(rule, term) < 0)
		return -ENOMEM;
	e = add_expression(rule, "cmp");
	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
	nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, term->differs ? NFT_CMP_NEQ : NFT_CMP_EQ);
	nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, term->value, term->len);
	return 0;
}

static int add_meta(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *e = add_expression(rule, "meta");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, term->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
	return add_comparison(rule, term);
}

static int add_payload(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *e = add_expression(rule, "payload");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, term->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, term->offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, term->len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
	return add_comparison(rule, term);
}

static int add_log(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *e = add_expression(rule, "log");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_GROUP, (uint16_t)term->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOG_SNAPLEN, STEER_LOGGED_BYTES);
	/* Each packet is told at once: what waits in a batch when the sandbox ends is lost. */
	nftnl_expr_set_u16(e, NFTNL_EXPR_LOG_QTHRESHOLD, 1);
	return 0;
}

static int add_tproxy(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *port = add_expression(rule, "immediate");
	struct nftnl_expr *e = add_expression(rule, "tproxy");

	if (!port || !e)
		return -ENOMEM;
	nftnl_expr_set_u32(port, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
	nftnl_expr_set_u16(port, NFTNL_EXPR_IMM_DATA, htons((uint16_t)term->key));
	nftnl_expr_set_u32(e, NFTNL_EXPR_TPROXY_FAMILY, NFPROTO_UNSPEC);
	nftnl_expr_set_u32(e, NFTNL_EXPR_TPROXY_REG_PORT, NFT_REG_1);
	return 0;
}

static int add_reject(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *e = add_expression(rule, "reject");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_REJECT_TYPE, term->key);
	nftnl_expr_set_u8(e, NFTNL_EXPR_REJECT_CODE, (uint8_t)term->offset);
	return 0;
}

static int add_queue(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *e = add_expression(rule, "queue");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_NUM, (uint16_t)term->key);
	nftnl_expr_set_u16(e, NFTNL_EXPR_QUEUE_TOTAL, 1);
	return 0;
}

/* The target of iptables, for kernels that have it and not nft_queue. */
static int add_queue_compat(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *e = add_expression(rule, "target");
	struct xt_NFQ_info_v3 *info = calloc(1, TARGET_BYTES);

	_Static_assert(sizeof(*info) <= TARGET_BYTES, "it fits");

	if (!e || !info) {
		free(info);
		return -ENOMEM;
	}
	info->queuenum = (uint16_t)term->key;
	info->queues_total = 1;
	nftnl_expr_set(e, NFTNL_EXPR_TG_NAME, "NFQUEUE", sizeof("NFQUEUE"));
	nftnl_expr_set_u32(e, NFTNL_EXPR_TG_REV, 3);
	nftnl_expr_set(e, NFTNL_EXPR_TG_INFO, info, TARGET_BYTES); /* owns it now */
	return 0;
}

static int load_payload(struct nftnl_rule *rule, uint32_t reg, uint32_t base, uint32_t offset,
			uint32_t len)
{
	struct nftnl_expr *e = add_expression(rule, "payload");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
	nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, reg);
	return 0;
}

/* The key begins in the first register. */
static int load_key(struct nftnl_rule *rule, enum nft_key key)
{
	uint32_t port_register = NFT_REG32_00;
	int rc = 0;

	if (key == NFT_KEY_DESTINATION4) {
		rc = load_payload(rule, NFT_REG32_00, NFT_PAYLOAD_NETWORK_HEADER, 16, 4);
		port_register = NFT_REG32_01;
	} else if (key == NFT_KEY_DESTINATION6) {
		rc = load_payload(rule, NFT_REG32_00, NFT_PAYLOAD_NETWORK_HEADER, 24, 16);
		port_register = NFT_REG32_04;
	}
	return rc < 0 ? rc : load_payload(rule, port_register, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
}

static int add_lookup(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *e = load_key(rule, term->key) < 0 ? NULL
							     : add_expression(rule, "lookup");

	if (!e || nftnl_expr_set_str(e, NFTNL_EXPR_LOOKUP_SET, term->value) < 0)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_SREG, NFT_REG32_00);
	nftnl_expr_set_u32(e, NFTNL_EXPR_LOOKUP_FLAGS, term->differs ? NFT_LOOKUP_F_INV : 0);
	return 0;
}

static int add_addition(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *e = load_key(rule, term->key) < 0 ? NULL
							     : add_expression(rule, "dynset");

	if (!e || nftnl_expr_set_str(e, NFTNL_EXPR_DYNSET_SET_NAME, term->value) < 0)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_OP, NFT_DYNSET_OP_ADD);
	nftnl_expr_set_u32(e, NFTNL_EXPR_DYNSET_SREG_KEY, NFT_REG32_00);
	return 0;
}

static int add_mark(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *value = add_expression(rule, "immediate");
	struct nftnl_expr *e = add_expression(rule, "meta");

	if (!value || !e)
		return -ENOMEM;
	nftnl_expr_set_u32(value, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
	nftnl_expr_set_u32(value, NFTNL_EXPR_IMM_DATA, term->key);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, NFT_META_MARK);
	nftnl_expr_set_u32(e, NFTNL_EXPR_META_SREG, NFT_REG_1);
	return 0;
}

static int add_verdict(struct nftnl_rule *rule, const struct nft_term *term)
{
	struct nftnl_expr *e = add_expression(rule, "immediate");

	if (!e)
		return -ENOMEM;
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
	nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT, term->key);
	return 0;
}

static int add_term(struct nftnl_rule *rule, const struct nft_term *term)
{
	switch (term->kind) {
	case NFT_TERM_META:
		return add_meta(rule, term);
	case NFT_TERM_PAYLOAD:
		return add_payload(rule, term);
	case NFT_TERM_COUNTER:
		return add_expression(rule, "counter") ? 0 : -ENOMEM;
	case NFT_TERM_LOG:
		return add_log(rule, term);
	case NFT_TERM_TPROXY:
		return add_tproxy(rule, term);
	case NFT_TERM_REJECT:
		return add_reject(rule, term);
	case NFT_TERM_QUEUE:
		return add_queue(rule, term);
	case NFT_TERM_QUEUE_COMPAT:
		return add_queue_compat(rule, term);
	case NFT_TERM_VERDICT:
		return add_verdict(rule, term);
	case NFT_TERM_SET_MARK:
		return add_mark(rule, term);
	case NFT_TERM_IN_SET:
		return add_lookup(rule, term);
	case NFT_TERM_ADD_TO_SET:
		return add_addition(rule, term);
	case NFT_TERM_NONE:
		break;
	}
	return 0;
}

static int add_terms(struct nftnl_rule *rule, const struct nft_rule *row)
{
	for (size_t i = 0; i < NFT_RULE_TERMS && row->terms[i].kind != NFT_TERM_NONE; i++) {
		if (add_term(rule, &row->terms[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

static int add_rule(struct batch *batch, const struct nft_rule *row)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	int rc;

	if (!rule)
		return -ENOMEM;
	rc = add_terms(rule, row);
	if (nftnl_rule_set_str(rule, NFTNL_RULE_TABLE, batch->table->name) < 0 ||
	    nftnl_rule_set_str(rule, NFTNL_RULE_CHAIN, row->chain) < 0)
		rc = -ENOMEM;
	nftnl_rule_set_u32(rule, NFTNL_RULE_FAMILY, batch->table->family);
	nftnl_rule_nlmsg_build_payload(start_message(batch, NFT_MSG_NEWRULE), rule);
	end_message(batch);
	nftnl_rule_free(rule);
	return rc;
}

static int fill(struct batch *batch)
{
	const struct nft_table *table = batch->table;
	int rc;

	nftnl_batch_begin(mnl_nlmsg_batch_current(batch->messages), batch->sequence++);
	end_message(batch);
	batch->first = batch->sequence;
	rc = add_table(batch);
	for (size_t i = 0; rc == 0 && !batch->full && i < table->set_count; i++)
		rc = add_set(batch, &table->sets[i]);
	for (size_t i = 0; rc == 0 && !batch->full && i < table->chain_count; i++)
		rc = add_chain(batch, &table->chains[i]);
	for (size_t i = 0; rc == 0 && !batch->full && i < table->rule_count; i++)
		rc = add_rule(batch, &table->rules[i]);
	if (rc < 0 || batch->full)
		return rc < 0 ? rc : -EMSGSIZE;
	nftnl_batch_end(mnl_nlmsg_batch_current(batch->messages), batch->sequence);
	end_message(batch);
	return batch->full ? -EMSGSIZE : 0;
}

/* Messages before that of the first rule. */
static size_t count_before_rules(const struct nft_table *table)
{
	size_t count = 1 + table->set_count + table->chain_count;

	for (size_t i = 0; i < table->set_count; i++)
		count += table->sets[i].port_count > 0;
	return count;
}

static int explain(const struct batch *batch, uint32_t sequence, int code, struct error *err)
{
	const struct nft_table *table = batch->table;
	size_t index = sequence - batch->first, before = count_before_rules(table);
	const struct nft_rule *rule;

	if (index < before)
		return error_set_code(
			err, code,
			"the kernel refuses the nft table; it needs nf_tables with the "
			"inet family (CONFIG_NF_TABLES_INET), try: modprobe nf_tables");
	rule = &table->rules[index - before];
	if (rule->module)
		return error_set_code(err, code,
				      "the kernel refuses the nft rule that %s; try: modprobe %s",
				      rule->what, rule->module);
	return error_set_code(err, code, "the kernel refuses the nft rule that %s", rule->what);
}

struct answers {
	struct batch *batch;
	struct error *err;
	uint32_t count;
	int failure; /* the first */
};

static int take_answer(const struct nlmsghdr *header, struct answers *answers)
{
	const struct nlmsgerr *answer = mnl_nlmsg_get_payload(header);

	if (mnl_nlmsg_get_payload_len(header) < sizeof(*answer))
		return -EBADMSG;
	answers->count++;
	if (answer->error != 0 && answers->failure == 0)
		answers->failure = explain(answers->batch, header->nlmsg_seq, answer->error,
					   answers->err);
	return 0;
}

/* The kernel has worked off the batch when the send returns, so that all answers are there: one
 * for each message. */
static int read_answers(struct mnl_socket *socket, struct answers *answers)
{
	cleanup_free char *bytes = malloc(ANSWER_BYTES);

	if (!bytes)
		return -ENOMEM;
	while (answers->count < answers->batch->sequence - answers->batch->first) {
		ssize_t got = recv(mnl_socket_get_fd(socket), bytes, ANSWER_BYTES, MSG_DONTWAIT);
		const struct nlmsghdr *header = (const void *)bytes;
		int left = (int)got;

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? -EBADMSG : -errno;
		for (; netlink_message_fits(header, left); header = mnl_nlmsg_next(header, &left)) {
			if (header->nlmsg_type == NLMSG_ERROR && take_answer(header, answers) < 0)
				return -EBADMSG;
		}
	}
	return 0;
}

static int send_batch(struct batch *batch, struct error *err)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	struct answers answers = {.batch = batch, .err = err};
	int rc;

	if (!socket)
		return error_set_code(
			err, -errno,
			"the kernel has no netfilter netlink (CONFIG_NETFILTER_NETLINK)"
			"; try: modprobe nfnetlink");
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, mnl_nlmsg_batch_head(batch->messages),
			      mnl_nlmsg_batch_size(batch->messages)) < 0)
		rc = -errno;
	else
		rc = read_answers(socket, &answers);
	mnl_socket_close(socket);
	if (answers.failure < 0)
		return answers.failure;
	if (rc < 0)
		return error_set_code(err, rc,
				      "the kernel did not take the nft rules; try: "
				      "modprobe nf_tables");
	return 0;
}

int nft_batch_load(const struct nft_table *table, struct error *err)
{
	cleanup_free char *bytes = malloc(BATCH_BYTES + MESSAGE_BYTES);
	struct batch batch = {.table = table, .sequence = 1};
	int rc;

	if (bytes)
		batch.messages = mnl_nlmsg_batch_start(bytes, BATCH_BYTES);
	if (!batch.messages)
		return error_set_code(err, -ENOMEM, "cannot build the nft table");
	rc = fill(&batch);
	if (rc < 0)
		error_set_code(err, rc, "cannot build the nft table");
	else
		rc = send_batch(&batch, err);
	mnl_nlmsg_batch_stop(batch.messages);
	return rc;
}
