/* SPDX-License-Identifier: MIT */
/*
 * The lock of a switch. Who waits for it holds a second one, `turn`, so that the standby thread,
 * wanting it again at once, comes after the caller.
 */
#include "base/base.h"

void lock_init(struct sw *sw)
{
	pthread_mutex_init(&sw->lock.turn, NULL);
	pthread_mutex_init(&sw->lock.mutex, NULL);
}

void lock_destroy(struct sw *sw)
{
	pthread_mutex_destroy(&sw->lock.mutex);
	pthread_mutex_destroy(&sw->lock.turn);
}

void lock_take(struct sw *sw)
{
	pthread_mutex_lock(&sw->lock.turn);
	pthread_mutex_lock(&sw->lock.mutex);
	pthread_mutex_unlock(&sw->lock.turn);
}

void lock_enter(struct sw *sw)
{
	atomic_store_explicit(&sw->lock.wanted, true, memory_order_relaxed);
	lock_take(sw);
	atomic_store_explicit(&sw->lock.wanted, false, memory_order_relaxed);
}

bool lock_wanted(struct sw *sw)
{
	return atomic_load_explicit(&sw->lock.wanted, memory_order_relaxed);
}

void lock_leave(struct sw *sw)
{
	pthread_mutex_unlock(&sw->lock.mutex);
}
