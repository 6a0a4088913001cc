#include "batch/batch.h"

#include <functional>
#include <span>

#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/atomic_file.h"
#include "base/file_lock.h"
#include "base/sha256.h"
#include "scratch.h"

namespace relievo {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;
using ::testing::UnorderedElementsAreArray;

/// Batches over the folder `in` into the folder `out`, whose results are files of one line.
class Batches : public Scratch {
 protected:
  BatchRequest request() const { return {.source = folder / "in", .folder = folder / "out"}; }

  /// Makes what is left, and returns the names of the results.
  std::vector<std::string> make(const BatchRequest& request) {
    Batch batch(request);
    notes = batch.notes();
    made_before = batch.made_before();
    std::vector<std::string> names;
    for (size_t i = 0; i < batch.left().size(); ++i) {
      const BatchTask& task = batch.left()[i];
      names.push_back((task.folder / task.name).lexically_relative(request.folder).string());
      batch.begin(i);
      if (read_if_there(task.picture) == "broken") {
        batch.fail(i, Error(ErrorCode::kInvalidImage, "It is broken."));
        continue;
      }
      fs::create_directories(task.folder);
      const fs::path file = task.folder / (task.name + ".glb");
      std::ofstream(file) << made_of(task.picture);
      batch.finish(
          i, R"({"picture": ")" + task.name + R"(", "faces": 7, "stages": [{"peak_bytes": 5}], "plan": "p"})",
          {file});
    }
    summary = batch.summary();
    return names;
  }
  std::vector<std::string> make() { return make(request()); }

  /// The names of the results that are to be made.
  static std::vector<std::string> left_of(const BatchRequest& request) {
    std::vector<std::string> names;
    for (const BatchTask& task : Batch(request).left()) names.push_back(task.name);
    return names;
  }

  static std::string read_if_there(const fs::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  /// A result's file, which says what it was made of as those of meshes do (files/source_mark.h).
  static std::string made_of(const fs::path& picture) {
    const std::string content = read_if_there(picture);
    return "# Relievo 0.1.0\n# relievo_picture_sha256: " + sha256(std::as_bytes(std::span(content))) +
           "\nmade of " + content;
  }
  /// Returns its last line.
  std::string result(const std::string& name) const {
    const std::string text = read("out/" + name);
    return text.substr(text.rfind('\n') + 1);
  }

  /// The first column of the journal's answer.
  std::vector<std::string> ask(const std::string& sql) const {
    sqlite3* database = nullptr;
    EXPECT_EQ(sqlite3_open((folder / "out/relievo-batch.sqlite").c_str(), &database), SQLITE_OK);
    std::vector<std::string> values;
    const auto add = [](void* to, int, char** row, char**) {
      static_cast<std::vector<std::string>*>(to)->emplace_back(row[0] ? row[0] : "NULL");
      return 0;
    };
    char* error = nullptr;
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), add, &values, &error), SQLITE_OK) << error;
    sqlite3_close(database);
    return values;
  }

  std::vector<std::string> notes, made_before;
  std::string summary;
};

TEST_F(Batches, MakeEveryPictureOnce) {
  write("in/a.png", "1");
  write("in/b.png", "broken");
  EXPECT_THAT(make(), ElementsAre("a", "b"));
  EXPECT_EQ(summary,
            "1 made, 0 already there, 1 failed\n  " + (folder / "in/b.png").string() + ": It is broken.");
  EXPECT_THAT(make(), ElementsAre("b"));
  EXPECT_THAT(summary, HasSubstr("0 made, 1 already there, 1 failed"));
  EXPECT_THAT(made_before, ElementsAre(AllOf(HasSubstr(R"("skipped":true)"), HasSubstr(R"("picture":"a")"))));
  EXPECT_THAT(names("out"), ElementsAre("a.glb", "relievo-batch.sqlite"));
}

