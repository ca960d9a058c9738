#pragma once
#include <string>
#include <string_view>
#include <vector>

/// What is known of the keys of a distribution's configuration file that hlid passes on (cluster.options).
namespace hlid::model {

struct DistributionOption {
  std::string_view name;  ///< a long flag without its dashes
  bool agents = false;    ///< agents know it, too; else it is for servers only
};

/// nullptr: unknown, which need not mean that the distribution does not know it (a newer release may).
const DistributionOption* find_option(std::string_view distribution, std::string_view name);
/// Names of all, for "did you mean".
std::vector<std::string> option_names(std::string_view distribution);

}  // namespace hlid::model
