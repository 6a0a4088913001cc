#include "batch/match_results.h"

#include <algorithm>
#include <deque>
#include <map>
#include <system_error>
#include <unordered_map>
#include <utility>

#include <sys/stat.h>

#include "base/json.h"
#include "base/parallel.h"
#include "engine/clean_name.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;

/// Results that are not yet matched with a picture, by some of their facts.
using Waiting = std::map<std::vector<std::string>, std::deque<size_t>>;

class Matcher {
 public:
  Matcher(const std::vector<ListedPicture>& pictures, const std::vector<JournalResult>& known)
      : matches(pictures.size()), known_(known), is_given_(known.size()) {}

  /// Matches each picture without a result with the first result that has the same facts.
  template <typename FactsOfPicture, typename FactsOfResult>
  void match(const FactsOfPicture& facts_of_picture, const FactsOfResult& facts_of_result) {
    Waiting waiting;
    for (size_t i = 0; i < known_.size(); ++i) {
      if (is_given_[i]) continue;
      for (const std::vector<std::string>& facts : facts_of_result(known_[i])) waiting[facts].push_back(i);
    }
    for (size_t i = 0; i < matches.size(); ++i) {
      if (matches[i]) continue;
      const auto found = waiting.find(facts_of_picture(i));
      if (found == waiting.end()) continue;
      std::deque<size_t>& results = found->second;
      while (!results.empty() && is_given_[results.front()]) results.pop_front();
      if (results.empty()) continue;
      matches[i] = results.front();
      is_given_[results.front()] = true;
    }
  }

  std::vector<std::optional<size_t>> matches;

 private:
  const std::vector<JournalResult>& known_;
  std::vector<bool> is_given_;
};

std::vector<std::string> keys_of(const JournalResult& result) {
  std::vector<std::string> keys;
  for (const MadeAttempt& attempt : result.made) {
    if (!attempt.key.empty()) keys.push_back(attempt.key);
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

bool is_object(const std::string& text) {
  try {
    return parse_json(text).is_object();
  } catch (const JsonError&) {
    return false;
  }
}

using Identity = std::pair<dev_t, ino_t>;

/// The inputs that are also files in one of the folders, or in a folder in it: only these could be
/// overwritten.
std::vector<fs::path> inputs_in(const std::set<fs::path>& folders, const std::vector<fs::path>& inputs) {
  std::map<Identity, std::vector<const fs::path*>> by_identity;
  for (const fs::path& input : inputs) {
    struct stat found {};
    if (::stat(input.c_str(), &found) == 0) by_identity[{found.st_dev, found.st_ino}].push_back(&input);
  }
  std::set<fs::path> present;
  const auto look_into = [&](const fs::path& folder, const auto& self, int depth) -> void {
    std::error_code error;
    for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
      struct stat found {};
      if (::stat(entry->path().c_str(), &found) != 0) continue;
      const auto input = by_identity.find({found.st_dev, found.st_ino});
      if (input != by_identity.end()) present.insert(*input->second.front());
      if (depth > 0 && S_ISDIR(found.st_mode)) self(entry->path(), self, depth - 1);
    }
  };
  for (const fs::path& folder : folders) look_into(folder, look_into, 1);
  return {present.begin(), present.end()};
}

/// The name of the first folder on the way from `folder` down to `other`; empty where `other` is not below
/// it.
std::string first_folder_below(const fs::path& folder, const fs::path& other) {
  const fs::path relative = other.lexically_relative(folder);
  if (relative.empty() || relative == "." || *relative.begin() == "..") return {};
  return relative.begin()->string();
}

}  // namespace

std::string identity_of_picture(const std::string& picture) {
  return fs::absolute(picture).lexically_normal().string();
}

std::vector<std::optional<size_t>> match_results(const std::vector<ListedPicture>& pictures,
                                                 const std::vector<Fingerprint>& fingerprints,
                                                 const std::vector<JournalResult>& known) {
  using Facts = std::vector<std::string>;
  std::vector<std::string> paths;
  for (const ListedPicture& picture : pictures) paths.push_back(identity_of_picture(picture.picture));
  const auto folder_of = [&](size_t i) { return pictures[i].folder.string(); };
  Matcher matcher(pictures, known);
  // The same picture may stand in a manifest several times, so results that are made of the same content are
  // matched first.
  matcher.match(
      [&](size_t i) {
        return Facts{paths[i], pictures[i].name, folder_of(i), fingerprints[i].key};
      },
      [](const JournalResult& result) {
        std::vector<Facts> all;
        for (const std::string& key : keys_of(result))
          all.push_back({result.picture, result.wanted, result.folder, key});
        return all;
      });
  matcher.match(
      [&](size_t i) {
        return Facts{paths[i], pictures[i].name, folder_of(i)};
      },
      [](const JournalResult& result) {
        return std::vector<Facts>{{result.picture, result.wanted, result.folder}};
      });
  matcher.match(
      [&](size_t i) {
        return Facts{pictures[i].name, folder_of(i), fingerprints[i].key};
      },
      [](const JournalResult& result) {
        std::vector<Facts> all;
        for (const std::string& key : keys_of(result)) all.push_back({result.wanted, result.folder, key});
        return all;
      });
  return std::move(matcher.matches);
}

