/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as the body of a message, any sequence of unpack calls on it: no
 * byte outside the body or outside the caller's memory is touched.
 *
 * Input: encoding, length of the plan, length of the first fragment (2 bytes),
 * the plan (see unpack_all.h), the body.
 */
#include "unpack_all.h"

static const uint32_t encodings[] = { WIRE_ENC_XDR, 0, WIRE_ENC_TRACE, WIRE_ENC_INPLACE, 77 };

/* A copy of its own for each fragment, so that a byte beyond its end is noticed. */
static unsigned char *add_fragment(struct message *m, const uint8_t *data, size_t n)
{
	unsigned char *copy = malloc(n);

	memcpy(copy, data, n);
	pvm__message_share(m, NULL, copy, (uint32_t)n);
	m->total += (int)n;
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *first, *second;
	struct plan plan;
	struct message *m;
	uint32_t enc;
	size_t cut;

	if (size < 4 || size - 4 < data[1])
		return 0;
	be_task();
	enc = encodings[data[0] % 5];
	plan = (struct plan){ data + 4, data + 4 + data[1] };
	cut = (size_t)data[2] << 8 | data[3];
	size -= 4u + data[1];
	if (cut > size)
		cut = size;
	m = pvm__message_new(enc ? enc : pvm__dsig());
	first = add_fragment(m, plan.end, cut);
	second = add_fragment(m, plan.end + cut, size - cut);
	m->mode = MESSAGE_READING;
	pvm__message_set_codec(m);
	pvm__message_rewind(m);
	pvm__message_publish(m);
	pvm__task.rbuf = m;
	unpack_all(&plan);
	free(first);
	free(second);
	return 0;
}
