// A field whose points are divided over the workers that share a picture.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "nn/field.h"

namespace relievo {

/// Runs `body(k)` for every worker k on its own thread, all at once; k = 0 is the caller's (StageCall).
using OnEveryWorker = std::function<void(const std::function<void(size_t k)>& body)>;

/// Makes one field of several, `fields[k]` on the device of worker k. Each call's points are handed out in
/// blocks (base/block_counter.h) and evaluated at the same time, by a fast worker more of them than by a slow
/// one; the answers are gathered on the first field's device. A point's answer is the same, bit for bit, as
/// the first field's alone where all workers are of one kind and have as many threads. With one field the
/// result is that field.
std::shared_ptr<const Field> shared_field(std::vector<std::shared_ptr<const Field>> fields,
                                          OnEveryWorker on_every_worker);

}  // namespace relievo
