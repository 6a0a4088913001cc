#include "downloads/reply.h"

#include <gtest/gtest.h>

namespace relievo {
namespace {

Reply with(const std::string& name, const std::string& value) { return {206, {{name, value}}}; }

TEST(Reply, ReadsRanges) {
  const auto range = with("content-range", "bytes 100-199/200").range();
  ASSERT_TRUE(range);
  EXPECT_EQ(range->first, 100u);
  EXPECT_EQ(range->last, 199u);
  EXPECT_EQ(range->total, 200u);
  EXPECT_EQ(with("content-range", "Bytes 0-0/*").range()->total, std::nullopt);
  EXPECT_EQ(with("content-range", "bytes */200").range()->total, 200u);
  EXPECT_EQ(with("content-range", "bytes */200").range()->first, std::nullopt);
}

TEST(Reply, TakesNoNonsenseForARange) {
  for (const char* text : {"", "items 0-1/2", "bytes 0-1", "0-1/2"})
    EXPECT_FALSE(with("content-range", text).range()) << text;
  for (const char* text :
       {"bytes -1-5/9", "bytes a-b/c", "bytes 99999999999999999999999-5/9", "bytes 0x1-5/9"})
    EXPECT_EQ(with("content-range", text).range()->first, std::nullopt) << text;
}

TEST(Reply, WeakTagsNameNoVersion) {
  EXPECT_EQ(with("etag", R"("v1")").validator(), R"("v1")");
  EXPECT_EQ(with("etag", R"(W/"v1")").validator(), "");
  const Reply dated{200, {{"etag", R"(W/"v1")"}, {"last-modified", "Mon, 01 Jan 2024 00:00:00 GMT"}}};
  EXPECT_EQ(dated.validator(), "Mon, 01 Jan 2024 00:00:00 GMT");
}

TEST(Reply, LinkedDigestIsOneOfSha256Only) {
  const std::string digest(64, 'a');
  EXPECT_EQ(with("x-linked-etag", '"' + digest + '"').linked_sha256(), digest);
  for (const std::string& text : {std::string("\"abc\""), std::string(64, 'A'), std::string(64, 'g')})
    EXPECT_EQ(with("x-linked-etag", text).linked_sha256(), std::nullopt) << text;
}

TEST(Reply, BodiesThatCannotBeTheFileAreNamed) {
  EXPECT_EQ(with("content-type", "application/octet-stream").why_not_the_file(), "");
  EXPECT_EQ(with("transfer-encoding", "Chunked").why_not_the_file(), "");
  EXPECT_EQ(with("content-encoding", "identity").why_not_the_file(), "");
  for (const auto& [name, value] :
       {std::pair("content-encoding", "gzip"), std::pair("transfer-encoding", "gzip, chunked"),
        std::pair("content-type", "Text/HTML; charset=utf-8"),
        std::pair("content-type", "multipart/byteranges")})
    EXPECT_NE(with(name, value).why_not_the_file(), "") << name << value;
}

}  // namespace
}  // namespace relievo
