// The machine configuration file in Proxmox VE's own format (`qemu-server/100.conf`), as plain data.
//
// Contract: parse(print(c)) == c for every config whose values survive the file format, and a file that the
// real Proxmox wrote prints back byte for byte. Values are kept as raw text; what they mean is known
// elsewhere. Sources: facts of the file format in the Proxmox VE reference manual, appendix "Configuration
// file format", and recorded files (tests/contract/data/*.conf.txt).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hlid::node::config {

/// Keys and values of one section, sorted by key. The key `description` holds decoded text (may have several
/// lines).
class Section {
 public:
  using Entry = std::pair<std::string, std::string>;
  using const_iterator = std::vector<Entry>::const_iterator;

  /// The value of `key`, or nullptr. The pointer lives until the section changes.
  const std::string* find(std::string_view key) const;
  /// The value of `key`, or `fallback`.
  std::string get(std::string_view key, std::string_view fallback = {}) const;
  bool contains(std::string_view key) const { return find(key) != nullptr; }
  void set(std::string_view key, std::string_view value);
  /// True if there was one.
  bool erase(std::string_view key);

  const_iterator begin() const { return entries_.begin(); }
  const_iterator end() const { return entries_.end(); }
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  bool operator==(const Section&) const = default;

 private:
  std::vector<Entry> entries_;
};

/// One key that waits in [PENDING] to be removed; `force` destroys the volume instead of keeping it as
/// unusedN.
struct PendingDelete {
  std::string key;
  bool force = false;
  bool operator==(const PendingDelete&) const = default;
};

/// A snapshot section or a `[special:NAME]` one.
struct NamedSection {
  std::string name;
  Section values;
  bool operator==(const NamedSection&) const = default;
};

struct VmConfig {
  Section main;
  Section pending;                       // [PENDING], without its `delete:` line
  std::vector<PendingDelete> deletions;  // the `delete:` line of [PENDING], sorted by key
  std::vector<NamedSection> special;     // [special:cloudinit] and others, in file order
  std::vector<NamedSection> snapshots;   // sorted by name

  const std::string* find(std::string_view key) const { return main.find(key); }
  std::string get(std::string_view key, std::string_view fallback = {}) const {
    return main.get(key, fallback);
  }
  bool has_pending() const { return !pending.empty() || !deletions.empty(); }
  /// The deletion that waits for `key`, or nullptr.
  const PendingDelete* deletion(std::string_view key) const;
  void add_deletion(std::string_view key, bool force);
  void drop_deletion(std::string_view key);
  /// The section [special:NAME], made when it is missing.
  Section& special_section(std::string_view name);
  const Section* find_special(std::string_view name) const;
  void drop_special(std::string_view name);
  const Section* find_snapshot(std::string_view name) const;
  bool operator==(const VmConfig&) const = default;
};

/// Reads a file. Lines that are not understood are left out, as Proxmox does (it warns and goes on); never
/// throws.
VmConfig parse_vm_config(std::string_view text);
/// The file's text; sections in Proxmox's order: main, PENDING, special ones, snapshots.
std::string print_vm_config(const VmConfig& config);

/// `description` as comment text: control, non-ASCII bytes, `:` and `%` become %XX.
std::string encode_comment(std::string_view line);
std::string decode_comment(std::string_view line);

}  // namespace hlid::node::config
