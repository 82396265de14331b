/* SPDX-License-Identifier: MIT */
/* The top: what files below need of others above them. */
#include "calls/api.h"

static void end_thread(void)
{
	pvm__hosts_thread_ends();
	pvm__tasks_thread_ends();
	pvm__mailbox_thread_ends();
	pvm__recv_thread_ends();
	pvm__register_thread_ends();
}

const struct above pvm__above = {
	.thread_ended = end_thread,
	.became_child = pvm__become_child,
	.retire = pvm__message_retire,
	.handler_left = pvm__handler_left,
	.call_left = pvm__call_left,
	.group_left = pvm__group_left,
	.stop = pvm__freeze_now,
	.collect = pvm__links_collect,
	.complete = pvm__deliver,
	.full = pvm__await_room,
	.turn = pvm__await_change,
	.answer = pvm__request_reply,
	.handle = pvm__handler_dispatch,
	.has_handler = pvm__handler_exists,
	.notice_routes = pvm__routes_notice,
	.reap_routes = pvm__routes_reap,
	.leave_routes = pvm__routes_heed,
	.catch_up = pvm__route_catch_up,
	.has_route = pvm__route_exists,
	.last_words = pvm__last_words,
	.hang_up = pvm__hang_up,
};