TEST_F(Batches, AreContinuedByContentNotByTime) {
  const fs::path picture = write("in/a.png", "1");
  make();
  const auto time = fs::last_write_time(picture);
  fs::last_write_time(picture, time + std::chrono::hours(1));
  EXPECT_THAT(make(), IsEmpty());
  write("in/a.png", "2");
  fs::last_write_time(picture, time + std::chrono::hours(1));
  EXPECT_THAT(make(), ElementsAre("a"));
  EXPECT_EQ(result("a.glb"), "made of 2");
}

TEST_F(Batches, AreMadeAgainWhenAnythingTheyDependOnHasChanged) {
  write("in/a.png", "1");
  write("mask.png", "m");
  write("views/1.png", "v");
  BatchRequest with = request();
  with.settings.mask = MaskKind::kFile;
  with.settings.mask_file = (folder / "mask.png").string();
  with.settings.views = {{.picture = (folder / "views").string()}};
  make(with);
  EXPECT_THAT(make(with), IsEmpty());
  write("mask.png", "n");
  EXPECT_THAT(make(with), ElementsAre("a"));
  write("views/1.png", "w");
  EXPECT_THAT(make(with), ElementsAre("a"));
  write("views/2.png", "w");
  EXPECT_THAT(make(with), ElementsAre("a"));
  with.settings.grid = 64;
  EXPECT_THAT(make(with), ElementsAre("a"));
  with.formats = {"glb", "ply"};
  EXPECT_THAT(make(with), ElementsAre("a"));
  with.renders.sheet = !with.renders.sheet;
  EXPECT_THAT(make(with), ElementsAre("a"));
  EXPECT_THAT(make(with), IsEmpty());
  with.again = true;
  EXPECT_THAT(make(with), ElementsAre("a"));
}

TEST_F(Batches, AreNotMadeAgainForASettingWithoutEffect) {
  write("in/a.png", "1");
  make();
  BatchRequest with = request();
  with.settings.seed = 7;  // the preview is not random
  with.settings.view_count = 4;
  EXPECT_THAT(make(with), IsEmpty());
  with.settings.depth = 0.5f;
  EXPECT_THAT(make(with), ElementsAre("a"));
}

TEST_F(Batches, MakeAgainWhatIsNotKnownToMeetWhatIsRequired) {
  write("in/a.png", "1");
  make();
  BatchRequest strict = request();
  strict.required = {"watertight"};
  EXPECT_THAT(left_of(strict), ElementsAre("a"));
  {
    Batch batch(strict);
    batch.begin(0);
    batch.finish(0, R"({"met": ["watertight", "one-piece"]})", {folder / "out/a.glb"});
  }
  EXPECT_THAT(left_of(strict), IsEmpty());
  strict.required = {"watertight", "manifold"};
  EXPECT_THAT(left_of(strict), ElementsAre("a"));
  strict.required = {"waterproof"};
  EXPECT_EQ(refusal([&] { Batch batch(strict); }).second, "Unknown requirement 'waterproof'.");
}

TEST_F(Batches, FailAWrongLineOfAManifestAndMakeTheOthers) {
  write("in/a.png", "1");
  write("in/b.png", "2");
  BatchRequest listed = request();
  listed.source = write("list.jsonl", "\"in/a.png\"\n{\"picture\": \n\n{\"picture\": \"in/b.png\"}\n");
  Batch batch(listed);
  ASSERT_THAT(batch.left(), SizeIs(3));
  EXPECT_FALSE(batch.left()[0].error || batch.left()[2].error);
  ASSERT_TRUE(batch.left()[1].error);
  EXPECT_THAT(batch.left()[1].error->message(), HasSubstr("Line 2 of the manifest is wrong."));
  EXPECT_THAT(batch.left()[1].picture, HasSubstr("list.jsonl:2"));
}

TEST_F(Batches, GoOnWithAJournalOfTheFirstVersion) {
  write("in/a.png", "1");
  make();
  ask("DROP TABLE thumbnails; PRAGMA user_version = 1");
  EXPECT_THAT(make(), IsEmpty());
  EXPECT_THAT(notes, IsEmpty());
  EXPECT_THAT(ask("PRAGMA user_version"), ElementsAre("2"));
  EXPECT_THAT(ask("SELECT count(*) FROM thumbnails"), ElementsAre("0"));
}

