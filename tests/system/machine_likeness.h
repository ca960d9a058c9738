#pragma once
#include <map>
#include <string>
#include <vector>

namespace hlid::test {

class Lab;

/// What a machine consists of, each thing with what is to be compared of it; whatever is the machine's own
/// (name, address, keys, ids) stands there as "@HOST@", "@ADDRESS@" …, so that two machines made from one
/// template differ only where they really do.
///   "file /etc/hosts"  → "644 0:0 <hash of the neutral text>"
///   "unit ssh.service" → "loaded active running"
///   "user odin", "group …", "account …", "sysctl …", "mount …", "package …"
using Likeness = std::map<std::string, std::string>;

Likeness look_at(Lab& lab, const std::string& file, const std::string& machine);

/// Files of the machine, and logs, that hold any of these texts (an extended regular expression). Only what
/// was written since the template was made is looked at.
std::string places_of(Lab& lab, const std::string& file, const std::string& machine,
                      const std::string& texts);

/// Things that differ: "file /etc/x: 'a', 'b'" ("absent" where one has it not), without those allowed
/// and those that are near: whose numbers differ by a twentieth at most. Both are patterns of the thing's
/// name (fnmatch(3)).
std::vector<std::string> differences(const Likeness& one, const Likeness& other,
                                     const std::vector<std::string>& allowed,
                                     const std::vector<std::string>& near);

}  // namespace hlid::test
