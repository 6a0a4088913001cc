// The page that shows a batch's results (gallery_page.html); `@RESULTS@` in it is where they are to be.
#pragma once

#include <string_view>

namespace relievo {

extern const std::string_view kGalleryPage;

}  // namespace relievo