TEST_F(Batches, MakeAgainWhatWasCutChangedOrDeleted) {
  write("in/a.png", "1");
  for (const char* damage : {"x", "made of 9", ""}) {
    make();
    write("out/a.glb", damage);
    EXPECT_THAT(make(), ElementsAre("a")) << damage;
    EXPECT_EQ(result("a.glb"), "made of 1");
  }
  fs::remove(folder / "out/a.glb");
  EXPECT_THAT(make(), ElementsAre("a"));
  // A file that may be somebody's is kept; an empty one is not.
  EXPECT_EQ(read("out/a.damaged.glb"), "x");
  EXPECT_EQ(read("out/a.damaged_2.glb"), "made of 9");
  EXPECT_THAT(names("out"), ElementsAre("a.damaged.glb", "a.damaged_2.glb", "a.glb", "relievo-batch.sqlite"));
}

TEST_F(Batches, KeepTheNameOfAResultAndNumberTheNewcomer) {
  write("in/cup.png", "1");
  make();
  write("in/cup.jpg", "2");
  EXPECT_THAT(make(), ElementsAre("cup_2"));
  EXPECT_EQ(result("cup.glb"), "made of 1");
  EXPECT_THAT(make(), IsEmpty());
  write("in/cup.png", "3");
  EXPECT_THAT(make(), ElementsAre("cup"));
  // Another folder into the same one.
  write("other/cup.png", "4");
  BatchRequest other = request();
  other.source = folder / "other";
  EXPECT_THAT(make(other), ElementsAre("cup_3"));
  EXPECT_THAT(make(), IsEmpty());
  EXPECT_THAT(make(other), IsEmpty());
}

TEST_F(Batches, KnowPicturesAgainThatWereMoved) {
  write("in/a.png", "1");
  write("in/b.png", "2");
  make();
  fs::rename(folder / "in", folder / "moved");
  BatchRequest moved = request();
  moved.source = folder / "moved";
  EXPECT_THAT(make(moved), IsEmpty());
  EXPECT_THAT(made_before, ElementsAre(HasSubstr(R"("picture":"a")"), HasSubstr(R"("picture":"b")")));
}

TEST_F(Batches, MakeEachEntryOfAManifest) {
  write("in/a.png", "1");
  std::string entries;
  for (int i = 0; i < 3; ++i) {
    entries +=
        R"({"picture": "in/a.png", "name": "A", "settings": {"grid": )" + std::to_string(16 + i) + "}}, ";
  }
  BatchRequest listed = request();
  listed.source = write("list.json", "[" + entries + R"("in/a.png", "in/a.png"])");
  EXPECT_THAT(make(listed), ElementsAre("A", "A_2", "A_3", "a_4", "a_5"));
  EXPECT_THAT(make(listed), IsEmpty());
  write("list.json", R"([{"picture": "in/a.png", "name": "A", "settings": {"grid": 18}}])");
  EXPECT_THAT(make(listed), IsEmpty());
}

TEST_F(Batches, TakeNamesThatAreNoText) {
  write("in/\xff.png", "1");
  BatchRequest masked = request();
  masked.settings.mask = MaskKind::kFile;
  masked.settings.mask_file = write("m\xfe.png", "m").string();
  masked.settings.views = {{.picture = write("v\xfd.png", "v").string()}};
  EXPECT_THAT(make(masked), SizeIs(1));
  EXPECT_THAT(make(masked), IsEmpty());
  write("m\xfe.png", "n");
  EXPECT_THAT(make(masked), SizeIs(1));
  masked.source = write("list.json", R"([{"picture": "in/a.png", "settings": {"grid": 16}}])");
  EXPECT_THAT(Batch(masked).left()[0].settings.mask_file, HasSubstr("m\xfe.png"));
}

