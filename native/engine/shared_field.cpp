#include "engine/shared_field.h"

#include <map>
#include <mutex>
#include <utility>

#include <ATen/ATen.h>

#include "base/block_counter.h"
#include "nn/bring.h"

namespace relievo {
namespace {

// Blocks are multiples of this, so that a matrix product gets whole blocks of rows, as it does on one worker.
constexpr int64_t kGrain = 4096;

class Sharing {
 public:
  Sharing(size_t workers, OnEveryWorker on_every_worker)
      : workers_(static_cast<int64_t>(workers)), on_every_worker_(std::move(on_every_worker)) {}

  void on_every_worker(const std::function<void(size_t)>& body) const { on_every_worker_(body); }

  /// Gathers the answers of `part(k, first, last)` to a range each of `count` points on `place`; undefined
  /// where there are none. Ranges are handed out from a counter that the workers share, so that a fast one
  /// gets more of them: first large ones, then smaller, so that all end together.
  template <typename Part>
  at::Tensor gathered(int64_t count, at::Device place, const Part& part) const {
    if (count <= kGrain) return part(0, 0, count);
    BlockCounter counter(count, kGrain, static_cast<size_t>(workers_));
    std::mutex mutex;
    std::map<int64_t, at::Tensor> answers;  // by the first point, as they are put together
    on_every_worker_([&](size_t k) {
      while (const auto range = counter.next(k)) {
        at::Tensor answer;
        try {
          answer = part(k, range->first, range->second);
        } catch (...) {
          counter.stop();  // the others need not go on
          throw;
        }
        const std::lock_guard lock(mutex);
        answers[range->first] = std::move(answer);
      }
    });
    std::vector<at::Tensor> all;
    for (auto& [first, answer] : answers) {
      if (answer.defined()) all.push_back(bring(answer, place));
    }
    return all.empty() ? at::Tensor() : at::cat(all);
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
  at::Tensor settled(const at::Tensor& points) const override { return fields_.front()->settled(points); }
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
      return answer(*fields_[k], bring(points.slice(0, from, to), fields_[k]->device()));
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
