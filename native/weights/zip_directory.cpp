#include "weights/zip_directory.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>
#include <vector>

namespace relievo {
namespace {

using Bytes = std::span<const std::byte>;

constexpr uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50,
                   kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kEnd64Bytes = 56, kLocatorBytes = 20;
constexpr uint32_t kIn64 = 0xffffffff;  // marks a value that stands in the zip64 record
constexpr size_t kMaxComment = 0xffff;

template <typename T>
T number(Bytes bytes, uint64_t at) {
  if (at > bytes.size() || bytes.size() - at < sizeof(T)) throw std::runtime_error("it is cut short");
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

Bytes part(Bytes bytes, uint64_t at, uint64_t size) {
  if (at > bytes.size() || bytes.size() - at < size) throw std::runtime_error("it is cut short");
  return bytes.subspan(at, size);
}

struct Directory {
  uint64_t entries, bytes, offset;
};

Directory find_directory(Bytes archive) {
  if (archive.size() < kEndBytes) throw std::runtime_error("it is cut short");
  const size_t first = archive.size() - kEndBytes, last = first - std::min(first, kMaxComment);
  size_t end = first;
  while (number<uint32_t>(archive, end) != kEnd) {
    if (end == last) throw std::runtime_error("its directory is missing: it is cut short");
    --end;
  }
  Directory directory{number<uint16_t>(archive, end + 10), number<uint32_t>(archive, end + 12),
                      number<uint32_t>(archive, end + 16)};
  if (end >= kLocatorBytes && number<uint32_t>(archive, end - kLocatorBytes) == kEnd64Locator) {
    const auto at = number<uint64_t>(archive, end - kLocatorBytes + 8);
    const Bytes record = part(archive, at, kEnd64Bytes);
    if (number<uint32_t>(record, 0) != kEnd64) throw std::runtime_error("its zip64 record is missing");
    directory = {number<uint64_t>(record, 32), number<uint64_t>(record, 40), number<uint64_t>(record, 48)};
  }
  return directory;
}

struct Entry {
  uint64_t size, stored_size, offset;
};

/// Reads sizes that do not fit 32 bits from the extra field with tag 1, where they stand in this order.
void read_zip64(Bytes extra, Entry& entry) {
  while (extra.size() >= 4) {
    const auto tag = number<uint16_t>(extra, 0), size = number<uint16_t>(extra, 2);
    Bytes field = part(extra, 4, size);
    if (tag == 1) {
      for (uint64_t* value : {&entry.size, &entry.stored_size, &entry.offset}) {
        if (*value != kIn64) continue;
        *value = number<uint64_t>(field, 0);
        field = field.subspan(8);
      }
    }
    extra = extra.subspan(4 + size_t{size});
  }
}

}  // namespace

bool looks_like_zip(Bytes bytes) {
  return bytes.size() >= 4 &&
         (number<uint32_t>(bytes, 0) == kLocalHeader || number<uint32_t>(bytes, 0) == kEnd);
}

std::map<std::string, Bytes, std::less<>> read_zip_directory(Bytes archive) {
  const Directory directory = find_directory(archive);
  const Bytes central = part(archive, directory.offset, directory.bytes);
  if (directory.entries > central.size() / kCentralBytes)
    throw std::runtime_error("its directory is shorter than it says");
  std::map<std::string, Bytes, std::less<>> entries;
  std::vector<std::pair<uint64_t, uint64_t>> ranges;
  uint64_t at = 0;
  for (uint64_t i = 0; i < directory.entries; ++i) {
    const Bytes header = part(central, at, kCentralBytes);
    if (number<uint32_t>(header, 0) != kCentralHeader) throw std::runtime_error("its directory is damaged");
    const auto flags = number<uint16_t>(header, 8), method = number<uint16_t>(header, 10);
    const uint64_t name_bytes = number<uint16_t>(header, 28), extra_bytes = number<uint16_t>(header, 30),
                   comment_bytes = number<uint16_t>(header, 32);
    const Bytes name_text = part(central, at + kCentralBytes, name_bytes);
    const std::string name(reinterpret_cast<const char*>(name_text.data()), name_text.size());
    Entry entry{number<uint32_t>(header, 24), number<uint32_t>(header, 20), number<uint32_t>(header, 42)};
    read_zip64(part(central, at + kCentralBytes + name_bytes, extra_bytes), entry);
    if (flags & 1) throw std::runtime_error("'" + name + "' is encrypted");
    if (method != 0 || entry.size != entry.stored_size)
      throw std::runtime_error("'" + name + "' is compressed, which PyTorch never does");
    const Bytes local = part(archive, entry.offset, kLocalBytes);
    if (number<uint32_t>(local, 0) != kLocalHeader)
      throw std::runtime_error("'" + name + "' is not where it should be");
    const uint64_t data =
        entry.offset + kLocalBytes + number<uint16_t>(local, 26) + number<uint16_t>(local, 28);
    if (!entries.emplace(name, part(archive, data, entry.size)).second)
      throw std::runtime_error("'" + name + "' stands twice");
    ranges.emplace_back(entry.offset, data + entry.size);
    at += kCentralBytes + name_bytes + extra_bytes + comment_bytes;
  }
  // Entries must not share bytes: that is how small archives pretend to be huge.
  std::sort(ranges.begin(), ranges.end());
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) throw std::runtime_error("its entries overlap");
  }
  return entries;
}

}  // namespace relievo
