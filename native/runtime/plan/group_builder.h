// Makes the groups that a run of neighbouring workers can form. Only possible_groups() uses it.
//
//   group_builder.cpp  what all kinds share: memory, whether a batch pays, side threads
//   candidates.cpp     one worker, with offload; pipelines
//   layer_splits.cpp   the layers of a stage over several workers
//   shared_groups.cpp  parts of each picture's work on several workers
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "runtime/plan/candidates.h"
#include "runtime/plan/sharing.h"

namespace relievo {

/// The most workers that share one picture.
inline constexpr size_t kMaxShared = 8;

class GroupBuilder {
 public:
  explicit GroupBuilder(const GroupQuestion& question);

  std::vector<DeviceGroup> build();

 private:
  /// How a stage runs on one worker of the group alone.
  const StageMode& alone(size_t stage, size_t worker) const;
  int64_t budget(size_t worker) const;
  double load_seconds(size_t stage, const Worker& worker) const;
  double slowest_seconds(size_t stage, int batch) const;
  /// On whichever of the workers: which one it is depends on memory, and more of that never takes longer.
  double slowest_alone(size_t stage, int batch) const;
  StagePlacement placement(size_t stage, bool resident, std::vector<int> workers) const;
  DeviceGroup group(GroupKind kind, int batch) const;
  /// The bytes of a batch's values between stages, wherever it waits.
  int64_t handed_on(int batch) const;
  static void set_seconds(StagePlacement& placement, double seconds, double transfer,
                          std::vector<double> computing);
  /// Adds the group, and those in which the processor's stages run on side threads. `beside` are the seconds
  /// of set_stations().
  void finish(DeviceGroup group, const std::vector<double>& beside);
  bool add_if_it_fits(const DeviceGroup& group);
  /// Returns whether the group's batch is worth that results come later. Only where all weights stay loaded:
  /// there memory decides nothing but how large a batch may be.
  bool pays(const DeviceGroup& group);
  /// Adds groups in which the stages at the beginning and at the end that are the processor's work run on the
  /// first worker's side threads: as many as keep up with the other stages, or fewer.
  void add_with_side_threads(const DeviceGroup& alone, std::vector<double> beside);
  /// The ranges 0 .. first - 1 and second .. of stages that are the processor's work.
  std::pair<size_t, size_t> processor_ends() const;

  /// Adds groups of one worker in which the weights of the `offloaded` heaviest stages wait in host memory.
  /// With `ahead` they are loaded while the stage before runs, where there is room for both.
  void add_single(int batch, size_t offloaded, bool ahead);
  /// Adds pipelines: each worker keeps some neighbouring stages, and pictures overlap. Where the last worker
  /// is a part of the processor, it may also take the processor's stages at both ends.
  void add_pipelines(int batch);
  /// Every way to cut the stages first .. last - 1 over the first `workers` workers is tried; the others go
  /// to the last worker.
  void add_cuts(int batch, size_t first, size_t last, size_t workers);
  /// `parts` has the worker of each stage.
  void add_pipeline(int batch, const std::vector<size_t>& parts);

  /// Adds layer splits: stages that can be cut into blocks run over all workers, one after the other; other
  /// stages run on one worker.
  void add_layer_splits(int batch);
  /// Sets what the blocks take, which run one after the other. With `at_most` each is taken to run on the
  /// slowest worker.
  void set_split_seconds(StagePlacement& placement, size_t stage, int batch, bool at_most) const;
  double split_transfer(size_t stage, int batch) const;
  /// Divides the blocks of a stage so that each worker gets as many as fit, the fastest first; equal ones by
  /// capacity.
  std::vector<int> divide_to_the_fastest(size_t stage, const std::vector<int64_t>& capacity) const;
  /// Adds a split whose blocks are divided in proportion to `shares`, by worker, and stay loaded. Shares of
  /// memory may give a slow worker more than its time is worth, so each block counts as the slowest's.
  void add_resident_split(int batch, const std::vector<int64_t>& shares, bool are_of_memory);
  /// Adds a split in which one stage's weights are loaded at a time, its blocks divided by free memory.
  void add_offloaded_split(int batch);
  double slowest_load(size_t stage) const;

  /// The workers of the group, fast ones first.
  std::vector<size_t> fastest_first() const;
  /// Adds groups whose workers share each picture in the stages in which that is faster; all else runs on the
  /// worker that leads. Weights are wanted by every worker that shares, so it is also tried with fewer stages
  /// shared, those that gain the least being left out first.
  void add_shared();
  void add_shared_group(const std::vector<size_t>& order, const std::vector<const SharedStage*>& chosen,
                        bool resident);

  const GroupQuestion& q_;
  size_t count_;
  int max_batch_ = 1;
  std::vector<const StageMode*> modes_;  // as all of the workers together run each stage
  std::vector<size_t> by_weight_;
  std::map<std::string, double> seconds_each_;  // of the largest batch that was kept, by layout
  bool any_fits_ = false;                       // of the groups of this batch
  std::vector<DeviceGroup> groups_;
};

}  // namespace relievo
