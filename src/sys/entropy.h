#pragma once
#include <cstdint>
#include <string>

#include "base/ids.h"

namespace hlid::sys {

/// (Not called random.h: <sys/random.h> of the C library would be shadowed.) Randomness as a seam; the
/// system's is fit for secrets.
class Random {
 public:
  virtual ~Random() = default;
  virtual std::string bytes(std::size_t count) = 0;
  std::uint64_t number(std::uint64_t below);  ///< uniform in [0, below)
  Uuid uuid();                                ///< RFC 4122, section 4.4, version 4
};

/// getrandom(2).
class SystemRandom : public Random {
 public:
  std::string bytes(std::size_t count) override;
};

}  // namespace hlid::sys
