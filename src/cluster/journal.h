#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "cluster/traits.h"

/// What the distribution's units write into the journal, read for people. Pure.
namespace hlid::cluster {

/// One line without what logrus puts around it: `time="…" level=error msg="…"` → "error: …".
std::string plain_line(std::string_view line);

/// The lines that matter of `lines` (oldest first): those that are fatal, errors and failures of the unit,
/// none twice; if there are none, the last few. At most `most`, plain.
std::vector<std::string> telling_lines(const Traits& traits, const std::vector<std::string>& lines,
                                       std::size_t most = 12);

/// The first line after which waiting is useless; nullptr: none.
const FatalLine* hopeless_line(const Traits& traits, const std::vector<std::string>& lines);
/// The last line that explains a failure, be it one that is tried again; nullptr: none.
const FatalLine* last_known_trouble(const Traits& traits, const std::vector<std::string>& lines);

/// What the last line that shows progress says, in lower case: "importing images"; empty: none.
std::string progress(const Traits& traits, const std::vector<std::string>& lines);

}  // namespace hlid::cluster
