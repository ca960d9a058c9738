#pragma once
#include <string>
#include <vector>

#include "cluster/guest.h"

namespace hlid::cluster {

/// A text file that a machine shall have. Never a secret: it travels as an argument.
struct MachineFile {
  std::string path;
  std::string content;
  std::string mode = "0644";  ///< octal as of chmod(1)
};

/// Puts all of them in place in one call, each whole or not at all (temporary file, sync, rename), owner
/// root; folders are made (0755). One whose content and mode are right already is not touched. Returns the
/// paths that changed. Together at most 40 KiB. Throws Error(io) that names the file, precondition when the
/// disk is full.
std::vector<std::string> place_files(Guest& guest, const std::vector<MachineFile>& files);

}  // namespace hlid::cluster
