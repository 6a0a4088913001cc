#include "train/data/held_out_view.h"

#include <utility>

#include "base/vectors.h"
#include "train/data/picture.h"

namespace relievo {
namespace {

Object normalised(Object object) {
  normalise(object);
  return object;
}

ViewFrame drawn(const Surface& surface, uint64_t seed) {
  Random random(seed);
  return ViewFrame::draw(surface, random);
}

}  // namespace

HeldOutView::HeldOutView(Object object, const std::string& name)
    : object_(normalised(std::move(object))),
      seed_(seed_of(name, 77)),
      frame_(drawn(object_.surface, seed_)) {
  const Rays rays(object_.surface);
  const auto normals = corner_normals(object_.surface);
  Random random(seed_ + 1);
  picture_ = from_bytes(
      render_picture({object_, rays, normals}, frame_, Lights::draw(random, frame_), kSide, random));
}

void HeldOutView::to_object(Surface& in_box) const {
  for (Float3& vertex : in_box.vertices) vertex = frame_.from_box(vertex);
}

ShapeScore HeldOutView::score(const Surface& in_box) const {
  Surface made = in_box;
  to_object(made);
  const Float3 along = unit(frame_.pixel_ray(0, 0).origin);
  return score_shape(made, object_.surface, along, seed_);
}

}  // namespace relievo
