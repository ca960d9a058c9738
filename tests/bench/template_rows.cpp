// The template: built cold beside mmdebstrap alone with the same packages, then asked for again.
#include <fmt/format.h>

#include "base/error.h"
#include "sys/files.h"
#include "table.h"
#include "template/builder.h"
#include "template/release.h"
#include "template/root_folder.h"
#include "template/sandbox.h"

namespace hlid::bench {

void template_rows(Table& table) {
  const sys::TempFolder folder("hlid-bench");
  sys::PosixProcessRunner runner;
  templates::Builder builder(runner, folder.path() / "cache");
  templates::BuildRequest request;
  request.image.name = "bench";
  request.access.user = "odin";
  std::string trouble;
  for (const char* os : {"ubuntu-24.04", "debian-12"}) {
    request.image.os = os;
    try {
      const double cold = seconds([&] { builder.build(request, [](const std::string&) {}); });
      const double warm = seconds([&] { builder.build(request, [](const std::string&) {}); });
      const auto sandbox = templates::Sandbox::for_self();
      const auto& release = templates::find_release(os);
      const auto root = folder.path() / "root";
      sys::make_folder(root);
      const double alone = seconds([&] {
        templates::make_root(runner, sandbox, request, release, root, {}, [](const std::string&) {}, {});
      });
      runner.run({.argv = sandbox.inside({"rm", "-rf", "--one-file-system", root.string()})});
      table.add({fmt::format("template, cold ({})", os), "<= 1.25 x mmdebstrap",
                 fmt::format("{:.2f} x, {:.1f} s", cold / alone, cold),
                 fmt::format("mmdebstrap alone: {:.1f} s", alone), cold <= 1.25 * alone});
      table.add({"template, unchanged", "<= 1 s", in_ms(warm), "", warm <= 1.0});
      return;
    } catch (const Error& error) {
      trouble += fmt::format("{}: {}; ", os, error.what());
    }
  }
  table.skip("template", trouble);
}

}  // namespace hlid::bench
