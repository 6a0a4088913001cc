// A job while it runs: the stages' view of it, and its end.
#pragma once

#include <memory>

#include "engine/job.h"
#include "engine/picture_work.h"

namespace relievo {

using StatePointer = std::shared_ptr<Job::State>;

/// Makes the context by which the stages see the job.
std::shared_ptr<const JobContext> context_of(const StatePointer& job);

/// The error of a job that comes after close().
Error engine_is_closed();

void forget_pictures(Job::State& job);

/// Ends the job as failed, or cancelled, in any case, because a job that does not end would be waited for
/// without end.
void end_with(Job::State& job, const Error& error) noexcept;

/// Does so with the exception that is being handled in a catch block.
void end_with_current_error(Job::State& job) noexcept;

/// Returns freed memory to the system, which would otherwise stay with the process.
void give_memory_back();

}  // namespace relievo