TEST_F(Batches, NameTenThousandEqualPictures) {
  write("in/a.png", "1");
  std::string entries = R"("in/a.png")";
  for (int i = 1; i < 10'000; ++i) entries += R"(, "in/a.png")";
  BatchRequest listed = request();
  listed.source = write("list.json", "[" + entries + "]");
  listed.dry_run = true;
  const Batch batch(listed);
  ASSERT_THAT(batch.left(), SizeIs(10'000));
  EXPECT_EQ(batch.left().front().name, "a");
  EXPECT_EQ(batch.left().back().name, "a_10000");
}

TEST_F(Batches, KeepTheStructureOfSubfolders) {
  write("in/top.png", "1");
  write("in/day1/cup.png", "2");
  write("in/day2/cup.png", "3");
  EXPECT_THAT(make(), ElementsAre("top"));
  EXPECT_THAT(notes, ElementsAre("Left out: 2 subfolders (--recursive takes their pictures in)."));
  BatchRequest deep = request();
  deep.recursive = true;
  EXPECT_THAT(make(deep), ElementsAre("day1/cup", "day2/cup"));
  EXPECT_THAT(notes, IsEmpty());
  EXPECT_THAT(make(deep), IsEmpty());
}

TEST_F(Batches, TryWhatFailedAloneWhereThatIsAsked) {
  write("in/a.png", "1");
  write("in/b.png", "broken");
  make();
  write("in/c.png", "3");
  BatchRequest failed = request();
  failed.only_failed = true;
  EXPECT_THAT(make(failed), ElementsAre("b"));
  EXPECT_THAT(notes, ElementsAre("1 picture that has not failed before is passed over."));
  EXPECT_THAT(make(), ElementsAre("b", "c"));
}

TEST_F(Batches, SayWhatIsLeftAndWriteNothing) {
  write("in/a.png", "1");
  BatchRequest dry = request();
  dry.dry_run = true;
  EXPECT_THAT(left_of(dry), ElementsAre("a"));
  EXPECT_FALSE(fs::exists(folder / "out"));
  make();
  write("in/b.png", "2");
  const auto before = read("out/relievo-batch.sqlite");
  EXPECT_THAT(left_of(dry), ElementsAre("b"));
  EXPECT_EQ(read("out/relievo-batch.sqlite"), before);
  write("out/relievo-batch.sqlite", "no journal");
  EXPECT_THAT(left_of(dry), ElementsAre("a", "b"));
  EXPECT_THAT(names("out"), ElementsAre("a.glb", "relievo-batch.sqlite"));
}

TEST_F(Batches, RecordEveryTry) {
  write("in/a.png", "broken");
  make();
  write("in/a.png", "1");
  make();
  EXPECT_THAT(
      ask("SELECT state || ' ' || coalesce(error_code, '-') || ' ' || coalesce(error, '-') FROM attempts"),
      ElementsAre("failed invalid_image It is broken.", "made - -"));
  EXPECT_THAT(ask("SELECT peak_bytes || plan || quality FROM attempts WHERE state = 'made'"),
              ElementsAre(R"(5p{"faces":7})"));
  EXPECT_THAT(ask("SELECT count(*) FROM attempts WHERE seconds >= 0 AND begun LIKE '20__-__-__T__:__:__Z'"),
              ElementsAre("2"));
  EXPECT_THAT(ask("PRAGMA user_version"), ElementsAre("2"));
  EXPECT_THAT(ask("PRAGMA journal_mode"), ElementsAre("delete"));
}

TEST_F(Batches, MakeAgainWhatChangedWhileItWasMade) {
  write("in/a.png", "1");
  {
    Batch batch(request());
    batch.begin(0);
    const fs::path file = write("out/a.glb", made_of(folder / "in/a.png"));
    write("in/a.png", "2");
    batch.finish(0, "{}", {file});
  }
  EXPECT_THAT(make(), ElementsAre("a"));
  EXPECT_EQ(result("a.glb"), "made of 2");
}

TEST_F(Batches, KeepADamagedJournalAsideAndDoTheWork) {
  write("in/a.png", "1");
  make();
  const std::string sound = read("out/relievo-batch.sqlite");
  std::string flipped = sound;
  for (size_t i = 4096; i < flipped.size(); i += 7) flipped[i] = static_cast<char>(~flipped[i]);
  for (const std::string& content :
       {std::string("x"), std::string("no database at all, but longer than a header"), sound.substr(0, 1),
        sound.substr(0, sound.size() / 2), sound.substr(0, 5000), flipped, std::string(200'000, '[')}) {
    fs::remove_all(folder / "out");
    write("out/relievo-batch.sqlite", content);
    EXPECT_THAT(make(), ElementsAre("a"));
    EXPECT_THAT(notes, ElementsAre(HasSubstr("relievo-batch.damaged.sqlite'")));
    EXPECT_EQ(read("out/relievo-batch.damaged.sqlite"), content);
    EXPECT_THAT(make(), IsEmpty());
  }
}

TEST_F(Batches, KeepAsideWhatIsNoFileInTheJournalsPlace) {
  write("in/a.png", "1");
  const fs::path journal = folder / "out/relievo-batch.sqlite";
  const std::vector<std::function<void(const fs::path&)>> obstacles{
      [](const fs::path& path) { fs::create_directory(path); },
      [](const fs::path& path) { ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0); },
      [](const fs::path& path) { fs::create_symlink("nowhere", path); },
      [](const fs::path& path) { fs::create_symlink(path.filename(), path); },
  };
  for (const auto& obstruct : obstacles) {
    for (const char* name : {"relievo-batch.sqlite", "relievo-batch.sqlite-journal", "relievo-batch.lock"}) {
      fs::remove_all(folder / "out");
      fs::create_directories(folder / "out");
      obstruct(folder / "out" / name);
      EXPECT_THAT(make(), ElementsAre("a")) << name;
      EXPECT_THAT(make(), IsEmpty()) << name;
      EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(journal))) << name;
      EXPECT_THAT(names("out"), UnorderedElementsAre("a.glb", "relievo-batch.sqlite", HasSubstr(".damaged")))
          << name;
    }
  }
}

TEST_F(Batches, DoNotTrustAJournalThatSaysMoreThanTheyWrote) {
  write("in/a.png", "1");
  const std::vector<std::string> changes{
      "DROP TABLE files",
      "ALTER TABLE files ADD COLUMN more TEXT",
      "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM results; END",
      "DROP TABLE files; CREATE VIEW files AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i FROM n) "
      "SELECT i AS attempt, '' AS path, 0 AS bytes, '' AS sha256 FROM n",
      "PRAGMA user_version = 3",
      "PRAGMA user_version = 1",
      "PRAGMA application_id = 5",
  };
  for (const std::string& change : changes) {
    fs::remove_all(folder / "out");
    make();
    ask(change);
    EXPECT_THAT(make(), ElementsAre("a")) << change;
    EXPECT_THAT(notes, ElementsAre(HasSubstr("relievo-batch.sqlite' cannot be used: it"))) << change;
  }
}

TEST_F(Batches, CountEntriesThatCannotBeAsNotMade) {
  write("in/a.png", "1");
  write("precious.txt", "keep me");
  const std::vector<std::string> changes{
      "UPDATE attempts SET answer = '[]'",
      "UPDATE attempts SET answer = NULL",
      "UPDATE attempts SET answer = '\"x\"'",
      "UPDATE attempts SET answer = replace(hex(zeroblob(100000)), '0', '[')",
      "UPDATE attempts SET key = ''",
      "UPDATE files SET path = '../precious.txt'",
      "UPDATE files SET path = ''",
      "UPDATE files SET bytes = -1",
      "UPDATE files SET sha256 = 'x'",
      "DELETE FROM files",
      "UPDATE files SET path = '/etc/hostname'",
      "UPDATE attempts SET result = 77",
      "UPDATE results SET name = ''",
  };
  for (const std::string& change : changes) {
    fs::remove_all(folder / "out");
    make();
    ask(change);
    make();
    EXPECT_EQ(result("a.glb"), "made of 1") << change;
    EXPECT_THAT(made_before, SizeIs(change == changes.back() ? 1 : 0)) << change;
    EXPECT_EQ(read("precious.txt"), "keep me") << change;
  }
}

TEST_F(Batches, TellThatAnOldStateIsNotRead) {
  write("in/a.png", "1");
  write("out/relievo-batch.json", R"({"finished": {"a": {}, "b": {}}})");
  write("out/a.glb", "made by 0.1.0");
  make();
  ASSERT_THAT(notes, SizeIs(1));
  EXPECT_THAT(notes[0], HasSubstr("its 2 results"));
  EXPECT_EQ(read("out/a.glb"), "made by 0.1.0");
  EXPECT_EQ(result("a_2.glb"), "made of 1");
  make();
  EXPECT_THAT(notes, IsEmpty());
}

TEST_F(Batches, RefuseToWriteOverTheirManifest) {
  write("in/a.png", "1");
  for (const char* name : {"relievo-batch.sqlite", "relievo-batch.lock", "relievo-batch.sqlite-journal",
                           "relievo-report.html", "relievo-metrics.csv"}) {
    BatchRequest listed = request();
    listed.source = write(std::string("out/") + name, R"(["../in/a.png"])");
    const auto [code, message] = refusal([&] { Batch batch(listed); });
    EXPECT_EQ(code, ErrorCode::kInvalidSettings);
    EXPECT_THAT(message, HasSubstr("would overwrite the input"));
    EXPECT_EQ(read(std::string("out/") + name), R"(["../in/a.png"])");
    fs::remove(listed.source);
  }
}

TEST_F(Batches, NameTheOneThatHoldsTheFolder) {
  write("in/a.png", "1");
  const std::string first = std::to_string(::getpid());
  const Batch holder(request());
  const auto [code, message] = refusal([&] { Batch batch(request()); });
  EXPECT_EQ(code, ErrorCode::kIo);
  EXPECT_THAT(message, HasSubstr("is in use by process " + first + " on '" + host_name() + "', since 20"));
  BatchRequest without = request();
  without.lock = false;
  EXPECT_THAT(Batch(without).notes(),
              ElementsAre("Nothing keeps another batch from writing into the same folder (--no-lock)."));
}

TEST_F(Batches, LeaveNoLockWhenTheyAreKilled) {
  write("in/a.png", "1");
  const pid_t child = ::fork();
  if (child == 0) {
    Batch batch(request());
    batch.begin(0);
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_TRUE(fs::exists(folder / "out/relievo-batch.lock"));
  EXPECT_THAT(make(), ElementsAre("a"));
  EXPECT_THAT(ask("SELECT state FROM attempts"), ElementsAre("interrupted", "made"));
  EXPECT_FALSE(fs::exists(folder / "out/relievo-batch.lock"));
}

TEST_F(Batches, RemoveTheirDeadLeftoversAndNothingElse) {
  write("in/a.png", "1");
  const pid_t child = ::fork();
  if (child == 0) {
    Batch batch(request());
    std::ofstream(temporary_beside(folder / "out/a.glb")) << "half";
    fs::create_directories(temporary_beside(folder / "out/a_turntable") / "frames");
    ::kill(::getpid(), SIGKILL);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  const std::string living = temporary_beside("b.glb").filename().string();
  const std::vector<std::string> others{living, ".holiday.part.mkv", ".3.99999-0.part.glb",
                                        ".x.1-0000000a-0.part.glb", "a.part"};
  for (const std::string& name : others) write("out/" + name, "somebody's");
  const size_t before = names("out").size();
  make();
  for (const std::string& name : others) EXPECT_EQ(read("out/" + name), "somebody's") << name;
  std::vector<std::string> kept = others;
  kept.insert(kept.end(), {"a.glb", "relievo-batch.sqlite"});
  EXPECT_THAT(names("out"), UnorderedElementsAreArray(kept));
  EXPECT_EQ(before, kept.size() + 2) << "nothing was half-written before";
}

}  // namespace
}  // namespace relievo
