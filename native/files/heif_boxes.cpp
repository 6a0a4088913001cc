#include "files/heif_boxes.h"

#include <algorithm>
#include <map>
#include <string_view>
#include <vector>

namespace relievo::files {
namespace {

/// Reads the numbers of a box's body, most significant byte first.
class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool empty() const { return bytes_.empty(); }
  std::string_view take(size_t count) {
    const std::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(taken.size());
    return taken;
  }
  uint64_t number(size_t count) {
    uint64_t value = 0;
    for (const char c : take(count)) value = value << 8 | static_cast<unsigned char>(c);
    return value;
  }

  /// Reads the next box: its type and its body, cut at the end of this one.
  std::pair<std::string_view, Reader> box() {
    const size_t all = bytes_.size();
    uint64_t size = number(4);
    const std::string_view type = take(4);
    size_t header = 8;
    if (size == 1) {
      size = number(8);
      header = 16;
    }
    const uint64_t body = size == 0 ? all : size > header ? size - header : 0;
    return {type, Reader(take(static_cast<size_t>(std::min<uint64_t>(body, bytes_.size()))))};
  }

 private:
  std::string_view bytes_;
};

struct Items {
  std::map<uint64_t, std::string> types;
  std::vector<std::pair<uint64_t, uint64_t>> parts;  // ids of a derived picture and of its part
};

void read_types(Reader box, Items& items) {
  const uint64_t version = box.number(4) >> 24;
  box.number(version == 0 ? 2 : 4);  // count
  while (!box.empty()) {
    auto [type, entry] = box.box();
    if (type != "infe") continue;
    const uint64_t entry_version = entry.number(4) >> 24;
    if (entry_version < 2) continue;
    const uint64_t id = entry.number(entry_version == 2 ? 2 : 4);
    entry.number(2);  // protection
    items.types[id] = entry.take(4);
  }
}

void read_parts(Reader box, Items& items) {
  const size_t id_bytes = box.number(4) >> 24 == 0 ? 2 : 4;
  while (!box.empty()) {
    auto [type, entry] = box.box();
    if (type != "dimg") continue;
    const uint64_t from = entry.number(id_bytes);
    entry.number(2);  // count
    while (!entry.empty()) items.parts.emplace_back(from, entry.number(id_bytes));
  }
}

Items items_of(std::string_view bytes) {
  Items items;
  Reader file(bytes);
  while (!file.empty()) {
    auto [type, box] = file.box();
    if (type != "meta") continue;
    box.number(4);  // version and flags
    while (!box.empty()) {
      auto [inner_type, inner] = box.box();
      if (inner_type == "iinf") read_types(inner, items);
      if (inner_type == "iref") read_parts(inner, items);
    }
  }
  return items;
}

}  // namespace

void check_heif_items(const Source& source) {
  const Items items = items_of({reinterpret_cast<const char*>(source.bytes.data()), source.bytes.size()});
  const auto is_derived = [&](uint64_t id) {
    const auto type = items.types.find(id);
    return type != items.types.end() &&
           (type->second == "grid" || type->second == "iden" || type->second == "iovl");
  };
  for (const auto& [whole, part] : items.parts) {
    if (is_derived(whole) && is_derived(part)) throw_broken(source, "HEIF", "its parts are made of parts");
  }
}

}  // namespace relievo::files
