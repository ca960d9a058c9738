#pragma once
#include <string>
#include <vector>

namespace hlid::templates {

/// What differs between the distributions that a template can be made of.
struct Release {
  std::string os;     ///< as the homelab file names it: "ubuntu-24.04"
  std::string title;  ///< for people
  std::string suite;
  bool is_ubuntu = false;
  std::vector<std::string> components;
  std::string
      keyring;  ///< file name among the project's keyrings; empty: the host's own, as mmdebstrap finds them
  std::string kernel;                 ///< package
  bool needs_initramfs = false;       ///< its kernel cannot mount the root file system on VirtIO by itself
  std::string boot_prefix;            ///< where its kernel packages keep the links vmlinuz and initrd.img
  std::vector<std::string> packages;  ///< the kernel left out
};

const std::vector<Release>& releases();
/// Throws Error(spec) that suggests the nearest name.
const Release& find_release(const std::string& os);

/// All packages that are asked for: kernel, our own, then the user's; each once.
std::vector<std::string> packages_of(const Release& release, const std::vector<std::string>& wanted);

}  // namespace hlid::templates
