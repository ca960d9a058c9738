#pragma once
#include <string>

namespace hlid::guest {

/// Makes a FIFO that only root may write to and returns what the first to write into it wrote, at most 4096
/// bytes;
/// "": it cannot be made. The FIFO is gone then.
std::string wait_for_word(const char* fifo);

}  // namespace hlid::guest
