// The homelab file: no text makes the reader throw, and what it says about a text points into it.
#include <algorithm>
#include <string>

#include "law.h"
#include "spec/spec.h"

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const std::string text(as_text(data, size));
  hlid::spec::World world;
  world.read_file = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  world.variable = [](const std::string&) -> std::optional<std::string> { return std::nullopt; };
  world.home = "/home/odin";
  world.keys_can_be_made = true;
  const auto result = hlid::spec::read(text, "homelab.yaml", world);
  LAW(result.ok() == !result.diagnostics.has_errors());
  LAW(result.diagnostics.all().empty() || !result.diagnostics.render(text).empty());
  if (result.ok()) LAW(!result.homelab.machines.empty());
  return 0;
}
