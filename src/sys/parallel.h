#pragma once
#include <cstddef>
#include <functional>

namespace hlid::sys {

/// Calls work(0) … work(count-1) on at most `width` threads. Waits for all; then throws what the first that
/// failed threw (in the order of the numbers).
void in_parallel(std::size_t count, std::size_t width, const std::function<void(std::size_t)>& work);

}  // namespace hlid::sys
