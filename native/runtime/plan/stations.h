// The stations that pictures pass in a device group, and what a batch takes at each: how the planner, the
// simulation and the executor see a group at work.
#pragma once

#include <span>
#include <vector>

#include "runtime/plan/plan.h"

namespace relievo {

/// Puts the group's stages together into stations, with their seconds, and sets the group's latency and
/// interval by them. `seconds_beside` are those of a batch besides its stages' own, of loading weights, by
/// placement; in a pipeline those of handing a batch on.
void set_stations(DeviceGroup& group, const std::vector<double>& seconds_beside);

/// The seconds of so many pictures at a station, of one on a side thread.
double seconds_at(const Station& station, const DeviceGroup& group, const std::vector<StageProfile>& stages,
                  const std::vector<Worker>& workers, int pictures);

/// The most pictures that wait before a group's side threads: a batch, or two of larger ones, of which the
/// threads take one picture after the other while the next batch is computed.
constexpr int room_before_side_threads(int batch) { return batch > 1 ? 2 * batch : batch; }

/// The number of pictures that a station begins, of `waiting` ones, while `behind` wait before the next
/// station or are on their way to it: a batch, or on a side thread one; none while there is no room for them
/// there: for a batch, for what room_before_side_threads() says, or behind side threads for a batch and for
/// what all of them have at work. It does not begin fewer than wait, because a part of a batch takes nearly
/// as long as all of it.
int pictures_to_begin(const DeviceGroup& group, size_t station, int batch, int waiting, int behind);

/// The batch that a group takes now, where its workers have these budgets now (both by index in all of
/// `workers`, which have the budgets that were planned with): the planned one; half of it, and so on, where
/// that no longer fits; or where there is more memory twice as many, and so on, as far as that fits and pays,
/// up to `pictures`.
int batch_now(const DeviceGroup& group, const std::vector<StageProfile>& stages,
              const std::vector<Worker>& workers, std::span<const int64_t> budgets, int pictures);

/// The share of a picture's time that a larger batch has to save, because its results come later.
inline constexpr double kWorthBatching = 0.03;

}  // namespace relievo
