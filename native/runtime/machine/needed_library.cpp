#include "runtime/machine/needed_library.h"

#include <cstring>
#include <fstream>
#include <vector>

#include <elf.h>

namespace relievo {
namespace {

template <typename Value>
bool read_at(std::ifstream& file, uint64_t offset, Value& value) {
  file.seekg(std::streamoff(offset));
  file.read(reinterpret_cast<char*>(&value), sizeof value);
  return file.good();
}

}  // namespace

std::optional<std::string> needed_library(const std::string& library, const std::string& name) {
  std::ifstream file(library, std::ios::binary);
  Elf64_Ehdr header;
  if (!read_at(file, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB)
    return std::nullopt;
  std::vector<Elf64_Phdr> parts(header.e_phnum);
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!read_at(file, header.e_phoff + i * sizeof(Elf64_Phdr), parts[i])) return std::nullopt;
  }
  std::vector<uint64_t> names;  // offsets in the table of strings
  uint64_t strings = 0;         // address of that table
  for (const Elf64_Phdr& part : parts) {
    if (part.p_type != PT_DYNAMIC) continue;
    for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= part.p_filesz; at += sizeof(Elf64_Dyn)) {
      Elf64_Dyn entry;
      if (!read_at(file, part.p_offset + at, entry) || entry.d_tag == DT_NULL) break;
      if (entry.d_tag == DT_NEEDED) names.push_back(entry.d_un.d_val);
      if (entry.d_tag == DT_STRTAB) strings = entry.d_un.d_ptr;
    }
  }
  for (const Elf64_Phdr& part : parts) {
    if (part.p_type != PT_LOAD || strings < part.p_vaddr || strings - part.p_vaddr >= part.p_filesz) continue;
    const uint64_t table = part.p_offset + (strings - part.p_vaddr);
    for (const uint64_t offset : names) {
      file.clear();
      file.seekg(std::streamoff(table + offset));
      std::string needed;
      if (std::getline(file, needed, '\0') && needed.starts_with(name)) return needed;
    }
  }
  return std::nullopt;
}

}  // namespace relievo
