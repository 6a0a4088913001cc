#include "engine/shared_field.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "nn/bring.h"

namespace relievo {
namespace {

// Ranges begin at multiples of this, so that a matrix product gets whole blocks of rows, as it does on one
// worker.
constexpr int64_t kGrain = 4096;

class Sharing {
 public:
  Sharing(size_t workers, OnEveryWorker on_every_worker)
      : workers_(static_cast<int64_t>(workers)), on_every_worker_(std::move(on_every_worker)) {}

  void on_every_worker(const std::function<void(size_t)>& body) const { on_every_worker_(body); }

  /// Gathers the answers of `part(k, first, last)` to a range each of `count` points, one after the other, on
  /// `place`; undefined where there are none.
  template <typename Part>
  at::Tensor gathered(int64_t count, at::Device place, const Part& part) const {
    const int64_t blocks = (count + kGrain - 1) / kGrain, each = (blocks + workers_ - 1) / workers_ * kGrain;
    if (each >= count) return part(0, 0, count);
    std::vector<at::Tensor> answers(static_cast<size_t>(workers_));
    on_every_worker_([&](size_t k) {
      const int64_t first = std::min(count, static_cast<int64_t>(k) * each);
      const int64_t last = std::min(count, first + each);
      if (first < last) answers[k] = part(k, first, last);
    });
    if (!answers[0].defined()) return {};
    std::erase_if(answers, [](const at::Tensor& answer) { return !answer.defined(); });
    for (at::Tensor& answer : answers) answer = bring(answer, place);
    return at::cat(answers);
  }

 private:
  int64_t workers_;
  OnEveryWorker on_every_worker_;
};

class SharedGrid : public GridField {
 public:
  SharedGrid(std::vector<std::unique_ptr<GridField>> grids, at::Device place, const Sharing& sharing)
      : grids_(std::move(grids)), place_(place), sharing_(sharing) {}

  at::Tensor values(int64_t first, int64_t last) const override {
    return sharing_.gathered(last - first, place_, [&](size_t k, int64_t from, int64_t to) {
      return grids_[k]->values(first + from, first + to);
    });
  }
  at::Tensor deformation(const at::Tensor& vertices) const override {
    return sharing_.gathered(vertices.size(0), place_, [&](size_t k, int64_t from, int64_t to) {
      return grids_[k]->deformation(vertices.slice(0, from, to));
    });
  }
  at::Tensor cube_weights(const at::Tensor& corners) const override {
    return sharing_.gathered(corners.size(0), place_, [&](size_t k, int64_t from, int64_t to) {
      return grids_[k]->cube_weights(corners.slice(0, from, to));
    });
  }
  bool cubes_are_narrow() const override { return grids_.front()->cubes_are_narrow(); }
  int64_t held_bytes() const override { return grids_.front()->held_bytes(); }

 private:
  std::vector<std::unique_ptr<GridField>> grids_;
  at::Device place_;
  const Sharing& sharing_;
};

class SharedField : public Field {
 public:
  SharedField(std::vector<std::shared_ptr<const Field>> fields, OnEveryWorker on_every_worker)
      : fields_(std::move(fields)), sharing_(fields_.size(), std::move(on_every_worker)) {}

  FieldKind kind() const override { return fields_.front()->kind(); }
  at::Device device() const override { return fields_.front()->device(); }

  at::Tensor values(const at::Tensor& points) const override {
    return of(points, [](const Field& field, const at::Tensor& some) { return field.values(some); });
  }
  at::Tensor deformation(const at::Tensor& points, int grid) const override {
    return of(points,
              [grid](const Field& field, const at::Tensor& some) { return field.deformation(some, grid); });
  }
  at::Tensor cube_weights(const at::Tensor& corners) const override {
    return of(corners, [](const Field& field, const at::Tensor& some) { return field.cube_weights(some); });
  }
  float density_threshold() const override { return fields_.front()->density_threshold(); }
  at::Tensor colours(const at::Tensor& points) const override {
    return of(points, [](const Field& field, const at::Tensor& some) { return field.colours(some); });
  }

  std::unique_ptr<GridField> on_grid(const at::Tensor& line, int64_t byte_budget) const override {
    std::vector<std::unique_ptr<GridField>> grids(fields_.size());
    sharing_.on_every_worker([&](size_t k) { grids[k] = fields_[k]->on_grid(line, byte_budget); });
    return std::make_unique<SharedGrid>(std::move(grids), device(), sharing_);
  }

 private:
  template <typename Answer>
  at::Tensor of(const at::Tensor& points, const Answer& answer) const {
    return sharing_.gathered(points.size(0), device(), [&](size_t k, int64_t from, int64_t to) {
      return answer(*fields_[k], points.slice(0, from, to).to(fields_[k]->device()));
    });
  }

  std::vector<std::shared_ptr<const Field>> fields_;
  Sharing sharing_;
};

}  // namespace

std::shared_ptr<const Field> shared_field(std::vector<std::shared_ptr<const Field>> fields,
                                          OnEveryWorker on_every_worker) {
  if (fields.size() == 1) return std::move(fields.front());
  return std::make_shared<SharedField>(std::move(fields), std::move(on_every_worker));
}

}  // namespace relievo
