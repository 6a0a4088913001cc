#include "downloads/web_address.h"

#include <gtest/gtest.h>

namespace relievo {
namespace {

// The examples of RFC 3986, section 5.4.1, that web servers use; dot segments are the server's.
TEST(WebAddress, RedirectsLeadWhereTheStandardSays) {
  const std::string base = "http://a/b/c/d;p?q";
  EXPECT_EQ(redirected(base, "g"), "http://a/b/c/g");
  EXPECT_EQ(redirected(base, "g/"), "http://a/b/c/g/");
  EXPECT_EQ(redirected(base, "/g"), "http://a/g");
  EXPECT_EQ(redirected(base, "//g"), "http://g");
  EXPECT_EQ(redirected(base, "?y"), "http://a/b/c/d;p?y");
  EXPECT_EQ(redirected(base, "g?y"), "http://a/b/c/g?y");
  EXPECT_EQ(redirected(base, "g#s"), "http://a/b/c/g");
  EXPECT_EQ(redirected("https://a", "g"), "https://a/g");
  EXPECT_EQ(redirected("https://a?x", "/g"), "https://a/g");
  EXPECT_EQ(redirected(base, "HTTPS://other.org/x y"), "HTTPS://other.org/x%20y");
  EXPECT_EQ(redirected(base, "files/a:b"), "http://a/b/c/files/a:b");
}

TEST(WebAddress, RedirectsToAnythingElseLeadNowhere) {
  for (const char* location :
       {"", "#s", "ftp://a/b", "file:///etc/passwd", "mailto:a@b", "javascript:x", "data:,x"})
    EXPECT_EQ(redirected("http://a/b", location), std::nullopt) << location;
}

TEST(WebAddress, LineEndsCannotBeSmuggledIn) {
  EXPECT_EQ(redirected("http://a/b", "/c\r\nX-Injected: 1"), "http://a/c%0D%0AX-Injected:%201");
}

TEST(WebAddress, KnowsTheRevisionThatItIsPinnedTo) {
  const std::string revision = "2da07e89919e1a130c9b5add1584c70c7aa065fd";
  EXPECT_EQ(pinned_revision("https://huggingface.co/a/b/resolve/" + revision + "/vae/x.bin"), revision);
  for (const char* address :
       {"https://huggingface.co/a/b/resolve/main/x.bin", "https://a/b/resolve/2da0/x.bin",
        "https://a/2da07e89919e1a130c9b5add1584c70c7aa065fd/x.bin",
        "https://a/resolve/2da07e89919e1a130c9b5add1584c70c7aa065fdff/x.bin"})
    EXPECT_EQ(pinned_revision(address), "") << address;
}

TEST(WebAddress, KnowsWhatIsSecure) {
  EXPECT_TRUE(is_secure_address("https://a/b"));
  EXPECT_TRUE(is_secure_address("HTTPS://a/b"));
  EXPECT_FALSE(is_secure_address("http://a/https://b"));
  EXPECT_TRUE(is_web_address("HTTP://a"));
  EXPECT_FALSE(is_web_address("/home/a/https://b"));
  EXPECT_FALSE(is_web_address("file:///a"));
}

TEST(WebAddress, PathEndsBeforeTheQuery) {
  EXPECT_EQ(path_of_address("https://a/b/c?d/e#f"), "/b/c");
  EXPECT_EQ(path_of_address("https://a"), "/");
}

}  // namespace
}  // namespace relievo
