#include "base/thread_room.h"

#include <latch>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

#include "base/system_error.h"

namespace relievo {

bool has_room_for_threads(int threads) {
  std::latch all_tried(1);
  std::vector<std::jthread> started;
  bool has_room = true;
  try {
    for (int i = 0; i < threads; ++i) started.emplace_back([&] { all_tried.wait(); });
  } catch (const std::system_error&) {
    has_room = false;
  } catch (const std::bad_alloc&) {
    has_room = false;
  }
  all_tried.count_down();
  return has_room;
}

void require_room_for_threads(int threads) {
  if (!has_room_for_threads(threads)) throw out_of_memory();
}

}  // namespace relievo
