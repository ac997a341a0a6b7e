#pragma once
#include <postgresql/libpq-fe.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

// A counter that can be polled; -1 with errno when the system has none left.
static inline int holdfast_eventfd(void) {
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

// Names the calling thread for ps and gdb; at most 15 characters are kept.
static inline void holdfast_name_thread(const char *name) {
    prctl(PR_SET_NAME, name, 0, 0, 0);
}
