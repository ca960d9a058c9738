#pragma once
#include <memory>

#include "apply/ports.h"
#include "plan/step.h"

namespace hlid::cli {

enum class ProgressStyle {
  live,   ///< a terminal: one line a machine with phase and elapsed time, ticked when done
  plain,  ///< a line for each change
  json,   ///< an object a line, for programs
};

ProgressStyle style_for(bool json);
std::unique_ptr<apply::Progress> make_progress(ProgressStyle style, const plan::Plan& plan);

// live_progress.cpp, plain_progress.cpp, json_progress.cpp
std::unique_ptr<apply::Progress> make_live_progress(const plan::Plan& plan);
std::unique_ptr<apply::Progress> make_plain_progress(const plan::Plan& plan);
std::unique_ptr<apply::Progress> make_json_progress();

/// "cloning", "configuring" …: what a step does before it tells a phase of its own.
std::string doing(plan::StepKind kind);
/// The same; a step may bring its own words (detail "doing").
std::string doing(const plan::Step& step);
/// Tells "copying 41 %" and "copying 42 %" to be the same for those who do not redraw.
std::string without_digits(const std::string& text);

}  // namespace hlid::cli
