// A job while it is made: how the stages see it, and how it ends.
#pragma once

#include <memory>

#include "engine/job.h"
#include "engine/picture_work.h"

namespace relievo {

using StatePointer = std::shared_ptr<Job::State>;

/// The job as the stages see it.
std::shared_ptr<const JobContext> context_of(const StatePointer& job);

/// What a job is refused with that comes too late.
Error engine_is_closed();

void forget_pictures(Job::State& job);

/// Ends it as failed, or cancelled, in any case: a job that does not end is waited for without end.
void end_with(Job::State& job, const Error& error) noexcept;

/// With what is being handled in a catch block.
void end_with_current_error(Job::State& job) noexcept;

/// What was freed stays with the process otherwise.
void give_memory_back();

}  // namespace relievo
