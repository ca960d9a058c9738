#include "sys/entropy.h"

#include <sys/random.h>

#include <cstring>

#include "base/error.h"
#include "base/text.h"

namespace hlid::sys {

std::uint64_t Random::number(std::uint64_t below) {
  const std::uint64_t most = UINT64_MAX - UINT64_MAX % below;
  for (;;) {
    const std::string raw = bytes(sizeof(std::uint64_t));
    std::uint64_t value = 0;
    std::memcpy(&value, raw.data(), sizeof value);
    if (value < most) return value % below;
  }
}

Uuid Random::uuid() {
  std::string raw = bytes(16);
  raw[6] = static_cast<char>((raw[6] & 0x0F) | 0x40);
  raw[8] = static_cast<char>((raw[8] & 0x3F) | 0x80);
  const std::string hex = hex_encode(raw);
  return {hex.substr(0, 8) + "-" + hex.substr(8, 4) + "-" + hex.substr(12, 4) + "-" + hex.substr(16, 4) +
          "-" + hex.substr(20)};
}

std::string SystemRandom::bytes(std::size_t count) {
  std::string out(count, '\0');
  std::size_t done = 0;
  while (done < count) {
    const auto got = ::getrandom(out.data() + done, count - done, 0);
    if (got < 0) throw system_error("cannot read random bytes");
    done += static_cast<std::size_t>(got);
  }
  return out;
}

}  // namespace hlid::sys
