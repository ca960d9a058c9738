#pragma once
#include <cstddef>
#include <optional>
#include <utility>
#include <vector>

namespace hlid {

/// An order of 0..count-1 in which `first` of every edge comes before `second`; among those that are free the
/// smaller number comes first, so the order is stable. nullopt when the edges have a cycle. O(V log V + E).
std::optional<std::vector<std::size_t>> toposort(
    std::size_t count, const std::vector<std::pair<std::size_t, std::size_t>>& edges);

}  // namespace hlid
