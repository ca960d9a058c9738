#include "base/json.h"
#include "cli/progress.h"
#include "cli/terminal.h"

namespace hlid::cli {
namespace {

class JsonProgress : public apply::Progress {
 public:
  void started(const plan::Step& step) override {
    tell(event("started", step));
    if (const auto own = step.details.find("doing"); own != step.details.end()) phase(step, own->second);
  }
  void phase(const plan::Step& step, const std::string& text) override {
    auto object = event("phase", step);
    object["text"] = text;
    tell(object);
  }
  void finished(const plan::Step& step) override { tell(event("finished", step)); }
  void failed(const plan::Step& step, const Error& error) override {
    auto object = event("failed", step);
    object["error"] = error.what();
    object["fix"] = error.hint().empty() ? json::value(nullptr) : json::value(json::string(error.hint()));
    tell(object);
  }
  void skipped(const plan::Step& step, const std::string& why) override {
    auto object = event("skipped", step);
    object["why"] = why;
    tell(object);
  }

 private:
  static json::object event(const char* kind, const plan::Step& step) {
    return {{"event", kind}, {"step", step.id}, {"subject", step.subject}};
  }
  static void tell(const json::object& object) { print_line(to_text(object)); }
};

}  // namespace

std::unique_ptr<apply::Progress> make_json_progress() {
  return std::make_unique<JsonProgress>();
}

}  // namespace hlid::cli