std::vector<const MadeAttempt*> find_intact(const fs::path& folder,
                                            const std::vector<Fingerprint>& fingerprints,
                                            const std::vector<std::optional<size_t>>& matches,
                                            const std::vector<JournalResult>& known,
                                            const CancelToken& cancel) {
  std::vector<const MadeAttempt*> intact(matches.size());
  const auto find = [&](size_t i) {
    if (!matches[i] || fingerprints[i].key.empty()) return;
    const std::vector<MadeAttempt>& made = known[*matches[i]].made;
    for (auto attempt = made.rbegin(); attempt != made.rend() && !intact[i]; ++attempt) {
      if (attempt->key != fingerprints[i].key || attempt->files.empty() || !is_object(attempt->answer))
        continue;
      if (std::all_of(attempt->files.begin(), attempt->files.end(), [&](const JournalFile& file) {
            return is_intact(folder, file, {{}, cancel});
          }))
        intact[i] = &*attempt;
    }
  };
  parallel_for(static_cast<int64_t>(matches.size()), 1, [&](int64_t first, int64_t last) {
    for (int64_t i = first; i < last; ++i) find(static_cast<size_t>(i));
  });
  return intact;
}

std::vector<std::string> names_of(const std::vector<ListedPicture>& pictures,
                                  const std::vector<Fingerprint>& fingerprints,
                                  const std::vector<std::optional<size_t>>& matches,
                                  const std::vector<JournalResult>& known,
                                  const std::vector<fs::path>& inputs, const OutputFolder& output) {
  std::map<fs::path, std::vector<size_t>> groups;  // indices of pictures, by folder
  for (size_t i = 0; i < pictures.size(); ++i) groups[pictures[i].folder].push_back(i);
  std::vector<bool> is_matched(known.size());
  for (const auto& match : matches) {
    if (match) is_matched[*match] = true;
  }
  // Names of results that do not belong to this run.
  std::map<std::string, std::vector<std::string>> reserved;
  for (size_t i = 0; i < known.size(); ++i) {
    if (!is_matched[i] && !known[i].made.empty())
      reserved[folded_name(known[i].folder)].push_back(known[i].name);
  }
  std::set<fs::path> folders;
  for (const fs::path& folder : folders_of(pictures)) folders.insert(output.folder / folder);
  OutputFolder place = output;
  place.inputs = inputs_in(folders, inputs);
  std::vector<std::string> names(pictures.size());
  for (const auto& [folder, group] : groups) {
    place.folder = output.folder / folder;
    place.reserved = reserved[folded_name(folder.string())];
    if (output.renders.turntable > 0) {
      for (const auto& [other, pictures_there] : groups) {
        // A picture's frames would lie among the other folder's results if they got the name of a folder on
        // the way to it.
        const std::string subfolder = first_folder_below(folder, other);
        if (subfolder.ends_with("_turntable")) place.reserved.push_back(subfolder);
      }
    }
    std::vector<NamedPicture> wanted;
    for (const size_t i : group) {
      NamedPicture picture{pictures[i].name, fingerprints[i].picture};
      if (matches[i] && !known[*matches[i]].made.empty()) {
        picture.name = known[*matches[i]].name;
        picture.former = known[*matches[i]].checksums;
        picture.keeps_name = true;
      }
      wanted.push_back(std::move(picture));
    }
    const std::vector<std::string> given = name_results(wanted, place);
    for (size_t i = 0; i < group.size(); ++i) names[group[i]] = given[i];
  }
  return names;
}

std::set<fs::path> folders_of(const std::vector<ListedPicture>& pictures) {
  std::set<fs::path> folders;
  for (const ListedPicture& picture : pictures) folders.insert(picture.folder);
  return folders;
}

}  // namespace relievo
