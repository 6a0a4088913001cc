// Makes allocations of the program's own C++ code fail, as torch's can be made to (fail_allocation()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace relievo {

/// The n-th allocation from now on throws std::bad_alloc (1: the next one; 0: none), and `times` - 1 after
/// it. It counts requests to operator new by code of this program (Relievo's modules and libraries that are
/// linked into them, but not shared libraries, because torch's own C++ is not written for it) on any thread
/// but the caller's. Requests of less than `at_least` bytes, and those of JSON values that are being
/// destroyed, which could only end the process, are neither counted nor fail. Returns how many there were
/// since the last call.
int64_t fail_own_allocation(int64_t n, int64_t times = 1, size_t at_least = 0);

/// Remembers from now on which code allocates, until fail_own_allocation() is called.
void record_own_allocations();

/// The first of each path through the code that asked for one, four calls deep, as numbers for
/// fail_own_allocation(), since record_own_allocations() was called.
std::vector<int64_t> first_allocations_of_each_path();

/// The next `times` such allocations of the calling thread alone fail.
void fail_own_allocations_here(int64_t times);

}  // namespace relievo
