// Tells by name which files are pictures.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

namespace relievo {

/// The endings of the names of pictures that are read, in lower case, each with its dot. A picture is told by
/// its content (files/pictures.h); its name decides where folders are listed and files are chosen.
std::span<const std::string_view> picture_endings();

/// Returns whether a file's name has one of these endings, in upper or lower case.
bool has_picture_ending(const std::filesystem::path& file);

}  // namespace relievo
