// Counts allocations of memory: every call of malloc and its like in the process that links this.
#pragma once

#include <stdint.h>

// How many there were since the process began, from all threads.
uint64_t holdfast_allocations(void);
