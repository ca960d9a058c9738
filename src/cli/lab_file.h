#pragma once
#include <string>
#include <vector>

#include "model/homelab.h"
#include "sys/process.h"

namespace hlid::cli {

/// A homelab file that was read and found right.
struct LabFile {
  model::Homelab lab;
  std::vector<std::string> missing_keys;  ///< public key files that the file names and nobody made yet
};

/// Reads the file. What is wrong with it is printed to standard error with its place, all at once; then
/// Told(usage) is thrown. Warnings are printed too. A file that is absent is Error(spec).
LabFile read_lab_file(const std::string& path);

/// Makes the missing key pairs, with consent (`yes`, or a person's), and reads the file again.
model::Homelab with_user_keys(const std::string& path, LabFile file, sys::ProcessRunner& runner, bool yes);

/// The machine of that name; the lab's name in front may be left out. Throws Error(usage) with the nearest
/// name.
const model::Machine& find_machine(const model::Homelab& lab, const std::string& name);

}  // namespace hlid::cli
