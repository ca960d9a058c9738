#include "node/instant/warm_copies.h"

#include <fcntl.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/log.h"
#include "node/instant/warm_run.h"
#include "node/storage/qcow2.h"
#include "sys/clock.h"
#include "sys/files.h"
#include "sys/process.h"
#include "sys/rollback.h"

namespace hlid::node::instant {
namespace {

namespace fs = std::filesystem;
constexpr const char* kNew = ".new";
constexpr const char* kRunPrefix = "warm-";
constexpr std::size_t kMostMeta = 1U << 16;

void sync_path(const fs::path& path) {
  const sys::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) throw system_error("cannot write '" + path.string() + "'");
}

bool is_whole(const WarmCopy& copy) {
  return fs::exists(copy.disk()) && fs::exists(copy.memory()) && fs::exists(copy.state()) &&
         fs::exists(copy.meta());
}

void clear_away(const fs::path& path) {
  std::error_code failure;
  fs::remove_all(path, failure);
  if (failure) log::warn("'{}' is left over: {}", path.string(), failure.message());
}

json::object meta_of(const Recipe& recipe, const qemu::HostFacts& facts, std::int64_t waiting) {
  return {{"key", recipe.key},
          {"waiting", waiting},
          {"base", recipe.base.path},
          {"base_format", recipe.base.format},
          {"base_identity", identity_of(recipe.base)},
          {"qemu", facts.qemu_version},
          {"accelerator", qemu::emulated(recipe.values, facts) ? "tcg" : "kvm"},
          {"vcpus", qemu::vcpu_count(recipe.values)},
          {"memory_mib", kWarmMib},
          {"user", recipe.values.get("ciuser")}};
}

}  // namespace

std::int64_t WarmCopy::waiting() const {
  const auto text = sys::read_file_if_exists(meta(), kMostMeta);
  const json::value value = text ? parse_json(*text, "meta.json") : json::value(json::object());
  const auto pid = value.is_object() ? get_integer(value.as_object(), "waiting") : std::nullopt;
  if (!pid) throw Error(Errc::failed, "'{}' does not say what waits in the copy", meta().string());
  return *pid;
}

WarmCopies::WarmCopies(Options options, const qemu::HostFacts& facts, sys::ProcessRunner& processes,
                       sys::Clock& clock)
    : options_(std::move(options)), facts_(facts), processes_(processes), clock_(clock) {
  sweep();
}

void WarmCopies::sweep() const {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(options_.run_folder, ignored)) {
    if (!entry.path().filename().string().starts_with(kRunPrefix)) continue;
    end_processes_of(entry.path());
    clear_away(entry.path());
  }
  for (const auto& entry : fs::directory_iterator(options_.folder, ignored))
    if (entry.path().extension() == kNew) clear_away(entry.path());
}

std::optional<WarmCopy> WarmCopies::find(const std::string& key, Bytes size) const {
  std::optional<WarmCopy> best;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(options_.folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with(key + "-") || entry.path().extension() == kNew) continue;
    const WarmCopy copy{entry.path(), {std::atoll(name.c_str() + key.size() + 1)}};
    if (copy.size <= size && is_whole(copy) && (!best || copy.size > best->size)) best = copy;
  }
  return best;
}

WarmCopy WarmCopies::obtain(const Recipe& recipe, const Log& log, std::stop_token stop) {
  {
    std::unique_lock guard(mutex_);
    bool told = false;
    while (making_.contains(recipe.key)) {
      if (!std::exchange(told, true)) log("waiting for the template's warm copy, which another task makes");
      if (!made_.wait(guard, stop, [&] { return !making_.contains(recipe.key); }))
        throw Error(Errc::interrupted, "received interrupt");
    }
    if (const auto why = unusable_.find(recipe.key); why != unusable_.end())
      throw Error(Errc::unsupported, "{}", why->second);
    if (const auto there = find(recipe.key, recipe.size)) return *there;
    making_.insert(recipe.key);
  }
  sys::Rollback at_end;  // never committed: those who wait go on either way
  at_end.on_failure([&] {
    const std::lock_guard guard(mutex_);
    making_.erase(recipe.key);
    made_.notify_all();
  });
  try {
    return make(recipe, log, stop);
  } catch (const Error& error) {
    if (error.code() == Errc::unsupported) {
      const std::lock_guard guard(mutex_);
      unusable_[recipe.key] = error.message();
    }
    throw;
  }
}

WarmCopy WarmCopies::make(const Recipe& recipe, const Log& log, const std::stop_token& stop) {
  const auto begin = clock_.now();
  log(fmt::format("no warm copy of the template for {} vCPUs yet: making one (once; it takes a boot)",
                  qemu::vcpu_count(recipe.values)));
  const std::string name = fmt::format("{}-{}", recipe.key, recipe.size.count);
  const WarmCopy target{options_.folder / name, recipe.size};
  const WarmPlaces places{{options_.folder / (name + kNew), recipe.size},
                          options_.run_folder / (kRunPrefix + recipe.key.substr(0, 8))};
  sys::Rollback at_end;  // never committed
  at_end.on_failure([&] { clear_away(places.run); });
  sys::Rollback undo;
  undo.on_failure([&] { clear_away(places.copy.folder); });
  for (const auto& folder : {target.folder, places.copy.folder, places.run}) clear_away(folder);
  sys::make_folder(places.copy.folder, 0700);
  sys::make_folder(places.run, 0700);
  const auto waiting = run_warm(recipe, places, facts_, processes_, clock_, log, stop);
  sys::write_durable(places.copy.meta(), to_pretty_text(meta_of(recipe, facts_, waiting)));
  for (const auto& file : {places.copy.disk(), places.copy.memory()}) {
    sync_path(file);
    fs::permissions(file, fs::perms::owner_read | fs::perms::owner_write);
  }
  sync_path(places.copy.folder);
  fs::rename(places.copy.folder, target.folder);
  sync_path(options_.folder);
  undo.commit();
  log(fmt::format("warm copy {} is ready after {} s", recipe.key.substr(0, 8),
                  std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - begin).count()));
  return target;
}

bool WarmCopies::is_current(const WarmCopy& copy) const {
  const auto text = sys::read_file_if_exists(copy.meta(), kMostMeta);
  if (!text) return false;
  try {
    const json::value meta = parse_json(*text, "meta.json");
    const auto& object = meta.as_object();
    const auto path = get_string(object, "base").value_or("");
    const auto base = look_at_base(path, get_string(object, "base_format").value_or(""));
    return get_string(object, "base_identity") == identity_of(base) &&
           get_string(object, "qemu") == facts_.qemu_version;
  } catch (const std::exception& error) {  // the template is gone
    log::debug("{}", error.what());
    return false;
  }
}

void WarmCopies::prune(const std::function<bool(const WarmCopy&)>& needed) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(options_.folder, ignored)) {
    const WarmCopy copy{entry.path(), {}};
    if (entry.path().extension() == kNew || !is_whole(copy) || is_current(copy) || needed(copy)) continue;
    log::info("warm copy {} is of no use any more", entry.path().filename().string());
    clear_away(copy.folder);
  }
}

}  // namespace hlid::node::instant
